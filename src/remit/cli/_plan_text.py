"""Plans for people: on a terminal, and as Markdown for a pull request. Whose authority changes stands first."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from remit.cli._times import at
from remit.graph import Authority, Kind, Link, Node, Plan, Step
from remit.lib import Attenuation

__all__ = ["counts", "how_much", "markdown", "step_text", "text", "worded"]

MARKS: Final = {
    "create": "+",
    "remove": "-",
    "change": "~",
    "replace": "~",
    "move": ">",
    "adopt": "=",
    "note": "=",
    "forget": "x",
}
ANEW: Final = "!"
_LONG: Final = 60  # characters of a value that is shown


def how_much(attenuation: Attenuation) -> str:
    """An attenuation in words, with its end as a date and time of this place."""
    words = attenuation.describe()
    until = attenuation.until
    return words if until is None else words.replace(f"until {until:.0f}", f"until {at(until)}")


def counts(plan: Plan) -> str:
    """A plan in one line."""
    lines = list(_lines(plan.steps))
    kinds = [
        ("create", [step for step, anew in lines if step.action == "create" and not anew]),
        ("make anew", [step for step, anew in lines if anew]),
        ("change", [step for step, _ in lines if step.action in ("change", "replace")]),
        ("rename", [step for step, _ in lines if step.action == "move" and not step.why]),
        ("take over", [step for step, _ in lines if step.action == "adopt"]),
        ("note", [step for step, _ in lines if step.action == "note"]),
        ("remove", [step for step, anew in lines if step.action == "remove" and not anew]),
        ("forget", [step for step, _ in lines if step.action == "forget"]),
    ]
    said = [f"{len(steps)} to {what}" for what, steps in kinds if steps]
    return ", ".join(said) or "nothing to do"


def _lines(steps: Sequence[Step]) -> Iterator[tuple[Step, bool]]:
    """The steps that are shown: what is made anew as one line, at its creation; what moves along not at all."""
    coming = {step.key for step in steps if step.anew and step.action == "create"}
    going = {step.key: step for step in steps if step.anew and step.action == "remove"}
    for step in steps:
        if (step.action == "remove" and step.key in coming and step.anew) or (step.action == "move" and step.why):
            continue
        before = going[step.key].before if step.anew and step.key in going else step.before
        yield step.but(before=before), step.anew and step.key in going


def text(plan: Plan, kinds: Sequence[Kind] = ()) -> str:
    """A plan as lines."""
    lines = [f"Project {plan.project}: {counts(plan)}"]
    ids = _ids(plan)
    lines += [f"REFUSED by {each.policy}: {worded(each.text, ids)}" for each in plan.violations]
    if plan.authority:
        lines += ["", "Authority:"]
        lines += [f"  {line}" for each in plan.authority for line in _authority(each)]
    shown = list(_lines(plan.steps))
    if shown:
        lines += ["", "Steps:"]
        lines += [f"  {step_text(step, kinds, anew=anew)}" for step, anew in shown]
    if plan.orphans:
        lines += ["", f"Of this project, and declared nowhere: {_names(plan.orphans)}"]
    if plan.foreign:
        lines += ["", f"Left alone, since others made it: {_names(plan.foreign)}"]
    lines += [f"Note: {worded(note, ids)}" for note in plan.notes]
    return "\n".join(lines)


def _names(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 12} more" if len(keys) > 12 else ""
    return f"{', '.join(_dots(key) for key in keys[:12])}{more}"


def _dots(id: str) -> str:
    """An id, or a key, as the boss writes it."""
    return id.replace("/", ".")


def worded(text: str, ids: Collection[str]) -> str:
    """A text with these ids in it as the boss writes them; whatever else has a slash keeps it."""
    for id in sorted(ids, key=len, reverse=True):
        text = text.replace(id, _dots(id))
    return text


def _ids(plan: Plan) -> set[str]:
    named = {key.partition(" ")[2] for key in (*plan.foreign, *plan.orphans)}
    for step in plan.steps:
        named |= _ids_of(step)
    return named.union(*(each.at for each in plan.violations))


def _ids_of(step: Step) -> set[str]:
    parts = [part for part in (step.before, step.after) if part is not None]
    ends = [{part.grantee, part.service} if isinstance(part, Link) else set(part.needs) for part in parts]
    return {part.id for part in parts}.union(*ends)


def _authority(change: Authority) -> Iterator[str]:
    service = _dots(change.service)
    by = f"  ({', '.join(_dots(id) for id in change.links)})"
    left = f"; left: {' and '.join(how_much(each) for each in change.left)}" if change.left else ""
    for each in change.lost:
        yield f"- {_dots(change.grantee)} loses {service}: {how_much(each)}{left}{by}"
    for each in change.gained:
        yield f"+ {_dots(change.grantee)} gains {service}: {how_much(each)}{by}"


def step_text(step: Step, kinds: Sequence[Kind] = (), *, anew: bool = False) -> str:
    """One step as a line."""
    mark = ANEW if anew else MARKS[step.action]
    return f"{mark} {step.part.kind:<8}{_dots(step.part.id):<24} {_said(step, kinds, anew)}".rstrip()


def _said(step: Step, kinds: Sequence[Kind], anew: bool) -> str:
    if step.action == "move":
        return f"was {_dots(step.was.partition(' ')[2])}"
    said = [_changes(step)] if step.before is not None and step.after is not None else [_about(step.part)]
    if step.why and step.why != ", ".join(step.changed):
        said.append(worded(step.why, _ids_of(step)))
    lost = next((kind.loses for kind in kinds if kind.name == step.part.kind), "")
    if lost and (anew or step.action == "remove"):
        said.append(f"{lost.upper()} IS LOST")
    if step.action == "forget" and step.name:
        said.append("is left as it is")
    return "; ".join(dict.fromkeys(each for each in said if each))


def _about(part: Node | Link) -> str:
    if isinstance(part, Link):
        return f"{_dots(part.service)} ({how_much(part.attenuation)})"
    return ", ".join(
        f"{name} {_value(value)}" for name, value in sorted(part.fields.items()) if value not in ({}, [], "")
    )


def _changes(step: Step) -> str:
    old, new = step.before, step.after
    assert old is not None and new is not None
    return ", ".join(f"{name}: {_field(old, name)} -> {_field(new, name)}" for name in step.changed)


def _field(part: Node | Link, name: str) -> str:
    value = getattr(part, name) if hasattr(part, name) and name != "fields" else (part.fields or {}).get(name)
    if isinstance(value, Attenuation):
        return how_much(value)
    return _dots(str(value)) if name in ("service", "grantee") else _value(value)


def _value(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return said if len(said) <= _LONG else f"{said[:_LONG]}…"


def markdown(plan: Plan, kinds: Sequence[Kind] = ()) -> str:
    """A plan as Markdown."""
    lines = [f"### {_escaped(plan.project)}: {counts(plan)}", ""]
    ids = _ids(plan)
    lines += [
        f"> **Refused** by {_escaped(each.policy)}: {_escaped(worded(each.text, ids))}\n" for each in plan.violations
    ]
    if plan.authority:
        lines += ["| who | | service | how much | then has | by way of |", "|---|---|---|---|---|---|"]
        for each in plan.authority:
            ends = [("**loses**", found) for found in each.lost] + [("**gains**", found) for found in each.gained]
            left = " and ".join(how_much(found) for found in each.left) or "nothing"
            for what, found in ends:
                cells = (each.grantee, what, each.service, how_much(found), left, ", ".join(each.links))
                lines.append(
                    f"| {' | '.join(_dots(cell) if '*' in cell else _escaped(_dots(cell)) for cell in cells)} |"
                )
        lines.append("")
    else:
        lines += ["No authority changes.", ""]
    shown = list(_lines(plan.steps))
    if shown:
        lines += ["```diff", *(_fenced(step_text(step, kinds, anew=anew)) for step, anew in shown), "```"]
    for words, keys in (("Declared nowhere", plan.orphans), ("Left alone", plan.foreign)):
        if keys:
            lines += ["", f"{words}: {_escaped(_names(keys))}"]
    lines += [f"\nNote: {_escaped(worded(note, ids))}" for note in plan.notes]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Text that means nothing to Markdown."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+!|~" else letter for letter in text.replace("\n", " "))


def _fenced(line: str) -> str:
    return line.replace("```", "'''").replace("\n", " ")

"""Drift: where what there is differs from what was applied last. Found here; put right only where somebody chooses so. Pure.

For each finding there are two choices: *restore* makes it again as it was applied, *adopt* has the state follow what there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from remit.errors import Conflict
from remit.graph._actual import GOING, Actual, Known, Seen
from remit.graph._data import digest
from remit.graph._model import Graph, Link, Node, below
from remit.graph._steps import Plan, Step
from remit.values import record

__all__ = ["Finding", "adoption", "drift", "finding", "only", "orphans"]


@record("remit.graph.finding")
class Finding:
    """One difference. `id` names it, for as long as it is the same; `key` is what it is about, `what` its sort: "missing", "changed", "taken", or a
    world's own word for what it has found inside.

    `restore` and `adopt` say for people what each choice would do; `can` has the words of those that can be made here, the others say what else to do. `at` is what
    the world calls it, `since` when it was first seen (seconds since the epoch; 0.0: not known).
    """

    id: str
    key: str
    what: str
    text: str
    restore: str
    adopt: str
    can: Sequence[str] = ()
    at: str = ""
    since: float = 0.0


def finding(key: str, what: str, text: str, **more: Any) -> Finding:
    """One with the id that belongs to it."""
    return Finding(digest([key, what, text])[:6], key, what, text, **more)


def drift(known: Known, actual: Actual) -> list[Finding]:
    """What was applied last and is not there any more, or is otherwise; in the order of keys.

    What can be seen counts: fields of which nothing is observed are taken to be as they were applied. What is coming or going by itself is no drift.
    """
    seen, names = actual.by_key, known.names or {}
    begun = {key for step in known.open for key in (step.key, step.was)}
    found = []
    for key, part in sorted(known.graph.by_key.items()):
        if key in begun or (isinstance(part, Node) and part.external):
            continue
        there = seen.get(key)
        if there is None or there.state == GOING:
            found.append(_missing(key, there))
        elif there.owner != known.project and (there.owner or names.get(key) != there.name):
            found.append(_taken(key, there))
        elif changes := _changes(part, there.what):
            text = "; ".join(f"{name} is {_short(now)}, was applied as {_short(was)}" for name, was, now in changes)
            restore, adopt = (
                "make it as it was applied",
                "take it into the state as it is, and change remit.toml to that",
            )
            found.append(
                finding(key, "changed", text, restore=restore, adopt=adopt, can=["restore", "adopt"], at=there.name)
            )
    return found


def _missing(key: str, there: Seen | None) -> Finding:
    text = "is gone" if there is None else f"is being removed{f': {there.note}' if there.note else ''}"
    return finding(
        key,
        "missing",
        text,
        restore="make it again",
        adopt="forget it, and take it out of remit.toml",
        can=["restore", "adopt"],
    )


def _taken(key: str, there: Seen) -> Finding:
    return finding(
        key,
        "taken",
        f"is gone, and its name belongs to {f'project {there.owner}' if there.owner else 'something made by hand'}",
        restore="remove or rename the other one, and look again",
        adopt="forget ours; the other one is left alone",
        can=["adopt"],
        at=there.name,
    )


def _changes(part: Node | Link, there: Node | Link) -> list[tuple[str, Any, Any]]:
    if isinstance(part, Link):
        assert isinstance(there, Link)
        pairs = [("service", part.service, there.service), ("attenuation", part.attenuation, there.attenuation)]
        pairs += [("interface", part.interface, there.interface)] if part.interface else []
        pairs += _fields(part.fields or {}, there.fields or {})
    else:
        assert isinstance(there, Node)
        pairs = _fields(part.fields, there.fields)
    return [pair for pair in pairs if pair[1] != pair[2]]


def _fields(applied: Mapping[str, Any], seen: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What can be seen of the fields that were applied."""
    return [(name, applied[name], seen[name]) for name in sorted(applied) if name in seen]


def _short(value: Any) -> str:
    words = value.describe() if hasattr(value, "describe") else str(value)
    return words if len(words) <= 60 else f"{words[:59]}…"


def orphans(graph: Graph, known: Known, actual: Actual) -> list[Seen]:
    """What carries the project's label, and is declared nowhere, now or before; nor begun by a run that was cut short."""
    ours = {*graph.by_key, *known.graph.by_key, *(step.key for step in known.open), *(step.was for step in known.open)}
    return [
        seen
        for key, seen in sorted(actual.by_key.items())
        if seen.owner == graph.project and key not in ours and seen.state != GOING
    ]


def only(plan: Plan, keys: Collection[str]) -> Plan:
    """The part of a plan that is about these keys, and about what has to be made anew with them. Raises `Conflict` where it counts on another step, which it
    names.
    """
    anew = [step.part for step in plan.steps if step.key in keys and step.anew]
    chosen = {
        *keys,
        *(step.key for step in plan.steps if step.anew and any(_stands_on(step.part, part) for part in anew)),
    }
    steps = [step for step in plan.steps if step.key in chosen]
    coming = {step.key for step in plan.steps if step.action == "create" and step.key not in chosen}
    for step in steps:
        for need in _needs(step.after):
            missing = next((key for key in coming if key.partition(" ")[2] == need), None)
            if missing is not None:
                raise Conflict(f"{step.key} needs {missing}, which has to be made as well: restore that, too")
    numbered = [step.but(number=number) for number, step in enumerate(steps, 1)]
    made: Plan = plan.__replace__(steps=numbered, authority=(), orphans=(), foreign=(), notes=())  # type: ignore[attr-defined]  # @record adds it
    return made


def _stands_on(part: Node | Link, other: Node | Link) -> bool:
    return isinstance(other, Node) and (below(part.id, other.id) or any(below(need, other.id) for need in _needs(part)))


def _needs(part: Node | Link | None) -> Sequence[str]:
    if part is None:
        return []
    return [part.grantee, part.service] if isinstance(part, Link) else list(part.needs)


def adoption(known: Known, actual: Actual, findings: Iterable[Finding]) -> list[Step]:
    """The steps by which the state follows what there is. They change nothing but the state."""
    seen: Mapping[str, Seen] = actual.by_key
    last = known.graph.by_key
    steps: dict[str, Step] = {}
    for each in findings:
        for key in [each.key, *(_with(each.key, last) if each.what != "changed" else ())]:
            part, there = last.get(key), seen.get(key)
            if part is None or key in steps:
                continue
            if each.what == "changed" and there is not None:
                after = _as_seen(part, there.what)
                steps[key] = Step(0, "note", key, part, after, "adopted as it is", name=there.name)
            else:
                steps[key] = Step(0, "forget", key, part, None, "adopted: it is gone")
    return [step.but(number=number) for number, step in enumerate(steps.values(), 1)]


def _with(key: str, last: Mapping[str, Node | Link]) -> list[str]:
    """What goes with a node: all below it, and the links at it."""
    part = last.get(key)
    if not isinstance(part, Node):
        return []
    ends = [
        key
        for key, each in last.items()
        if isinstance(each, Link) and (below(each.grantee, part.id) or below(each.service, part.id))
    ]
    return [
        key for key, each in last.items() if isinstance(each, Node) and each.id != part.id and below(each.id, part.id)
    ] + ends


def _as_seen(part: Node | Link, there: Node | Link) -> Node | Link:
    if isinstance(part, Link):
        assert isinstance(there, Link)
        interface = there.interface if part.interface else ""
        fields = {name: now for name, _, now in _fields(part.fields or {}, there.fields or {})}
        ends = {"service": there.service, "attenuation": there.attenuation, "interface": interface}
        return part.but(**ends, fields={**(part.fields or {}), **fields} or None)
    assert isinstance(there, Node)
    return part.but(
        fields={**part.fields, **{name: there.fields[name] for name in part.fields if name in there.fields}}
    )

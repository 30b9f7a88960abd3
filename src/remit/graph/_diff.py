"""The planner: what is declared, what was applied last and what there is, compared; out comes a plan. Pure.

Only what is ours is ever touched: what the ledger knows, or what carries the project's label and is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from remit.errors import Conflict, Missing
from remit.graph._actual import GOING, HALF, Actual, Known, Seen
from remit.graph._authority import authority_changes, covers
from remit.graph._data import digest
from remit.graph._model import Graph, Link, Node, Violation, below, levels
from remit.graph._moves import moves
from remit.graph._steps import Kind, Plan, Step

__all__ = ["plan"]

Check = Callable[[Graph], Sequence[Violation]]


def plan(
    graph: Graph,
    known: Known,
    actual: Actual,
    kinds: Iterable[Kind] = (),
    check: Check | None = None,
    adopt: Collection[str] = (),
) -> Plan:
    """How to get from what there is to what is declared.

    `kinds` says which changes mean making a node anew. `check` gives the violations of the graph's policies. `adopt` has the keys of
    things made by others that this project is to take over. Raises `BadArgument` where the graph is wrong, `Conflict` where a declared name
    belongs to somebody else, `Missing` where something external is not there.
    """
    graph = graph.checked()
    planner = _Planner(graph, known, actual, kinds, adopt)
    planner.compare()
    violations = [*(check(graph) if check is not None else ()), *planner.protected]
    before, after = planner.links()
    return Plan(
        project=graph.project,
        steps=_in_order(planner.steps, graph, known),
        authority=authority_changes(before, after, [step.key for step in planner.steps if step.action != "move"]),
        violations=violations,
        digest=digest(graph),
        serial=known.serial,
        observed=planner.observed(actual),
        foreign=planner.foreign(),
        orphans=planner.orphans(),
        notes=planner.notes,
    )


class _Planner:
    """One comparison. Keys everywhere; `last` and `seen` are as they are after the renames."""

    def __init__(
        self, graph: Graph, known: Known, actual: Actual, kinds: Iterable[Kind], adopt: Collection[str]
    ) -> None:
        self.project = graph.project
        self.wanted = graph.by_key
        self.kinds = {kind.name: kind for kind in kinds}
        self.adopt = set(adopt)
        self.notes: list[str] = []
        self.protected: list[Violation] = []
        self.last: dict[str, Node | Link] = known.graph.by_key
        self.seen: dict[str, Seen] = actual.by_key
        self.begun = {step.key: step for step in known.open}
        self.names = dict(known.names or {})
        self.steps: list[Step] = moves(graph.moved, self.last, self.seen, self.kinds)
        for step in self.steps:
            if step.was in self.names:
                self.names[step.key] = self.names.pop(step.was)
        self.fresh: set[str] = set()  # ids of nodes that are created, or made anew

    def compare(self) -> None:
        """Find all steps; nodes that others need come first, since what is made anew takes along what needs it."""
        height = levels([part for part in self.wanted.values() if isinstance(part, Node)])
        nodes = [part for part in self.wanted.values() if isinstance(part, Node)]
        for node in sorted(nodes, key=lambda node: height[node.id]):
            self._want(node)
        for part in self.wanted.values():
            if isinstance(part, Link):
                self._want(part)
        self._refuse_others()
        for key in sorted({*self.last, *self.begun} - set(self.wanted)):
            self._drop(key)

    # --- what is declared -----------------------------------------------------------------------------

    def _want(self, part: Node | Link) -> None:
        seen = self._there(part.key)
        if isinstance(part, Node) and part.external:
            if seen is None and not part.needs:
                raise Missing(f"{part.key} is declared as made by others, and is not there: make it, or mend the name")
            if self.fresh.intersection(part.needs):  # it comes by itself, on what is made here
                self.fresh.add(part.id)
        elif seen is None:
            self._create(part)
        elif not self._ours(seen):
            self._take_over(part, seen)
        else:
            self._compare(part, seen)

    def _create(self, part: Node | Link) -> None:
        seen = self.seen.get(part.key)
        if seen is not None:
            self.notes.append(f"{part.key} is still being removed{f': {seen.note}' if seen.note else ''}")
        self._add("create", None, part, "was made before, and is gone" if part.key in self.last else "")
        self.fresh.add(part.id) if isinstance(part, Node) else None

    def _take_over(self, part: Node | Link, seen: Seen) -> None:
        if part.key in self.adopt:
            self._add("adopt", seen.what, part, f"belonged to {seen.owner or 'nobody'}")
            self._compare(part, seen)

    def _refuse_others(self) -> None:
        """Nothing of others is touched because it has the name of something declared."""
        taken = [
            f"{key} ({f'project {self.seen[key].owner}' if self.seen[key].owner else 'made by hand'})"
            for key, part in sorted(self.wanted.items())
            if key not in self.adopt
            and not (isinstance(part, Node) and part.external)
            and (seen := self._there(key)) is not None
            and not self._ours(seen)
        ]
        if taken:
            more = f" and {len(taken) - 5} more" if len(taken) > 5 else ""
            raise Conflict(
                f"there already, and not of project {self.project}: {', '.join(taken[:5])}{more}. Choose another name, "
                f"declare it as external, or take it over: --adopt '{taken[0].rpartition(' (')[0]}'"
            )

    def _compare(self, part: Node | Link, seen: Seen) -> None:
        last = self.last.get(part.key)
        if isinstance(part, Link):
            self._compare_link(part, seen, last)
            return
        assert isinstance(seen.what, Node)
        changed = _changed(part.fields, seen.what.fields, None if last is None else last.fields)
        kind = self.kinds.get(part.kind, Kind(part.kind))
        cause = [need for need in part.needs if need in self.fresh]
        if cause or any(field in kind.anew or "*" in kind.anew for field in changed):
            why = f"{cause[0]} is made anew" if cause else ", ".join([*_by_hand(part, last), *changed])
            self._anew(part, seen, why, changed)
        elif changed:
            self._add("change", seen.what, part, "".join(_by_hand(part, last)), changed, seen.name)
        elif seen.state == HALF:
            self._add("create", None, part, f"is half made{f': {seen.note}' if seen.note else ''}", name=seen.name)
        else:
            self._note(part, seen, last)

    def _note(self, part: Node | Link, seen: Seen, last: Node | Link | None) -> None:
        """It is as declared; the ledger may not know that yet."""
        if part.key in self.adopt and not self._ours(seen):
            return
        if last is None:
            begun = part.key in self.begun
            why = "was made by a run that was cut short" if begun else "carries this project's label"
            self._add("note", seen.what, part, why, name=seen.name)
        elif last != part:
            names = part.__record_fields__  # type: ignore[union-attr]  # @record adds it
            changed = [name for name in names if getattr(part, name) != getattr(last, name)]
            self._add("note", last, part, "", changed, seen.name)

    def _anew(self, part: Node | Link, seen: Seen, why: str, changed: Sequence[str] = ()) -> None:
        if isinstance(part, Node):
            self._refuse_protected(part, self.last.get(part.key), f"would be made anew: {why}")
            self.fresh.add(part.id)
        self._add("remove", seen.what, None, why, changed, seen.name, anew=True)
        self._add("create", None, part, why, changed, anew=True)

    def _compare_link(self, part: Link, seen: Seen, last: Node | Link | None) -> None:
        there = seen.what
        assert isinstance(there, Link)
        ends = [id for id in (part.service, part.grantee) if id in self.fresh]
        if ends:
            self._anew(part, seen, f"{ends[0]} is made anew")
            return
        changed = [
            name for name in ("grantee", "service", "attenuation") if getattr(part, name) != getattr(there, name)
        ]
        if part.interface and part.interface != there.interface:
            changed.append("interface")
        changed += _changed(
            part.fields or {}, there.fields or {}, last.fields or {} if isinstance(last, Link) else None
        )
        if changed:
            self._add("replace", there, part, "".join(_by_hand(part, last)), changed, seen.name)
        else:
            self._note(part, seen, last)

    # --- what is declared no longer --------------------------------------------------------------------

    def _drop(self, key: str) -> None:
        last, seen = self.last.get(key), self._there(key)
        keep = next((each for each in self.last.values() if _retains(each, last, self.wanted)), None)
        if seen is None or not self._ours(seen):
            gone = last or self.begun[key].part
            if last is not None or self.begun[key].action != "remove":
                self._add("forget", gone, None, "is gone already" if seen is None else "belongs to others now")
        elif keep is not None:
            self._add("forget", seen.what, None, f"{keep.key} is to be kept", name=seen.name)
        else:
            self._refuse_protected(last, None, "would be removed")
            self._add("remove", seen.what, None, "", name=seen.name)

    def _refuse_protected(self, part: Node | Link | None, last: Node | Link | None, what: str) -> None:
        for each in (part, last):
            if isinstance(each, Node) and each.protect:
                self.protected.append(
                    Violation(
                        "protect",
                        f"{each.key} is protected, and {what}; set protect = false and apply that first",
                        [each.id],
                    )
                )
                return

    # --- the whole --------------------------------------------------------------------------------------

    def links(self) -> tuple[list[Link], list[Link]]:
        """Who holds what before and after: ours as it is, ours as declared, and others' links that end with a node."""
        gone = {step.part.id for step in self.steps if step.action == "remove" and isinstance(step.part, Node)}
        kept = {step.key for step in self.steps if step.action == "forget"}
        before, after = [], [part for part in self.wanted.values() if isinstance(part, Link)]
        for key, seen in self.seen.items():
            if not isinstance(seen.what, Link) or seen.state == GOING:
                continue
            ours = key in self.wanted or (self._ours(seen) and key in {*self.last, *self.begun})
            ends = any(below(end, id) for end in (seen.what.grantee, seen.what.service) for id in gone)
            if ours or ends:
                before.append(seen.what)
            if key in kept and not ends:
                after.append(seen.what)
            if ends and not ours:
                self.notes.append(f"{key}, made by others, ends with what is removed")
        return before, after

    def foreign(self) -> list[str]:
        """What is there and is not of this project."""
        return sorted(
            key for key in self.seen if (seen := self._there(key)) and not self._ours(seen) and key not in self.wanted
        )

    def observed(self, actual: Actual) -> str:
        """The digest of what this plan counts on: what is ours or declared, and every link at that. The rest may come and go."""
        ours = {*self.wanted, *self.last, *self.begun, *(step.was for step in self.steps)}
        ids = {key.partition(" ")[2] for key in ours}
        facts = [
            [seen.what, seen.owner, seen.name, seen.state == GOING]
            for seen in sorted(actual.things, key=lambda seen: (seen.key, seen.name))
            if seen.key in ours
            or (isinstance(seen.what, Link) and (seen.what.grantee in ids or seen.what.service in ids))
        ]
        return digest(facts)

    def orphans(self) -> list[str]:
        """What carries this project's label, and is declared nowhere, now or before."""
        ours = {*self.wanted, *self.last, *self.begun}
        return sorted(key for key in self.seen if (seen := self._there(key)) and self._ours(seen) and key not in ours)

    def _there(self, key: str) -> Seen | None:
        seen = self.seen.get(key)
        return None if seen is None or seen.state == GOING else seen

    def _ours(self, seen: Seen) -> bool:
        named = self.names.get(seen.key)
        return seen.owner == self.project or (not seen.owner and bool(named) and named == seen.name)

    def _add(self, action: str, before: Node | Link | None, after: Node | Link | None, *rest: Any, **more: Any) -> None:
        found = after or before
        assert found is not None
        self.steps.append(Step(0, action, found.key, before, after, *rest, **more))


def _retains(each: Node | Link, part: Node | Link | None, wanted: Mapping[str, object]) -> bool:
    """Whether this node is declared no longer, is to be kept, and holds the part."""
    return (
        isinstance(each, Node)
        and each.retain
        and part is not None
        and each.key not in wanted
        and below(part.id, each.id)
    )


def _changed(wanted: Mapping[str, Any], seen: Mapping[str, Any], last: Mapping[str, Any] | None) -> list[str]:
    """The fields that differ: from what can be seen, else from what was applied last. What is not declared may be anything."""
    known = {**(last or {}), **seen}
    differing = {name for name, value in wanted.items() if name in known and known[name] != value}
    if last is not None:
        differing |= {name for name in last if name not in wanted and last[name] not in (None, "", [], {})}
        differing |= {name for name in wanted if name not in known}
    return sorted(differing)


def _by_hand(part: Node | Link, last: Node | Link | None) -> list[str]:
    """That the declaration is as it was, if it is, so that it is what there is that has changed."""
    return ["changed by hand"] if last is not None and last == part else []


def _in_order(steps: Sequence[Step], graph: Graph, known: Known) -> list[Step]:
    """Moves; then what takes, from the top down; then what gives, from the ground up. Numbered."""
    there = levels([*known.graph.nodes, *_nodes(step.before for step in steps)], strict=False)
    wanted = levels(graph.nodes)
    top = 1 + max([*there.values(), *wanted.values()], default=0)

    def place(step: Step) -> tuple[int, int, str]:
        height = wanted if step.before is None else there
        level = height.get(step.part.id, 0) if isinstance(step.part, Node) else top
        if step.action == "move":
            return 0, 0, ""
        if step.action in ("adopt", "note", "forget"):
            return 1, 0, step.key
        if step.action == "remove" or (step.action == "replace" and _takes_only(step)):
            return 2, -level, step.key
        return 3, level, step.key

    return [step.but(number=number) for number, step in enumerate(sorted(steps, key=place), 1)]


def _nodes(parts: Iterable[Node | Link | None]) -> list[Node]:
    return [part for part in parts if isinstance(part, Node)]


def _takes_only(step: Step) -> bool:
    old, new = step.before, step.after
    assert isinstance(old, Link) and isinstance(new, Link)
    return old.service == new.service and covers(old.attenuation, new.attenuation)

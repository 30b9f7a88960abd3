"""What is told of a whole fleet: everything, in sections for pages; and at one glance, how many are in which state and those that somebody should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from remit.graph import Edge
from remit.machines._pages import Section
from remit.machines._records import Machine
from remit.machines._views import edge_view, machine_view
from remit.vat import Ref, call

__all__ = ["SILENT", "edges_at_a_glance", "machines_at_a_glance", "status_sections"]

MOST: Final = 100
"""Things of each kind that are told; all are counted."""
SILENT: Final = 150.0
"""Seconds without a hello after which a machine is probably down; it says one each minute."""
_STATES: Final = ("pending", "active", "destroying", "leaving")


def machines_at_a_glance(
    machines: Sequence[Machine], alarms: Mapping[str, list[str]], quiet_since: float
) -> dict[str, Any]:
    """{"states": {state: how many}, "noted": how many have something to say, "first": the first of those as in `status`}: with alarms first, then those
    that failed, that have said no hello since `quiet_since`, and that are on their way. `alarms`: ids by machine. Called inside a turn of the boss.
    """
    noted: list[tuple[int, str, Machine]] = []
    for machine in machines:
        weight = _weight(machine, alarms, quiet_since)
        if weight is not None:
            noted.append((weight, machine.name, machine))
    noted.sort(key=lambda each: each[:2])
    first = [machine_view(machine, alarms.get(machine.name, [])) for _, _, machine in noted[:MOST]]
    states = Counter(machine.state for machine in machines)
    return {"states": {state: states[state] for state in _STATES if states[state]}, "noted": len(noted), "first": first}


def _weight(machine: Machine, alarms: Mapping[str, list[str]], quiet_since: float) -> int | None:
    """Lower ones are to be looked at first; None: there is nothing to see."""
    if machine.name in alarms:
        return 0
    if machine.error:
        return 1
    if machine.state != "active":
        return 3
    seen: float | None = call(machine.hob).last_seen()
    return 2 if seen is not None and seen < quiet_since else None


def edges_at_a_glance(edges: Sequence[Edge], wiring: Ref[Any]) -> dict[str, Any]:
    """The same of edges: noted are those that are not where they should be, and those of which their machine has something to say."""
    told = frozenset(call(wiring).noted())
    noted = [edge for edge in edges if edge.state != "active" or edge.error or edge.id in told]
    noted.sort(key=lambda edge: not edge.error)
    return {
        "states": dict(Counter(edge.state for edge in edges)),
        "noted": len(noted),
        "first": [edge_view(edge, *call(wiring).dressed(edge)) for edge in noted[:MOST]],
    }


def status_sections(
    fleet: Ref[Any],
    wiring: Ref[Any],
    alarms: Ref[Any],
    debts: Sequence[Mapping[str, Any]],
    names: Callable[[], Mapping[str, str]],
) -> list[Section]:
    """All of `Boss.status`. `names`: gives the machines by their designators; called once, if sessions are shown. Called inside a turn of the boss."""
    alarmed: Mapping[str, list[str]] = call(alarms).by_machine()
    edges: list[Edge] = sorted(call(wiring).every(), key=_age)
    known: Mapping[str, str] | None = None

    def session(at: tuple[int, Mapping[str, Any]]) -> dict[str, Any]:
        nonlocal known
        if known is None:
            known = names()
        return {"machine": known.get(at[1]["peer"], ""), **at[1]}

    return [
        Section("alarms", call(alarms).views(), lambda alarm: _moment(alarm["at"], alarm["id"]), lambda alarm: alarm),
        Section(
            "machines",
            call(fleet).every(),
            lambda machine: str(machine.name),
            lambda machine: machine_view(machine, alarmed.get(machine.name, [])),
        ),
        Section("edges", edges, _age, lambda edge: edge_view(edge, *call(wiring).dressed(edge))),
        Section("sessions", list(enumerate(debts)), lambda at: f"{at[0]:09}", session),
    ]


def _age(edge: Edge) -> str:
    return _moment(edge.created, edge.id)


def _moment(at: float, id: str) -> str:
    """In an order of texts, oldest first."""
    return f"{at:017.6f} {id}"

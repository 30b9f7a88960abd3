"""What is told of a whole fleet: everything, in sections for pages; and at one glance, how many are in which state and those that somebody should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from remit.graph import Edge
from remit.machines._pages import ROOM, Section, page_of
from remit.machines._told import Told, row_text
from remit.machines._views import edge_view, machine_view
from remit.vat import Ref, call

__all__ = ["SILENT", "edges_at_a_glance", "machines_at_a_glance", "noted_machines", "status_page"]

MOST: Final = 100
"""Things of each kind that are told; all are counted."""
SILENT: Final = 150.0
"""Seconds without a hello after which a machine is probably down; it says one each minute."""
_SESSIONS: Final = "sessions"
_ROOM_OF_SESSIONS: Final = 300_000  # bytes on one page of the status, besides what else is there
_DIGITS: Final = 9  # of a session's number
_STATES: Final = ("pending", "active", "destroying", "leaving")


def noted_machines(machines: Iterable[Told], alarmed: Collection[str], quiet_since: float) -> list[str]:
    """The names of those with something to say: first those with alarms, then those that failed, that have said no hello since `quiet_since`, and that
    are on their way. Called inside a turn of the boss.
    """
    noted: list[tuple[int, str]] = []
    for told in machines:
        weight = _weight(told, alarmed, quiet_since)
        if weight is not None:
            noted.append((weight, told.machine.name))
    return [name for _, name in sorted(noted)]


def _weight(told: Told, alarmed: Collection[str], quiet_since: float) -> int | None:
    """Lower ones are to be looked at first; None: there is nothing to see."""
    machine = told.machine
    if machine.name in alarmed:
        return 0
    if machine.error:
        return 1
    if machine.state != "active":
        return 3
    seen = told.seen()
    return 2 if seen is not None and seen < quiet_since else None


def machines_at_a_glance(fleet: Ref[Any], alarms: Mapping[str, list[str]], quiet_since: float) -> dict[str, Any]:
    """{"states": {state: how many}, "noted": how many have something to say, "first": the first of those as in `status`}. `alarms`: ids by machine.
    Called inside a turn of the boss.
    """
    found: dict[str, Any] = call(fleet).glance(list(alarms), quiet_since)
    first = [machine_view(call(fleet).machine(name), alarms.get(name, [])) for name in found["noted"][:MOST]]
    states = {state: found["states"][state] for state in _STATES if state in found["states"]}
    return {"states": states, "noted": len(found["noted"]), "first": first}


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


async def status_page(
    fleet: Ref[Any], wiring: Ref[Any], alarms: Ref[Any], network: Ref[Any], start: str | None, text: bool
) -> dict[str, Any]:
    """See `Boss.status`. Called inside a turn of the boss."""
    page: dict[str, Any] = {"version": 1, "next": None, "alarms": [], "machines": [], "edges": [], _SESSIONS: []}
    first, room = start is None, ROOM
    if start is None or not start.startswith(_SESSIONS):
        page |= page_of(_sections(fleet, wiring, alarms, start or "", text), start)
        start, room = None, _ROOM_OF_SESSIONS
    if page["next"] is None:
        page |= page_of([await _sessions(fleet, network, start, text)], start, room)
    if text:
        page = {name: b",".join(rows) if type(rows) is list else rows for name, rows in page.items()}
        if first:
            page["totals"] = {"machines": len(call(fleet).names()), "edges": len(call(wiring).every())}
    return page


def _sections(fleet: Ref[Any], wiring: Ref[Any], alarms: Ref[Any], start: str, text: bool) -> list[Section]:
    """What is in the status before the sessions."""
    alarmed: dict[str, list[str]] = call(alarms).by_machine()

    def machine(name: str) -> dict[str, Any]:
        return machine_view(call(fleet).machine(name), alarmed.get(name, []))

    def edge(edge: Edge) -> dict[str, Any]:
        return edge_view(edge, *call(wiring).dressed(edge))

    def alarm(alarm: dict[str, Any]) -> dict[str, Any]:
        return alarm

    edges = sorted(call(wiring).every(), key=_age)
    if not text:
        names = call(fleet).names()
        machines = Section("machines", names, str, machine)
        return [Section("alarms", call(alarms).views(), _rung, alarm), machines, Section("edges", edges, _age, edge)]
    at, _, key = start.partition(" ")
    texts: dict[str, bytes] = {} if at == "edges" else call(fleet).texts(alarmed, key if at == "machines" else "")
    return [
        Section("alarms", call(alarms).views(), _rung, row_text),
        Section("machines", list(texts), str, texts.__getitem__, row=1),
        Section("edges", edges, _age, lambda each: row_text(edge(each))),
    ]


async def _sessions(fleet: Ref[Any], network: Ref[Any], start: str | None, text: bool) -> Section:
    """The boss's own sessions from where the page starts, each with its machine."""
    key = (start or "").partition(" ")[2]
    first = int(key) if key.isdecimal() and len(key) <= _DIGITS else 0
    debts = await network.debts_in_columns(first)
    names: dict[str, str] = call(fleet).peers()

    def session(at: int) -> dict[str, Any]:
        debt = {name: column[at - first] for name, column in debts.items()}
        return {"machine": names.get(debt["peer"], ""), **debt}

    numbers = range(first, first + len(debts.get("peer", ())))
    view = (lambda at: row_text(session(at))) if text else session
    return Section(_SESSIONS, numbers, lambda at: f"{at:0{_DIGITS}}", view, row=1 if text else 200)


def _rung(alarm: dict[str, Any]) -> str:
    return _moment(alarm["at"], alarm["id"])


def _age(edge: Edge) -> str:
    return _moment(edge.created, edge.id)


def _moment(at: float, id: str) -> str:
    """In an order of texts, oldest first."""
    return f"{at:017.6f} {id}"

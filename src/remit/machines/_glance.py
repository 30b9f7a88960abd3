"""What is told of a whole fleet: everything, in sections for pages; and at one glance, how many are in which state and those that somebody should look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from remit.graph import Edge
from remit.machines._pages import Section, page_of
from remit.machines._records import Machine
from remit.machines._views import edge_view, machine_view
from remit.net import public_of
from remit.vat import Ref, call

__all__ = ["SILENT", "edges_at_a_glance", "machines_at_a_glance", "noted_machines", "status_page"]

MOST: Final = 100
"""Things of each kind that are told; all are counted."""
SILENT: Final = 150.0
"""Seconds without a hello after which a machine is probably down; it says one each minute."""
_SESSIONS: Final = "sessions"
_ROOM_OF_SESSIONS: Final = 300_000  # bytes on one page of the status, besides what else is there
_STATES: Final = ("pending", "active", "destroying", "leaving")


def noted_machines(machines: Iterable[Machine], alarmed: Collection[str], quiet_since: float) -> list[str]:
    """The names of those with something to say: first those with alarms, then those that failed, that have said no hello since `quiet_since`, and that
    are on their way. Called inside a turn of the boss.
    """
    noted: list[tuple[int, str]] = []
    for machine in machines:
        weight = _weight(machine, alarmed, quiet_since)
        if weight is not None:
            noted.append((weight, machine.name))
    return [name for _, name in sorted(noted)]


def _weight(machine: Machine, alarmed: Collection[str], quiet_since: float) -> int | None:
    """Lower ones are to be looked at first; None: there is nothing to see."""
    if machine.name in alarmed:
        return 0
    if machine.error:
        return 1
    if machine.state != "active":
        return 3
    seen: float | None = call(machine.hob).last_seen()
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
    fleet: Ref[Any],
    wiring: Ref[Any],
    alarms: Ref[Any],
    network: Ref[Any],
    names: Callable[[], Mapping[bytes, str]],
    start: str | None,
) -> dict[str, Any]:
    """See `Boss.status`. `names`: gives the machines by their keys; called once, if sessions are shown. Called inside a turn of the boss."""
    sections = _sections(fleet, wiring, alarms)
    page: dict[str, Any] = {"next": None, **{section.name: [] for section in sections}}
    if not str(start).startswith(_SESSIONS):
        page, start = page_of(sections, start), None
    if page["next"] is not None:
        return {"version": 1, **page, _SESSIONS: []}
    debts = await network.debts()
    return {"version": 1, **page, **page_of([_sessions(debts, names)], start, _ROOM_OF_SESSIONS)}


def _sections(fleet: Ref[Any], wiring: Ref[Any], alarms: Ref[Any]) -> list[Section]:
    """What is in the status before the sessions."""
    alarmed: Mapping[str, list[str]] = call(alarms).by_machine()
    return [
        Section("alarms", call(alarms).views(), lambda alarm: _moment(alarm["at"], alarm["id"]), lambda alarm: alarm),
        Section(
            "machines",
            call(fleet).names(),
            str,
            lambda name: machine_view(call(fleet).machine(name), alarmed.get(name, [])),
        ),
        Section(
            "edges",
            sorted(call(wiring).every(), key=_age),
            _age,
            lambda edge: edge_view(edge, *call(wiring).dressed(edge)),
        ),
    ]


def _sessions(debts: Sequence[Mapping[str, Any]], names: Callable[[], Mapping[bytes, str]]) -> Section:
    """The boss's own sessions, each with its machine."""
    known: Mapping[bytes, str] | None = None

    def session(at: tuple[int, Mapping[str, Any]]) -> dict[str, Any]:
        nonlocal known
        if known is None:
            known = names()
        return {"machine": known.get(_key_of(at[1]["peer"]), ""), **at[1]}

    return Section(_SESSIONS, list(enumerate(debts)), lambda at: f"{at[0]:09}", session, row=200)


def _key_of(peer: str) -> bytes:
    """The key of a designator; b"" of a peer that has proved none."""
    return public_of(peer) if peer else b""


def _age(edge: Edge) -> str:
    return _moment(edge.created, edge.id)


def _moment(at: float, id: str) -> str:
    """In an order of texts, oldest first."""
    return f"{at:017.6f} {id}"

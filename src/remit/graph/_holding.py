"""Who holds what: questions over a collection of edges. Nothing here changes or grants anything."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from remit.graph._edge import Edge
from remit.values import record

__all__ = ["Holder", "edges_of", "held_by", "holders_of", "select"]


@record("remit.graph.holder")
class Holder:
    """One party that can reach a service: directly if `through` is empty, else perhaps, by way of these machines.

    Indirect means: it holds something of a machine that can reach the service, nearest to the service first. Whether that
    machine passes its authority on is for its own programs to decide, so this is the most that can be, not what is.
    """

    machine: str
    edges: list[str]
    through: list[str]
    attenuation: str


def select(edges: Iterable[Edge], test: Callable[[Edge], bool]) -> list[Edge]:
    """The edges that pass, oldest first: the one order in which edges are shown."""
    return sorted((edge for edge in edges if test(edge)), key=lambda edge: (edge.created, edge.id))


def edges_of(edges: Iterable[Edge], machine: str) -> list[Edge]:
    """The edges that begin or end at this machine."""
    return select(edges, lambda edge: machine in (edge.grantee, edge.provider))


def held_by(edges: Iterable[Edge], machine: str) -> list[Edge]:
    """What this machine holds."""
    return select(edges, lambda edge: edge.grantee == machine)


def holders_of(edges: Iterable[Edge], machine: str, offer: str | None = None) -> list[Holder]:
    """Who can reach this machine's offer (None: anything of it), directly and through whom; the nearest come first.

    An edge that is being revoked counts until both its machines have confirmed: until then its holder may still get through.
    """
    known = list(edges)
    found: dict[str, Holder] = {}
    ahead: deque[tuple[str, list[str]]] = deque()
    for name, direct in _leading_to([edge for edge in known if offer in (None, edge.offer)], machine):
        found[name] = _holder(name, direct, [])
        ahead.append((name, [name]))
    while ahead:
        via, path = ahead.popleft()
        for name, further in _leading_to(known, via):
            if name not in found and name != machine:
                found[name] = _holder(name, further, path)
                ahead.append((name, [*path, name]))
    return list(found.values())


def _leading_to(edges: Iterable[Edge], machine: str) -> list[tuple[str, list[Edge]]]:
    """The edges to what this machine offers, by who holds them."""
    groups: dict[str, list[Edge]] = {}
    for edge in select(edges, lambda edge: edge.provider == machine):
        groups.setdefault(edge.grantee, []).append(edge)
    return list(groups.items())


def _holder(machine: str, edges: list[Edge], through: list[str]) -> Holder:
    words = dict.fromkeys(edge.attenuation.describe() for edge in edges)
    return Holder(machine, [edge.id for edge in edges], list(through), " / ".join(words))

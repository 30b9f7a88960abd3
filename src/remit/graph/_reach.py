"""Who can reach what, through whom: the ways along the links of a graph.

Whoever holds a service can perhaps reach what that service, or the machine or component that it belongs to, holds in turn. Whether it is passed on
is for its program to decide, so this is the most that can be. A node has what it holds itself, what the nodes below it hold, and what those
hold to which it belongs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator

from remit.graph._model import Graph, Link, Node

__all__ = ["Reach"]


class Reach:
    """The ways of one graph; `passes` says which links count. At a node of `gates`, and what is below it, a way ends: it passes nothing on."""

    def __init__(self, graph: Graph, passes: Callable[[Link], bool] | None = None, gates: Collection[str] = ()) -> None:
        self._gates = gates
        self._nodes = {node.id: node for node in graph.nodes}
        self._own: dict[str, list[Link]] = {}
        self._under: dict[str, list[Link]] = {}
        for link in sorted(graph.links, key=lambda link: link.key):
            if passes is None or passes(link):
                self._own.setdefault(link.grantee, []).append(link)
                for id in (link.grantee, *_above(link.grantee)):
                    self._under.setdefault(id, []).append(link)

    def direct(self, id: str) -> list[Link]:
        """What this node holds, with what is below it."""
        return self._under.get(id, [])

    def ways(self, id: str, *, through: bool = True) -> Iterator[list[Link]]:
        """One shortest way from this node to each service that it can reach, the nearest first: the links, in order."""
        seen = {id}
        ahead: deque[tuple[str, list[Link]]] = deque([(id, [])])
        while ahead:
            here, way = ahead.popleft()
            for link in self._held(here) if through or not way else ():
                if link.service not in seen:
                    seen.add(link.service)
                    yield [*way, link]
                    if not self._gates or not any(id in self._gates for id in (link.service, *_above(link.service))):
                        ahead.append((link.service, [*way, link]))

    def words(self, start: str, way: list[Link]) -> str:
        """A way for people."""
        parts, here = [], start
        for link in way:
            if link.grantee != here:
                parts.append(
                    f"{here} belongs to {link.grantee}"
                    if here.startswith(f"{link.grantee}/")
                    else f"{link.grantee} belongs to {here}"
                )
            parts.append(
                f"{link.grantee} holds {link.service} as {link.id.rpartition('/')[2]} ({link.attenuation.describe()})"
            )
            here = link.service
        return "; ".join(parts)

    def node(self, id: str) -> Node | None:
        """The node with this id."""
        return self._nodes.get(id)

    def _held(self, id: str) -> Iterator[Link]:
        yield from self._under.get(id, ())
        for above in _above(id):
            yield from self._own.get(above, ())


def _above(id: str) -> Iterator[str]:
    """The ids to which this one belongs, the nearest first."""
    while "/" in id:
        id = id.rpartition("/")[0]
        yield id

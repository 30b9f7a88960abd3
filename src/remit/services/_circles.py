"""Cycles in a directed graph: who depends, by way of others, on itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["around", "components"]

N = TypeVar("N")


def components(nodes: Iterable[N], after: Callable[[N], Iterable[N]]) -> list[list[N]]:
    """The sets of nodes that reach each other, those of one node only where it leads to itself.

    Tarjan's algorithm ("Depth-first search and linear graph algorithms", 1972), with a stack of its own in place of recursion.
    """
    found: list[list[N]] = []
    index: dict[N, int] = {}
    low: dict[N, int] = {}
    stack: list[N] = []
    on_stack: set[N] = set()
    for root in nodes:
        work: list[tuple[N, list[N]]] = []
        upcoming: N | None = root if root not in index else None
        while work or upcoming is not None:
            if upcoming is not None:
                index[upcoming] = low[upcoming] = len(index)
                stack.append(upcoming)
                on_stack.add(upcoming)
                work.append((upcoming, list(after(upcoming))))
                upcoming = None
            node, rest = work[-1]
            if rest:
                other = rest.pop()
                if other not in index:
                    upcoming = other
                elif other in on_stack:
                    low[node] = min(low[node], index[other])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                part = _cut(stack, on_stack, node)
                if len(part) > 1 or node in after(node):
                    found.append(part)
    return found


def _cut(stack: list[N], on_stack: set[N], node: N) -> list[N]:
    at = len(stack) - 1
    while stack[at] is not node:
        at -= 1
    part = stack[at:]
    del stack[at:]
    on_stack.difference_update(part)
    return part


def around(part: list[N], after: Callable[[N], Iterable[N]]) -> tuple[N, ...]:
    """One way round a component, for people: each leads to the next, and the last to the first."""
    inside, way, seen = set(part), [part[0]], {part[0]: 0}
    while True:
        other = next(node for node in after(way[-1]) if node in inside)
        if other in seen:
            return tuple(way[seen[other] :])
        seen[other] = len(way)
        way.append(other)

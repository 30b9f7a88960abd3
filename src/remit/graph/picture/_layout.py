"""Where boxes stand: in columns, holders to the left of what they hold, in an order with few crossings. The same picture for the same graph.

The steps are those of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical system structures", 1981): circles are opened, boxes
get columns, edges over several columns get places in between, columns are ordered by the middle of their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

__all__ = ["Place", "Placed", "lay_out"]

_SWEEPS: Final = 6  # orderings from left to right and back; more change nothing in graphs of this size
_GAP: Final = 22.0  # between boxes of one column
_LANE: Final = 12.0  # height of an edge that passes a column
_LANES: Final = (
    4000  # places between columns; where more are needed edges go straight, since nobody could follow them anyway
)

Pair = tuple[str, str]


class Place(NamedTuple):
    """The upper left corner of a box and its column."""

    x: float
    y: float
    column: int


class Placed(NamedTuple):
    """Places of boxes; for each pair of boxes whose edges go to the right, the heights at which they pass the columns between; the columns' left sides and
    widths; and the whole height.
    """

    boxes: Mapping[str, Place]
    passing: Mapping[Pair, Sequence[float]]
    columns: Sequence[tuple[float, float]]
    height: float


def lay_out(sizes: Mapping[str, tuple[float, float]], pairs: Iterable[Pair], between: float) -> Placed:
    """Places for boxes of these widths and heights, joined by edges between these pairs; `between` is the room between columns.

    Pairs that would lead to the left, or to the same column, are left to whoever draws.
    """
    forward = _forward(sorted(sizes), {pair for pair in pairs if pair[0] != pair[1]})
    column = _columns(sorted(sizes), forward)
    rows, chains = _rows(column, forward)
    _order(rows, chains)
    widths = [max((sizes[each][0] for each in row if each in sizes), default=0.0) for row in rows]
    lefts = [sum(widths[:number]) + number * between for number in range(len(rows))]
    heights = {name: size[1] for name, size in sizes.items()}
    tops = _tops(rows, chains, heights)
    boxes = {name: Place(lefts[column[name]], tops[name], column[name]) for name in sizes}
    passing = {pair: [tops[lane] + _LANE / 2 for lane in chain[1:-1]] for pair, chain in chains.items()}
    height = max([tops[name] + heights.get(name, _LANE) for row in rows for name in row], default=0.0)
    return Placed(boxes, passing, list(zip(lefts, widths, strict=True)), height)


def _forward(names: Sequence[str], pairs: set[Pair]) -> set[Pair]:
    """The pairs without those that close a circle, by a search in depth that begins where nothing leads to."""
    after: dict[str, list[str]] = {name: [] for name in names}
    entered = dict.fromkeys(names, 0)
    for one, other in sorted(pairs):
        after[one].append(other)
        entered[other] += 1
    kept: set[Pair] = set()
    state: dict[str, int] = {}
    for start in sorted(names, key=lambda name: (entered[name] > 0, name)):
        if start in state:
            continue
        state[start] = 1
        path = [(start, iter(after[start]))]
        while path:
            here, ahead = path[-1]
            other = next(ahead, "")
            if not other:
                state[here] = 2
                path.pop()
            elif state.get(other) != 1:  # one that stands on the path would close a circle
                kept.add((here, other))
                if other not in state:
                    state[other] = 1
                    path.append((other, iter(after[other])))
    return kept


def _columns(names: Sequence[str], pairs: set[Pair]) -> dict[str, int]:
    """Each as far left as its holders let it be; holders of others then as near to what they hold as they can."""
    before: dict[str, list[str]] = {name: [] for name in names}
    after: dict[str, list[str]] = {name: [] for name in names}
    for one, other in sorted(pairs):
        before[other].append(one)
        after[one].append(other)
    order: list[str] = []
    waiting = {name: len(before[name]) for name in names}
    ready = [name for name in names if not waiting[name]]
    while ready:
        here = ready.pop(0)
        order.append(here)
        for other in after[here]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    column: dict[str, int] = {}
    for name in order:
        column[name] = max((column[other] + 1 for other in before[name]), default=0)
    for name in reversed(order):
        if after[name]:
            column[name] = max(column[name], min(column[other] for other in after[name]) - 1)
    return column


def _rows(column: Mapping[str, int], pairs: set[Pair]) -> tuple[list[list[str]], dict[Pair, list[str]]]:
    """What stands in each column, and the chain of each pair: its ends, with lanes in the columns between."""
    rows: list[list[str]] = [[] for _ in range(1 + max(column.values(), default=0))]
    for name in sorted(column):
        rows[column[name]].append(name)
    chains: dict[Pair, list[str]] = {}
    straight = sum(column[other] - column[one] - 1 for one, other in pairs) > _LANES
    for one, other in sorted(pairs):
        lanes = [] if straight else [f"{one}\n{other}\n{number}" for number in range(column[one] + 1, column[other])]
        for number, lane in enumerate(lanes, column[one] + 1):
            rows[number].append(lane)
        chains[one, other] = [one, *lanes, other]
    return rows, chains


def _order(rows: list[list[str]], chains: Mapping[Pair, Sequence[str]]) -> None:
    """Order each column by the middle of what it is joined to on one side, then on the other."""
    left: dict[str, list[str]] = {}
    right: dict[str, list[str]] = {}
    for chain in chains.values():
        for one, other in pairwise(chain):
            right.setdefault(one, []).append(other)
            left.setdefault(other, []).append(one)
    for sweep in range(_SWEEPS):
        joined, numbers = (right, range(len(rows) - 2, -1, -1)) if sweep % 2 else (left, range(1, len(rows)))
        for number in numbers:
            beside = rows[number + 1] if sweep % 2 else rows[number - 1]
            at = {name: place for place, name in enumerate(beside)}
            own = {name: place for place, name in enumerate(rows[number])}
            rows[number].sort(key=lambda name: (_middle(name, joined, at, own), own[name]))


def _middle(name: str, joined: Mapping[str, Sequence[str]], at: Mapping[str, int], own: Mapping[str, int]) -> float:
    places = [at[other] for other in joined.get(name, ()) if other in at]
    return sum(places) / len(places) if places else float(own[name])


def _tops(
    rows: Sequence[Sequence[str]], chains: Mapping[Pair, Sequence[str]], heights: Mapping[str, float]
) -> dict[str, float]:
    """The upper side of each: one below the other, about level with what leads to it."""
    left: dict[str, list[str]] = {}
    for chain in chains.values():
        for one, other in pairwise(chain):
            left.setdefault(other, []).append(one)
    tops: dict[str, float] = {}
    for row in rows:
        free = 0.0
        for name in row:
            height = heights.get(name, _LANE)
            middles = [tops[other] + heights.get(other, _LANE) / 2 for other in left.get(name, ())]
            wanted = sum(middles) / len(middles) - height / 2 if middles else 0.0
            tops[name] = round(max(free, wanted), 1)
            free = tops[name] + height + (_GAP if name in heights else 0.0)
    return tops

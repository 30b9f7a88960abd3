"""Who called whom, from turns of one or several servers: the turns with their causes across nodes, and the picture. Pure: turns as `Turns` tells them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from remit.graph.picture import Box, Hold, Picture
from remit.values import printable

__all__ = ["calls_picture", "joined"]

OUTSIDE: Final = "outside"
"""Who called where no turn did: programs, devices, nodes whose turns are not there."""


def joined(turns: Iterable[Mapping[str, Any]], steps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The turns in order of time, each with `by`: [node, number] of the turn that caused it, on whichever node that ran, or None.

    `steps`: of the traces that they belong to, from all nodes: by them a turn that was called from another node finds the turn that called.
    """
    causes = {str(step["id"]): str(step["cause"] or "") for step in steps}
    ordered = [dict(turn) for turn in sorted(turns, key=lambda turn: (turn["at"], turn["turn"]))]
    ran: dict[str, tuple[str, int]] = {}
    for turn in ordered:
        if turn["step"]:
            ran.setdefault(turn["step"], (turn["node"], turn["turn"]))
    for turn in ordered:
        own = turn["cause"] if turn["cause"] is not None else turn["began"]
        by = None if own is None else (turn["node"], own)
        turn["by"] = list(by or ()) or _far(turn, causes, ran)
    return ordered


def _far(turn: Mapping[str, Any], causes: Mapping[str, str], ran: Mapping[str, tuple[str, int]]) -> list[Any] | None:
    """The turn of another node from which a trace leads to this one."""
    step = turn["led"]
    for _ in range(10):  # of one message only: from the turn that sent it to the node that got it
        if not step:
            return None
        if step in ran:
            return list(ran[step])
        step = causes.get(step, "")
    return None


def calls_picture(turns: Sequence[Mapping[str, Any]], title: str) -> Picture:
    """A box for each object that had a turn, with whom it called, by which method and how often; `turns` are `joined`."""
    several = len({turn["node"] for turn in turns}) > 1
    names = {(turn["node"], turn["turn"]): _name(turn, several) for turn in turns}
    calls: Counter[tuple[str, str, str]] = Counter()
    failed: Counter[tuple[str, str, str]] = Counter()
    for turn in turns:
        if turn["began"] is not None:
            continue  # what goes on was called when it began
        caller = OUTSIDE if turn["by"] is None else names.get(tuple(turn["by"]), OUTSIDE)
        call = caller, turn["method"].partition("(")[0] or "()", _name(turn, several)
        calls[call] += 1
        failed[call] += bool(turn["error"])
    boxes: dict[str, list[Hold]] = {name: [] for name in names.values()}
    for number, ((caller, method, callee), count) in enumerate(sorted(calls.items()), 1):
        words = f"{count} call{'' if count == 1 else 's'}" + (
            f", {failed[caller, method, callee]} failed" if failed[caller, method, callee] else ""
        )
        boxes.setdefault(caller, []).append(Hold(f"call {number}", caller, printable(method), callee, words))
    counts = Counter(_name(turn, several) for turn in turns)
    return Picture(
        printable(title),
        [Box(name, _turns(counts[name]), "", [], holds) for name, holds in sorted(boxes.items())],
    )


def _name(turn: Mapping[str, Any], several: bool) -> str:
    name = turn["actor"] or "the vat"
    return printable(f"{turn['node']} {name}" if several else name)


def _turns(count: int) -> str:
    return f"{count} turn{'' if count == 1 else 's'}" if count else ""

"""A round trip over a Unix socket while another peer of the same server sends as much as it is let.

Three processes: the server, the flooding peer (which gives way to the others where there are fewer cores than processes), and
the measuring one. In each measurement the flood begins, is at its height, and has ended before the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ._harness import Experiment, Measure, Options, Table
from ._peer import peers, wanted

FLOOD = Table("flood", "Round trip of one peer while another one floods the server, on average", "us", "lower")
TAIL = Table("flood_tail", "The same, what nine of ten calls stayed below", "us", "lower")
IDLE = "nobody else"
HOW = {"a flood of tells": "tells", "a flood of asks": "asks", "a flood of 60 KB messages": "large"}


def _make() -> Any:
    from ._remit_flood import Measured

    return Measured()


PEERS: dict[str, Callable[[], Any]] = {"Remit": _make}


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted([IDLE, *HOW], [FLOOD.key, TAIL.key], IDLE, options)
    seconds = max(0.1, options.scale)
    with peers("flood", ["Remit"] if names else []) as (started, skipped):
        variants: dict[str, Measure] = {}
        for peer in started.values():
            variants[IDLE] = lambda peer=peer: peer.ask("measure", "nothing", seconds)  # type: ignore[misc]
            for name, how in HOW.items():
                variants[name] = lambda peer=peer, how=how: peer.ask("measure", how, seconds)  # type: ignore[misc]
        yield Experiment((FLOOD, TAIL), IDLE, variants, ("remit",), skipped)

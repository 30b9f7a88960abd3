"""What a call costs beside much else that is alive: references to other objects, sessions with other peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ._compiled import MARK, both
from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

CALLS = 2000  # in a measurement
RUN = 20  # calls one after another to one object, where that is not said otherwise
IN_TURN = ", each called in turn"
REFERENCES = Table("references", "A call beside so many live references", "us of processor time", "lower")
SESSIONS = Table(
    "sessions", f"A call beside so many live sessions, {RUN} to each in turn", "us of processor time", "lower"
)
POINTS = {REFERENCES: (1, 10, 100, 1000, 10_000), SESSIONS: (1, 10, 100, 1000)}


def row(table: Table, live: int, build: str = "") -> str:
    """The name of a variant, such as `Remit, 1 session` or `Remit, 10 sessions, compiled`."""
    return f"Remit, {live:,} {table.key[:-1] if live == 1 else table.key}{build}"


def _make(table: Table, live: int) -> Any:
    from . import _remit_many

    return (_remit_many.References if table is REFERENCES else _remit_many.Sessions)(live)


PEERS: dict[str, Callable[[], Any]] = {
    row(table, live): partial(_make, table, live) for table, points in POINTS.items() for live in points
}


def _measure(peer: Peer, length: int, options: Options) -> Measure:
    runs = max(1, int(CALLS * options.scale) // length)
    return lambda: [peer.ask("measure", runs, length)]


def experiments(options: Options) -> Iterator[Experiment]:
    for table, points in POINTS.items():
        baseline = row(table, 1)
        names = wanted(both(row(table, live) for live in points), [table.key], baseline, options)
        with peers("many", names) as (started, skipped):
            length = 1 if table is REFERENCES else RUN
            measures = {name: _measure(peer, length, options) for name, peer in started.items()}
            if table is SESSIONS:
                for name in (row(table, points[-1]), row(table, points[-1], MARK)):
                    if name in started:
                        measures[name + IN_TURN] = _measure(started[name], 1, options)
            yield Experiment((table,), baseline, measures, ("remit",), skipped)

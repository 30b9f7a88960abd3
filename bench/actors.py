"""Calls between objects of one process: ask, many asks at once, tell, and a token passed around a ring."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from ._barevat import Bare
from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted
from ._queue import BURST, WINDOW, AsyncioQueue, Counter

TABLES = {
    "ask": Table("ask", "Ask, one at a time", "calls/s", "higher"),
    "window": Table("ask_100", "Ask, 100 in flight", "calls/s", "higher"),
    "tell": Table("tell", "Tell, drained every 10,000", "messages/s", "higher"),
    "ring": Table("ring", "A token around a ring of 1000", "hops/s", "higher"),
}
BASELINE = "asyncio queue"


class Direct:
    """A method call: what no message can be as fast as."""

    info: ClassVar = {"ask": 1_000_000, "tell": 1_000_000}

    def ask(self, n: int) -> float:
        counter = Counter()
        began = time.perf_counter()
        for _ in range(n):
            counter.increment()
        return n / (time.perf_counter() - began)

    tell = ask


def _uvloop() -> AsyncioQueue:
    import uvloop

    return AsyncioQueue(uvloop.new_event_loop)


def _sized(make: Callable[[], Any], ask: int, window: int, tell: int, ring: int) -> Callable[[], Any]:
    """A peer that says how many calls of each sort make a measurement of some 0.2 s."""

    def maker() -> Any:
        subject = make()
        subject.info = {"ask": ask, "window": window, "tell": tell, "ring": ring}
        return subject

    return maker


def _remit(name: str) -> Callable[[], Any]:
    def make() -> Any:
        from . import _remit

        return getattr(_remit, name)()

    return make


PEERS: dict[str, Callable[[], Any]] = {
    "method call (limit)": Direct,
    "bare vat (limit)": _sized(Bare, 200_000, 200_000, 600_000, 600_000),
    BASELINE: _sized(AsyncioQueue, 30_000, 150_000, 300_000, 40_000),
    "asyncio queue + uvloop": _sized(_uvloop, 50_000, 150_000, 300_000, 60_000),
    "Remit": _sized(_remit("Inside"), 60_000, 60_000, 100_000, 100_000),
    "Remit, from asyncio": _remit("Outside"),
}


def _rate(peer: Peer, what: str, options: Options) -> Measure:
    step = {"tell": BURST, "window": WINDOW}.get(what, 1)
    n = max(step, int(peer.info[what] * options.scale) // step * step)
    return lambda: [peer.ask(what, n)]


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(both(PEERS), [table.key for table in TABLES.values()], BASELINE, options)
    with peers("actors", names) as (started, skipped):
        for what, table in TABLES.items():
            measures = {name: _rate(peer, what, options) for name, peer in started.items() if what in peer.info}
            yield Experiment((table,), BASELINE, measures, ("remit", "uvloop"), skipped)

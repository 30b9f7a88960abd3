"""Dataspaces in one process: from saying to hearing, fan-out to ten, and a thousand subscriptions of which each event meets one.

The in-process rows are limits: 'scan' tries every pattern, 'index' looks the constant fields up in a table, and both call the handlers. Remit does the
same as turns: a speaker's turn says `BURST` messages, and each observer hears its own in a turn of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

FAN = 10
PATTERNS = 1000
BURST = 100
TABLES = {
    "latency": Table("space_latency", "Dataspace: one event, from saying to hearing", "us", "lower"),
    "fanout": Table("space_fanout", f"Dataspace: fan-out to {FAN} in one vat", "deliveries/s", "higher"),
    "select": Table("space_select", f"Dataspace: {PATTERNS} subscriptions, of which one is met", "events/s", "higher"),
}
BASELINE = "in-process index (limit)"


def room(at: int) -> int:
    """Which of the subscriptions an event meets: neighbours in time are none in the table."""
    return at * 7919 % PATTERNS


class Scan:
    """Patterns are dictionaries of required fields; every one is tried."""

    info: dict[str, int] = {"latency": 50_000, "fanout": 100_000, "select": 300}

    def __init__(self) -> None:
        self.got = 0
        self.clear()

    def clear(self) -> None:
        self.patterns: list[tuple[tuple[tuple[str, Any], ...], Callable[[Any], None]]] = []

    def observe(self, pattern: dict[str, Any]) -> None:
        self.patterns.append((tuple(pattern.items()), self.handler))

    def publish(self, event: dict[str, Any]) -> None:
        for pattern, handler in self.patterns:
            if all(event.get(name) == value for name, value in pattern):
                handler(event)

    def handler(self, event: Any) -> None:
        self.got += 1

    def measure(self, what: str, n: int) -> float:
        """The number for one table."""
        self.clear()
        self.got = 0
        for at in range({"latency": 1, "fanout": FAN, "select": PATTERNS}[what]):
            self.observe({"kind": "tick"} if what != "select" else {"kind": "tick", "room": at})
        events = n // FAN if what == "fanout" else n
        began = time.perf_counter()
        for at in range(events):
            self.publish({"kind": "tick", "room": room(at), "value": at})
        took = time.perf_counter() - began
        assert self.got == (events * FAN if what == "fanout" else events)
        return took / n * 1e6 if what == "latency" else self.got / took


class Index(Scan):
    """One table for each set of fields that some pattern has."""

    info = {"latency": 100_000, "fanout": 300_000, "select": 100_000}

    def clear(self) -> None:
        self.shapes: dict[tuple[str, ...], dict[tuple[Any, ...], list[Callable[[Any], None]]]] = {}

    def observe(self, pattern: dict[str, Any]) -> None:
        names = tuple(sorted(pattern))
        table = self.shapes.setdefault(names, {})
        table.setdefault(tuple(pattern[name] for name in names), []).append(self.handler)

    def publish(self, event: dict[str, Any]) -> None:
        for names, table in self.shapes.items():
            for handler in table.get(tuple([event[name] for name in names]), ()):
                handler(event)


def _remit(name: str) -> Callable[[], Any]:
    def make() -> Any:
        from . import _remit_space

        return getattr(_remit_space, name)()

    return make


PEERS: dict[str, Callable[[], Any]] = {
    BASELINE: Index,
    "in-process scan": Scan,
    "Remit": _remit("Entities"),
    "Remit, facets": _remit("Facets"),
}


def _measure(peer: Peer, what: str, options: Options) -> Measure:
    n = max(BURST * FAN, int(peer.info[what] * options.scale) // (BURST * FAN) * BURST * FAN)
    return lambda: [
        peer.ask("measure", what, n if what != "select" or peer.info[what] >= BURST * FAN else peer.info[what])
    ]


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(both(PEERS), [table.key for table in TABLES.values()], BASELINE, options)
    with peers("pubsub", names) as (started, skipped):
        for what, table in TABLES.items():
            measures = {name: _measure(peer, what, options) for name, peer in started.items() if what in peer.info}
            yield Experiment((table,), BASELINE, measures, ("remit",), skipped)

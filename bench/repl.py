"""What a line of a REPL costs in a running server of another process, beside a bare call of an object there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

LINE = Table("repl", "One line after the other, over a Unix socket", "us", "lower")
CALL, KEPT = "a CapTP call", "Remit, the session alone"


def _remit() -> Any:
    from ._remit_repl import Lines

    return Lines()


PEERS: dict[str, Callable[[], Any]] = {"Remit": _remit}


def _time(peer: Peer, what: str, n: int) -> Measure:
    return lambda: [peer.ask(what, n) / n * 1e6]


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(["Remit"], [LINE.key], "", options)
    n = max(20, int(1000 * options.scale))
    with peers("repl", names) as (started, skipped):
        variants = {}
        for name, peer in started.items():
            variants[CALL] = _time(peer, "calls", n)
            variants[name] = _time(peer, "lines", n)
            variants[KEPT] = _time(peer, "alone", n)
        yield Experiment((LINE,), CALL, variants, ("remit",), skipped)

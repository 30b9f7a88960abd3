"""What causal tracing costs: being able to, and doing it. 64 calls in flight between two processes, over a Unix socket.

Inside a vat there is nothing to measure: a message that nobody follows does not come by a hook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

TRACE = Table("trace", "Calls in flight, with and without causal tracing", "calls/s", "higher")
BARE, OFF, ON = "hooks taken out", "off", "on, every call recorded on both sides"


def _bare() -> Any:
    from . import _untraced

    _untraced.install()
    from . import _remit_far

    return _remit_far.Bare()


def _remit(name: str) -> Callable[[], Any]:
    def make() -> Any:
        from . import _remit_far

        return getattr(_remit_far, name)()

    return make


PEERS: dict[str, Callable[[], Any]] = {BARE: _bare, OFF: _remit("Unix"), ON: _remit("Traced")}


def _rate(peer: Peer, n: int) -> Measure:
    return lambda: [n / peer.ask("windowed", n)]


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(list(PEERS), [TRACE.key], BARE, options)
    n = max(1, int(8000 * options.scale / 64)) * 64
    with peers("trace", names) as (started, skipped):
        rates = {name: _rate(peer, n) for name, peer in started.items()}
        yield Experiment((TRACE,), BARE, rates, ("remit",), skipped)

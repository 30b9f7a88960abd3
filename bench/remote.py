"""Calls between two processes of this machine, over a Unix socket unless a row says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import _clients
from ._clients import CHAIN, WINDOW
from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

ROUND_TRIP = Table("round_trip", "Round trip, one call at a time", "us", "lower")
IN_FLIGHT = Table("in_flight", f"{WINDOW} calls in flight", "calls/s", "higher")
PIPELINE = Table("pipeline", f"A chain of {CHAIN} calls, each on the answer of the one before", "us/chain", "lower")
ECHO = "asyncio streams echo"


def _remit(name: str) -> Callable[[], Any]:
    def make() -> Any:
        from . import _remit_far

        return getattr(_remit_far, name)()

    return make


PEERS: dict[str, Callable[[], Any]] = {
    ECHO: _clients.Streams,
    "uvloop streams echo": _clients.UvStreams,
    "msgpack protocol": _clients.Msgpack,
    "msgpack protocol + uvloop": _clients.UvMsgpack,
    "pycapnp": _clients.Capnp,
    "Pyro5": _clients.Pyro,
    "RPyC": _clients.Rpyc,
    "Remit, unix": _remit("Unix"),
    "Remit, unix + uvloop": _remit("UvUnix"),
    "Remit, tls": _remit("Tls"),
}


def _count(peer: Peer, options: Options, factor: float) -> int:
    return max(1, int(peer.info["n"] * options.scale * factor / WINDOW)) * WINDOW


def _each(peer: Peer, how: str, n: int) -> Measure:
    return lambda: [peer.ask(how, n) / n * 1e6]


def _rate(peer: Peer, n: int) -> Measure:
    return lambda: [n / peer.ask("windowed", n)]


def _chains(started: Mapping[str, Peer], options: Options) -> dict[str, Measure]:
    return {
        f"{name}, {how}": _each(peer, how, _count(peer, options, 0.1))
        for name, peer in started.items()
        for how in peer.info.get("chains", ())
    }


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(both(PEERS), [table.key for table in (ROUND_TRIP, IN_FLIGHT, PIPELINE)], ECHO, options)
    packages = ("remit", "uvloop", "msgspec", "pycapnp", "Pyro5", "rpyc")
    with peers("remote", names) as (started, skipped):
        trips = {name: _each(peer, "sequential", _count(peer, options, 1)) for name, peer in started.items()}
        yield Experiment((ROUND_TRIP,), ECHO, trips, packages, skipped)
        rates = {name: _rate(peer, _count(peer, options, 4)) for name, peer in started.items()}
        yield Experiment((IN_FLIGHT,), "pycapnp", rates, packages, skipped)
        yield Experiment((PIPELINE,), "pycapnp, pipelined", _chains(started, options), packages, skipped)

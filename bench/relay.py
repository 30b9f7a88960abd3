"""The relay of the Syndicate protocol, over a Unix socket: there and back, pipelined, and from one to ten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import _clients, _fanout, _relay
from ._clients import WINDOW
from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

ROUND_TRIP = Table("relay_round_trip", "A message to a far entity and back, one at a time", "us", "lower")
IN_FLIGHT = Table("relay_in_flight", f"The same, {WINDOW} under way", "messages/s", "higher")
FAN_OUT = Table("relay_fan_out", f"One message to {_fanout.CLIENTS} clients", "deliveries/s", "higher")
ECHO = "asyncio streams echo"
SYNDICATE_PY = "syndicate-py"
REDIS = "Redis, redis-py"
NATS = "NATS, nats-py"

PEERS: dict[str, Callable[[], Any]] = {
    ECHO: _clients.Streams,
    SYNDICATE_PY: _relay.SyndicatePy,
    "Remit": _relay.Relay,
    "Remit + uvloop": _relay.UvRelay,
    REDIS: _fanout.Redis,
    NATS: _fanout.Nats,
    "Remit, dataspace": _fanout.Dataspace,
}
RELAYS = (ECHO, SYNDICATE_PY, "Remit", "Remit + uvloop")
FANS = (REDIS, NATS, "Remit, dataspace")


def _count(peer: Peer, options: Options, factor: float) -> int:
    return max(1, int(peer.info["n"] * options.scale * factor / WINDOW)) * WINDOW


def _each(peer: Peer, n: int) -> Measure:
    return lambda: [peer.ask("sequential", n) / n * 1e6]


def _rate(peer: Peer, n: int) -> Measure:
    return lambda: [n / peer.ask("windowed", n)]


def _fan(peer: Peer, n: int) -> Measure:
    return lambda: [n * _fanout.CLIENTS / peer.ask("published", n)]


def experiments(options: Options) -> Iterator[Experiment]:
    packages = ("remit", "uvloop")
    names = wanted(both(RELAYS), [ROUND_TRIP.key, IN_FLIGHT.key], ECHO, options)
    with peers("relay", names) as (started, skipped):
        trips = {name: _each(peer, _count(peer, options, 1)) for name, peer in started.items()}
        yield Experiment((ROUND_TRIP,), ECHO, trips, packages, skipped)
        rates = {name: _rate(peer, _count(peer, options, 2)) for name, peer in started.items() if name != ECHO}
        yield Experiment((IN_FLIGHT,), SYNDICATE_PY, rates, packages, skipped)
    names = wanted(both(FANS), [FAN_OUT.key], REDIS, options)
    with peers("relay", names) as (started, skipped):
        fans = {name: _fan(peer, _count(peer, options, 1)) for name, peer in started.items()}
        yield Experiment((FAN_OUT,), REDIS, fans, (*packages, "redis", "nats-py"), skipped)

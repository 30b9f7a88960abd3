"""Tunnels: bytes through two processes and TLS, beside two chained relays of plain asyncio streams, and what they add to a round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import _tunnel
from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

RATE = Table("tunnel", "Bytes from a server through a tunnel", "MiB/s", "higher")
ADDED = Table("tunnel_round_trip", "What a tunnel adds to a round trip of 64 bytes", "us", "lower")
RELAYS = "two asyncio TLS relays"
DIRECT = "straight to the server"

PEERS: dict[str, Callable[[], Any]] = {
    DIRECT: _tunnel.Chain,
    RELAYS: _tunnel.Plain,
    f"{RELAYS} + uvloop": _tunnel.UvPlain,
    "Remit": _tunnel.Remit,
    "Remit + uvloop": _tunnel.UvRemit,
}
CHAINS = tuple(name for name in PEERS if name != DIRECT)


def _rate(peer: Peer, mebibytes: int) -> Measure:
    return lambda: [peer.ask("back", mebibytes)]


def _added(peer: Peer, direct: Peer, n: int) -> Measure:
    return lambda: [peer.ask("turns", n) - direct.ask("turns", n)]


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(both(CHAINS), [RATE.key, ADDED.key], RELAYS, options)
    with peers("tunnel", [DIRECT, *names] if names else []) as (started, skipped):
        direct = started.pop(DIRECT, None)
        if direct is None:
            return
        mebibytes, n = max(8, int(64 * options.scale)), max(50, int(500 * options.scale))
        rates = {name: _rate(peer, mebibytes) for name, peer in started.items()}
        yield Experiment((RATE,), RELAYS, rates, ("remit", "uvloop"), skipped)
        added = {name: _added(peer, direct, n) for name, peer in started.items()}
        yield Experiment((ADDED,), RELAYS, added, ("remit", "uvloop"), skipped)

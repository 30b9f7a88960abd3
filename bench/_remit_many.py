"""Remit with much going on beside a call: nodes of one process over the memory netlayer, and calls to each object in turn.

One call at a time, so that none shares a message with another whatever their number. Both sides' work is counted, as this
process's time on a processor: that of the two ends, and of nothing else on the machine.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from remit.net import MemoryNetlayer, MemoryNetwork, Network, Node, NodeKey
from remit.vat import Ref, Vat, actor, spawn

SILENCE = 3600.0  # seconds: no heartbeats between two measurements, during which nothing runs


@actor(kind="bench.many-counter")
class Counter:
    count: int = 0

    def increment(self) -> int:
        self.count += 1
        return self.count


@actor(kind="bench.many-maker")
class Maker:
    """Gives references to new objects; it keeps none of them itself."""

    def make(self, n: int) -> list[Ref[Any]]:
        return [spawn(Counter) for _ in range(n)]


@actor(kind="bench.many-caller")
class Caller:
    """Calls the far objects that it holds, each in turn."""

    held: list[Any] = []
    at: int = 0

    def hold(self, far: Ref[Any]) -> None:
        self.held.append(far)

    def hold_all(self, far: list[Ref[Any]]) -> None:
        self.held = far

    async def call(self, runs: int, length: int) -> None:
        """So many runs of so many calls, each run to the object after the last one's."""
        held = list(self.held)
        at = self.at
        self.at = (at + runs) % len(held)
        for _ in range(runs):
            far = held[at % len(held)]
            at += 1
            for _ in range(length):
                await far.increment()


class Many:
    """Nodes in one process, with so many alive; ended with it."""

    def __init__(self, live: int) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.network = MemoryNetwork()
        self.caller: Ref[Caller] | None = None
        self.runner.run(self._set_up(live))

    async def _node(self, name: str, listens: bool = False) -> tuple[Node, Vat]:
        key = NodeKey.generate()
        vat = await self.stack.enter_async_context(Vat(name))
        node = await self.stack.enter_async_context(Node(key, vat, heartbeat=SILENCE))
        netlayer = MemoryNetlayer(self.network, key, name)
        if listens:
            await node.listen(netlayer)
        else:
            node.use(netlayer)
        return node, vat

    async def _set_up(self, live: int) -> None:
        raise NotImplementedError

    def measure(self, runs: int, length: int) -> float:
        """Microseconds of processor time for a call, in so many runs of so many calls."""
        return self.runner.run(self._measure(runs, length))

    async def _measure(self, runs: int, length: int) -> float:
        assert self.caller is not None
        began = time.process_time()
        await self.caller.call(runs, length)
        return (time.process_time() - began) / (runs * length) * 1e6


class References(Many):
    """Two nodes; the one holds references to objects of the other, so that both tables have an entry for each."""

    async def _set_up(self, live: int) -> None:
        server, theirs = await self._node("server", listens=True)
        client, ours = await self._node("client")
        maker = await client.fetch_from(await Network(server).sturdy(theirs.spawn(Maker)))
        self.caller = ours.spawn(Caller)
        await self.caller.hold_all(await maker.make(live))


class Sessions(Many):
    """One node with a session to each of the others, each with an object that it calls."""

    async def _set_up(self, live: int) -> None:
        client, ours = await self._node("client")
        self.caller = ours.spawn(Caller)
        for at in range(live):
            server, theirs = await self._node(f"server {at}", listens=True)
            await self.caller.hold(await client.fetch_from(await Network(server).sturdy(theirs.spawn(Counter))))

"""A node gives back what it holds no more: in batches while it is busy, soon when it is quiet."""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack
from typing import Any

import pytest

from remit.captp import Session
from remit.net import MemoryNetlayer, MemoryNetwork, Network, Node, NodeKey
from remit.net._connection import Connection
from remit.vat import Vat, actor

DEADLINE = 15  # seconds


@actor(kind="test.tidy-counter")
class Counter:
    count: int = 0

    def increment(self) -> int:
        self.count += 1
        return self.count


async def until(condition: Any) -> None:
    """Wait until condition() holds; TimeoutError after the deadline."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.001)


def test_a_quiet_node_gives_back_what_waited_behind_its_output() -> None:
    """After many calls one after the other, both ends hold nothing but the counter, without another call."""

    async def main() -> None:
        memory = MemoryNetwork()
        near, far = NodeKey.generate(), NodeKey.generate()
        async with Vat() as one, Vat() as two, Node(near, one) as client, Node(far, two) as server:
            await server.listen(MemoryNetlayer(memory, far, "server"))
            client.use(MemoryNetlayer(memory, near, "client"))
            sturdyref = await Network(server).sturdy(two.spawn(Counter))
            counter: Any = await client.fetch_from(sturdyref)
            for expected in range(1, 101):
                assert await counter.increment() == expected
            sessions = [*client._connections, *server._connections]
            assert len(sessions) == 2
            gc.collect()
            await until(lambda: not any(session.garbage for session in sessions))
            await until(lambda: sum(len(session.exports.by_position) for session in sessions) == 3)
            assert not any(session.answers for session in sessions)

    asyncio.run(main())


def test_only_sessions_that_have_something_to_give_back_are_tidied(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call costs does not depend on how many other sessions are open."""

    async def main() -> None:
        memory = MemoryNetwork()
        near, far = NodeKey.generate(), [NodeKey.generate() for _ in range(3)]
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(Node(near, await stack.enter_async_context(Vat())))
            client.use(MemoryNetlayer(memory, near, "client"))
            counters: list[Any] = []
            for at, key in enumerate(far):
                vat = await stack.enter_async_context(Vat())
                server = await stack.enter_async_context(Node(key, vat))
                await server.listen(MemoryNetlayer(memory, key, f"server {at}"))
                counters.append(await client.fetch_from(await Network(server).sturdy(vat.spawn(Counter))))
            gc.collect()
            await until(lambda: not any(session.garbage for session in client._connections))
            tidied: list[Session] = []
            flush = Connection.flush

            def noted(self: Connection) -> None:
                if self.node is client:
                    tidied.append(self.session)
                flush(self)

            monkeypatch.setattr(Connection, "flush", noted)
            called = counters[0]._link
            for _ in range(3):  # what the first leaves waits behind the next
                await counters[0].increment()
            assert client._tidying
            await until(lambda: not client._tidying)
            assert set(tidied) == {called}

    asyncio.run(main())

"""A node gives back what it holds no more: in batches while it is busy, soon when it is quiet."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from remit.net import MemoryNetlayer, MemoryNetwork, Network, Node, NodeKey
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

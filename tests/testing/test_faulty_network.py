"""The virtual clock, and the network with faults."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from remit.errors import LinkLost, Uncertain, Unreachable
from remit.net import MemoryNetlayer, Network, Node, NodeKey
from remit.testing import FaultyNetwork, run_virtual
from remit.vat import Ref, Vat
from tests.captp.objects import Counter


class Two:
    """Nodes a and b on a faulty network; b's counter as a sees it."""

    def __init__(self, **faults: Any) -> None:
        self.network = FaultyNetwork(**faults)
        self.vats = {name: Vat(name) for name in "ab"}
        self.nodes: dict[str, Node] = {}
        self.counter: Ref[Counter]
        self.far: Any = None

    async def __aenter__(self) -> Two:
        for name, vat in self.vats.items():
            await vat.__aenter__()
            key = NodeKey.generate()
            self.nodes[name] = await Node(key, vat, heartbeat=5.0).__aenter__()
            await self.nodes[name].listen(MemoryNetlayer(self.network, key, name))
        self.counter = self.vats["b"].spawn(Counter)
        self.far = self.nodes["a"].enliven(await Network(self.nodes["b"]).sturdy(self.counter))
        return self

    async def __aexit__(self, *_: object) -> None:
        for name, vat in self.vats.items():
            await self.nodes[name].close()
            await vat.__aexit__(None, None, None)


def test_the_clock_jumps_when_everything_waits() -> None:
    """An hour of sleep takes no time, and timers fire in order."""

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        seen: list[float] = []

        async def sleeper(seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append(loop.time())

        await asyncio.gather(sleeper(3600), sleeper(60), sleeper(1800))
        return seen

    started = time.monotonic()
    assert run_virtual(main) == [60, 1800, 3600]
    assert time.monotonic() - started < 60


def test_messages_take_their_time_and_keep_their_order() -> None:
    """With random delays calls still arrive in the order sent."""

    async def main() -> float:
        async with Two(seed=4, delay=(0.01, 2.0)) as two:
            for i in range(50):
                two.far.note(i)
            assert await two.far.notes() == list(range(50))
            return asyncio.get_running_loop().time()

    assert run_virtual(main) > 0.02


def test_a_partition_is_noticed_by_heartbeat_and_healed() -> None:
    """A call into the other side ends as Uncertain within the heartbeats; after healing the same reference works."""

    async def main() -> None:
        async with Two() as two:
            assert await two.far.increment() == 1
            two.network.partition("a", "b")
            with pytest.raises(LinkLost) as caught:
                await two.far.increment()
            assert isinstance(caught.value, Uncertain)
            assert asyncio.get_running_loop().time() < 30
            two.network.heal()
            assert await two.far.increment() >= 2

    run_virtual(main)


def test_a_dial_into_another_side_fails() -> None:
    """A node that never had a session cannot get one through a partition; nothing was sent."""

    async def main() -> None:
        async with Two() as two:
            two.network.partition("a", "b")
            with pytest.raises(Unreachable, match="partitioned"):
                await two.far.increment()

    run_virtual(main)


def test_a_lossy_network_breaks_links_and_calls_come_through_in_the_end() -> None:
    """Loss breaks a link; a re-enlivening reference gets a new one, and no call is done that was reported unsent."""

    async def main() -> None:
        async with Two(seed=2, delay=(0.0, 0.1), loss=0.05) as two:
            done, lost = 0, 0
            while done < 30:
                try:
                    await two.far.increment()
                    done += 1
                except Uncertain:
                    lost += 1
                except Unreachable:
                    pass  # it was not sent, so it is not counted
            assert lost > 0
            two.network.loss = 0.0
            assert done <= await two.far.increment() - 1 <= done + lost

    run_virtual(main)

"""A memory network with the faults of a real one: delay, loss, partition; every run repeats with its seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

from remit.errors import Unreachable
from remit.net import Journey, MemoryNetwork

__all__ = ["FaultyNetwork"]


class FaultyNetwork(MemoryNetwork):
    """Connects `MemoryNetlayer`s by their names; owned by the test, which changes its attributes as it goes.

    `delay`: the shortest and the longest time that something travels, in seconds. `loss`: the probability with which
    a sending breaks its link (a connection loses nothing without breaking). Nodes on different sides of a partition cannot
    dial each other, and what they send on open links goes nowhere, without an error, until somebody notices.
    """

    def __init__(self, *, seed: int = 0, delay: tuple[float, float] = (0.0, 0.0), loss: float = 0.0) -> None:
        super().__init__()
        self.delay = delay
        self.loss = loss
        self._random = random.Random(seed)
        self._sides: dict[str, int] = {}
        self._kept: list[Journey] = []

    def partition(self, *sides: Iterable[str]) -> None:
        """From now on only nodes of the same side reach each other; who is in none reaches all."""
        self._sides = {name: number for number, side in enumerate(sides) for name in side}

    def heal(self) -> None:
        """End the partition; what was sent meanwhile arrives, as a network's retransmission has it."""
        self._sides = {}
        kept, self._kept = self._kept, []
        for journey in kept:
            self.carry(journey)

    def parted(self, source: str, target: str) -> bool:
        """Whether a partition stands between these two."""
        here, there = self._sides.get(source), self._sides.get(target)
        return here is not None and there is not None and here != there

    async def reach(self, source: str, target: str) -> None:
        """A dial takes as long as a message; into another side it fails."""
        await asyncio.sleep(self._random.uniform(*self.delay))
        if self.parted(source, target):
            raise Unreachable(f"memory {target} cannot be reached from {source}: the network is partitioned")

    def carry(self, journey: Journey) -> None:
        """Let it arrive later, not at all, or break its link."""
        if self.parted(journey.source, journey.target):
            self._kept.append(journey)
        elif self.loss and not journey.is_end and self._random.random() < self.loss:
            asyncio.get_running_loop().call_soon(self.sever, journey.source, journey.target)
        else:
            asyncio.get_running_loop().call_later(self._random.uniform(*self.delay), journey.arrive)

"""The flooding peer and the measured one. `python -m bench._remit_flood STURDYREF` floods as it is told on its input."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import time
from typing import Any

from remit.net import Node, NodeKey, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Ref, Vat, actor, tell

from ._peer import Process
from ._remit_far import Unix

WINDOW = 1000
LARGE = b"x" * 60_000


@actor(kind="bench.flooder")
class Flooder:
    """Sends one windowful, as the objects of a program would."""

    target: Ref[Any]

    async def tells(self) -> None:
        for _ in range(WINDOW - 1):
            tell(self.target).increment()
        await self.target.increment()

    async def asks(self) -> None:
        for promise in [self.target.increment() for _ in range(WINDOW)]:
            await promise

    async def large(self) -> None:
        for _ in range(20):
            tell(self.target).note(LARGE)
        await self.target.increment()


async def _flood(flooder: Ref[Flooder], how: str) -> None:
    """Three windows at a time, so that the server always has more of ours to read."""

    async def one() -> None:
        while True:
            await getattr(flooder, how)()

    await asyncio.gather(one(), one(), one())


def _hear(words: asyncio.Queue[str]) -> None:
    """What our parent says; when it has closed our input we end."""
    data = os.read(0, 4096)
    if not data:
        os._exit(0)
    for word in data.decode().split():
        words.put_nowait(word)


async def _serve(hint: str) -> None:
    key = NodeKey.generate()
    words: asyncio.Queue[str] = asyncio.Queue()
    asyncio.get_running_loop().add_reader(0, _hear, words)
    async with Vat("flooder") as vat, Node(key, vat) as node:
        node.use(UnixNetlayer(key))
        flooder = vat.spawn(Flooder, await node.fetch_from(SturdyRef.parse(hint)))
        print("ready", flush=True)
        while True:
            how = await words.get()
            work = asyncio.ensure_future(_flood(flooder, how)) if how != "nothing" else None
            await asyncio.sleep(0.2)
            print("flowing", flush=True)
            await words.get()
            if work is not None:
                work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await work
                await flooder.tells()  # behind all that is still under way
            print("ended", flush=True)


class Measured(Unix):
    """One peer's calls, one at a time, while the other one floods."""

    def connect(self) -> None:
        super().connect()
        self.flooder = Process("/usr/bin/env", "nice", "-n", "5", sys.executable, "-m", "bench._remit_flood", self.hint)
        self.flooder.line("ready", 30)

    def measure(self, how: str, seconds: float) -> list[float]:
        """Microseconds that a call took: the mean, and what nine of ten stayed below."""
        self.flooder.say(how)
        self.flooder.line("flowing", 30)
        try:
            times = sorted(self.runner.run(self._times(seconds)))
        finally:
            self.flooder.say("stop")
            self.flooder.line("ended", 60)
        return [statistics.fmean(times) * 1e6, times[len(times) * 9 // 10] * 1e6]

    async def _times(self, seconds: float) -> list[float]:
        times, ends = [], time.perf_counter() + seconds
        while (began := time.perf_counter()) < ends:
            await self.asker.sequential(1)
            times.append(time.perf_counter() - began)
        return times

    def close(self) -> None:
        if hasattr(self, "flooder"):
            self.flooder.stop()
        super().close()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))

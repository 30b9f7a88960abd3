"""An actor as asyncio programs write it: a task and a queue for each. The peer that actors are measured against."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

RING = 1000
WINDOW = 100
BURST = 10_000  # tells before the queue is drained: a longer queue measures the garbage collector, which walks it

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class Counter:
    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def increment(self) -> int:
        self.count += 1
        return self.count


class QueueActor:
    def __init__(self, target: Any) -> None:
        self.target = target
        self.inbox: asyncio.Queue[tuple[str, tuple[Any, ...], asyncio.Future[Any] | None]] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()
        self.task = self.loop.create_task(self.run())

    async def run(self) -> None:
        while True:
            verb, args, future = await self.inbox.get()
            value = getattr(self.target, verb)(*args)
            if future is not None:
                future.set_result(value)

    def tell(self, verb: str, *args: Any) -> None:
        self.inbox.put_nowait((verb, args, None))

    def ask(self, verb: str, *args: Any) -> asyncio.Future[Any]:
        future = self.loop.create_future()
        self.inbox.put_nowait((verb, args, future))
        return future


class Member:
    """One of a ring: hands a token on until it is used up."""

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.next: QueueActor | None = None
        self.done = done

    def token(self, left: int) -> None:
        if left and self.next is not None:
            self.next.tell("token", left - 1)
        else:
            self.done.set_result(None)


class AsyncioQueue:
    """Rates in calls, messages or hops a second; each method makes n of them."""

    def __init__(self, factory: LoopFactory | None = None) -> None:
        self.runner = asyncio.Runner(loop_factory=factory)

    def _timed(self, n: int, main: Callable[[QueueActor], Coroutine[Any, Any, None]]) -> float:
        async def run() -> float:
            actor = QueueActor(Counter())
            began = time.perf_counter()
            await main(actor)
            took = time.perf_counter() - began
            assert actor.target.count == n, "calls were lost"
            actor.task.cancel()
            return n / took

        return self.runner.run(run())

    def ask(self, n: int) -> float:
        async def main(actor: QueueActor) -> None:
            for _ in range(n):
                await actor.ask("increment")

        return self._timed(n, main)

    def window(self, n: int) -> float:
        async def main(actor: QueueActor) -> None:
            for _ in range(n // WINDOW):
                for future in [actor.ask("increment") for _ in range(WINDOW)]:
                    await future

        return self._timed(n, main)

    def tell(self, n: int) -> float:
        async def main(actor: QueueActor) -> None:
            for _ in range(n // BURST):
                for _ in range(BURST - 1):
                    actor.tell("increment")
                await actor.ask("increment")

        return self._timed(n, main)

    def ring(self, n: int) -> float:
        async def main() -> float:
            done = asyncio.get_running_loop().create_future()
            ring = [QueueActor(Member(done)) for _ in range(RING)]
            for at, actor in enumerate(ring):
                actor.target.next = ring[(at + 1) % RING]
            await asyncio.sleep(0)
            began = time.perf_counter()
            ring[0].tell("token", n)
            await done
            took = time.perf_counter() - began
            for actor in ring:
                actor.task.cancel()
            return n / took

        return self.runner.run(main())

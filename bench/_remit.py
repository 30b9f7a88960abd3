"""Remit's variants of calls inside a process, against its public interface."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from remit.vat import Promise, Ref, Vat, actor, tell

from ._queue import BURST, RING, WINDOW
from .spawn import Ledger


@actor(kind="bench.counter")
class Counter:
    count: int = 0

    def increment(self) -> int:
        self.count += 1
        return self.count


@actor(kind="bench.asker")
class Asker:
    """Asks from inside the vat, so that asyncio is in no call's path; answers the last count."""

    counter: Ref[Counter]

    async def ask(self, n: int) -> int:
        for _ in range(n):
            count = await self.counter.increment()
        return count

    async def window(self, n: int) -> int:
        for _ in range(n // WINDOW):
            for promise in [self.counter.increment() for _ in range(WINDOW)]:
                count = await promise
        return count

    async def tell(self, n: int) -> int:
        for _ in range(n // BURST):
            for _ in range(BURST - 1):
                tell(self.counter).increment()
            count = await self.counter.increment()
        return count


@actor(kind="bench.member")
class Member:
    """One of a ring: hands a token on until it is used up, then calls `done`."""

    next: Ref[Any] | None = None
    done: Ref[Any] | None = None

    def join(self, next: Ref[Any], done: Ref[Any]) -> None:
        self.next, self.done = next, done

    def token(self, left: int) -> None:
        if left:
            tell(self.next).token(left - 1)
        else:
            tell(self.done)()


@actor(kind="bench.finish")
class Finish:
    """Its `reached()` is answered when it has been called."""

    resolver: Ref[Any] | None = None

    def reached(self) -> Promise[None]:
        from remit.vat import promise

        answer, self.resolver = promise()
        return answer

    def __call__(self) -> None:
        tell(self.resolver).fulfill(None)


def _rate(n: int, main: Callable[[Vat], Awaitable[Callable[[], Awaitable[int]]]]) -> float:
    """Calls a second of what `main` prepares; it must answer n."""

    async def run() -> float:
        async with Vat() as vat:
            go = await main(vat)
            began = time.perf_counter()
            count = await go()
            took = time.perf_counter() - began
        assert count == n, "calls were lost"
        return n / took

    return asyncio.run(run())


class Inside:
    """Called by another object of the same vat."""

    def _asked(self, verb: str, n: int) -> float:
        async def main(vat: Vat) -> Callable[[], Awaitable[int]]:
            asker = vat.spawn(Asker, vat.spawn(Counter))
            return lambda: getattr(asker, verb)(n)

        return _rate(n, main)

    def ask(self, n: int) -> float:
        return self._asked("ask", n)

    def window(self, n: int) -> float:
        return self._asked("window", n)

    def tell(self, n: int) -> float:
        return self._asked("tell", n)

    def ring(self, n: int) -> float:
        async def main(vat: Vat) -> Callable[[], Awaitable[int]]:
            ring = [vat.spawn(Member) for _ in range(RING)]
            finish = vat.spawn(Finish)
            for at, member in enumerate(ring):
                await member.join(ring[(at + 1) % RING], finish)
            reached = finish.reached()

            async def go() -> int:
                tell(ring[0]).token(n)
                await reached
                return n

            return go

        return _rate(n, main)


class Outside:
    """Called by asyncio code: each answer crosses a future and a turn of the loop."""

    info: ClassVar = {"ask": 20_000, "window": 60_000, "tell": 200_000}

    def ask(self, n: int) -> float:
        async def main(vat: Vat) -> Callable[[], Awaitable[int]]:
            counter = vat.spawn(Counter)

            async def go() -> int:
                for _ in range(n):
                    count = await counter.increment()
                return count

            return go

        return _rate(n, main)

    def window(self, n: int) -> float:
        async def main(vat: Vat) -> Callable[[], Awaitable[int]]:
            counter = vat.spawn(Counter)

            async def go() -> int:
                for _ in range(n // WINDOW):
                    for promise in [counter.increment() for _ in range(WINDOW)]:
                        count = await promise
                return count

            return go

        return _rate(n, main)

    def tell(self, n: int) -> float:
        async def main(vat: Vat) -> Callable[[], Awaitable[int]]:
            counter = vat.spawn(Counter)

            async def go() -> int:
                for _ in range(n // BURST):
                    for _ in range(BURST - 1):
                        tell(counter).increment()
                    count = await counter.increment()
                return count

            return go

        return _rate(n, main)


class Spawner:
    def spawn(self, n: int) -> list[float]:
        async def main() -> list[float]:
            async with Vat() as vat:
                ledger = Ledger(n)
                keep = [vat.spawn(Counter) for _ in range(n)]
                await keep[-1].increment()
                return ledger.cost()

        return asyncio.run(main())

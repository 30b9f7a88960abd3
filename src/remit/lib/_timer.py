"""The timer, a device: objects ask it to be woken, since a turn has no time of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from remit.errors import BadArgument, Broken
from remit.vat import Ref


class Timer:
    """A plain asynchronous object for `vat.device("timer", Timer(time.time, asyncio.sleep))`; ends with its vat.

    `now` gives seconds since the epoch, `sleep` waits for seconds; tests give virtual ones. What it was asked for is not kept
    over a restart: an object in a durable vat asks again. It is also a clock for attenuations.
    """

    def __init__(self, now: Callable[[], float], sleep: Callable[[float], Awaitable[Any]]) -> None:
        self._now = now
        self._sleep = sleep

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now()

    async def after(self, seconds: float, value: Any = None) -> Any:
        """Answers with `value` when this many seconds have passed."""
        await self._sleep(max(0.0, _seconds(seconds)))
        return value

    async def at(self, time: float, value: Any = None) -> Any:
        """Answers with `value` at this time (seconds since the epoch), or at once where it has passed."""
        while (wait := _seconds(time) - self._now()) > 0:
            await self._sleep(wait)  # again, where a clock was set back meanwhile
        return value

    async def every(self, seconds: float, listener: Ref[Any]) -> int:
        """Call `listener(n)` for n = 1, 2, … each `seconds`, until it answers False or breaks; gives the number of calls.

        It waits for each answer: a slow listener is not called twice at a time, and intervals that passed meanwhile are left out.
        """
        if _seconds(seconds) <= 0:
            raise BadArgument(f"an interval is longer than 0 seconds, not {seconds!r}")
        due, calls = self._now() + seconds, 0
        while True:
            await self.at(due)
            calls += 1
            try:
                if await listener(calls) is False:
                    return calls
            except Broken:
                return calls
            due += seconds * max(1, 1 + (self._now() - due) // seconds)


def _seconds(value: Any) -> float:
    if type(value) not in (int, float):
        raise BadArgument(f"a time is a number of seconds, not {value!r}")
    return float(value)

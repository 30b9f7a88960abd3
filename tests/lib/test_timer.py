"""The timer device, with a time that passes when somebody sleeps."""

from __future__ import annotations

import asyncio
from typing import Any

from remit.errors import BadArgument
from remit.lib import Timer
from remit.vat import Vat, actor


class Time:
    """The time passes only by sleeping."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


@actor(kind="test.sleeper", version=1)
class Sleeper:
    """Is called by the timer."""

    calls: int = 0
    last: int = 3

    def __call__(self, n: int) -> bool:
        self.calls = n
        if self.last < 0 and n == -self.last:
            raise ValueError("enough")
        return n != self.last


async def use(time: Time, *asked: Any) -> list[Any]:
    """Ask a timer device for several things, one after the other."""
    async with Vat() as vat, asyncio.timeout(10):
        timer: Any = vat.device("timer", Timer(time.now, time.sleep))
        results = []
        for name, *args in asked:
            real = [vat.spawn(Sleeper, last=arg["last"]) if isinstance(arg, dict) else arg for arg in args]
            try:
                results.append(await getattr(timer, name)(*real))
            except BadArgument as error:
                results.append(error)
        return results


def test_after_and_at_answer_when_it_is_time() -> None:
    """With the given value; what lies in the past is now."""
    time = Time()
    asked = [("after", 5, "x"), ("at", 1010.0, "y"), ("at", 3.0), ("after", -1), ("now",)]
    assert asyncio.run(use(time, *asked)) == ["x", "y", None, None, 1010.0]
    assert time.slept == [5, 5, 0]


def test_every_calls_until_told_to_stop() -> None:
    """Each interval once, until the listener answers False or breaks."""
    time = Time()
    assert asyncio.run(use(time, ("every", 2, {"last": 3}), ("every", 2.5, {"last": -2}))) == [3, 2]
    assert time.slept == [2, 2, 2, 2.5, 2.5]


def test_missed_intervals_are_left_out() -> None:
    """After a sleep that took too long the next call is at the next full interval."""
    time = Time()
    plain = time.sleep

    async def oversleep(seconds: float) -> None:
        await plain(seconds + 3.5 if len(time.slept) == 0 else seconds)

    time.sleep = oversleep  # type: ignore[method-assign]
    assert asyncio.run(use(time, ("every", 2, {"last": 2}))) == [2]
    assert time.slept == [5.5, 0.5]


def test_nonsense_is_refused() -> None:
    """No text for a time, no interval of nothing."""
    results = asyncio.run(use(Time(), ("after", "soon"), ("every", 0, {"last": 1}), ("at", True)))
    assert [type(result) for result in results] == [BadArgument] * 3

"""`Driver.gather`: what brings messages for a vat, and the turns that they make, in one turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from remit.vat import Vat, actor, tell


@actor(kind="test.gather-log")
class Log:
    lines: list[str]

    def write(self, line: str) -> None:
        self.lines.append(line)


def driven(test: Callable[[Vat, Any, Any], None]) -> None:
    """Run a test inside the event loop that drives its vat."""

    async def main() -> None:
        async with Vat() as vat:
            await asyncio.sleep(0)
            test(vat, vat._driver, vat.spawn(Log, []))

    asyncio.run(main())


def lines(log: Any) -> list[str]:
    """What the log holds now."""
    return list(log._at.lines)


def test_what_was_gathered_runs_when_the_work_is_done() -> None:
    """No turn of the loop lies between the messages and their turns, and none runs before the last message is there."""

    def test(vat: Vat, driver: Any, log: Any) -> None:
        def work() -> None:
            tell(log).write("one")
            tell(log).write("two")
            assert lines(log) == []

        driver.gather(work)
        assert lines(log) == ["one", "two"]

    driven(test)


def test_what_waits_for_a_batch_hears_of_its_end_once() -> None:
    """`after` is called once for all that was gathered, whether the vat had turns to run or not."""

    def test(vat: Vat, driver: Any, log: Any) -> None:
        ends: list[int] = []
        driver.after = lambda: ends.append(len(lines(log)))
        driver.gather(lambda: tell(log).write("one"))
        driver.gather(lambda: None)
        assert ends == [1, 1]

    driven(test)


def test_gathering_inside_of_gathering_is_one() -> None:
    """The outermost ends it."""

    def test(vat: Vat, driver: Any, log: Any) -> None:
        def work() -> None:
            driver.gather(lambda: tell(log).write("one"))
            assert lines(log) == []

        driver.gather(work)
        assert lines(log) == ["one"]

    driven(test)


def test_a_vat_that_is_awake_already_keeps_its_batch() -> None:
    """Work that comes while a batch is on its way joins that one, so that nothing overtakes."""

    def test(vat: Vat, driver: Any, log: Any) -> None:
        tell(log).write("before")
        driver.gather(lambda: tell(log).write("gathered"))
        assert lines(log) == []
        vat.run()
        assert lines(log) == ["before", "gathered"]

    driven(test)


def test_turns_run_although_the_work_raises() -> None:
    """What had been received before the fault is not forgotten."""

    def test(vat: Vat, driver: Any, log: Any) -> None:
        def work() -> None:
            tell(log).write("one")
            raise LookupError("fault")

        try:
            driver.gather(work)
        except LookupError:
            assert lines(log) == ["one"]
        else:
            raise AssertionError("the fault was swallowed")

    driven(test)


def test_the_fault_of_a_batch_is_not_the_gatherers() -> None:
    """The loop's handler hears of it, as of any callback's; a channel that gathered goes on."""

    def test(vat: Vat, driver: Any, log: Any) -> None:
        heard: list[dict[str, Any]] = []
        driver.loop.set_exception_handler(lambda loop, context: heard.append(context))

        def fail() -> None:
            raise LookupError("fault")

        driver.after = fail
        driver.gather(lambda: tell(log).write("one"))
        driver.after = lambda: None
        assert [str(context["exception"]) for context in heard] == ["fault"]

    driven(test)

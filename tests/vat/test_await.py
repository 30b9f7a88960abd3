"""`await` ends the turn: what came before is committed, an error later undoes only what followed. (docs/design.md, section 3)"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

from remit.errors import Broken, LinkLost
from remit.vat import Promise, Ref, Vat, actor, promise, tell
from tests.vat.kit import Log, broken, pending, run, settle


@actor(kind="tests.echo")
class Echo:
    def echo(self, value: Any) -> Any:
        return value

    def fail(self) -> None:
        raise KeyError("gone")


def doubled(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapper(*args: Any) -> Any:
        return method(*args)

    return wrapper


@actor(kind="tests.walker")
class Walker:
    echo: Ref[Echo]
    log: Ref[Log] | None = None
    steps: list[Any] = []
    cleaned: bool = False

    async def walk(self, fail: bool) -> str:
        self.steps.append("one")
        tell(self.log).add("one")
        await self.echo.echo(1)
        self.steps.append("two")
        tell(self.log).add("two")
        await self.echo.echo(2)
        self.steps.append("three")
        tell(self.log).add("three")
        if fail:
            raise ValueError("late")
        return "done"

    async def one_await(self) -> None:
        self.steps.append("before")
        await self.echo.echo(1)
        self.steps.append("after")

    def seen(self) -> list[Any]:
        return self.steps

    def interrupt(self) -> None:
        self.steps.append("interrupted")

    async def catches(self) -> list[Any]:
        self.steps.append("before")
        try:
            await self.echo.fail()
        except Broken as error:
            self.steps.append(error.kind)
            return [error.kind, error.id, self.steps]
        return []

    async def not_catching(self) -> None:
        self.steps.append("before")
        await self.echo.fail()

    async def waits_for(self, what: str) -> Any:
        self.steps.append("before")
        if what == "sleep":
            await asyncio.sleep(0)
        elif what == "future":
            await asyncio.get_running_loop().create_future()
        elif what == "other":

            class Odd:
                def __await__(self) -> Any:
                    yield "something"

            await Odd()

    async def a_ref(self) -> bool:
        return (await self.echo) is self.echo

    async def twice_the_same(self) -> list[Any]:
        answer = self.echo.echo("x")
        return [await answer, await answer]

    async def by_helper(self) -> Any:
        return await self._helper()

    async def _helper(self) -> Any:
        self.steps.append("helper")
        return await self.echo.echo("helped")

    @doubled
    async def wrapped(self, value: Any) -> Any:
        return [await self.echo.echo(value)]

    def hands_back(self) -> Any:
        return self._helper()

    async def forever(self) -> None:
        try:
            await promise()[0]
        finally:
            self.cleaned = True
            tell(self.log).add("cleaned")

    async def promised(self) -> Any:
        return self.echo.echo("through")

    async def at_once(self) -> str:
        return "at once"


def walker() -> tuple[Vat, Ref[Walker], Ref[Log]]:
    vat = Vat()
    log = vat.spawn(Log)
    return vat, vat.spawn(Walker, vat.spawn(Echo), log), log


def test_an_error_undoes_what_followed_the_last_await() -> None:
    """Everything before the last `await` stays; what came after it is undone, messages included."""
    _, it, log = walker()
    error = broken(it.walk(True))
    assert (error.kind, error.message) == ("ValueError", "late")
    assert settle(it.seen()) == ["one", "two"]
    assert settle(log.read()) == ["one", "two"]


def test_a_walk_to_the_end() -> None:
    """Without an error every step stays, and the last answers."""
    _, it, log = walker()
    assert settle(it.walk(False)) == "done"
    assert settle(log.read()) == ["one", "two", "three"]


def test_await_commits() -> None:
    """What came before an `await` is seen by others, and its messages have left, before the method goes on."""
    vat, it, log = walker()
    answer = it.walk(False)
    vat.run(1)
    assert it._at.steps == ["one"]
    vat.run(2)  # the log's and the echo's turn
    assert log._at.entries == ["one"]
    assert pending(answer)


def test_other_messages_run_in_between() -> None:
    """While a method is suspended, the object answers others."""
    vat, it, _ = walker()
    walking = it.one_await()
    tell(it).interrupt()
    settle(walking)
    assert settle(it.seen(), vat) == ["before", "interrupted", "after"]


def test_a_broken_promise_raises_at_the_await() -> None:
    """Awaiting a broken promise raises its error, which the method may catch; its kind and id are those of the cause."""
    _, it, _ = walker()
    kind, id, steps = settle(it.catches())
    assert kind == "KeyError"
    assert id
    assert steps == ["before", "KeyError"]


def test_an_error_passes_through_with_its_id() -> None:
    """An error that nobody catches breaks the outer promise with the same kind, words and id, and is recorded once."""
    seen: list[Broken] = []

    class Record:
        def failed(self, vat: Vat, error: Exception, broken: Broken, where: str) -> None:
            seen.append(broken)

    vat = Vat(recorder=Record())
    it = vat.spawn(Walker, vat.spawn(Echo))
    error = broken(it.not_catching())
    assert seen == [error]
    assert (error.kind, error.id) == ("KeyError", "vat.1")
    assert settle(it.seen()) == ["before"]


@pytest.mark.parametrize("what", ["sleep", "future", "other"])
def test_only_promises_may_be_awaited(what: str) -> None:
    """The vat refuses to wait for anything but a promise, says so, and undoes the turn."""

    async def main() -> None:
        async with Vat() as vat:
            it = vat.spawn(Walker, vat.spawn(Echo))
            with pytest.raises(Broken, match="may await promises only; ask a device"):
                await it.waits_for(what)
            assert await it.seen() == []

    asyncio.run(main())


def test_a_reference_can_be_awaited() -> None:
    """Awaiting a reference gives the reference: it is there already."""
    _, it, _ = walker()
    assert settle(it.a_ref()) is True


def test_a_promise_can_be_awaited_again() -> None:
    """A promise keeps its result."""
    _, it, _ = walker()
    assert settle(it.twice_the_same()) == ["x", "x"]


def test_helpers_and_wrappers_may_be_async() -> None:
    """Async helpers, decorated async methods, and plain methods that return a coroutine are awaited like others."""
    _, it, _ = walker()
    assert settle(it.by_helper()) == "helped"
    assert settle(it.wrapped(3)) == [3]
    assert settle(it.hands_back()) == "helped"
    assert settle(it.at_once()) == "at once"


def test_the_result_may_be_a_promise() -> None:
    """A method that returns a promise answers with what that promise becomes."""
    _, it, _ = walker()
    assert settle(it.promised()) == "through"


def test_a_suspended_method_breaks_when_its_vat_stops() -> None:
    """Stopping the vat ends suspended methods: their promises break, they may clean up, and nothing of that is kept."""
    vat, it, log = walker()
    answer: Promise[Any] = it.forever()
    run(vat)
    vat.stop()
    with pytest.raises(LinkLost, match="stopped"):
        settle(answer)
    assert it._at.cleaned is False
    assert log._at.entries == []

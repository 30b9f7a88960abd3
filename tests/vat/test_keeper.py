"""The keeper's protocol: nothing leaves a durable vat before it is kept. (docs/design.md, section 5)"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from remit.errors import NoSuchMethod, NotStorable, Uncertain
from remit.vat import Far, Promise, Ref, Turn, Vat, actor, on, on_sever, promise, resolved, spawn, tell
from tests.vat.kit import FakeLink, Log, broken, pending, run, settle

Held = list[tuple[Callable[..., None], tuple[Any, ...]]]


class Slow:
    """A keeper that keeps when the test says so."""

    clean = False

    def __init__(self) -> None:
        self.vat: Vat
        self.turns: list[dict[Any, Any]] = []
        self.flushes: list[Held] = []
        self.refuse: str | None = None
        self.full = False
        self.at_once = False

    def changed(self, turn: Turn) -> None:
        if self.refuse is not None:
            raise NotStorable(self.refuse)
        self.turns.append(dict(turn.before))

    def made(self, ref: Any, by: Any) -> None:
        """Nobody asks who made what."""

    def flush(self, held: Held) -> None:
        if self.full:
            raise OSError("disk full")
        if self.at_once:
            self.vat._release(held)
        else:
            self.flushes.append(held)

    def keep(self) -> None:
        """Everything handed over so far is on disk."""
        flushes, self.flushes = self.flushes, []
        for held in flushes:
            self.vat._release(held)


def durable(**how: Any) -> tuple[Vat, Slow]:
    keeper = Slow()
    for name, value in how.items():
        setattr(keeper, name, value)
    keeper.vat = Vat("durable", keeper=keeper)
    return keeper.vat, keeper


@actor(kind="tests.kept")
class Kept:
    number: int = 0
    far: Any = None
    made: Any = None
    cleaned: bool = False

    def add(self, n: int = 1) -> int:
        self.number += n
        return self.number

    def send(self) -> Any:
        self.number += 1
        return self.far.work(self.number)

    def watch(self) -> None:
        on_sever(self.far, spawn(Log))

    def later(self) -> Any:
        made, self.made = promise()
        return made

    def resolve(self, value: Any) -> None:
        self.number += 1
        tell(self.made).fulfill(value)

    async def slow(self) -> int:
        self.number += 1
        try:
            await self.far.work()
        finally:
            self.cleaned = True
        self.number += 1
        return self.number

    def peek(self, other: Any) -> Any:
        return on(other, lambda value: ["seen", value])


@actor(kind="tests.asking")
class Asking:
    heard: list[Any] = []

    async def ask(self, it: Ref[Kept]) -> Any:
        self.heard.append(await it.add())
        return self.heard[-1]

    async def wait(self, what: Any) -> Any:
        return ["had", await what]

    def when(self, what: Any) -> Any:
        return on(what, lambda value: ["on", value], lambda error: ["broken", error.kind])

    def same(self, what: Any) -> Any:
        return what


def test_sends_to_links_are_held() -> None:
    """A message to a far reference leaves when the turn that sent it is kept, not before."""
    vat, keeper = durable()
    link = FakeLink()
    it = vat.spawn(Kept, far=Far(vat, 1, link))
    tell(it).send()
    tell(it).watch()
    run(vat)
    assert link.sent == []
    assert link.wishes == []
    keeper.keep()
    assert link.selectors == ["work"]
    assert len(link.wishes) == 1


def test_where_all_is_kept_nothing_is_held() -> None:
    """What leaves while there is nothing to keep goes at once, as from a vat without a keeper."""
    vat, keeper = durable(clean=True)
    link = FakeLink()
    tell(vat.spawn(Kept, far=Far(vat, 1, link))).send()
    vat.run()
    assert link.selectors == ["work"]
    assert keeper.flushes == [[]]


def test_what_leaves_later_does_not_overtake_what_is_held() -> None:
    """While something is held, or is being let go, all that leaves queues behind it, even if there is nothing left to keep."""
    vat, keeper = durable()
    link = FakeLink()
    first, second = [vat.spawn(Kept, number=number, far=Far(vat, 1, link)) for number in (10, 20)]
    tell(first).send()
    vat._drain(1)
    keeper.clean = True
    tell(second).send()
    vat.run()
    assert link.sent == []

    class Chatty(FakeLink):
        def deliver(self, handle: Any, message: Any) -> None:
            super().deliver(handle, message)
            vat._leave(link.sent.append, (2, message))  # caused by this, so it goes after all that is being let go

    first._at.far._link = chatty = Chatty()
    keeper.flushes[0].insert(0, (chatty.deliver, (1, keeper.flushes[0][0][1][2])))
    keeper.keep()
    assert [handle for handle, _ in link.sent] == [1, 1]
    keeper.at_once = True
    vat.run()
    assert [handle for handle, _ in link.sent] == [1, 1, 2]


def test_messages_inside_the_vat_are_not_held() -> None:
    """Within the vat work goes on at once: a crash takes it all."""
    vat, _ = durable()
    it = vat.spawn(Kept)
    assert settle(it.add()) == 1
    assert settle(it.add()) == 2


def test_sends_to_other_vats_are_held() -> None:
    """A message to an object of another vat is not queued there before it is kept."""
    vat, keeper = durable()
    there = Vat("there")
    other = there.spawn(Kept)
    it = vat.spawn(Kept, far=other)
    tell(it).send()
    vat.run()
    assert not there._queue
    keeper.keep()
    assert len(there._queue) == 1
    vat.run()
    there.run()
    assert not there._queue


def test_answers_to_other_vats_are_held() -> None:
    """The promise of a caller in another vat gets its result when that is kept; so do a handler and a suspended method."""
    vat, keeper = durable()
    there = Vat("there")
    it, asking = vat.spawn(Kept), there.spawn(Asking)
    answer = asking.ask(it)
    run(there, vat)
    assert it._at.number == 1
    assert asking._at.heard == []
    keeper.keep()
    assert settle(answer, there, vat) == 1


@pytest.mark.parametrize("way", ["wait", "when", "same"])
def test_promises_of_a_durable_vat_are_held(way: str) -> None:
    """Whoever awaits, watches or passes on a promise of a durable vat hears of its result when that is kept."""
    vat, keeper = durable()
    there = Vat("there")
    it, asking = vat.spawn(Kept), there.spawn(Asking)
    made = it.later()
    run(vat)
    keeper.keep()
    answer = getattr(asking, way)(made)
    run(there, vat)
    settle(it.resolve("secret"))
    run(vat, there)
    assert pending(answer)
    keeper.keep()
    assert settle(answer, there, vat) == {"wait": ["had", "secret"], "when": ["on", "secret"], "same": "secret"}[way]


def test_messages_to_a_promise_go_on_when_its_resolution_is_kept() -> None:
    """A message from another vat to a promise of a durable vat does not show what it became before that is kept, in order."""
    vat, keeper = durable()
    there = Vat("there")
    it, log = vat.spawn(Kept), there.spawn(Log)
    made = it.later()
    run(vat)
    tell(made).add("early")
    settle(it.resolve(log))
    tell(made).add("late")
    run(vat, there)
    assert log._at.entries == []
    keeper.keep()
    run(there)
    assert log._at.entries == ["early", "late"]


def test_outside_awaiters_are_held() -> None:
    """Ordinary code that awaits a promise hears the result when it is kept."""

    async def main() -> None:
        vat, keeper = durable()
        async with asyncio.timeout(5), vat:
            it = vat.spawn(Kept)
            waiting = asyncio.ensure_future(_await(it.add()))
            while not keeper.flushes or not any(keeper.flushes):
                await asyncio.sleep(0)
            assert it._at.number == 1
            assert not waiting.done()
            keeper.keep()
            assert await waiting == 1
            keeper.at_once = True
            assert await it.add() == 2

    asyncio.run(main())


async def _await(promise: Any) -> Any:
    return await promise


def test_what_leaves_keeps_its_order() -> None:
    """What was held leaves in the order in which it was sent."""
    vat, keeper = durable()
    link = FakeLink()
    it = vat.spawn(Kept, far=Far(vat, 1, link))
    for _ in range(5):
        tell(it).send()
    vat.run(2)
    vat.run()
    keeper.keep()
    assert [message.args for _, message in link.sent] == [(1,), (2,), (3,), (4,), (5,)]


def test_a_turn_that_cannot_be_kept_fails() -> None:
    """A turn that the keeper refuses is undone, and its promise breaks with what the keeper says; async pieces as well."""
    vat, keeper = durable(at_once=True)
    link = FakeLink()
    it = vat.spawn(Kept, far=Far(vat, 1, link))
    keeper.refuse = "Kept.number: cannot be stored"
    error = broken(it.send())
    assert error.kind == "NotStorable"
    assert "Kept.number" in error.message
    assert it._at.number == 0
    assert link.sent == []
    assert broken(it.slow()).kind == "NotStorable"
    assert (it._at.number, it._at.cleaned) == (0, False)
    keeper.refuse = None
    answer = it.slow()
    run(vat)
    keeper.refuse = "later"
    link.answer("x")
    assert broken(answer).message == "later"
    assert it._at.number == 1


def test_the_keeper_sees_what_a_turn_changed() -> None:
    """`changed` comes before the commit, with what was before; a turn that raised is none of its business."""
    vat, keeper = durable(at_once=True)
    it = vat.spawn(Kept)
    settle(it.add())
    broken(it.add("x"))
    assert len(keeper.turns) == 1
    assert keeper.turns[0] == {it._at: (0, None, None, False)}


@actor(kind="tests.nested")
class Nested:
    table: Any = {"a": {"b": [1]}, "other": 1}

    def deep(self) -> None:
        self.table["a"]["b"].append(2)

    def deep_list(self) -> None:
        self.table["a"]["b"][0] = 3


@pytest.mark.parametrize("way", ["deep", "deep_list"])
def test_the_keeper_sees_changes_inside(way: str) -> None:
    """A change deep inside a container shows as a change of each entry around it, since those are what is written."""
    vat, keeper = durable(at_once=True)
    it = vat.spawn(Nested)
    settle(getattr(it, way)())
    table = it._at.table
    assert list(keeper.turns[-1][table]) == ["a"]
    assert list(keeper.turns[-1][table["a"]]) == ["b"]


def test_a_flush_that_fails_stops_the_vat() -> None:
    """If state cannot be kept the vat stops: what was held never leaves, and who waits for it hears `Uncertain`."""
    vat, _ = durable(full=True)
    there = Vat("there")
    link = FakeLink()
    it, asking = vat.spawn(Kept, far=Far(vat, 1, link)), there.spawn(Asking)
    sent = it.send()
    asked = asking.ask(it)
    there.run()
    with pytest.raises(OSError, match="full"):
        vat.run()
    assert isinstance(vat.stopped, Uncertain)
    assert link.sent == []
    assert isinstance(broken(sent), Uncertain)
    assert isinstance(broken(asked, there), Uncertain)
    assert isinstance(broken(it.add(), there), Uncertain)


@pytest.mark.parametrize("way", ["wait", "when", "same"])
def test_a_vat_that_stops_breaks_what_it_held(way: str) -> None:
    """A result that was held when the vat stopped never comes: those who wait for it, in other vats, hear so."""
    vat, keeper = durable()
    there = Vat("there")
    it, asking = vat.spawn(Kept), there.spawn(Asking)
    made = it.later()
    run(vat)
    keeper.keep()
    answer = getattr(asking, way)(made)
    run(there, vat)
    settle(it.resolve("secret"))
    run(vat, there)
    vat.stop(Uncertain("the disk is gone"))
    for held in keeper.flushes:
        vat._forsake(held)
    if way == "when":
        assert settle(answer, there) == ["broken", "Uncertain"]
    else:
        assert broken(answer, there).message == "the disk is gone"


def test_outside_awaiters_of_a_stopped_vat_hear_so() -> None:
    """A future that waits for a held result is broken when the vat stops."""

    async def main() -> None:
        vat, keeper = durable()
        async with asyncio.timeout(5), vat:
            it = vat.spawn(Kept)
            waiting = asyncio.ensure_future(_await(it.add()))
            while not any(keeper.flushes):
                await asyncio.sleep(0)
            vat.stop(Uncertain("gone"))
            for held in keeper.flushes:
                vat._forsake(held)
            with pytest.raises(Uncertain, match="gone"):
                await waiting
            late = Promise[Any](vat)
            late._settle("not kept", None)
            with pytest.raises(Uncertain):
                await late

    asyncio.run(main())


def test_what_waits_for_the_next_flush_is_lost_with_the_vat() -> None:
    """What is held, and not yet handed to the keeper, when the vat stops breaks as well."""
    vat, keeper = durable()
    there = Vat("there")
    it, asking = vat.spawn(Kept), there.spawn(Asking)
    made = it.later()
    run(vat)
    settle(it.resolve("kept"))
    run(vat)
    keeper.keep()
    answer = asking.wait(made)
    there.run()  # the promise has its result, of which the durable vat holds the news until its next flush
    vat.stop(Uncertain("gone"))
    assert broken(answer, there).message == "gone"


def test_what_was_kept_leaves_even_from_a_stopped_vat() -> None:
    """Once kept, a message or a result may go, whatever has happened to the vat since."""
    vat, keeper = durable()
    link = FakeLink()
    it = vat.spawn(Kept, far=Far(vat, 1, link))
    tell(it).send()
    run(vat)
    vat.stop()
    keeper.keep()
    assert link.selectors == ["work"]


def test_devices_are_asked_when_that_is_kept() -> None:
    """What a turn asks of a device is begun when the turn is kept."""
    vat, keeper = durable()

    class Device:
        def work(self, n: int) -> None: ...

    it = vat.spawn(Kept, far=vat.device("d", Device()))
    tell(it).send()
    run(vat)
    assert vat.unstarted == []
    keeper.keep()
    assert len(vat.unstarted) == 1
    vat.stop()


def test_released_news_is_worked_on_in_the_same_run() -> None:
    """`run` goes on until what a flush has let go is done as well."""
    vat, keeper = durable(at_once=True)
    it = vat.spawn(Kept)
    made = it.later()
    run(vat)
    seen = it.peek(made)
    tell(it).resolve("x")
    vat.run()
    assert resolved(seen) == ["seen", "x"]
    assert not vat._queue
    assert keeper.flushes == []


def test_broken_results_are_held_too() -> None:
    """An error shows state as much as a value does."""
    vat, keeper = durable()
    link = FakeLink()
    there = Vat("there")
    it, asking = vat.spawn(Kept, far=Far(vat, 1, link)), there.spawn(Asking)
    answer = asking.wait(it.nothing_like_it())
    run(there, vat)
    assert pending(answer)
    keeper.keep()
    assert isinstance(broken(answer, there, vat), NoSuchMethod)


def test_what_leaves_because_something_was_let_go_leaves_too() -> None:
    """A settlement that is let go makes those who waited for it leave in turn; nothing waits for the next message."""
    vat, _keeper = durable(at_once=True)
    order: list[str] = []
    vat._leave(lambda: (order.append("first"), vat._leave(order.append, "second"))[0])
    vat.run()
    assert order == ["first", "second"]

"""How vats run: by hand, or driven by asyncio in batches; and how they end. (docs/design.md, section 3)"""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from remit.errors import Broken, LinkLost, Misuse, Revoked
from remit.vat import Promise, Ref, Vat, actor, on, promise, send, tell, this
from tests.vat.kit import Log, broken, run, settle


@actor(kind="tests.node")
class Node:
    other: Any = None
    count: int = 0
    made: Any = None

    def ping(self) -> int:
        self.count += 1
        return self.count

    def forever(self) -> None:
        self.count += 1
        tell(this()).forever()

    async def ask_forever(self) -> None:
        while True:
            self.count = await self.other.ping()

    def open(self) -> Any:
        made, self.made = promise()
        return made

    def when(self, what: Any) -> Any:
        return on(what, lambda value: value)

    async def wait(self, what: Any) -> Any:
        return await what

    def nest(self, vat_name: str) -> None:
        VATS[vat_name].run()

    def end(self, vat_name: str) -> None:
        VATS[vat_name].stop()

    def spawn_there(self, vat_name: str) -> Any:
        return VATS[vat_name].spawn(Node)

    def fail(self) -> None:
        raise ValueError("no")


VATS: dict[str, Vat] = {}


def test_by_hand_turn_after_turn() -> None:
    """`run` says how many turns ran, and stops at a limit."""
    vat = Vat()
    it = vat.spawn(Node)
    assert vat.run() == 0
    for _ in range(5):
        tell(it).ping()
    assert vat.run(2) == 2
    assert it._at.count == 2
    assert vat.run() == 3
    tell(it).forever()
    assert vat.run(50) == 50


def test_a_turn_can_run_or_stop_no_vat() -> None:
    """Turns do not nest, and a turn does not pull the vat from under itself."""
    VATS["own"] = vat = Vat("own")
    VATS["other"] = Vat("other")
    it = vat.spawn(Node)
    for name in VATS:
        assert broken(it.nest(name)).kind == "Misuse"
        assert broken(it.end(name)).kind == "Misuse"
    assert broken(it.spawn_there("other")).kind == "Misuse"
    assert isinstance(settle(it.spawn_there("own")), Ref)
    VATS.clear()


def test_driven_by_asyncio() -> None:
    """Inside `async with`, promises are awaited like futures, errors included, also when they are settled already."""

    async def main() -> None:
        async with asyncio.timeout(5), Vat() as vat:
            it = vat.spawn(Node)
            assert await it.ping() == 1
            assert await asyncio.gather(_await(it.ping()), _await(it.ping())) == [2, 3]
            with pytest.raises(Broken, match="no"):
                await it.fail()
            answer = it.ping()
            assert [await answer, await answer] == [4, 4]
            assert await it is it
            assert await it.when(it.ping()) == 5

    asyncio.run(main())


@pytest.mark.parametrize("endless", ["forever", "ask_forever"])
def test_other_callbacks_get_their_chance(endless: str) -> None:
    """A vat that always has work runs in batches, between which the loop's other callbacks run."""

    async def main() -> None:
        async with asyncio.timeout(10), Vat() as vat:
            it = vat.spawn(Node, vat.spawn(Node))
            send(it, endless)
            for _ in range(20):
                await asyncio.sleep(0)
            seen = it._at.count
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert it._at.count > seen > 0
            assert vat._queue

    asyncio.run(main())


def test_two_vats_on_one_loop() -> None:
    """Vats of one loop take turns and answer each other."""

    async def main() -> None:
        async with asyncio.timeout(5), Vat("a") as a, Vat("b") as b:
            there = b.spawn(Node)
            it = a.spawn(Node, there)
            assert await it.wait(there.ping()) == 1
            assert await it.when(there.ping()) == 2

    asyncio.run(main())


def test_work_from_before_is_done() -> None:
    """What was queued before the loop drove the vat is run when it does; leaving stops the vat."""

    async def main() -> Vat:
        vat = Vat()
        it = vat.spawn(Node)
        answer = it.ping()
        async with asyncio.timeout(5), vat:
            assert await answer == 1
        with pytest.raises(LinkLost, match="stopped"):
            await it.ping()
        assert await answer == 1
        return vat

    assert asyncio.run(main()).stopped is not None


def test_awaiting_without_a_driver_is_an_error() -> None:
    """A promise that nobody works on would be awaited for ever; a settled one may be awaited all the same."""

    async def main() -> None:
        vat = Vat()
        it = vat.spawn(Node)
        answer = it.ping()
        with pytest.raises(Misuse, match="nobody drives vat"):
            await answer
        vat.run()
        assert await answer == 1

    asyncio.run(main())


def test_a_waiter_may_give_up() -> None:
    """A cancelled waiter harms neither the call nor the vat."""

    async def main() -> None:
        async with asyncio.timeout(5), Vat() as vat:
            it = vat.spawn(Node)
            made = it.open()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await made
            tell(it._at.made).fulfill(1)
            assert await it.ping() == 1
            assert await made == 1

    asyncio.run(main())


async def _await(promise: Any) -> Any:
    return await promise


def test_stopping_breaks_what_is_queued_and_what_comes() -> None:
    """Queued messages, messages that wait in promises, handlers and suspended methods break with the cause; later ones, too."""
    vat = Vat()
    it = vat.spawn(Node)
    made = it.open()
    run(vat)
    waiting = [made.ping(), it.when(made), it.wait(made)]
    run(vat)
    queued = it.ping()
    vat.stop(Revoked("closed down"))
    for answer in (made, queued, *waiting, it.ping(), made.ping()):
        error = broken(answer)
        assert isinstance(error, Revoked)
        assert error.message == "closed down"
    assert it._at.count == 0
    vat.stop(LinkLost("a second time"))
    assert isinstance(vat.stopped, Revoked)
    assert vat.run() == 0


def test_stopping_tells_outside_awaiters() -> None:
    """Code that awaits a promise which only the stopped vat could have settled hears so."""

    async def main() -> None:
        async with asyncio.timeout(5):
            async with Vat() as vat:
                it = vat.spawn(Node)
                made = it.open()
                waiting = [asyncio.ensure_future(_await(each)) for each in (made, it.wait(made))]
                assert await it.ping() == 1
            for each in waiting:
                with pytest.raises(LinkLost):
                    await each

    asyncio.run(main())


def test_stopping_tells_other_vats() -> None:
    """Objects of other vats that wait for the stopped one hear so."""
    here, there = Vat("here"), Vat("there")
    it, other = here.spawn(Node), there.spawn(Node)
    made = other.open()
    run(there)
    waiting = [it.wait(made), it.when(made), it.wait(other.wait(made))]
    run(here, there)
    there.stop()
    for answer in waiting:
        assert isinstance(broken(answer, here), LinkLost)


def test_vats_that_stop_in_a_circle() -> None:
    """Two vats that wait for each other can be stopped, in either order."""
    here, there = Vat("here"), Vat("there")
    it, other = here.spawn(Node), there.spawn(Node)
    made, theirs = it.open(), other.open()
    run(here, there)
    one, two = it.wait(theirs), other.wait(made)
    run(here, there)
    here.stop()
    there.stop()
    for answer in (one, two):
        assert isinstance(broken(answer), LinkLost)


def test_objects_live_as_long_as_they_are_held() -> None:
    """An object that nobody refers to is gone, and the vat keeps none alive after its turn."""
    vat = Vat()
    it = vat.spawn(Node)
    settle(it.ping())
    gone = weakref.ref(it._at)
    del it
    gc.collect()
    assert gone() is None


def test_settled_promises_are_not_kept() -> None:
    """A vat that runs for long holds no promise that it has answered, nor one that nobody can hear of any more."""
    vat = Vat()
    it = vat.spawn(Node)
    for _ in range(100):
        settle(it.ping())
        tell(it).open()
    run(vat)
    assert len(vat._made) <= 2


def test_correlation_ids_name_the_vat() -> None:
    """Every error gets an id under which the recorder heard of the details."""
    seen: list[tuple[str, Exception, Broken, str]] = []

    class Record:
        def failed(self, vat: Vat, error: Exception, broken: Broken, where: str) -> None:
            seen.append((vat.name, error, broken, where))

    vat = Vat("here", recorder=Record())
    it = vat.spawn(Node)
    first, second = broken(it.fail()), broken(it.fail())
    assert [first.id, second.id] == ["here.1", "here.2"]
    name, error, told, where = seen[0]
    assert (name, told) == ("here", first)
    assert isinstance(error, ValueError)
    assert error.__traceback__ is not None
    assert "fail" in where
    assert isinstance(it.ping(), Promise)


def test_many_objects_and_logs() -> None:
    """A message sent by `tell` from outside is in the queue at once."""
    vat = Vat()
    log = vat.spawn(Log)
    for i in range(10):
        tell(log).add(i)
    assert len(vat._queue) == 10
    assert "10 queued" in repr(vat)
    assert settle(log.read()) == list(range(10))

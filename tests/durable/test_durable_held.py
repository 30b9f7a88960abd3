"""Nothing leaves before it is kept, and nobody waits for what never will be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.durable import DurableVat
from remit.errors import Broken, LinkLost, StoreError, StoreFull, Uncertain
from remit.net import Node, NodeKey
from remit.testing import run_virtual
from remit.vat import PENDING, Far, Promise, Ref, Vat, actor, on_sever, resolved, send
from tests.durable.vats import Box, Gated, do, opened
from tests.net.nodes import Place, offer, until
from tests.vat.kit import FakeLink


@actor(kind="test.held.reader")
class Reader:
    """An object of another vat."""

    heard: list[Any] = []

    def set(self, value: Any) -> None:
        self.heard.append(value)

    async def read(self, box: Ref[Any], value: Any) -> Any:
        self.heard.append("asked")
        await box.set(value)
        self.heard.append("answered")
        return "done"


class Clock:
    def __init__(self) -> None:
        self.calls = 0

    def set(self, value: Any) -> None:
        self.calls += 1


class Shut:
    """A driven durable vat whose commits wait for `store.allow()`."""

    def __init__(self, **options: Any) -> None:
        self.store = Gated()
        self.kept = opened(self.store, **options)
        self.box: Any = self.kept.root("main")
        self.store.shut = True

    async def __aenter__(self) -> Shut:
        await self.kept.__aenter__()
        return self

    async def __aexit__(self, *how: Any) -> None:
        self.store.allow(100)
        await self.kept.__aexit__(*how)

    async def asked(self, commits: int) -> None:
        """Until so many commits have been begun, and everything that could happen meanwhile has."""
        await until(lambda: self.store.asked >= commits + 1)  # the first one was at the opening
        await calm()


async def calm() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(main: Any) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(bounded())


# --- what is held -----------------------------------------------------------------------------------------------------


def test_a_result_waits_for_its_commit() -> None:
    """Who awaits from outside hears nothing before it is on disk."""

    async def main() -> None:
        async with Shut() as shut:
            waiting = asyncio.ensure_future(value_of(shut.box.set(1)))
            await shut.asked(1)
            assert shut.box._at.value == 1
            assert not waiting.done()
            shut.store.allow()
            await waiting

    run(main)


def test_a_message_through_a_link_waits_for_its_commit() -> None:
    """So does what a turn sends to far objects."""

    async def main() -> None:
        async with Shut() as shut:
            link = FakeLink()
            shut.box.pass_on(Far(shut.kept.vat, 0, link), "x")
            await shut.asked(1)
            assert link.sent == []
            shut.store.allow()
            await until(lambda: link.sent)

    run(main)


def test_a_message_to_another_vat_waits_for_its_commit() -> None:
    """Vats of one node are as far from each other as machines, where keeping is concerned."""

    async def main() -> None:
        async with Shut() as shut, Vat("other") as other:
            reader = other.spawn(Reader)
            shut.box.pass_on(reader, "x")
            await shut.asked(1)
            assert reader._at.heard == []
            shut.store.allow()
            await until(lambda: reader._at.heard == ["x"])

    run(main)


def test_a_device_is_asked_after_the_commit() -> None:
    """Effects happen when what asked for them is kept."""

    async def main() -> None:
        clock = Clock()
        async with Shut(devices={"clock": clock}) as shut:
            shut.box.pass_on(shut.kept.vat.devices["clock"], 1)
            await shut.asked(1)
            assert clock.calls == 0
            shut.store.allow()
            await until(lambda: clock.calls == 1)

    run(main)


def test_a_method_of_another_vat_goes_on_after_the_commit() -> None:
    """What awaits a durable vat's answer does not go on with what may be lost."""

    async def main() -> None:
        async with Shut() as shut, Vat("other") as other:
            reader = other.spawn(Reader)
            answer = reader.read(shut.box, 5)
            await shut.asked(1)
            assert reader._at.heard == ["asked"]
            shut.store.allow()
            assert await answer == "done"

    run(main)


def test_a_promise_that_becomes_a_promise_of_a_durable_vat_waits_for_its_commit() -> None:
    """The end of a chain of promises across vats is held like a direct answer."""

    async def main() -> None:
        async with Shut() as shut, Vat("other") as other:
            chained: Promise[Any] = Promise(other)
            inner = shut.box.set(3)
            chained._settle(inner, None)
            waiting = asyncio.ensure_future(value_of(chained))
            await shut.asked(1)
            assert resolved(chained) is PENDING
            assert not waiting.done()
            shut.store.allow()
            await waiting

    run(main)


def test_an_error_waits_for_the_turns_before_it() -> None:
    """A turn that failed says so after what it may have seen is kept."""

    async def main() -> None:
        async with Shut() as shut:
            shut.box.set(1)
            waiting = asyncio.ensure_future(value_of(shut.box.fail_after(2)))
            await shut.asked(1)
            assert not waiting.done()
            shut.store.allow()
            with pytest.raises(Broken, match="as asked"):
                await waiting

    run(main)


def test_what_was_read_waits_until_what_was_written_is_kept() -> None:
    """A turn that only reads may have read what is still being written: its answer waits for that."""

    async def main() -> None:
        async with Shut() as shut:
            shut.box.set("new")
            await shut.asked(1)
            waiting = asyncio.ensure_future(value_of(shut.box.get()))
            await calm()
            assert not waiting.done()
            shut.store.allow()
            assert await waiting == "new"
            assert await shut.box.get() == "new"  # and with nothing in between it waits for no commit
            assert shut.store.asked == 2

    run(main)


def test_later_turns_run_while_earlier_ones_are_written() -> None:
    """The vat goes on; what the later turns changed is one commit, and all answers come in order."""

    async def main() -> None:
        async with Shut() as shut:
            order: list[int] = []
            waiting = [asyncio.ensure_future(noted(shut.box.set(0), 0, order))]
            await shut.asked(1)
            for i in range(1, 10):
                waiting.append(asyncio.ensure_future(noted(shut.box.set(i), i, order)))
                await calm()
            assert shut.box._at.value == 9
            assert order == []
            shut.store.allow()
            await until(lambda: order == [0])
            shut.store.allow()
            await asyncio.gather(*waiting)
            assert order == list(range(10))
            assert shut.store.asked == 3  # the opening, the first, and all others together

    run(main)


def test_a_remote_call_is_answered_after_the_commit() -> None:
    """A peer on the network hears of a result when it is kept, and of nothing else."""

    async def main() -> None:
        place, key = Place(), NodeKey.generate()
        async with place.node("a") as a, Shut() as shut:
            async with Node(key, shut.kept.vat) as b:
                await b.listen(place.netlayer(key))
                shut.store.shut = False
                far = await a.fetch_from(await offer(b, shut.box))
                shut.store.shut = True
                before = shut.store.asked
                answer = far.set("x")
                await until(lambda: shut.store.asked == before + 1)
                await calm()
                assert resolved(answer) is PENDING
                shut.store.allow()
                await answer

    run(main)


def test_a_wish_to_hear_of_a_lost_link_waits_too() -> None:
    """`on_sever` of a turn that is never kept is never heard of."""

    async def main() -> None:
        async with Shut(roots={"main": (Box,), "watcher": (Watcher,)}) as shut:
            link = FakeLink()
            shut.kept.root("watcher").watch(Far(shut.kept.vat, 0, link), shut.box)
            await shut.asked(1)
            assert link.wishes == []
            shut.store.allow()
            await until(lambda: link.wishes)

    run(main)


@actor(kind="test.held.watcher")
class Watcher:
    count: int = 0

    def watch(self, ref: Ref[Any], handler: Ref[Any]) -> None:
        self.count += 1
        on_sever(ref, handler)


async def value_of(promise: Any) -> Any:
    return await promise


async def noted(promise: Any, number: int, order: list[int]) -> None:
    await promise
    order.append(number)


# --- what is never kept ------------------------------------------------------------------------------------------------


def failing(shut: Shut, error: Exception) -> list[StoreError]:
    heard: list[StoreError] = []
    shut.kept._keeper.on_failure = heard.append
    shut.store.error = error
    return heard


@pytest.mark.parametrize("error", [StoreFull("no room"), OSError("a fault"), ValueError("a mistake")])
def test_a_failed_commit_stops_the_vat_and_nobody_waits(error: Exception) -> None:
    """Nothing of what was held leaves; who waits hears `Uncertain`, who comes later too; it is told once."""

    async def main() -> None:
        async with Shut() as shut, Vat("other") as other:
            heard, link, reader = failing(shut, error), FakeLink(), other.spawn(Reader)
            shut.box.pass_on(Far(shut.kept.vat, 0, link), "x")
            shut.box.pass_on(reader, "x")
            waiting = [asyncio.ensure_future(value_of(shut.box.set(i))) for i in range(3)]
            near = reader.read(shut.box, 1)
            await shut.asked(1)
            waiting.append(asyncio.ensure_future(value_of(shut.box.set("while it is written"))))
            waiting.append(asyncio.ensure_future(value_of(shut.box.get())))
            await calm()
            shut.store.allow(10)
            for one in waiting:
                with pytest.raises(Uncertain, match="could not keep its state.*may be lost"):
                    await one
            with pytest.raises(LinkLost, match="could not keep its state"):
                await near
            assert link.sent == []
            assert reader._at.heard == ["asked"]
            with pytest.raises(Uncertain, match="could not keep its state"):
                await shut.box.get()
            assert len(heard) == 1
            assert isinstance(heard[0], StoreError)
            assert str(error).split()[-1] in str(heard[0])
            shut.store.error = None
            kept = opened(shut.store.reopen())
            assert kept.root("main")._at.value is None

    run(main)


def test_a_failed_commit_is_told_to_remote_callers() -> None:
    """Their calls break; the node can be ended and the vat opened again from what was kept."""

    async def main() -> None:
        place, key = Place(), NodeKey.generate()
        async with place.node("a") as a, Shut() as shut:
            async with Node(key, shut.kept.vat) as b:
                await b.listen(place.netlayer(key))
                shut.store.shut = False
                far = await a.fetch_from(await offer(b, shut.box))
                failing(shut, StoreFull("no room"))
                with pytest.raises(Uncertain, match="no room"):
                    await far.set("x")
                with pytest.raises(Uncertain, match="no room"):
                    await far.get()

    run(main)


def test_without_a_loop_a_failed_commit_stops_the_vat_too() -> None:
    """What was held does not leave, and later calls break."""
    store, link = Gated(), FakeLink()
    kept = opened(store)
    store.error = StoreFull("no room")
    do(kept, kept.root("main"), "pass_on", Far(kept.vat, 0, link), 1)
    assert link.sent == []
    with pytest.raises(Uncertain, match="no room"):
        do(kept, kept.root("main"), "get")
    kept.close()


def test_a_store_that_takes_no_first_commit_opens_no_vat() -> None:
    """A full disk shows at the opening."""
    store = Gated()
    store.error = StoreFull("no room")
    with pytest.raises(StoreError, match="took no first commit.*no room"):
        opened(store)


# --- closing --------------------------------------------------------------------------------------------------------------


def test_closing_keeps_and_answers_what_was_asked_before() -> None:
    """The end of a vat is orderly: what was sent before is done, kept and answered."""

    async def main() -> None:
        store = Gated()
        kept = opened(store)
        async with kept:
            waiting = [asyncio.ensure_future(value_of(kept.root("main").set(i))) for i in range(5)]
            await asyncio.sleep(0)
        assert await asyncio.gather(*waiting) == [None] * 5
        assert opened(store.reopen()).root("main")._at.value == 4

    run(main)


def test_closing_waits_for_a_commit_under_way() -> None:
    """It is not cut off, nor is anything written beside it."""

    async def main() -> None:
        async with Shut() as shut:
            first = asyncio.ensure_future(value_of(shut.box.set(1)))
            await shut.asked(1)
            second = asyncio.ensure_future(value_of(shut.box.set(2)))
            await calm()
            asyncio.get_running_loop().call_later(0.01, shut.store.allow, 10)
            await shut.kept.__aexit__(None, None, None)
            await asyncio.gather(first, second)
            assert opened(shut.store.reopen()).root("main")._at.value == 2

    run(main)


def test_closing_breaks_what_can_get_no_answer_any_more() -> None:
    """A call that comes after the end breaks at once."""

    async def main() -> None:
        kept = opened(Gated())
        async with kept:
            box = kept.root("main")
            await box.set(1)
        with pytest.raises(LinkLost, match="has stopped"):
            await box.get()
        kept.close()

    run(main)


def test_virtual_time_and_hand_are_the_same_to_a_vat() -> None:
    """The same calls give the same rows whether driven by hand or by a loop."""
    stores = [Gated(), Gated()]
    by_hand = opened(stores[0])
    for i in range(3):
        do(by_hand, by_hand.root("main"), "set", i)
    by_hand.close()

    async def main() -> None:
        async with opened(stores[1]) as kept:
            for i in range(3):
                await send(kept.root("main"), "set", i)

    run_virtual(main)
    first, second = (store.reopen().inner.load() for store in stores)
    assert first == second
    assert isinstance(by_hand, DurableVat)

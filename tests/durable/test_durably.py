"""Durable messages: kept with the turn that sends them, sent until they are kept, in order, each done once."""

from __future__ import annotations

import asyncio
import copy
import logging
from typing import Any
from unittest import mock

import pytest

from remit.durable import MemoryStore, durably
from remit.durable._mail import LARGEST
from remit.durable._outbox import MOST
from remit.durable._stream import WINDOW
from remit.errors import BadArgument, Broken, Misuse, Refused, Unreachable
from remit.lib import Attenuation, membrane
from remit.net import Network, NodeKey
from remit.testing import FaultyNetwork, run_virtual
from remit.values import Locator, SturdyRef
from remit.vat import Far, Vat, actor, promise, resolved, send
from tests.durable.mail import Party, Receiver, Sender, acquaint, got, sent_all
from tests.durable.stores import Kind
from tests.durable.vats import opened
from tests.net.nodes import Place, until


def two(network: Any = None, kind: Kind | None = None) -> tuple[Party, Party]:
    place = Place(network=network)
    stores = (
        (MemoryStore(), MemoryStore())
        if kind is None
        else (kind.open(), Kind(kind.name, kind.path.parent / "b").open())
    )
    return Party(place, "a", stores[0], Sender), Party(place, "b", stores[1], Receiver)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "remit.durable")


# --- sending and arriving ------------------------------------------------------------------------------------------


def test_messages_arrive_in_order_and_are_forgotten_by_their_sender(kind: Kind) -> None:
    """On every store: sent, done, acknowledged; then the outbox is empty and the inbox holds one number for the stream."""

    async def main() -> None:
        a, b = two(kind=kind)
        async with a.up(), b.up():
            await acquaint(a, b)
            assert await a.main.send(3) == 3
            await a.main.send_value("words", more=[1, {"x": b"y"}])
            await got(b, [1, 2, 3, ["words", {"more": [1, {"x": b"y"}]}]])
            await sent_all(a)
            await until(lambda: not a.store.load().outbox)
            assert len(b.store.load().inbox) == 1

    run_virtual(main)


def test_what_waits_outlasts_restarts_of_both(kind: Kind) -> None:
    """With nobody there it waits in the store; the restarted sender sends it, and the restarted receiver drops what it has seen."""

    async def main() -> None:
        a, b = two(kind=kind)
        async with a.up():
            async with b.up():
                await acquaint(a, b)
                await a.main.send(2)
                await got(b, [1, 2])
                await sent_all(a)
            await a.main.send(2)
            waiting = a.kept.outbox.waiting()
            assert [(each.messages, each.bytes > 0) for each in waiting] == [(2, True)]
        async with a.up():
            assert [row["messages"] for row in a.kept.network.burden()["waiting"]] == [2]
            await a.main.send(1)
            async with b.up():
                await got(b, [1, 2, 3, 4, 5])
                await sent_all(a)

    run_virtual(main)


def test_a_turn_that_fails_sends_nothing() -> None:
    """The message is part of the turn: undone with it."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            await acquaint(a, b)
            with pytest.raises(Broken, match="as asked"):
                await a.main.send_and_fail()
            assert a.kept.outbox.waiting() == []
            await a.main.send()
            await got(b, [1])

    run_virtual(main)


def test_nothing_is_sent_before_it_is_kept() -> None:
    """While the sender's disk is away the receiver gets nothing."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            await acquaint(a, b)
            held: list[Any] = []
            release = Vat._release

            def away(vat: Vat, what: list[Any]) -> None:
                held.extend(what) if vat is a.kept.vat else release(vat, what)

            with mock.patch.object(Vat, "_release", away):  # of the class: a compiled vat has no methods of its own
                a.main.send(1)
                await asyncio.sleep(5)
                assert b.state.got == []
            release(a.kept.vat, held)
            await got(b, [1])

    run_virtual(main)


def test_references_that_find_their_object_arrive_as_such() -> None:
    """A re-enlivening reference in a message is one at the other end, and may be kept there; others are refused at the send."""

    async def main() -> None:
        a, b = two()
        c = Party(a.place, "c", MemoryStore(), Receiver)
        async with a.up(), b.up(), c.up():
            await acquaint(a, b)
            far = a.kept.network.enliven(await c.offer())
            await a.main.send_value(far)
            await until(lambda: len(b.state.got) == 1)
            arrived = b.state.got[0]
            await arrived.take("through it")
            await got(c, ["through it"])
            for ref in (a.main, Far(a.kept.vat, 0, None)):
                with pytest.raises(Broken, match=r"a durable message may hold.*network for a sturdyref"):
                    await a.main.send_value({"x": [ref]})
            assert a.kept.outbox.waiting() == []

    run_virtual(main)


def test_a_sturdyref_of_the_vats_own_node_works() -> None:
    """Sent to itself: kept, done once, in a turn of its own."""

    async def main() -> None:
        a, _ = two()
        async with a.up():
            receiver = a.kept.vat.spawn(Receiver)
            sturdyref = await a.offer(receiver)
            await a.main.know(a.kept.network.enliven(sturdyref))
            await a.main.send(2)
            await until(lambda: list(receiver._at.got) == [1, 2])
            await sent_all(a)

    run_virtual(main)


def test_an_async_method_counts_with_its_first_turn() -> None:
    """It is acknowledged when what came before its first await is kept, however long the rest takes."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            await acquaint(a, b)
            door = b.kept.vat.spawn(Never)
            await send(b.main, "take", door)
            await a.main.send_to(a.state.far, "start", "begun")
            await until(lambda: "begun" in list(b.state.got))
            await sent_all(a)

    run_virtual(main)


@actor(kind="test.mail.never", version=1)
class Never:
    """Never answers."""

    waiting: Any = None

    async def answer(self) -> Any:
        self.waiting, _ = promise()
        return await self.waiting


# --- what comes to nothing -----------------------------------------------------------------------------------------


def test_a_method_that_raises_is_undone_counts_and_is_told() -> None:
    """The receiver's turn is undone, the next message follows, and the sender hears who raised what; it is not sent again."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            await acquaint(a, b)
            await a.main.send_to(a.state.far, "refuse", 7)
            await a.main.send_to(a.state.far, "take", 1, 2, 3)
            await a.main.send()
            await got(b, [1])
            await sent_all(a)
            first, second = a.undelivered
            assert (first.selector, first.error.kind, first.error.message) == ("refuse", "ValueError", "not 7")
            assert first.error.id.startswith("b.")
            assert isinstance(second.error, BadArgument)
        b.open()
        assert list(b.state.got) == [1]

    run_virtual(main)


def test_a_sturdyref_that_was_taken_back_ends_its_messages_only() -> None:
    """`Refused` is final: dropped and told; messages to other objects of that node go on, and no number is kept for it."""

    async def main() -> None:
        a, b = two()
        async with a.up():
            async with b.up():
                gone = await b.offer(b.kept.vat.spawn(Receiver))
                await acquaint(a, b)
                await b.kept.network.forget(gone)
            far = a.kept.network.enliven(gone)
            for value in (1, 2):
                await a.main.send_to(far, "take", value)
            await a.main.send()
            async with b.up():
                await got(b, [1])
                await sent_all(a)
                assert [(each.selector, type(each.error)) for each in a.undelivered] == [("take", Refused)] * 2
                assert len(b.store.load().inbox) == 1
            assert gone.swiss.hex() not in repr(a.undelivered)

    run_virtual(main)


def test_a_grant_that_is_revoked_meanwhile_refuses_what_waits() -> None:
    """A membrane in front of the target lets durable messages through as others, until it is revoked."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            keeper = b.kept.vat.spawn(Granter, b.main)
            root = await keeper.grant()
            await acquaint(a, b, ref=root)
            await a.main.send()
            await got(b, [1])
            await keeper.revoke()
            await a.main.send()
            await sent_all(a)
            assert [type(each.error).__name__ for each in a.undelivered] == ["Revoked"]
            assert list(b.state.got) == [1]

    run_virtual(main)


@actor(kind="test.mail.granter", version=1)
class Granter:
    """Grants a membrane around an object."""

    target: Any
    made: Any = None

    async def grant(self, attenuation: Any = None) -> Any:
        self.made = membrane(self.target) if attenuation is None else membrane(self.target, attenuation)
        return await self.made.root()

    def revoke(self) -> Any:
        return self.made.revoke("enough")


def test_through_a_counted_grant_failures_are_told_too() -> None:
    """The turn that counts a use comes before the message's own, which alone decides what its sender hears."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            granter = b.kept.vat.spawn(Granter, b.main)
            await acquaint(a, b, ref=await granter.grant(Attenuation(count=2)))
            for selector in ("refuse", "take", "take"):
                await a.main.send_to(a.state.far, selector, selector)
            await sent_all(a)
            assert [(each.selector, each.error.kind) for each in a.undelivered] == [
                ("refuse", "ValueError"),
                ("take", "Expired"),
            ]
            assert list(b.state.got) == ["take"]

    run_virtual(main)


def test_a_receiver_that_keeps_nothing_is_not_sent_to() -> None:
    """A node whose vat is not durable takes no durable messages: they wait, and one can see why."""

    async def main() -> None:
        a, _ = two()
        async with a.up(), a.place.node("plain") as plain:
            target = plain.vat.spawn(Receiver)
            sturdyref = await Network(plain).sturdy(target)
            await a.main.know(a.kept.network.enliven(sturdyref))
            await a.main.send()
            await until(lambda: a.kept.outbox.waiting()[0].why is not None)
            assert isinstance(a.kept.outbox.waiting()[0].why, Refused)
            await asyncio.sleep(60)
            assert a.kept.outbox.waiting()[0].messages == 1
            assert target._at.got == []
            assert a.undelivered == []

    run_virtual(main)


def test_an_object_of_another_vat_of_the_node_is_refused() -> None:
    """Its changes are not kept with the number, so it would not be exactly once."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up(), Vat("other") as other:
            elsewhere = other.spawn(Receiver)
            ELSEWHERE[:] = [elsewhere]
            await acquaint(a, b, ref=b.kept.vat.spawn(Door), gate=True)
            await a.main.send()
            await sent_all(a)
            assert "durable vat only" in a.undelivered[0].error.message

    run_virtual(main)


@actor(kind="test.mail.door", version=1)
class Door:
    """Admits everybody to an object that it cannot keep."""

    def admit(self, peer: bytes | None) -> Any:
        return ELSEWHERE[0]


ELSEWHERE: list[Any] = []


def test_what_waits_goes_as_soon_as_the_receiver_is_back() -> None:
    """A receiver that comes to the sender, as one does that cannot be dialled, is not kept waiting for the next attempt."""

    async def main() -> None:
        a, b = two()
        async with a.up():
            async with b.up():
                await acquaint(a, b)
            await a.main.send()
            await asyncio.sleep(600)
            async with b.up():
                began = b.node.loop_time()
                await b.node.session(a.node.locator)
                await got(b, [1])
                assert b.node.loop_time() - began < 0.1

    run_virtual(main)


# --- bounds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["messages", "bytes"])
def test_at_the_bound_the_send_fails_and_says_how_much_waits(how: str) -> None:
    """Whoever sends may catch it; what waits is not touched; when the receiver is back there is room again."""

    async def main() -> None:
        a, b = two()
        async with a.up():
            async with b.up():
                await acquaint(a, b)
            if how == "messages":
                a.kept.outbox.most = 3
            else:
                await a.main.send(1)
                a.kept.outbox.most_bytes = 3 * a.kept.outbox.waiting()[0].bytes + 5
            await a.main.send(2)
            if how == "messages":
                await a.main.send(1)
            said = await a.main.try_to_send()
            assert "Unreachable: 3 durable messages of " in said
            assert "already" in said
            assert "wait until it is back; nothing was sent" in said
            with pytest.raises(Unreachable):
                await a.main.send()
            assert (a.state.sent, a.kept.outbox.waiting()[0].messages) == (3, 3)
            async with b.up():
                await sent_all(a)
                assert await a.main.try_to_send() == "sent"
                await got(b, [1, 2, 3, "one more"])

    run_virtual(main)


def test_one_turn_cannot_pass_the_bound() -> None:
    """A loop that sends too much in one turn fails as a whole, and nothing of it is kept."""

    async def main() -> None:
        a, b = two()
        async with a.up():
            async with b.up():
                await acquaint(a, b)
            with pytest.raises(Unreachable, match="0 durable messages of 0 bytes wait"):
                await a.main.send(MOST + 1)
            assert a.state.sent == 0
            assert a.store.load().outbox == []

    run_virtual(main)


def test_a_backlog_drains_with_a_window() -> None:
    """However much waits, only so many parts are under way at a time."""

    async def main() -> None:
        a, b = two(FaultyNetwork(delay=(0.01, 0.02)))
        async with a.up():
            async with b.up():
                await acquaint(a, b)
            await a.main.send(3000)
            stream = next(iter(a.kept.outbox._streams.values()))
            most = 0
            async with b.up():
                while a.kept.outbox.waiting():
                    most = max(most, len(stream._parts))
                    await asyncio.sleep(0.001)
                assert list(b.state.got) == list(range(1, 3001))
            assert most == WINDOW

    run_virtual(main)


def test_a_large_message_is_refused_where_it_is_sent() -> None:
    """It would not fit into the peer's frame, and everything behind it would wait for ever."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            await acquaint(a, b)
            with pytest.raises(Broken, match="above the limit"):
                await a.main.send_value(b"x" * LARGEST)
            await a.main.send_value(b"x" * (LARGEST - 100))
            await until(lambda: len(b.state.got) == 1)
            await sent_all(a)

    run_virtual(main)


# --- where it does not work -----------------------------------------------------------------------------------------


def test_durably_says_what_it_needs() -> None:
    """A turn, of a durable vat, and a reference that remembers a sturdyref."""
    kept = opened(MemoryStore(), roots={"main": (Sender,)})
    main: Any = kept.root("main")
    with pytest.raises(Misuse, match="inside a turn"):
        durably(main).take(1)
    with pytest.raises(Misuse, match="takes a reference"):
        durably(3)  # type: ignore[arg-type]
    main.know(main)
    made = main.send()
    kept.vat.run()
    with pytest.raises(Broken, match=r"remember a sturdyref.*network.sturdy.*by call"):
        resolved(made)
    vat = Vat()
    plain = vat.spawn(Sender, kept.network.live(SturdyRef(_locator(), b"x" * 32), vat))
    made = plain.send()
    vat.run()
    with pytest.raises(Broken, match="durable vats only"):
        resolved(made)


def _locator() -> Any:
    return Locator("remit", NodeKey.generate().designator, {})


# --- stores -----------------------------------------------------------------------------------------------------------


def test_a_store_that_was_restored_from_a_copy_sends_on() -> None:
    """Numbers go beyond what was sent after the copy was made, so nothing new is taken for seen; what was seen is not done again."""

    async def main() -> None:
        a, b = two()
        async with a.up(), b.up():
            await acquaint(a, b)
            await a.main.send()
            await got(b, [1])
        old = copy.deepcopy(a.store)
        async with a.up(), b.up():
            await a.main.send(3)
            await got(b, [1, 2, 3, 4])
        a.store = old
        async with a.up(), b.up():
            await a.main.send()
            await got(b, [1, 2, 3, 4, 2])
            await sent_all(a)

    run_virtual(main)

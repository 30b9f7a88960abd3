"""What every netlayer keeps, whatever carries it."""

from __future__ import annotations

import asyncio

import pytest

from remit.errors import (
    LimitExceeded,
    LinkLost,
    PeerUnproven,
    ProtocolError,
)
from remit.net import NodeKey
from remit.values import Limits
from tests.net.kit import Acceptor, Recorder, connect


def test_messages_arrive_whole_and_in_order_both_ways(test):
    """Messages of many sizes, sent one by one and in groups, arrive each as it was, in the order sent."""

    async def body(kit):
        pair = await connect(kit)
        messages = [kit.message(bytes([n % 256]) * (n * 37 % 5000)) for n in range(300)]
        for start in range(0, 300, 7):
            pair.near.channel.send(messages[start : start + 7])
            pair.far.channel.send(messages[start : start + 7])
        for end in (pair.near, pair.far):
            await end.until(lambda end: len(end.messages) == 300)
            assert end.messages == messages

    test(body)


def test_a_message_as_large_as_the_limit_passes(test):
    """One message of about the frame limit arrives, intact."""

    async def body(kit):
        pair = await connect(kit)
        message = kit.message(bytes(range(256)) * 4000)
        pair.near.channel.send([message])
        await pair.far.until(lambda far: far.messages)
        assert pair.far.messages == [message]

    test(body)


def test_many_small_messages_in_one_send_arrive_one_by_one(test):
    """A batch of ten thousand is ten thousand messages at the other end."""

    async def body(kit):
        pair = await connect(kit)
        messages = [kit.message(b"%d" % n) for n in range(10_000)]
        pair.near.channel.send(messages)
        await pair.far.until(lambda far: len(far.messages) == len(messages))
        assert pair.far.messages == messages

    test(body)


def test_sending_nothing_sends_nothing(test):
    """An empty batch does not disturb what follows it."""

    async def body(kit):
        pair = await connect(kit)
        pair.near.channel.send([])
        pair.near.channel.send([kit.message(b"one")])
        await pair.far.until(lambda far: far.messages)
        assert pair.far.messages == [kit.message(b"one")]

    test(body)


def test_both_ends_know_the_key_that_the_other_has_proved(test):
    """peer is the other node's key on netlayers that prove keys, None on others; transport is the netlayer's name."""

    async def body(kit):
        pair = await connect(kit)
        expected = (pair.acceptor_key.public, pair.dialler_key.public) if kit.proves else (None, None)
        assert (pair.near.channel.peer, pair.far.channel.peer) == expected
        assert (pair.near.channel.transport, pair.far.channel.transport) == (kit.name, kit.name)

    test(body)


def test_another_node_than_the_dialled_one_is_refused(test):
    """Whoever answers with another key is refused, and the error names expected and found designator."""

    async def body(kit):
        acceptor, real, wanted = Acceptor(), NodeKey.generate(), NodeKey.generate()
        hints = await kit.netlayer(real).listen(acceptor)
        dialler = kit.netlayer(NodeKey.generate())
        if not kit.proves:
            channel = await dialler.dial(kit.locator(wanted, hints), Recorder)
            assert channel.peer is None
            return
        with pytest.raises(PeerUnproven) as caught:
            await dialler.dial(kit.locator(wanted, hints), Recorder)
        assert wanted.designator in str(caught.value) and real.designator in str(caught.value)
        assert acceptor.recorders == []

    test(body)


def test_closing_sends_what_is_waiting_and_each_end_hears_of_it_once(test):
    """Everything sent before close arrives, then closed(None), once, at both ends."""

    async def body(kit):
        pair = await connect(kit)
        messages = [kit.message(b"x" * 50_000) for _ in range(60)]
        pair.near.channel.send(messages)
        pair.near.channel.close()
        pair.near.channel.close()
        assert await pair.far.until_closed() is None
        assert await pair.near.until_closed() is None
        assert pair.far.messages == messages
        pair.far.channel.close()
        pair.far.channel.abort()
        await settle()
        assert (pair.near.closings, pair.far.closings) == ([None], [None])

    test(body)


def test_nothing_is_received_after_our_own_close(test):
    """What the peer still sends after we closed is dropped, and so is what we send."""

    async def body(kit):
        pair = await connect(kit)
        pair.far.channel.send([kit.message(b"late")] * 3)
        pair.near.channel.close()
        pair.near.channel.send([kit.message(b"too late")])
        assert await pair.near.until_closed() is None
        assert await pair.far.until_closed() is None
        assert pair.near.messages == [] and pair.far.messages == []

    test(body)


def test_a_last_message_survives_a_peer_that_is_still_talking(test):
    """The last message before close arrives although the peer is sending all the time and nobody reads that."""

    async def body(kit):
        pair = await connect(kit, close_seconds=300)
        pair.near.channel.pause()
        pair.far.channel.send([kit.message(b"chatter" * 1000)] * 20)
        pair.near.channel.send([kit.message(b"the end")])
        pair.near.channel.close()
        await pair.far.until_closed()
        assert pair.far.messages == [kit.message(b"the end")]

    test(body)


def test_both_ends_may_close_at_once(test):
    """Two closes that cross are an orderly end for both."""

    async def body(kit):
        pair = await connect(kit)
        pair.near.channel.close()
        pair.far.channel.close()
        assert [await pair.near.until_closed(), await pair.far.until_closed()] == [None, None]

    test(body)


def test_abort_ends_both_ends(test):
    """abort tells both ends once; the one that aborted gets no cause."""

    async def body(kit):
        pair = await connect(kit)
        pair.near.channel.abort()
        pair.near.channel.abort()
        assert await pair.near.until_closed() is None
        cause = await pair.far.until_closed()
        assert cause is None or isinstance(cause, LinkLost)
        await settle()
        assert (len(pair.near.closings), len(pair.far.closings)) == (1, 1)

    test(body)


def test_an_oversized_message_ends_the_connection_where_it_arrives(test):
    """The receiving side hears LimitExceeded and never sees the message; the sending side hears an end."""

    async def body(kit):
        pair = await connect(kit, limits=Limits(frame=10_000))
        pair.near.channel.send([kit.message(b"x" * 20_000)])
        assert isinstance(await pair.far.until_closed(), LimitExceeded)
        await pair.near.until_closed()
        assert pair.far.messages == []

    test(body)


def test_pause_stops_delivery_until_resume(test):
    """Between pause and resume nothing is delivered, though it was sent together; afterwards it comes in order."""

    class PauseAtThree(Recorder):
        def received(self, message):
            super().received(message)
            if len(self.messages) == 3:
                self.channel.pause()

    async def body(kit):
        pair = await connect(kit, make=PauseAtThree)
        messages = [kit.message(b"%d" % n) for n in range(10)]
        pair.near.channel.send(messages[:6])
        pair.near.channel.send(messages[6:])
        await pair.far.until(lambda far: len(far.messages) == 3)
        await settle()
        assert pair.far.messages == messages[:3]
        pair.far.channel.resume()
        assert pair.far.messages == messages[:3], "not inside resume"
        await pair.far.until(lambda far: len(far.messages) == 10)
        assert pair.far.messages == messages

    test(body)


def test_what_is_at_hand_comes_before_the_end(test):
    """When the peer closes while we are paused, resume delivers what came, then the end."""

    class PauseAtZero(Recorder):
        def received(self, message):
            super().received(message)
            if b"0" in message:
                self.channel.pause()

    async def body(kit):
        pair = await connect(kit, make=PauseAtZero)
        messages = [kit.message(b"%d" % n) for n in range(5)]
        pair.near.channel.send(messages)
        pair.near.channel.close()
        await pair.far.until(lambda far: far.messages)
        await settle()
        assert (len(pair.far.messages), pair.far.closings) == (1, [])
        pair.far.channel.resume()
        assert await pair.far.until_closed() is None
        assert pair.far.messages == messages

    test(body)


def test_a_paused_channel_can_be_closed(test):
    """close and abort work on a channel that is paused with messages at hand; those are never delivered."""

    class PauseAtOne(Recorder):
        def received(self, message):
            super().received(message)
            self.channel.pause()

    async def body(kit):
        for end in ("close", "abort"):
            pair = await connect(kit, make=PauseAtOne, first=b"first")
            pair.far.channel.resume()
            pair.near.channel.send([kit.message(b"%d" % n) for n in range(5)])
            await pair.far.until(lambda far: far.messages)
            getattr(pair.far.channel, end)()
            pair.far.channel.resume()
            assert await pair.far.until_closed() is None
            await pair.near.until_closed()
            assert len(pair.far.messages) == 1

    test(body)


def test_a_peer_that_does_not_read_makes_the_channel_congested(test):
    """congested turns true when much waits to be sent, and false when the peer has read it; nothing is lost."""

    async def body(kit):
        pair = await connect(kit)
        pair.far.channel.pause()
        message = kit.message(b"x" * 100_000)
        sent = 0
        while not pair.near.channel.congested:
            pair.near.channel.send([message])
            sent += 1
            assert sent < 1000
            await asyncio.sleep(0)
        assert pair.near.congestions == [True]
        pair.far.channel.resume()
        await pair.near.until(lambda near: near.congestions == [True, False])
        assert not pair.near.channel.congested
        await pair.far.until(lambda far: len(far.messages) == sent)

    test(body)


@pytest.mark.parametrize("error", [ProtocolError("not like this"), ValueError("a bug")])
def test_what_a_receiver_raises_ends_its_channel(test, error):
    """The channel ends with what received raised; what is no error of Remit's is reported to the loop as well."""

    class Raises(Recorder):
        def received(self, message):
            super().received(message)
            if b"bad" in message:
                raise error

    async def body(kit):
        reported = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
        pair = await connect(kit, make=Raises)
        pair.near.channel.send([kit.message(b"good"), kit.message(b"bad"), kit.message(b"never")])
        assert await pair.far.until_closed() is error
        await pair.near.until_closed()
        assert pair.far.messages == [kit.message(b"good"), kit.message(b"bad")]
        assert reported == ([] if isinstance(error, ProtocolError) else [error])

    test(body)


def test_channels_show_no_content(test):
    """repr tells the state and nothing that was sent."""

    async def body(kit):
        pair = await connect(kit, first=b"swordfish")
        for end in (pair.near, pair.far):
            assert kit.name in repr(end.channel) and "open" in repr(end.channel)
            assert "swordfish" not in repr(end.channel)

    test(body)


async def settle():
    """Let everything that is ready run."""
    for _ in range(50):
        await asyncio.sleep(0)

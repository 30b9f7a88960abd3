"""Listening, dialling and closing: what every netlayer keeps, whatever carries it."""

from __future__ import annotations

import asyncio

import pytest

from remit.errors import BadArgument, Conflict, Misuse, Unreachable
from remit.net import NodeKey
from remit.values import Locator
from tests.net.kit import Acceptor, Recorder, connect


def test_a_channel_can_be_used_before_dial_returns(test):
    """The receiver's maker may send at once, and may end the channel at once."""

    async def body(kit):
        acceptor, key = Acceptor(), NodeKey.generate()
        hints = await kit.netlayer(key).listen(acceptor)
        recorders = []

        def eager(channel):
            recorders.append(Recorder(channel))
            channel.send([kit.message(b"first")])
            channel.close()
            return recorders[0]

        await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), eager)
        far = await acceptor.first()
        assert await far.until_closed() is None
        assert far.messages == [kit.message(b"first")]
        assert await recorders[0].until_closed() is None

    test(body)


def test_a_refusal_by_the_one_who_dialled_is_raised_to_it(test):
    """What the receiver's maker raises comes out of dial, and the connection is gone."""

    async def body(kit):
        key = NodeKey.generate()
        hints = await kit.netlayer(key).listen(Acceptor())

        def refuse(channel):
            raise Conflict("there is one already")

        with pytest.raises(Conflict, match="there is one already"):
            await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), refuse)

    test(body)


def test_a_refusal_by_the_acceptor_ends_the_connection(test):
    """When the acceptor's function raises an error of Remit's, the dialler hears an end, and the listener goes on."""

    async def body(kit):
        key, acceptor = NodeKey.generate(), Acceptor()
        answers = [refuse_all, acceptor]
        hints = await kit.netlayer(key).listen(lambda channel: answers.pop(0)(channel))
        dialler = kit.netlayer(NodeKey.generate())
        near = []
        for _ in range(2):
            channel = await dialler.dial(kit.locator(key, hints), kept_in(near))
            channel.send([kit.message(b"hello")])
            if len(near) == 1:
                await near[0].until_closed()
        far = await acceptor.first()
        await far.until(lambda far: far.messages)

    def refuse_all(channel):
        raise Conflict("full")

    test(body)


def test_nobody_there_is_unreachable(test):
    """Dialling where nobody listens (any more) is Unreachable and names the place."""

    async def body(kit):
        key = NodeKey.generate()
        listening = kit.netlayer(key)
        hints = await listening.listen(Acceptor())
        await listening.close()
        with pytest.raises(Unreachable) as caught:
            await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), Recorder)
        assert all(hint in str(caught.value) for hint in hints.values())

    test(body)


def test_a_locator_without_a_hint_for_the_netlayer_is_unreachable(test):
    """The error names the hint that is missing and those that are there."""

    async def body(kit):
        locator = kit.locator(NodeKey.generate(), {"pigeon": "loft 3"})
        with pytest.raises(Unreachable, match=r"no hint '(memory|unix|tls|websocket|host)' \(it has: pigeon\)"):
            await kit.netlayer(NodeKey.generate()).dial(locator, Recorder)

    test(body)


def test_a_designator_that_is_no_key_cannot_be_dialled(test):
    """Netlayers that prove keys refuse a locator whose designator is none, before anything is sent."""

    async def body(kit):
        hints = await kit.netlayer(NodeKey.generate()).listen(Acceptor())
        if kit.proves:
            with pytest.raises(BadArgument, match="not the designator of a node"):
                await kit.netlayer(NodeKey.generate()).dial(Locator("remit", "somebody", hints), Recorder)

    test(body)


def test_listening_twice_is_our_own_mistake(test):
    """A netlayer listens once."""

    async def body(kit):
        netlayer = kit.netlayer(NodeKey.generate())
        await netlayer.listen(Acceptor())
        with pytest.raises(Misuse, match="listens already"):
            await netlayer.listen(Acceptor())

    test(body)


def test_closing_a_netlayer_ends_its_channels_and_refuses_new_work(test):
    """After close every channel has been told, and the netlayer neither listens nor dials."""

    async def body(kit):
        pair = await connect(kit)
        dialler = kit.made[1]
        await dialler.close()
        assert pair.near.closings == [None]
        assert await pair.far.until_closed() is None
        with pytest.raises(Misuse, match="is closed"):
            await dialler.listen(Acceptor())
        with pytest.raises(Unreachable, match="closed"):
            await dialler.dial(kit.locator(pair.acceptor_key, await fresh_hints(kit)), Recorder)

    async def fresh_hints(kit):
        return await kit.netlayer(NodeKey.generate()).listen(Acceptor())

    test(body)


def test_a_cancelled_dial_leaves_nothing_behind(test):
    """Cancelling a dial at any of its steps leaves no channel open at the dialler."""

    async def body(kit):
        key = NodeKey.generate()
        hints = await kit.netlayer(key).listen(Acceptor())
        dialler = kit.netlayer(NodeKey.generate())
        for steps in range(12):
            near = []
            dialling = asyncio.create_task(dialler.dial(kit.locator(key, hints), kept_in(near)))
            for _ in range(steps):
                await asyncio.sleep(0)
            dialling.cancel()
            await asyncio.wait([dialling])
            if dialling.cancelled() and near:
                await near[0].until_closed()

    test(body)


def kept_in(recorders):
    """Makes recorders, and keeps them in this list."""

    def receive(channel):
        recorders.append(Recorder(channel))
        return recorders[-1]

    return receive

"""The `memory` netlayer: the network that carries it, and what a subclass of that may do."""

from __future__ import annotations

import asyncio

import pytest

from remit.errors import Conflict, LinkLost, Unreachable
from remit.net import MemoryNetlayer, MemoryNetwork, NodeKey
from tests.net.kit import Acceptor, MemoryKit, Recorder, connect


@pytest.fixture
def kit_class():
    return MemoryKit


class ByHand(MemoryNetwork):
    """Holds every journey back until the test lets it arrive."""

    def __init__(self):
        super().__init__()
        self.held = []

    def carry(self, journey):
        self.held.append(journey)


def test_two_networks_know_nothing_of_each_other(test):
    """There is no global registry: the same name may be used in another network, and is not found from this one."""

    async def body(kit):
        key = NodeKey.generate()
        hints = await kit.netlayer(key, name="boss").listen(Acceptor())
        elsewhere = MemoryNetlayer(MemoryNetwork(), NodeKey.generate(), "boss")
        with pytest.raises(Unreachable, match="memory boss: nobody listens there"):
            await elsewhere.dial(kit.locator(key, hints), Recorder)
        assert await elsewhere.listen(Acceptor()) == {"memory": "boss"}

    test(body)


def test_a_name_is_taken_once(test):
    """A second listener of the same name is a Conflict until the first has closed."""

    async def body(kit):
        first, second = kit.netlayer(NodeKey.generate(), name="db"), kit.netlayer(NodeKey.generate(), name="db")
        await first.listen(Acceptor())
        with pytest.raises(Conflict, match="memory db"):
            await second.listen(Acceptor())
        await first.close()
        assert await second.listen(Acceptor()) == {"memory": "db"}

    test(body)


def test_order_is_kept_whatever_the_network_does(test):
    """Journeys that arrive in another order are delivered in the order sent, the end last."""

    async def body(kit):
        kit.network = ByHand()
        near, far = await pair_by_hand(kit)
        for n in range(4):
            near.channel.send([b"%d" % n, b"%d again" % n])
        near.channel.close()
        assert [(journey.source, journey.target, journey.is_end) for journey in kit.network.held] == [
            *[("anna", "boris", False)] * 4,
            ("anna", "boris", True),
        ]
        for journey in reversed(kit.network.held[1:]):
            journey.arrive()
        assert far.messages == []
        kit.network.held[0].arrive()
        assert far.messages == [text for n in range(4) for text in (b"%d" % n, b"%d again" % n)]
        assert await far.until_closed() is None

    test(body)


def test_what_never_arrives_is_never_delivered(test):
    """A journey that the network swallows holds back everything after it, until the link is severed."""

    async def body(kit):
        kit.network = ByHand()
        near, far = await pair_by_hand(kit)
        near.channel.send([b"lost"])
        near.channel.send([b"after it"])
        kit.network.held[1].arrive()
        assert far.messages == []
        kit.network.sever("boris", "anna")
        for end in (near, far):
            assert isinstance(await end.until_closed(), LinkLost)
        kit.network.held[0].arrive()
        assert far.messages == []

    test(body)


def test_severing_ends_only_the_channels_between_the_two(test):
    """Both ends of each channel between them hear of the break once; others go on."""

    async def body(kit):
        near, far = await pair_by_hand(kit)
        other = await connect(kit)
        kit.network.sever("anna", "boris")
        assert [type(await end.until_closed()) for end in (near, far)] == [LinkLost, LinkLost]
        other.near.channel.send([b"still here"])
        await other.far.until(lambda far: far.messages)
        kit.network.sever("anna", "boris")
        await asyncio.sleep(0)
        assert (len(near.closings), len(far.closings), other.near.closings) == (1, 1, [])

    test(body)


def test_abort_loses_what_is_on_its_way(test):
    """Messages that have not arrived when the sender aborts are not delivered; the end is."""

    async def body(kit):
        kit.network = ByHand()
        near, far = await pair_by_hand(kit)
        near.channel.send([b"on its way"])
        near.channel.abort()
        for journey in kit.network.held:
            journey.arrive()
        assert await far.until_closed() is None
        assert far.messages == []

    test(body)


def test_the_network_decides_who_can_be_reached(test):
    """reach is asked for every dial, with the names of both, and its refusal is the dial's."""

    class Parted(MemoryNetwork):
        async def reach(self, source, target):
            raise Unreachable(f"{source} and {target} are parted")

    async def body(kit):
        kit.network = Parted()
        with pytest.raises(Unreachable, match="anna and boris are parted"):
            await pair_by_hand(kit)

    test(body)


async def pair_by_hand(kit):
    """Two connected nodes named anna and boris, without a message between them yet."""
    key, acceptor, near = NodeKey.generate(), Acceptor(), []
    hints = await kit.netlayer(key, name="boris").listen(acceptor)

    def receive(channel):
        near.append(Recorder(channel))
        return near[0]

    await kit.netlayer(NodeKey.generate(), name="anna").dial(kit.locator(key, hints), receive)
    return near[0], await acceptor.first()

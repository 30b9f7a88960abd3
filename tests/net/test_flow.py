"""Flow control between nodes: floods are throttled, nobody waits for ever, and nobody waits for long behind others."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from unittest import mock

import pytest

from remit.errors import LinkLost
from remit.net import Network, _account, _connection
from remit.net._account import BYTES, HIGH
from remit.net._stream import Framing, StreamChannel
from remit.testing import FaultyNetwork, run_virtual
from remit.values import LengthFramer, framed
from remit.vat import Ref, actor, tell
from tests.net.nodes import Door, Place, offer, until


@actor(kind="test.flow.relay")
class Relay:
    """Answers after it has asked somebody else."""

    done: int = 0

    async def ask(self, other: Ref[Any]) -> int:
        await other.count()
        self.done += 1
        return self.done

    def pass_on(self, other: Ref[Any], data: bytes) -> None:
        tell(other).take(data)

    def count(self) -> int:
        return self.done

    def take(self, data: bytes) -> None:
        self.done += 1


def account_of(node: Any) -> Any:
    (connection,) = node._connections.values()
    return connection.account


def test_work_that_waits_for_its_own_peer_does_not_block_it() -> None:
    """A floods B with calls that each call A back: the answers stand behind the flood in the channel that B has paused."""

    async def main() -> None:
        place = Place(network=FaultyNetwork())
        async with place.node() as b, place.node() as a:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Relay)))
            mine = a.vat.spawn(Relay)
            calls = [far.ask(mine) for _ in range(5 * HIGH)]
            async with asyncio.timeout(30):
                assert sorted([await call for call in calls]) == list(range(1, 5 * HIGH + 1))
            account = account_of(b)
            await until(lambda: account.debt == 0)
            await until(lambda: account.room == 1)
            assert not account.paused

    run_virtual(main)


def test_a_door_that_the_same_peer_opens_last_is_opened() -> None:
    """More calls than fit wait at a door, and the one that opens it is behind them in the channel."""

    async def main() -> None:
        place = Place(network=FaultyNetwork())
        async with place.node() as b, place.node() as a:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Door)))
            calls = [far.wait() for _ in range(3 * HIGH)]
            tell(far).open("in")
            async with asyncio.timeout(30):
                assert [await call for call in calls] == ["in"] * (3 * HIGH)

    run_virtual(main)


@pytest.mark.parametrize("seed", range(6))
def test_nodes_that_flood_each_other_with_calls_back_all_get_through(seed: int) -> None:
    """Both ways, in random bursts, over a network with delays, in little room: no call is left waiting."""

    async def main() -> None:
        place = Place(network=FaultyNetwork(seed=seed, delay=(0.0, 0.02)))
        chance = random.Random(seed)
        async with place.node() as b, place.node() as a:
            here, there = a.vat.spawn(Relay), b.vat.spawn(Relay)
            to_b, to_a = await a.fetch_from(await offer(b, there)), await b.fetch_from(await offer(a, here))
            calls = []
            for _ in range(20):
                for _ in range(chance.randrange(60)):
                    far, back = chance.choice([(to_b, here), (to_a, there)])
                    calls.append(far.ask(back))
                await asyncio.sleep(chance.random() * 0.05)
            async with asyncio.timeout(120):
                for call in calls:
                    await call
            for node in (a, b):
                await until(lambda node=node: account_of(node).debt == 0)  # type: ignore[misc]
                assert not account_of(node).paused

    with mock.patch.object(_account, "HIGH", 10), mock.patch.object(_account, "LOW", 5):
        run_virtual(main)


def test_large_messages_are_counted_in_bytes() -> None:
    """A few of them are as much as thousands of small ones; when they are done the account is even."""

    async def main() -> None:
        place = Place(network=FaultyNetwork())
        async with place.node() as b, place.node() as a:
            big = b"x" * 500_000
            later = b.vat.spawn(Relay)
            relay = await a.fetch_from(await offer(b, later))
            for _ in range(40):
                tell(relay).take(big)
            seen = []
            account = account_of(b)
            real = account.hold
            with mock.patch.object(
                _account.SessionAccount, "hold", lambda self, size: (real(size), seen.append(self.held))
            ):
                assert await relay.count() == 40
            assert max(seen) < BYTES + 600_000
            assert account.held == 0

    run_virtual(main)


def test_what_is_written_to_a_peer_that_does_not_read_is_paid_by_whoever_caused_it() -> None:
    """A floods B with work that B sends on to C, who does not read: B stops reading A, and goes on when C reads."""

    async def main() -> None:
        place = Place(network=FaultyNetwork())
        async with place.node(heartbeat=1e6) as b, place.node(heartbeat=1e6) as a, place.node(heartbeat=1e6) as c:
            relay = await a.fetch_from(await offer(b, b.vat.spawn(Relay)))
            at_c = c.vat.spawn(Relay)
            to_c = await b.fetch_from(await offer(c, at_c))
            (from_b,) = c._connections.values()
            (by_a,) = [each for each in b._connections.values() if each.session.remote_location == a.locator]
            (by_b,) = [each for each in b._connections.values() if each is not by_a]
            door = b.vat.spawn(Sender, to_c)
            sender = await a.fetch_from(await offer(b, door))
            from_b.channel.pause()
            for _ in range(100):
                tell(sender).send(300_000)
                await asyncio.sleep(0.001)
            await until(lambda: by_b.channel.congested and by_a.account.held > 0)
            await until(lambda: by_a.account.paused)
            from_b.channel.resume()
            await relay.count()
            await until(lambda: at_c._at.done == 100)
            await until(lambda: (by_a.account.debt, by_a.account.held) == (0, 0))

    run_virtual(main)


@actor(kind="test.flow.sender")
class Sender:
    """Sends on what is large, because of a call that is small."""

    to: Ref[Any]

    def send(self, size: int) -> None:
        tell(self.to).take(b"x" * size)


def test_a_session_that_ends_owes_nothing_more() -> None:
    """What was owed for a peer that does not read is repaid when that peer is gone."""

    async def main() -> None:
        place = Place(network=FaultyNetwork())
        async with place.node(heartbeat=1e6) as b, place.node(heartbeat=1e6) as a:
            async with place.node(heartbeat=1e6) as c:
                to_c = await b.fetch_from(await offer(c, c.vat.spawn(Relay)))
                (from_b,) = c._connections.values()
                sender = await a.fetch_from(await offer(b, b.vat.spawn(Sender, to_c)))
                (by_a,) = [each for each in b._connections.values() if each.session.remote_location == a.locator]
                from_b.channel.pause()
                for _ in range(10):
                    tell(sender).send(300_000)
                    await asyncio.sleep(0.001)
                await until(lambda: by_a.account.debt > 0)
                assert "under way" in by_a.session.dump()
            await until(lambda: (by_a.account.debt, by_a.account.held) == (0, 0))

    run_virtual(main)


def test_a_peer_that_is_given_up_hears_why() -> None:
    """Its calls break with the reason, and the node goes on."""

    async def main() -> None:
        place = Place(network=FaultyNetwork())
        async with place.node(heartbeat=1e6) as b, place.node(heartbeat=1e6) as a:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Door)))
            calls = [far.wait() for _ in range(100)]
            with pytest.raises(LinkLost, match="100 calls of its were under way, and none was done for 60 s"):
                await calls[0]
            assert b._connections == {}

    with (
        mock.patch.object(_account, "HIGH", 50),
        mock.patch.object(_account, "LOW", 25),
        mock.patch.object(_account, "MOST", 2),
    ):
        run_virtual(main)


# --- a share of the loop's time ---------------------------------------------------------------------------------------


class Peer:
    """One channel over a pipe that notes whether it is read; its receiver notes what it hears, in a list of all peers."""

    def __init__(self, name: str, heard: list[str], share: float) -> None:
        self.pipe = mock.Mock()
        self.pipe.is_closing.return_value = False
        self.name, self.heard, self._share = name, heard, share
        self.gathered = 0
        self.channel = StreamChannel(
            self.pipe,
            Framing(framed, LengthFramer),  # type: ignore[arg-type]
            transport="unix",
            name=name,
            peer=None,
            uid=None,
            close_seconds=1.0,
            gone=lambda _: None,
        )
        self.channel.open(lambda _: self)  # type: ignore[arg-type,return-value]

    def received(self, message: bytes) -> None:
        self.heard.append(f"{self.name}{message.decode()}")

    def closed(self, cause: Exception | None) -> None:
        self.heard.append(f"{self.name} closed")

    def share(self) -> float:
        return self._share

    def together(self, work: Any) -> None:
        self.gathered += 1
        work()


def test_a_read_with_many_messages_lets_others_in_between() -> None:
    """A share is taken, then the loop goes round; order is kept, and the pipe is read again after the last."""

    async def main() -> None:
        heard: list[str] = []
        flooder, other = Peer("a", heard, 0.0), Peer("b", heard, 0.0)
        flooder.channel.data_received(b"".join(framed(b"%d" % n) for n in range(5)))
        other.channel.data_received(framed(b"!"))
        assert heard == ["a0", "b!"]
        flooder.pipe.pause_reading.assert_called()
        flooder.pipe.resume_reading.assert_not_called()
        await until(lambda: len(heard) == 6)
        assert heard == ["a0", "b!", "a1", "a2", "a3", "a4"]
        await asyncio.sleep(0)
        flooder.pipe.resume_reading.assert_called_once()
        assert flooder.gathered == 5
        other.pipe.pause_reading.assert_not_called()

    asyncio.run(main())


def test_an_end_waits_for_the_shares_before_it() -> None:
    """What came before the connection was lost is delivered, share by share; then the end."""

    async def main() -> None:
        heard: list[str] = []
        peer = Peer("a", heard, 0.0)
        peer.channel.data_received(b"".join(framed(b"%d" % n) for n in range(3)))
        peer.channel.connection_lost(None)
        await until(lambda: "a closed" in heard)
        assert heard == ["a0", "a1", "a2", "a closed"]

    asyncio.run(main())


def test_a_pause_in_the_middle_of_a_read_holds_the_rest() -> None:
    """Paused between two shares nothing is delivered; resumed, the rest comes."""

    async def main() -> None:
        heard: list[str] = []
        peer = Peer("a", heard, 0.0)
        peer.channel.data_received(b"".join(framed(b"%d" % n) for n in range(3)))
        peer.channel.pause()
        for _ in range(5):
            await asyncio.sleep(0)
        assert heard == ["a0"]
        peer.channel.resume()
        await until(lambda: len(heard) == 3)

    asyncio.run(main())


def test_shares_are_small_where_peers_alternate() -> None:
    """A peer alone has time for a windowful, from its first message on; where another one was heard a moment ago, for a few calls."""

    async def main() -> None:
        place = Place(network=FaultyNetwork())
        async with place.node() as b, place.node() as a, place.node() as c:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Relay)))
            (one,) = b._connections.values()
            assert one.share() == _connection.ALONE
            assert await far.count() == 0
            await c.fetch_from(await offer(b, b.vat.spawn(Relay)))
            (other,) = [each for each in b._connections.values() if each is not one]
            assert other.share() == _connection.SHARED
            assert one.share() == _connection.SHARED

    run_virtual(main)


def test_what_waits_for_a_link_is_owed_by_whoever_caused_it() -> None:
    """Calls that a peer causes and that wait for a third node count as its own, until they are sent or given up."""

    async def main() -> None:
        place = Place(network=FaultyNetwork())
        async with place.node(heartbeat=1e6) as b, place.node(heartbeat=1e6) as a:
            async with place.node(heartbeat=1e6) as c:
                away = b.enliven(await offer(c, c.vat.spawn(Relay)))
            sender = await a.fetch_from(await offer(b, b.vat.spawn(Sender, away)))
            account = account_of(b)
            for _ in range(7):
                tell(sender).send(10)
            await until(lambda: account.debt == 7)
            await asyncio.sleep(60)
            assert account.debt == 0

    run_virtual(main)


def test_debts_are_data() -> None:
    """A node says of each session whose it is, and what its peer owes for now; when the work is done it owes nothing."""

    async def main() -> None:
        place = Place()
        async with place.node() as b, place.node() as a:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Door)))
            calls = [far.wait() for _ in range(5)]
            debts = Network(b).debts
            await until(lambda: debts() != [] and debts()[0]["messages"] == 5)
            (debt,) = debts()
            assert debt == {
                "peer": a.designator,
                "transport": "memory",
                "messages": 5,
                "bytes": 0,
                "unread": 0,
                "paused": False,
            }
            tell(far).open()
            for call in calls:
                await call
            await until(lambda: debts()[0]["messages"] == 0)

    run_virtual(main)

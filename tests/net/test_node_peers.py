"""Nodes of one process that talk over real netlayers: peers that are not who or what they should be, and the end."""

from __future__ import annotations

import asyncio

import pytest

from remit.errors import Broken, LinkLost, Misuse, Uncertain, Unreachable
from remit.net import MemoryNetlayer, MemoryNetwork, Node, NodeKey, TcpTestingNetlayer, TlsNetlayer, UnixNetlayer
from remit.net._account import HIGH, LOW
from remit.net._connection import Connection
from remit.testing import FaultyNetwork, run_virtual
from remit.values import Limits, Locator, SturdyRef
from remit.vat import Vat, resolved
from tests.captp.objects import Counter, Shelf
from tests.net.kit import DEADLINE, Acceptor, Recorder
from tests.net.nodes import KINDS, Caller, Door, Place, offer, until


@pytest.fixture(params=KINDS)
def place(request, folder):
    return Place(request.param, folder)


def run(main):
    async def bounded():
        async with asyncio.timeout(DEADLINE):
            await main()

    asyncio.run(bounded())


# --- who is who --------------------------------------------------------------------------------------------


class Liar(Node):
    """A node that claims to be another."""

    claimed = Locator("remit", NodeKey.generate().designator, {"memory": "elsewhere"})

    def location(self, transport, *, kin=True):
        return self.claimed


def test_a_location_that_does_not_carry_the_proved_key_is_refused(place):
    """Whoever claims another node's place is aborted, and is not found under that name."""

    async def main():
        async with place.node() as b, Vat("liar") as vat:
            liar = Liar(NodeKey.generate(), vat)
            async with liar:
                liar.use(place.netlayer(liar.key))
                with pytest.raises(Unreachable, match="does not carry the key"):
                    await liar.session(b.locator)
                assert b.meeting.find(Liar.claimed) is None
                assert b._connections == {}

    run(main)


def test_an_impostor_without_proof_is_not_sent_other_peoples_numbers():
    """Over tcp-testing-only anybody may claim any place: the session is not found under it."""

    async def main():
        async with Vat("a") as va, Vat("liar") as vl:
            async with Node(NodeKey.generate(), va) as a, Liar(NodeKey.generate(), vl) as liar:
                await a.listen(TcpTestingNetlayer())
                liar.use(TcpTestingNetlayer())
                await liar.session(a.location("tcp-testing-only"))
                assert [session.remote_location for session in a._connections] == [Liar.claimed]
                with pytest.raises(Unreachable):
                    await a.fetch_from(SturdyRef(Liar.claimed, b"secret"))

    run(main)


def test_the_newest_session_of_a_key_wins(place):
    """A node that was restarted without a word takes the place of its former self, whose calls end."""

    async def main():
        key = NodeKey.generate()
        async with place.node("b") as b, place.node("old", key) as old, place.node("new", key) as new:
            door, door_ref = b.vat.spawn(Door), None
            door_ref = await offer(b, door)
            far = await old.fetch_from(door_ref)
            knock = far.knock()
            await until(lambda: resolved(far.count()) is not None)
            again = await new.fetch_from(door_ref)
            with pytest.raises(LinkLost):
                await knock
            assert await again.count() == 1
            assert [s for s in b._connections if s.remote_location == old.locator] == [b.meeting.find(old.locator)]

    run(main)


def test_crossed_dials_end_with_one_session_and_lose_no_call():
    """Two nodes that dial each other at the same moment, again and again: all calls are answered, whichever session lives."""
    winners = set()

    async def main(seed):
        place = Place(network=FaultyNetwork(seed=seed, delay=(0.0, 0.05)))
        async with place.node("a") as a, place.node("b") as b:
            for_a, for_b = await offer(b, b.vat.spawn(Counter)), await offer(a, a.vat.spawn(Counter))

            async def call(node, sturdyref):
                return await (await node.fetch_from(sturdyref)).increment(1)

            live = [node.vat.spawn(Caller).ask(node.enliven(there), 1) for node, there in ((a, for_a), (b, for_b))]
            waiting = [call(a, for_a), call(b, for_b), *live]
            assert sorted(await asyncio.gather(*waiting)) == [1, 1, 2, 2]
            await until(lambda: len(a._connections) == len(b._connections) == 1)
            (ours,), (theirs,) = a._connections, b._connections
            assert ours.id == theirs.id
            assert a.meeting.find(b.locator) is ours
            assert b.meeting.find(a.locator) is theirs
            assert ours.initiator != theirs.initiator
            winners.add(ours.initiator)

    for seed in range(40):
        run_virtual(lambda seed=seed: main(seed))
    assert winners == {True, False}


# --- peers that don't behave -----------------------------------------------------------------------------------


def test_a_peer_that_never_says_hello_is_given_up():
    """A dial waits for op:start-session, for so long and no longer."""

    async def main():
        place, silent = Place(), NodeKey.generate()
        layer = MemoryNetlayer(place.network, silent, "silent")
        await layer.listen(Acceptor())
        async with place.node() as a:
            with pytest.raises(Unreachable, match="memory: no answer within 10 s"):
                await a.session(Locator("remit", silent.designator, {"memory": "silent"}))
            assert a._connections == {}
        await layer.close()

    run_virtual(main)


def test_who_dials_and_never_says_hello_is_turned_out():
    """An accepted connection without op:start-session ends after two heartbeats."""

    async def main():
        place = Place()
        async with place.node(heartbeat=5) as b:
            layer = MemoryNetlayer(place.network, NodeKey.generate(), "silent")
            made = []
            await layer.dial(b.locator, lambda channel: made.append(Recorder(channel)) or made[0])
            await made[0].until_closed()
            assert 10 <= b.loop_time() <= 15
            assert b"op:abort" not in b"".join(made[0].messages)
            assert b._connections == {}
            await layer.close()

    run_virtual(main)


def test_a_frame_above_the_receivers_limit_ends_that_session_only(place):
    """The receiver ends the connection; the caller hears that its call may have been done; others go on."""

    async def main():
        small = Limits(frame=20_000)
        async with place.node("b", limits=small, layer={"limits": small}) as b, place.node() as a, place.node() as c:
            offered = await offer(b, b.vat.spawn(Counter))
            far, other = await a.fetch_from(offered), await c.fetch_from(offered)
            with pytest.raises(Uncertain):
                await far.note("x" * 50_000)
            assert await other.notes() == []

    run(main)


def test_a_call_above_our_own_limit_is_refused_at_home(place):
    """It is never sent: the session and the other calls go on."""

    async def main():
        async with place.node() as b, place.node() as a:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Counter)))
            with pytest.raises(Broken, match="above the limit") as caught:
                await far.note(b"x" * (2 << 20))
            assert caught.value.kind == "LimitExceeded"
            assert await far.increment(1) == 1

    run(main)


def test_a_fault_of_our_own_ends_one_session_and_is_reported(place, monkeypatch):
    """An unexpected exception while a message is taken ends that session; the other peers notice nothing."""

    async def main():
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: faults.append(context["exception"]))
        async with place.node("b") as b, place.node("a") as a, place.node("c") as c:
            offered = await offer(b, b.vat.spawn(Counter))
            far, other = await a.fetch_from(offered), await c.fetch_from(offered)
            received = Connection.received

            def faulty(connection, data):
                if connection.session.remote_location == a.locator and connection.node is b:
                    raise ZeroDivisionError("a fault")
                received(connection, data)

            monkeypatch.setattr(Connection, "received", faulty)
            with pytest.raises(Uncertain):
                await far.increment(1)
            assert await other.increment(1) == 1
            assert [type(fault) for fault in faults] == [ZeroDivisionError]

    run(main)


# --- heartbeats ---------------------------------------------------------------------------------------------------


def test_a_dead_peer_is_noticed_though_the_connection_is_open():
    """After a silence the peer is probed; without an answer the session ends, and its calls are uncertain."""

    async def main():
        network = FaultyNetwork()
        place = Place(network=network)
        async with place.node(heartbeat=4, layer={"name": "b"}) as b, place.node(heartbeat=4, layer={"name": "a"}) as a:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Door)))
            network.partition(["a"], ["b"])
            before = a.loop_time()
            with pytest.raises(Uncertain, match="silent for"):
                await far.knock()
            assert 8 <= a.loop_time() - before <= 12
            await until(lambda: b._connections == {})

    run_virtual(main)


def test_an_idle_session_stays():
    """A peer that has nothing to say but answers probes is kept for ever."""

    async def main():
        place = Place(network=FaultyNetwork(delay=(0.1, 0.2)))
        async with place.node(heartbeat=2) as b, place.node(heartbeat=2) as a:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Counter)))
            session = await a.session(b.locator)
            await asyncio.sleep(600)
            assert session.state == "open"
            assert await far.increment(1) == 1

    run_virtual(main)


# --- flow control -----------------------------------------------------------------------------------------------------


def test_a_flood_pauses_the_channel_until_the_work_is_done(place):
    """More calls than a peer may have under way are left in its channel; all are done in the end."""

    async def main():
        async with place.node() as b, place.node() as a:
            door = b.vat.spawn(Door)
            far = await a.fetch_from(await offer(b, door))
            calls = [far.wait() for _ in range(HIGH + 500)]
            (connection,) = b._connections.values()
            await until(lambda: connection.account.paused)
            assert await door.count() < HIGH + 500
            door.open("in")
            assert [await call for call in calls] == ["in"] * (HIGH + 500)
            assert not connection.account.paused
            assert connection.account.debt <= LOW
            await until(lambda: connection.account.debt == 0)

    run(main)


def test_a_peer_whose_channel_we_paused_is_not_taken_for_dead():
    """While we don't listen its silence says nothing."""

    async def main():
        place = Place(network=FaultyNetwork())
        async with place.node(heartbeat=2) as b, place.node(heartbeat=1e6) as a:
            door = b.vat.spawn(Door)
            far = await a.fetch_from(await offer(b, door))
            calls = [far.wait() for _ in range(HIGH + 10)]
            await asyncio.sleep(60)
            door.open(1)
            assert await asyncio.gather(*(_value(call) for call in calls)) == [1] * (HIGH + 10)

    run_virtual(main)


async def _value(promise):
    return await promise


def test_two_nodes_that_flood_each_other_both_get_through(place):
    """Both write more than the other has read, at once: neither waits for the other to read first."""

    async def main():
        async with place.node() as b, place.node() as a:
            mine, theirs = a.vat.spawn(Counter), b.vat.spawn(Counter)
            to_b, to_a = await a.fetch_from(await offer(b, theirs)), await b.fetch_from(await offer(a, mine))
            big = b"x" * 100_000
            calls = [ref.note(big) for _ in range(60) for ref in (to_a, to_b)]
            for call in calls:
                await call
            assert await mine.increment(1) == await theirs.increment(1) == 1

    run(main)


def test_a_peer_that_does_not_read_is_not_answered_for_ever():
    """Answers that stay unread pause the channel, and the memory they take is bounded."""

    async def main():
        place = Place(network=FaultyNetwork())
        async with place.node(heartbeat=5, limits=Limits(frame=8 << 20)) as b, place.node(heartbeat=1e6) as a:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Shelf, b"x" * 1_000_000)))
            (connection,), (ours,) = b._connections.values(), a._connections.values()
            ours.channel.pause()
            calls = []
            for _ in range(100):
                calls.append(far.get())
                await asyncio.sleep(0.01)
            assert connection.account.paused
            assert connection.account.unread < 20 << 20
            ours.channel.resume()
            assert [len(await call) for call in calls] == [1_000_000] * 100
            assert not connection.account.paused

    run_virtual(main)


# --- dialling ------------------------------------------------------------------------------------------------------------


def test_a_locator_without_a_usable_hint_says_so():
    """The error names the locator's hints and the node's netlayers."""

    async def main():
        async with Vat("a") as vat, Node(NodeKey.generate(), vat) as node:
            node.use(UnixNetlayer(node.key))
            nowhere = Locator("remit", NodeKey.generate().designator, {"tls": "127.0.0.1:1"})
            with pytest.raises(Unreachable, match=r"its hints: tls; this node's netlayers: unix"):
                await node.session(nowhere)

    run(main)


def test_the_error_of_a_dial_names_every_attempt(folder):
    """One error for all hints that failed and for the guide, each with its reason."""

    async def main():
        async def guide(designator):
            return None

        async with Vat("a") as vat, Node(NodeKey.generate(), vat, guide=guide) as node:
            node.use(UnixNetlayer(node.key))
            node.use(TlsNetlayer(node.key))
            node.use(MemoryNetlayer(MemoryNetwork(), node.key))
            hints = {"tls": "127.0.0.1:1", "unix": f"{folder}/none.sock", "memory": "nobody"}
            with pytest.raises(Unreachable) as caught:
                await node.session(Locator("remit", NodeKey.generate().designator, hints))
            text = str(caught.value)
            assert text.count("Unreachable") == 1
            for part in (
                "memory: memory nobody: nobody listens",
                "unix: ",
                "none.sock",
                "tls: tls 127.0.0.1:1",
                "guide does not know",
            ):
                assert part in text

    run(main)


def test_the_next_hint_is_tried_when_one_is_stale(folder):
    """Hints are advice: a wrong one costs an attempt, not the connection."""

    async def main():
        place = Place("tls")
        async with place.node() as b, place.node() as a:
            a.use(UnixNetlayer(a.key))
            a.use(MemoryNetlayer(place.network, a.key))
            hints = {**b.locator.hints, "unix": f"{folder}/gone.sock", "memory": "gone"}
            assert (await a.session(Locator("remit", b.designator, hints))).state == "open"

    run(main)


# --- the end --------------------------------------------------------------------------------------------------------------


def test_closing_a_node_breaks_the_calls_of_others(place):
    """Calls in flight may have been done, later ones were not sent; the reason is the peer's word."""

    async def main():
        async with place.node() as a:
            async with place.node() as b:
                far = await a.fetch_from(await offer(b, b.vat.spawn(Door)))
                knock = far.knock()
                await until(lambda: resolved(far.count()) is not None)
            with pytest.raises(Uncertain, match="the node is closing"):
                await knock
            with pytest.raises(Unreachable, match="nothing was sent"):
                await far.knock()

    run(main)


def test_closing_a_node_ends_its_dials_and_tells_who_waits():
    """Nobody waits for a dial of a node that is gone."""

    async def main():
        place, silent = Place(), NodeKey.generate()
        layer = MemoryNetlayer(place.network, silent, "silent")
        await layer.listen(Acceptor())
        async with place.node() as a:
            locator = Locator("remit", silent.designator, {"memory": "silent"})
            waiting = asyncio.create_task(a.session(locator))
            await until(lambda: a._connections)
            await a.close()
            with pytest.raises(Unreachable):
                await waiting
            with pytest.raises(Unreachable, match="closed"):
                await a.session(locator)
            await a.close()  # a second time does nothing
        await layer.close()

    run_virtual(main)


def test_a_node_that_is_closing_takes_no_connections(place):
    """A connection that comes in between ends at once."""

    async def main():
        async with place.node() as b, place.node() as a:
            b.closed = True
            with pytest.raises(Unreachable):
                await a.session(b.locator)
            assert b._connections == {}
            b.closed = False

    run(main)


def test_two_nodes_do_not_share_their_main_vat():
    """What one vat sends goes out when its batch is done, over one node."""

    async def main():
        async with Place().node("a") as a:
            with pytest.raises(Misuse, match="another node's main vat"):
                async with Node(NodeKey.generate(), a.vat):
                    pass
            await a.close()
            async with Node(NodeKey.generate(), a.vat):
                pass

    run_virtual(main)


def test_nobody_waits_for_ever_on_a_node_whose_vat_has_stopped():
    """Its dials go on, and every call by it ends: with what the far object answers, or with the reason of the stop."""

    async def main():
        place = Place(network=FaultyNetwork(delay=(0.1, 0.1)))
        async with place.node("b") as b, place.node("a") as a:
            counter = await offer(b, b.vat.spawn(Counter))
            live = a.enliven(counter)
            waiting, fetching = live.increment(1), asyncio.ensure_future(a.fetch_from(counter))
            await asyncio.sleep(0.05)
            a.vat.stop()
            near = a.vat.spawn(Counter)
            calls = (waiting, fetching, live.increment(1), near.increment(1), (await fetching).ask(near, 1))
            async with asyncio.timeout(60):
                outcomes = await asyncio.gather(*(_value(call) for call in calls), return_exceptions=True)
            assert {error.message for error in outcomes if isinstance(error, Broken)} <= {"vat a has stopped"}
            assert all(outcome is not None for outcome in outcomes)
            with pytest.raises(LinkLost, match="vat a has stopped"):
                await near.increment(1)

    run_virtual(main)


def test_a_node_wants_its_vat_driven():
    """A node on a vat that nobody runs would never answer: it is refused."""

    async def main():
        with pytest.raises(Exception, match="enter it before its node"):
            async with Node(NodeKey.generate(), Vat("idle")):
                pass

    run(main)

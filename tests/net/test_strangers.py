"""What those may do who have proved no key: little, and not for long. The same on every netlayer over sockets."""

from __future__ import annotations

import asyncio
import errno
import time

import pytest

from remit.errors import Misuse
from remit.net import Admission, NodeKey
from tests.net.kit import KITS, Acceptor, Recorder, opened
from tests.net.raw import raw


@pytest.fixture(params=["tls", "unix", "websocket", "tcp-testing-only"])
def kit_class(request):
    return KITS[request.param]


async def listening(kit, **bounds):
    """A netlayer that listens with these bounds: it, its key, its hints, and who takes its channels."""
    key, acceptor = NodeKey.generate(), Acceptor()
    netlayer = kit.netlayer(key, admission=Admission(**bounds))
    return netlayer, key, await netlayer.listen(acceptor), acceptor


async def is_served(kit, key, hints, acceptor):
    """Whether an honest node gets in and is heard."""
    near = Recorder()
    channel = await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), lambda _: near)
    channel.send([kit.message(b"honest")])
    far = await acceptor.first()
    await far.until(lambda far: far.messages)
    return far.messages == [kit.message(b"honest")]


def test_a_silent_connection_is_ended_by_the_time_limit(test):
    """Whoever connects and says nothing is hung up on when the time is over, and not before."""

    async def body(kit):
        netlayer, _, hints, acceptor = await listening(kit, seconds=0.2)
        began = time.monotonic()
        async with raw(hints) as silent:
            assert await silent.until_ended() == b""
        assert time.monotonic() - began >= 0.198  # uvloop counts in whole milliseconds
        assert acceptor.recorders == [] and len(netlayer.admission) == 0 and netlayer.admission.refused == 1

    test(body)


def test_a_half_hello_is_ended_by_the_time_limit(test, kit_class):
    """Beginning the handshake does not stop the clock."""

    async def body(kit):
        netlayer, _, hints, acceptor = await listening(kit, handshake_seconds=0.3)
        async with raw(hints, tls=kit.name == "tls") as slow:
            slow.write(kit.begins)
            assert await slow.until_ended() == b""
        assert acceptor.recorders == [] and len(netlayer.admission) == 0

    if kit_class.proves:
        test(body)


def test_silent_connections_never_keep_an_honest_node_out(test):
    """With as many silent connections as there may be, the longest silent one makes room, and only that one."""

    async def body(kit):
        netlayer, key, hints, acceptor = await listening(kit, connections=3, seconds=30)
        async with raw(hints) as first, raw(hints) as second, raw(hints) as third:
            await until(lambda: len(netlayer.admission) == 3)
            assert await is_served(kit, key, hints, acceptor)
            assert await first.until_ended() == b""
            assert not second.reader.at_eof() and not third.reader.at_eof()
            assert netlayer.admission.refused == 1

    test(body)


def test_one_who_shakes_hands_is_not_turned_out_for_a_newcomer(test, kit_class):
    """Room is made among the silent only, although one who has begun came earlier."""

    async def body(kit):
        netlayer, key, hints, acceptor = await listening(kit, connections=2, seconds=30)
        async with raw(hints) as begun:
            begun.write({"tls": b"\x16"}.get(kit.name, kit.begins[:1]))
            await until(lambda: netlayer.admission._busy == 1)
            async with raw(hints) as silent:
                await until(lambda: len(netlayer.admission) == 2)
                assert await is_served(kit, key, hints, acceptor)
                assert await silent.until_ended() == b""
            assert not begun.reader.at_eof()

    if kit_class.proves:
        test(body)


def test_more_connections_than_the_limit_are_not_held(test):
    """Of many silent connections at once, the limit's number stays, and the others are hung up on at once."""

    async def body(kit):
        netlayer, _, hints, _ = await listening(kit, connections=4, seconds=30)
        connections = [raw(hints) for _ in range(12)]
        opened_ones = [await connection.__aenter__() for connection in connections]
        ended = [asyncio.create_task(connection.until_ended()) for connection in opened_ones]
        await until(lambda: sum(task.done() for task in ended) == 8)
        assert len(netlayer.admission) == 4
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)
        for connection in connections:
            await connection.__aexit__(None, None, None)

    test(body)


def test_garbage_is_hung_up_on_at_once(test):
    """E1: Bytes of no protocol of ours end the connection long before the time limit, whatever they begin with."""

    async def body(kit):
        netlayer, _, hints, acceptor = await listening(kit, seconds=30)
        for garbage in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01" + b"\xff" * 500,
            b"remit nonsense\n",
            b"\0" * 70_000,
            b"rr",
        ):
            async with raw(hints) as stranger:
                stranger.write(garbage)
                await stranger.until_ended()
        await until(lambda: len(netlayer.admission) == 0)
        assert all(recorder.messages == [] for recorder in acceptor.recorders)

    test(body)


def test_one_who_hangs_up_is_forgotten(test):
    """A connection that ends by itself before it proved anything leaves nothing behind."""

    async def body(kit):
        netlayer, _, hints, _ = await listening(kit, seconds=30)
        async with raw(hints):
            await until(lambda: len(netlayer.admission) == 1)
        await until(lambda: len(netlayer.admission) == 0)
        assert not netlayer._arrivals

    test(body)


def test_closing_the_netlayer_turns_guests_out(test):
    """Guests in every stage are hung up on by close."""

    async def body(kit):
        netlayer, _, hints, _ = await listening(kit, seconds=30)
        async with raw(hints) as silent, raw(hints) as begun:
            begun.write({"tls": b"\x16", "tcp-testing-only": b"<"}.get(kit.name, kit.begins))
            await until(lambda: len(netlayer.admission) == 2)
            await netlayer.close()
            await silent.until_ended()
            kit.name == "tcp-testing-only" or await begun.until_ended()
        assert len(netlayer.admission) == 0

    test(body)


def test_running_out_of_descriptors_does_not_end_the_listener(test, monkeypatch):
    """accept failing with EMFILE, or because a connection is gone already, is survived; the next one is served."""

    async def body(kit):
        netlayer, key, hints, acceptor = await listening(kit, seconds=30)
        real = type(netlayer._listeners[0])._accept_one
        failures = [OSError(errno.EMFILE, "Too many open files"), OSError(errno.ECONNABORTED, "aborted")]

        def failing(listener):
            if failures:
                raise failures.pop()
            return real(listener)

        monkeypatch.setattr(type(netlayer._listeners[0]), "_accept_one", failing)
        assert await is_served(kit, key, hints, acceptor)
        assert failures == []
        assert netlayer._listeners[0]._respite is not None, "it has waited for descriptors, not spun"

    test(body)


def test_only_so_many_shake_hands_at_once(folder, run):
    """With every place taken by stalled handshakes, an honest node waits, and is served when their time is over."""

    async def main():
        async with opened(KITS["tls"], folder) as kit:
            netlayer, key, hints, acceptor = await listening(kit, handshakes=2, handshake_seconds=0.4)
            async with raw(hints) as first, raw(hints) as second:
                first.write(b"\x16\x03\x01")
                second.write(b"\x16\x03\x01")
                await until(lambda: netlayer.admission._busy == 2)
                assert await is_served(kit, key, hints, acceptor)
                assert netlayer.admission.refused >= 1

    run(main())


def test_only_so_many_come_in(test, kit_class):
    """E3: Anybody can make a key, so proved connections are bounded, too: one more is hung up on, until one has ended."""

    async def body(kit):
        netlayer, key, hints, acceptor = await listening(kit, members=1)
        first, late = Recorder(), Recorder()
        channel = await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), lambda _: first)
        await acceptor.first()
        assert (netlayer.admission.joined, len(netlayer.admission)) == (1, 0)
        await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), lambda _: late)
        await late.until_closed()
        assert len(acceptor.recorders) == 1 and first.closings == []
        channel.close()
        await until(lambda: netlayer.admission.joined == 0)
        acceptor.recorders.clear()
        await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), lambda _: Recorder())
        await until(lambda: acceptor.recorders)

    if kit_class.proves:
        test(body)


class Bench:
    """Guests of one admission, by hand: who was turned out, and who shakes hands."""

    def __init__(self, **bounds):
        self.admission = Admission(**bounds)
        self.out, self.shaking = [], []

    def come(self, name, source, *, speaks=False):
        guest = self.admission.enter(lambda reason: self.out.append(name), source)
        if guest is not None and speaks:
            guest.spoke(lambda: self.shaking.append(name))
        return guest


def test_a_flood_makes_room_for_those_from_elsewhere(run):
    """All places are taken by one source: one of another gets in, whatever stage the flood's are in; a third, too."""

    async def main():
        for speaks in (False, True):
            bench = Bench(connections=6, handshakes=2, seconds=30)
            for number in range(6):
                bench.come(f"flood {number}", "a", speaks=speaks)
            assert bench.come("honest", "b") is not None
            assert bench.come("other", "c", speaks=True) is not None
            assert bench.out[:2] == (["flood 2", "flood 3"] if speaks else ["flood 0", "flood 1"])
            assert "other" in bench.shaking
            for number in range(9):
                bench.come(f"more {number}", "a")
            assert "honest" not in bench.out and "other" not in bench.out, "the flood gets nobody else's place"
            bench.admission.end_all("over")
            assert bench.admission._busy == len(bench.admission) == sum(bench.admission._of.values()) == 0

    run(main())


def test_places_for_handshakes_are_shared_out_by_source(run):
    """A source with all places gives up those that others need, down to its share, and the rest wait their turn."""

    async def main():
        bench = Bench(connections=20, handshakes=4, seconds=30)
        flood = [bench.come(f"flood {number}", "a", speaks=True) for number in range(8)]
        assert bench.shaking == ["flood 0", "flood 1", "flood 2", "flood 3"]
        bench.come("b0", "b", speaks=True)
        bench.come("b1", "b", speaks=True)
        bench.come("b2", "b", speaks=True)
        assert bench.shaking[4:] == ["b0", "b1"]
        assert bench.out == ["flood 0", "flood 1"]
        flood[2].leave()
        assert bench.shaking[6:] == ["flood 4"] or bench.shaking[6:] == ["b2"]
        bench.admission.end_all("over")
        assert bench.admission._busy == 0
        assert not bench.admission._waiting and not +bench.admission._shaking

    run(main())


def test_a_single_source_is_served_as_before(run):
    """Where everybody comes from one address, the one that was silent longest makes room, and none that has begun."""

    async def main():
        bench = Bench(connections=3, handshakes=1, seconds=30)
        bench.come("begun", "a", speaks=True)
        bench.come("silent", "a")
        bench.come("waiting", "a", speaks=True)
        assert bench.come("new", "a", speaks=True) is not None
        assert bench.out == ["silent"]
        assert bench.come("late", "a") is None
        bench.admission.end_all("over")

    run(main())


class Known(Recorder):
    """A receiver that says whether it would be missed."""

    useless = True

    def spare(self):
        return self.useless


def test_a_member_of_no_use_makes_room_for_another(test, kit_class):
    """Keys cost nothing: of those that came in, the first one that its receiver would not miss is ended for a newcomer."""

    async def body(kit):
        netlayer, key, hints, acceptor = await listening(kit, members=2)
        acceptor._make = Known
        dialled = []
        for _ in range(3):
            recorder = Recorder()
            dialled.append(recorder)
            await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), lambda _, r=recorder: r)
            await until(lambda: len(acceptor.recorders) == len(dialled))
            acceptor.recorders[0].useless = False
        await until(lambda: acceptor.recorders[1].closings)
        assert [bool(recorder.closings) for recorder in acceptor.recorders] == [False, True, False]
        assert "turned out" in str(acceptor.recorders[1].closings[0])
        await dialled[1].until_closed()
        assert (netlayer.admission.joined, len(netlayer.admission)) == (2, 0)

    if kit_class.proves:
        test(body)


def test_bounds_that_bound_nothing_are_our_own_mistake():
    """Admission needs at least one place and some time."""
    for bounds in ({"connections": 0}, {"handshakes": 0}, {"members": 0}, {"seconds": 0}, {"handshake_seconds": 0}):
        with pytest.raises(Misuse):
            Admission(**bounds)


async def until(condition):
    """Let the loop run until this holds."""
    async with asyncio.timeout(15):
        while not condition():
            await asyncio.sleep(0.001)

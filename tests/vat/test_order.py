"""Messages from one sender to one receiver arrive in the order sent, promises included. (docs/design.md, section 3)"""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.errors import Broken, Conflict
from remit.vat import ROOT, Far, Message, Promise, Ref, Resolver, Vat, actor, current, promise, tell, this
from tests.vat.kit import FakeLink, Log, broken, run, settle


@actor(kind="tests.maker")
class Maker:
    """Makes promises, and hands on what it is given."""

    def pair(self) -> list[Any]:
        return list(promise())

    def same(self, value: Any) -> Any:
        return value

    def fail(self) -> None:
        raise ValueError("broken at the start")

    def lend(self, to: Ref[Any]) -> Any:
        """Has another vat wait for a call inside this one that is not done yet."""
        return to.wait(this().same(1))

    def count(self, log: Ref[Log], via: Ref[Any], n: int) -> None:
        for i in range(n):
            tell(via).add(["via", i])
            tell(log).add(["direct", i])


def pairs(vat: Vat, n: int) -> tuple[list[Promise[Any]], list[Ref[Resolver]]]:
    maker = vat.spawn(Maker)
    made = [settle(maker.pair(), vat) for _ in range(n)]
    return [each[0] for each in made], [each[1] for each in made]


def test_direct_messages_keep_their_order() -> None:
    """What one sender sends to one reference arrives in that order."""
    vat = Vat()
    log = vat.spawn(Log)
    for i in range(100):
        tell(log).add(i)
    assert settle(log.read()) == list(range(100))


def test_messages_to_a_promise_wait_in_order() -> None:
    """Messages sent before a promise has its result arrive before those sent after it, in order."""
    vat = Vat()
    log = vat.spawn(Log)
    (made,), (resolver,) = pairs(vat, 1)
    for i in range(3):
        tell(made).add(i)
    run(vat)
    tell(resolver).fulfill(log)
    tell(made).add(3)
    run(vat)
    tell(made).add(4)
    assert settle(log.read()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("settling", [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]])
def test_chains_of_promises_keep_order(settling: list[int]) -> None:
    """Through promises that become promises, whichever is settled first, order holds."""
    vat = Vat()
    log = vat.spawn(Log)
    made, resolvers = pairs(vat, 3)
    becomes = [made[1], made[2], log]
    sent = 0
    for which in settling:
        for _ in range(2):
            tell(made[0]).add(sent)
            sent += 1
        tell(resolvers[which]).fulfill(becomes[which])
        run(vat)
    tell(made[0]).add(sent)
    assert settle(log.read()) == list(range(sent + 1))


def test_each_way_keeps_its_own_order() -> None:
    """A promise and the reference that it becomes are two ways: each keeps the order of what took it."""
    vat = Vat()
    log, maker = vat.spawn(Log), vat.spawn(Maker)
    settle(maker.count(log, maker.same(log), 5))
    entries = settle(log.read())
    for way in ("via", "direct"):
        assert [i for name, i in entries if name == way] == list(range(5))


def test_between_two_vats() -> None:
    """Order holds for messages into another vat, and through promises of either."""
    here, there = Vat("here"), Vat("there")
    log, maker = there.spawn(Log), here.spawn(Maker)
    far_maker = there.spawn(Maker)
    settle(maker.count(log, far_maker.same(log), 5), here, there)
    entries = settle(log.read(), here, there)
    for way in ("via", "direct"):
        assert [i for name, i in entries if name == way] == list(range(5))


def test_pipelined_messages_arrive_in_order() -> None:
    """Messages to the result of a call wait for it, in order, without a round trip each."""
    vat = Vat()
    log, maker = vat.spawn(Log), vat.spawn(Maker)
    to = maker.same(log)
    for i in range(5):
        tell(to).add(i)
    run(vat)
    assert settle(log.read()) == [0, 1, 2, 3, 4]


def test_a_message_sent_while_others_are_let_go_comes_after_them() -> None:
    """Something that waits on a promise and sends to it when told does not overtake the messages that waited behind it."""
    vat = Vat()
    link = FakeLink()
    far: Far[Any] = Far(vat, 7, link)
    it: Promise[Any] = Promise(vat)

    class Eager:
        def settled(self, settled: Promise[Any]) -> None:
            it._route(Message(it, "late", (), None, None, ROOT, True), None)

    tell(it).first()
    it._wait(Eager())
    tell(it).second()
    it._settle(far, None)
    assert link.selectors == ["first", "second", "late"]


def test_a_long_broken_chain_breaks_to_its_end() -> None:
    """A chain of thousands of pipelined calls breaks with the first one's cause, without a stack as deep."""
    vat = Vat()
    maker = vat.spawn(Maker)
    end: Promise[Any] = maker.fail()
    for _ in range(5000):
        end = end.same(1)
    assert broken(end).message == "broken at the start"


def test_a_long_chain_breaks_when_the_vat_stops() -> None:
    """The same when the vat stops before the first is answered."""
    vat = Vat()
    maker = vat.spawn(Maker)
    end: Promise[Any] = maker.same(maker)
    for _ in range(5000):
        end = end.same(1)
    vat.stop()
    with pytest.raises(Broken, match="stopped"):
        settle(end)


def test_an_endless_chain_does_not_grow() -> None:
    """An object that answers with a call of its own, again and again, makes no chain that grows with each answer."""
    vat = Vat()
    count, log = vat.spawn(Count), vat.spawn(Log)
    first = count.down(5000, log)
    tell(first).add("early")
    vat.run(4000)
    alive = sum(isinstance(each, Promise) for each in gc.get_objects())
    tell(first).add("late")
    assert settle(first) is log
    assert alive - sum(isinstance(each, Promise) for each in gc.get_objects()) < 10
    assert settle(log.read()) == ["early", "late"]


@actor(kind="tests.count")
class Count:
    def down(self, left: int, goal: Any) -> Any:
        return this().down(left - 1, goal) if left else goal


def test_a_promise_cannot_become_itself() -> None:
    """A promise resolved to itself, directly, through others or across vats, breaks as `Conflict` instead of waiting for ever."""
    vat = Vat()
    made, resolvers = pairs(vat, 2)
    settle(resolvers[0].fulfill(made[1]))
    settle(resolvers[1].fulfill(made[0]))
    assert isinstance(broken(made[0]), Conflict)
    assert isinstance(broken(made[1]), Conflict)
    here, there = Vat("here"), Vat("there")
    (p,), (r,) = pairs(here, 1)
    (q,), (s,) = pairs(there, 1)
    settle(r.fulfill(q), here, there)
    settle(s.fulfill(p), here, there)
    assert isinstance(broken(q, here, there), Conflict)
    assert isinstance(broken(p, here, there), Conflict)


@actor(kind="tests.answerer")
class Answerer:
    where: str = ""

    async def wait(self, what: Any) -> str:
        await what
        self.where = current("a test").vat.name
        return self.where


def test_methods_go_on_in_their_own_vat() -> None:
    """A method that awaits a promise of another vat goes on in its own vat, even where it is the only one that waits."""
    here, there = Vat("here"), Vat("there")
    maker, answerer = here.spawn(Maker), there.spawn(Answerer)
    answer = maker.lend(answerer)
    here.run(1)
    there.run()
    here.run()
    assert answerer._at.where == ""
    assert settle(answer, there, here) == "there"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_schedule_keeps_order(data: st.DataObject) -> None:
    """However sends, settlements and turns of three vats mix, each way to the log keeps its order and loses nothing."""
    vats = [Vat(f"vat{i}") for i in range(3)]
    logs = [vat.spawn(Log) for vat in vats]
    count = data.draw(st.integers(1, 5))
    made, resolvers = [], []
    for i in range(count):
        (p,), (r,) = pairs(vats[i % 3], 1)
        made.append(p)
        resolvers.append(r)
    # Promise i becomes a later promise, or a log: no cycles.
    goals: list[Ref[Any]] = [data.draw(st.sampled_from([*made[i + 1 :], *logs])) for i in range(count)]
    sent = [0] * count
    open_ones = set(range(count))
    for _ in range(data.draw(st.integers(0, 25))):
        what = data.draw(st.sampled_from(["send", "send", "settle", "turn"]))
        i = data.draw(st.integers(0, count - 1))
        if what == "send":
            tell(made[i]).add([i, sent[i]])
            sent[i] += 1
        elif what == "settle":
            tell(resolvers[i]).fulfill(goals[i])
            open_ones.discard(i)
        else:
            vats[i % 3].run(1)
    for i in open_ones:
        tell(resolvers[i]).fulfill(goals[i])
    run(*vats)
    for i in range(count):
        tell(made[i]).add([i, sent[i]])
    run(*vats)
    entries = [entry for log in logs for entry in log._at.entries]
    for i in range(count):
        assert [n for way, n in entries if way == i] == list(range(sent[i] + 1))

"""What a node records of the traces that it follows: as its operator says, bounded, and never a value."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import pytest

from remit.errors import Broken
from remit.net import Network, Tracer, tracing_of
from remit.net import _log as log
from remit.net import _trace as module
from remit.values import Symbol
from remit.vat import Context, Message, Promise, Ref, Vat, actor, tell
from tests.net.nodes import Place, offer, until
from tests.vat.kit import Purse, run

ID = "0123456789abcdef"


@actor(kind="test.trace.clerk")
class Clerk:
    """Asks the next one."""

    other: Any = None

    async def ask(self, secret: str) -> str:
        return "end" if self.other is None else await self.other.ask(secret)

    def fail(self, secret: str) -> None:
        raise ValueError("no")

    def many(self, count: int) -> None:
        for _ in range(count):
            tell(self.other).fail("x")


class Stand:
    """A tracer with a clock that the test moves."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.switched: list[bool] = []
        with mock.patch.object(module.time, "time", return_value=1000.0):
            self.tracer = Tracer("abcdefghij", self.switched.append)
        self.tracer.now = lambda: self.time  # type: ignore[method-assign]
        self.vat = Vat("here")
        self.target: Ref[Any] = self.vat.spawn(Clerk)

    def came(self, named: tuple[str, str] | None = None, selector: str | None = "ask", *args: Any) -> Context:
        message = Message(self.target, selector, args, None, None, Context(Purse()), True)
        return self.tracer.came(message, named, "peer5678")


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_nothing_is_followed_unless_the_operator_says_so(stand: Stand) -> None:
    """A peer's name for a trace moves nothing; off again after its time, and the node is told so."""
    assert stand.came((ID, "peer-5")).trace is None
    assert stand.switched == [False]
    stand.tracer.follow(ID, 60)
    assert stand.came(("f" * 16, "peer-5")).trace is None
    assert stand.came(None).trace is None
    found = stand.came((ID, "peer-5"))
    assert found.trace is not None
    assert found.trace.trace == ID
    stand.time += 61
    assert stand.came((ID, "peer-6")).trace is None
    assert stand.switched == [False, True, False]


def test_on_follows_every_call_for_its_time(stand: Stand) -> None:
    """Each that comes unnamed is a trace of its own; a name that a peer gives is kept."""
    stand.tracer.on(10)
    first, second = stand.came().trace, stand.came().trace
    assert first is not None
    assert second is not None
    assert first.trace != second.trace
    assert len(first.trace) == 32
    named = stand.came((ID, "peer-1")).trace
    assert named is not None
    assert named.trace == ID
    assert stand.tracer.remaining == 10
    stand.tracer.on(0)
    assert stand.came().trace is None
    stand.tracer.on(1e9)
    assert stand.tracer.remaining == module.LONGEST


def test_an_effect_has_a_higher_id_than_its_cause(stand: Stand) -> None:
    """Ids count on from what was heard in a trace that is followed, within reason."""
    stand.tracer.follow(ID, 60)

    def count(cause: str) -> int:
        step = stand.came((ID, cause)).trace
        assert step is not None
        return int(step.id.removeprefix("abcdefgh-"))

    first = count("peer-1")
    assert count("peer-2") == first + 1
    assert count(f"peer-{first + 500}") == first + 501
    assert count("peer-9999999999999999") == first + 502, "no peer pushes the count out of reach"
    assert count("nonsense") == first + 503


def test_a_record_has_the_number_of_its_turn(stand: Stand) -> None:
    """Turns of a vat are numbered as they run: what ended later has the higher number, and calls that nobody follows count, too."""
    stand.tracer.on(60)
    for _ in range(3):
        context = stand.came(None, "ask", "x")
        assert context.account is not None
        context.account.borrow()
        stand.target._route(Message(stand.target, "ask", ("x",), None, None, context, True), None)
        stand.target.many(0)
        stand.vat.run()
    turns = [step["turn"] for trace in stand.tracer.recent() for step in stand.tracer.records(trace)]
    assert len(turns) == 3
    assert turns == sorted(turns, reverse=True) and turns[-1] == 1 and turns[0] >= 5


def test_a_record_names_and_never_quotes(stand: Stand) -> None:
    """Kind, method, who, how it ended: no argument, and no name that is longer than a line or cannot be printed."""
    stand.tracer.follow(ID, 60)
    written: list[dict[str, Any]] = []
    stand.tracer.write = written.append
    context = stand.came((ID, "peer-5"), "fail", "swordfish")
    promise: Promise[Any] = Promise(stand.vat)
    assert context.account is not None
    context.account.borrow()
    stand.target._route(Message(stand.target, "fail", ("swordfish",), None, promise, context, True), None)
    run(stand.vat)
    (record,) = stand.tracer.records(ID)
    assert record == written[0]
    assert "swordfish" not in repr(record)
    assert {name: record[name] for name in ("kind", "method", "vat", "from", "cause", "result", "error")} == {
        "kind": "test.trace.clerk",
        "method": "fail",
        "vat": "here",
        "from": "peer5678",
        "cause": "peer-5",
        "result": "broken",
        "error": "here.1",
    }
    stand.came((ID, "peer-6"), None, Symbol("evil\x1b[2J" + "x" * 1000), "swordfish")
    odd = stand.tracer.records(ID)[-1]
    assert odd["result"] == "under way"
    assert odd["method"].isprintable()
    assert len(odd["method"]) <= module.NAMES


def test_records_are_found_by_trace_by_its_beginning_and_by_error(stand: Stand) -> None:
    """The latest first in the list of traces; what an earlier run wrote is found, too."""
    stand.tracer.remember({"trace": "old" + ID, "id": "a-1", "error": "here.9", "result": "broken"})
    stand.tracer.remember({"trace": "old" + ID, "id": "a-2", "error": "", "result": "ok"})
    stand.tracer.remember({"nothing": "of use"})
    stand.tracer.follow(ID, 60)
    stand.came((ID, "peer-1"))
    assert [each["id"] for each in stand.tracer.records("old012")] == ["a-1", "a-2"]
    assert [each["id"] for each in stand.tracer.records("here.9")] == ["a-1", "a-2"]
    assert len(stand.tracer.records(ID[:6])) == 1
    assert stand.tracer.records("zzz") == []
    assert stand.tracer.recent()[0] == ID


def test_what_is_followed_is_bounded(stand: Stand) -> None:
    """In rate and in number, whoever names what: the rest is counted, and works as if nobody followed it."""
    stand.tracer.on(60)
    clock = [0.0]
    with mock.patch.object(log.time, "monotonic", side_effect=lambda: clock[0]):
        stand.tracer._allowance = log.Allowance(100, 10.0)
        contexts = [stand.came((ID, f"peer-{n}")) for n in range(150)]
        assert sum(context.trace is not None for context in contexts) == 100
        assert stand.tracer.missed == 50
        step = contexts[0].trace
        assert step is not None
        late = step.sent(Message(stand.target, "ask", (), None, None, contexts[0]))
        assert late.trace is None
        assert late.account is contexts[0].account
        clock[0] += 1.0
        assert stand.came((ID, "peer-5")).trace is not None
    with mock.patch.object(module, "FOLLOWED", 3):
        for n in range(5):
            stand.tracer.follow(f"{n}" * 16, 60)
        assert len(stand.tracer._followed) == 3
    assert stand.tracer._ring.maxlen == module.KEPT


@pytest.mark.parametrize("kind", ["memory", "unix", "tls"])
def test_a_call_is_followed_over_three_nodes(kind: str, folder: Any) -> None:
    """From node to node by its name, over a real session: each records its part, and the parts make one chain of causes."""

    async def main() -> None:
        place = Place(kind, folder)
        async with place.node("c") as c, place.node("b") as b, place.node("a", listen=False) as a:
            end = c.vat.spawn(Clerk)
            middle = b.vat.spawn(Clerk, await b.fetch_from(await offer(c, end)))
            far = await a.fetch_from(await offer(b, middle))
            tracer = tracing_of(far)
            assert tracer is a.tracing
            trace = tracer.fresh()
            for node in (b, c):
                Network(node).watch(trace, 60)
            assert await tracer.ask(trace, far, "ask", "swordfish") == "end"
            steps = [Network(node).recall(trace)["steps"] for node in (a, b, c)]
            (sent,), (middle_step, onward), (last,) = steps
            assert sent["result"] == "sent on"
            assert middle_step["cause"] == sent["id"]
            assert onward["cause"] == middle_step["id"]
            assert last["cause"] == onward["id"]
            assert [step["result"] for step in (middle_step, onward, last)] == ["ok", "sent on", "ok"]
            assert (onward["to"], last["from"]) == (c.designator, b.designator)
            assert all(step["turn"] > 0 for step in (middle_step, onward, last))
            ids = [int(step["id"].rpartition("-")[2]) for step in (sent, middle_step, onward, last)]
            assert ids == sorted(ids)
            assert "swordfish" not in repr(steps)
            assert await far.ask("x") == "end"
            assert len(Network(b).recall(trace)["steps"]) == 2, "calls that are not named are not followed"

    asyncio.run(main())


def test_a_peer_cannot_have_a_node_follow_anything(folder: Any) -> None:
    """Names for every call, of traces that nobody here follows: nothing is recorded, and calls go on."""

    async def main() -> None:
        place = Place("unix", folder)
        async with place.node("b") as b, place.node("a", listen=False) as a:
            far = await a.fetch_from(await offer(b, b.vat.spawn(Clerk)))
            for _ in range(50):
                with pytest.raises(Broken):
                    await a.tracing.ask(a.tracing.fresh(), far, "fail", "x")
            assert b.tracing.recent() == []
            assert b.tracer is None
            (account,) = [each.account for each in b._connections.values()]
            await until(lambda: account.debt == 0)

    asyncio.run(main())


def test_what_is_followed_is_paid_for(folder: Any) -> None:
    """A followed call borrows and repays as any other: afterwards its account is even."""

    async def main() -> None:
        place = Place("unix", folder)
        async with place.node("b") as b, place.node("a", listen=False) as a:
            inner = b.vat.spawn(Clerk)
            far = await a.fetch_from(await offer(b, b.vat.spawn(Clerk, inner)))
            b.tracing.on(60)
            await far.many(100)
            (account,) = [each.account for each in b._connections.values()]
            await until(lambda: account.debt == 0)
            assert len(b.tracing.records(b.tracing.recent()[0])) == 101

    asyncio.run(main())

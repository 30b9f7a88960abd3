"""The side channel of traces: an ordinary message that names the next one, to nodes of our own kind, where somebody follows it."""

from __future__ import annotations

from typing import Any

import pytest

from remit.values import Locator, Symbol, encode
from remit.vat import Context, Message, Promise, actor, resolved, tell
from tests.captp.objects import Counter
from tests.captp.test_session import Pair
from tests.vat.kit import FakeStep

ID = "0123456789abcdef"


class Follower:
    """Follows every message, or none, and notes how it was named."""

    def __init__(self, follows: bool = True) -> None:
        self.follows = follows
        self.heard: list[tuple[tuple[str, str] | None, str]] = []
        self.steps: list[FakeStep] = []

    def came(self, message: Message, named: tuple[str, str] | None, peer: str) -> Context:
        self.heard.append((named, peer))
        if not self.follows:
            return message.context
        self.steps.append(FakeStep("x" if named is None else named[0]))
        return Context(message.context.account, self.steps[-1])


@pytest.fixture
def pair() -> Pair:
    return Pair()


def ask(pair: Pair, method: str, step: FakeStep | None = None) -> Promise[Any]:
    """A call from a, followed there or not."""
    promise: Promise[Any] = Promise(pair.a.vat)
    message = Message(pair.far, method, (), None, promise, Context(trace=step), True)
    pair.far._route(message, None)
    return promise


def test_a_followed_call_is_named_just_before_it(pair: Pair) -> None:
    """One message to the bootstrap object with trace and id, and no argument of the call; then the call as ever."""
    pair.b.tracer = follower = Follower()
    step = FakeStep(ID)
    promise = ask(pair, "increment", step)
    name = pair.world.deliver(pair.b, "op:deliver")
    assert name == b"<10'op:deliver<11'desc:export0+>[5'trace16\"%b18\"%b-0]ff>" % (ID.encode(), ID.encode())
    assert pair.result(promise) == 1
    assert follower.heard == [((ID, f"{ID}-0"), "a")]
    assert step.heard == [("handed", "increment", f"{ID}-0")]
    assert follower.steps[0].heard == [("ok", "increment", f"{ID}-0")]
    assert pair.result(ask(pair, "increment")) == 2
    assert follower.heard[1:] == [(None, "a")], "a name is for one message"
    del promise
    pair.end()


def test_nothing_is_named_that_nobody_follows(pair: Pair) -> None:
    """Off, a call is the same bytes as ever; a node that follows nothing passes a name over, and so does one that knows none."""
    promise = ask(pair, "increment")
    assert b"trace" not in pair.world.deliver(pair.b, "op:deliver")
    assert pair.result(promise) == 1
    assert pair.result(ask(pair, "increment", FakeStep(ID))) == 2
    pair.b.tracer = Follower(follows=False)
    assert pair.result(ask(pair, "increment", FakeStep(ID))) == 3
    del promise
    pair.end()


def test_a_foreign_peer_is_told_no_name(pair: Pair) -> None:
    """Nodes of other kinds get the call, and not a byte about its trace."""
    pair.session.remote_location = Locator("tcp-testing-only", "b")
    pair.session.flushes = False
    step = FakeStep(ID)
    promise = ask(pair, "increment", step)
    assert ID.encode() not in pair.world.deliver(pair.b, "op:deliver")
    assert pair.result(promise) == 1
    assert step.over
    del promise


@pytest.mark.parametrize(
    "args",
    [
        [],
        [ID],
        [ID, "a-1", "more"],
        [ID, 1],
        [b"x" * 16, "a-1"],
        ["UPPER" * 4, "a-1"],
        ["short", "a-1"],
        ["0" * 41, "a-1"],
        [ID, "x" * 41],
        [ID, "../../etc"],
        [ID, "a\n-1"],
    ],
)
def test_a_name_that_cannot_be_one_is_passed_over(pair: Pair, args: list[Any]) -> None:
    """Ids of another form, or of another size, are no names; the session and the next call go on."""
    pair.b.tracer = follower = Follower()
    pair.session._send_only(b"export", 0, encode([Symbol("trace"), *args]))
    assert pair.result(ask(pair, "increment")) == 1
    assert follower.heard == [(None, "a")]
    assert pair.session.state == "open"
    pair.end()


def test_names_without_calls_take_no_room(pair: Pair) -> None:
    """Of many names the last one counts, and nothing else of them is kept."""
    pair.b.tracer = follower = Follower()
    for n in range(100):
        pair.session._send_only(b"export", 0, encode([Symbol("trace"), ID, f"a-{n}"]))
    assert pair.result(ask(pair, "increment")) == 1
    assert follower.heard == [((ID, "a-99"), "a")]
    pair.end()


def test_a_trace_goes_on_over_a_third_node(pair: Pair) -> None:
    """What a followed call sends to another node is named there, with the call as its cause."""
    world, b, c = pair.world, pair.b, pair.world.node("c")
    passer, counter = b.vat.spawn(Passer), c.vat.spawn(Counter)
    b.objects[b"passer"], c.objects[b"counter"] = passer, counter
    session = world.open(b, c)
    world.settle()
    far, to_c = pair.a.remote(pair.session, b"passer"), b.remote(session, b"counter")
    world.settle()
    passer.meet(resolved(to_c))
    world.settle()
    b.tracer, c.tracer = Follower(), Follower()
    there = resolved(far)
    there._route(Message(there, "pass_on", (), None, None, Context(trace=FakeStep(ID)), True), None)
    world.settle()
    assert b.tracer.heard == [((ID, f"{ID}-0"), "a")]
    ((named, peer),) = c.tracer.heard
    assert peer == "b"
    assert named == (ID, b.tracer.steps[0].heard[0][2].replace("-0", "-1"))
    assert counter._at.count == 1


@actor(kind="test.passer")
class Passer:
    """Passes a call on."""

    other: Any = None

    def meet(self, other: Any) -> None:
        self.other = other

    def pass_on(self) -> None:
        tell(self.other).increment()

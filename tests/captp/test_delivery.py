"""The short way for usual operations comes to the same as the general way, for every sequence of bytes."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.captp import Session, _delivery
from remit.testing import HandNode, World
from remit.values import Limits, Symbol, encode, same
from remit.vat import Failed, Far, resolved, send
from tests.captp.objects import Counter, Shelf
from tests.strategies import VALUES

TARGETS = [b"export0+", b"export1+", b"export2+", b"export7+", b"export01+", b"answer5+"]
POSITIONS = [b"f", b"5+", b"6+", b"06+", b"5-", b"t"]
RESOLVERS = [b"f", b"<18'desc:import-object3+>", b"<19'desc:import-promise4+>", b"<18'desc:import-object3+4+>"]
CALLS = [b"[9'increment]", b"[9'increment2+]", b"[]", b"[5+]f]", b"[<18'desc:import-object9+>]", b"[<10'op:deliver>]"]
CALLS += [b"[10'increment]", b"[09'increment]", b"[1'x1'y]", b"[4'x1'y]", b"[2'\xc3\xa9]", b"[1'x]]", b"[0']"]
RESULTS = [b"7+", b"<4'void>", b"07+", b"7-", b"1+2+", b"", b"<18'desc:import-object9+>", b"12345678901+"]
ARGUMENTS = [*CALLS, *(b"[7'fulfill%b]" % result for result in RESULTS), b"[5'break1\"x]"]
LISTS = [b"[]", b"[1+]", b"[1+0+]", b"[2+1+]", b"[01+]", b"[1-]", b"[7+]", b"1+", b"[5+6+]", b"[1+", b"['x]"]


def delivery(target: bytes, args: bytes, position: bytes = b"f", resolver: bytes = b"f") -> bytes:
    return b"<10'op:deliver<11'desc:%b>%b%b%b>" % (target, args, position, resolver)


def connected() -> tuple[World, HandNode, Session]:
    """A node b with a session, whose peer's messages the test makes up."""
    world = World()
    a, b = world.node("a"), world.node("b")
    ours = world.open(a, b)
    world.settle()
    return world, b, world.pipes[ours].receiver


def outcome(messages: list[bytes], *, general: bool) -> Any:
    """What a session with a counter at export 1 and a question's resolver at export 2 has come to after these messages."""
    gc.disable()  # what is made here stays young, so that a collection of the young finds all of it
    try:
        return _outcome(messages, general)
    finally:
        gc.enable()


def _outcome(messages: list[bytes], general: bool) -> Any:
    world, b, session = connected()
    session.exports.add(b.vat.spawn(Counter))
    question: Any = b.remote(session, b"counter")
    world.quiet()
    for message in messages:
        (session.received_any if general else session.received)(message)
    world.quiet()
    gc.collect(1)  # what an error's traceback keeps is given back when the collector has come
    world.dirty.append(session)
    world.quiet()
    exports = {position: export.count for position, export in session.exports.by_position.items()}
    state = session.state, str(session.cause), exports, sorted(session.answers), session.garbage
    value = question._value
    return state, str(value.error) if isinstance(value, Failed) else repr(value), list(world.pipes[session].messages)


def assert_same_both_ways(messages: list[bytes]) -> None:
    assert outcome(messages, general=False) == outcome(messages, general=True)


def taken(args: bytes, position: bytes = b"f", resolver: bytes = b"f") -> tuple[Session, Any]:
    """The session, and the message to a counter that was read the short way."""
    _, b, session = connected()
    session.exports.add(b.vat.spawn(Counter))
    assert _delivery.take_usual(session, delivery(b"export1+", args, position, resolver))
    (message,) = b.vat._queue
    return session, message


deliveries = st.builds(
    delivery,
    st.sampled_from(TARGETS),
    st.sampled_from(ARGUMENTS),
    st.sampled_from(POSITIONS),
    st.sampled_from(RESOLVERS),
)
results = st.builds(delivery, st.just(b"export2+"), st.sampled_from(ARGUMENTS))
given_back = st.builds(
    lambda name, lists: b"<13'op:gc-%b%b>" % (name, b"".join(lists)),
    st.sampled_from([b"exports", b"answers"]),
    st.lists(st.sampled_from(LISTS), min_size=1, max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(deliveries | results | given_back, min_size=1, max_size=4))
def test_well_and_badly_formed_operations_come_to_the_same_both_ways(messages: list[bytes]) -> None:
    """Answers, exports, results, what is given back, what is sent and how the session ends, its words included."""
    assert_same_both_ways(messages)


@settings(max_examples=100, deadline=None)
@given(deliveries | results | given_back, st.integers(0, 200), st.binary(min_size=0, max_size=2))
def test_damaged_operations_come_to_the_same_both_ways(message: bytes, at: int, damage: bytes) -> None:
    """A byte changed, lost or added anywhere."""
    at = at % len(message)
    assert_same_both_ways([message[:at] + damage + message[at + 1 :]])


@pytest.mark.parametrize("args", ARGUMENTS)
@pytest.mark.parametrize("target", TARGETS)
def test_each_target_with_each_argument_comes_to_the_same_both_ways(target: bytes, args: bytes) -> None:
    """The pairs that matter most do not depend on what was drawn."""
    assert_same_both_ways([delivery(target, args), delivery(target, args, b"6+", b"<18'desc:import-object3+>")])


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_arguments_of_every_kind_are_read_the_short_way(value: Any) -> None:
    """Whatever is in the arguments, they end where the list ends."""
    session, message = taken(encode([1, value, value, 2]))
    assert message.target is session.exports.get(1)
    assert message.promise is None
    assert same(list(message.args), [1, value, value, 2])


def test_positions_are_read_the_short_way() -> None:
    """The answer position is the peer's choice; of the resolver there is no more than that it waits to be told."""
    session, message = taken(b"[]", b"5+", b"<18'desc:import-object3+>")
    assert list(session.answers) == [5]
    assert message.promise is session.answers[5]
    assert session.imports.by_position == {}
    assert session.left()[-2] == "results owed: 1"


def test_a_resolver_that_nobody_will_tell_is_given_back() -> None:
    """An object may let go of a message without an answer: the peer need not wait for ever."""
    session, message = taken(b"[]", b"f", b"<18'desc:import-object3+>")
    session.home.vat._queue.clear()
    assert session.imports.given_back == {}
    del message
    assert session.imports.given_back == {3: 1}
    assert session.owed == 0


def test_lists_that_may_pass_a_limit_are_left_to_the_codec_which_counts() -> None:
    """As soon as a message might hold more than Limits.items, the short way leaves it."""
    _, _, session = connected()
    session.most_items = 1000
    short, long = (b"<13'op:gc-answers[%b]>" % (b"5+" * count) for count in (400, 500))
    assert _delivery.take_usual(session, short)
    assert not _delivery.take_usual(session, long)


@pytest.mark.parametrize("depth", [63, 64])
def test_the_limit_of_depth_counts_the_envelope(depth: int) -> None:
    """A list at the limit inside a delivery is one level too deep, on both ways."""
    assert_same_both_ways([delivery(b"export1+", b"[" * depth + b"]" * depth)])
    assert _delivery.within_envelope(Limits(depth=64)).depth == 63


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=120))
def test_a_call_without_arguments_is_written_as_the_codec_writes_it(name: str) -> None:
    """Short names at once, long and foreign ones by the codec: the bytes are the same."""
    _, b, session = connected()
    session.take()
    far: Any = Far(b.vat, 1, session)
    send(far, name)
    b.vat.run()
    (message,) = session.take()
    assert message.startswith(b"<10'op:deliver<11'desc:export1+>" + encode([Symbol(name)]) + b"1+")


def test_a_call_to_an_answer_that_leads_back_keeps_its_method() -> None:
    """The answer is a question of ours to the same peer; its calls go back as they came, also once their bytes are known."""
    world = World()
    a, b = world.node("a"), world.node("b")
    b.objects[b"shelf"] = b.vat.spawn(Shelf)
    session = world.open(a, b)
    world.settle()
    shelf = a.remote(session, b"shelf")
    world.settle()
    counter = a.vat.spawn(Counter)
    results = []
    for _ in range(3):
        later = send(shelf, "later")
        send(shelf, "fulfil", counter)
        results.append(send(send(later, "me"), "increment"))  # all of it on its way before anything is answered
        a.vat.run()
        world.settle()
    assert [resolved(each) for each in results] == [1, 2, 3]
    del later, shelf, results
    world.check_empty()

"""The short way for usual deliveries comes to the same as the general way, for every sequence of bytes."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.captp import _delivery, _session
from remit.testing import World
from remit.values import Limits, encode, same
from remit.vat import Far
from tests.captp.objects import Counter
from tests.strategies import VALUES

TARGETS = [
    b"<11'desc:export0+>",
    b"<11'desc:export1+>",
    b"<11'desc:export7+>",
    b"<11'desc:answer5+>",
    b"<11'desc:export01+>",
]
POSITIONS = [b"f", b"5+", b"6+", b"06+", b"5-", b"t"]
RESOLVERS = [b"f", b"<18'desc:import-object3+>", b"<19'desc:import-promise4+>", b"<18'desc:import-object3+4+>"]
ARGUMENTS = [
    b"[9'increment]",
    b"[9'increment2+]",
    b"[]",
    b"[5+]f]",
    b"[<18'desc:import-object9+>]",
    b"[<10'op:deliver>]",
]


def delivery(target: bytes, args: bytes, position: bytes, resolver: bytes) -> bytes:
    return b"<10'op:deliver%s%s%s%s>" % (target, args, position, resolver)


def outcome(messages: list[bytes]) -> Any:
    """What a fresh session has come to after these messages, its output included."""
    world = World()
    a, b = world.node("a"), world.node("b")
    ours = world.open(a, b)
    world.settle()
    theirs = world.pipes[ours].receiver
    theirs.exports.add(b.vat.spawn(Counter))
    for message in messages:
        theirs.received(message)
    world.quiet()
    exports = {position: export.count for position, export in theirs.exports.by_position.items()}
    sent = [message for message in world.pipes[theirs].messages if b"op:start-session" not in message]
    return theirs.state, str(theirs.cause), exports, sorted(theirs.answers), theirs.garbage, sent


def assert_same_both_ways(messages: list[bytes]) -> None:
    short = outcome(messages)
    with mock.patch.object(_session, "usual", return_value=None):
        general = outcome(messages)
    assert short == general


usual_parts = st.builds(
    delivery,
    st.sampled_from(TARGETS),
    st.sampled_from(ARGUMENTS),
    st.sampled_from(POSITIONS),
    st.sampled_from(RESOLVERS),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(usual_parts, min_size=1, max_size=3))
def test_well_and_badly_formed_deliveries_come_to_the_same_both_ways(messages: list[bytes]) -> None:
    """Answers, exports, what is given back, what is sent and how the session ends, its words included."""
    assert_same_both_ways(messages)


@settings(max_examples=150, deadline=None)
@given(usual_parts, st.integers(0, 200), st.binary(min_size=0, max_size=2))
def test_damaged_deliveries_come_to_the_same_both_ways(message: bytes, at: int, damage: bytes) -> None:
    """A byte changed, lost or added anywhere."""
    at = at % len(message)
    assert_same_both_ways([message[:at] + damage + message[at + 1 :]])


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_arguments_of_every_kind_are_read_the_short_way(value: Any) -> None:
    """Whatever is in the arguments, they end where the list ends."""
    world = World()
    a, b = world.node("a"), world.node("b")
    ours = world.open(a, b)
    world.settle()
    theirs = world.pipes[ours].receiver
    message = delivery(b"<11'desc:export0+>", encode([value, value]), b"f", b"f")
    fields = _delivery.usual(theirs, message)
    assert fields is not None
    assert fields[0] is theirs.exports.get(0) and fields[2] is False and fields[3] is False
    assert same(fields[1], [value, value])


def test_positions_are_read_the_short_way() -> None:
    """The answer position is the peer's choice; the resolver becomes an import, an object and no promise."""
    world = World()
    a, b = world.node("a"), world.node("b")
    ours = world.open(a, b)
    world.settle()
    theirs = world.pipes[ours].receiver
    fields = _delivery.usual(theirs, delivery(b"<11'desc:export0+>", b"[]", b"5+", b"<18'desc:import-object3+>"))
    assert fields is not None
    assert fields[2] == 5 and type(fields[3]) is Far and fields[3]._at == 3


@pytest.mark.parametrize("depth", [63, 64])
def test_the_limit_of_depth_counts_the_envelope(depth: int) -> None:
    """A list at the limit inside a delivery is one level too deep, on both ways."""
    args = b"[" * depth + b"]" * depth
    assert_same_both_ways([delivery(b"<11'desc:export1+>", args, b"f", b"f")])
    assert _delivery.within_envelope(Limits(depth=64)).depth == 63

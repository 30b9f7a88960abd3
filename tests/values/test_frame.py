"""Framers find the same messages however the stream is cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import DecodeError, LimitExceeded, ProtocolError
from remit.values import Framer, LengthFramer, Limits, encode, framed
from tests.strategies import RECORDS, VALUES, cuts

MESSAGES = st.lists(st.one_of(VALUES, RECORDS).map(encode), max_size=5)


def _fed(framer: Framer | LengthFramer, pieces: list[bytes]) -> list[bytes]:
    return [message for piece in pieces for message in framer.feed(piece)]


@given(MESSAGES, st.data())
def test_raw_values_are_found_however_they_are_cut(messages: list[bytes], data: st.DataObject) -> None:
    """Values back to back come out one by one, from pieces of any size, and nothing is left over."""
    framer = Framer()
    assert _fed(framer, data.draw(cuts(b"".join(messages)))) == messages
    assert framer.pending == 0


@pytest.mark.parametrize("first", [b'5"hello', b"3:abc", b"2'ab", b"D\0\0\0\0\0\0\0\0", b"12+", b"[3:abc]"])
def test_a_value_that_is_cut_ends_before_the_next(first: bytes) -> None:
    """The piece with a value's last bytes may hold the next value too, in a container or not."""
    for cut in range(len(first) + 1):
        framer = Framer()
        assert _fed(framer, [first[:cut], first[cut:] + b"1+" + first]) == [first, b"1+", first]


@given(st.lists(st.binary(max_size=300), max_size=5), st.data())
def test_prefixed_messages_are_found_however_they_are_cut(messages: list[bytes], data: st.DataObject) -> None:
    """Messages with their lengths come out without them, empty ones included."""
    framer = LengthFramer()
    assert _fed(framer, data.draw(cuts(b"".join(map(framed, messages))))) == messages
    assert framer.pending == 0


@given(MESSAGES)
def test_byte_by_byte_is_the_same(messages: list[bytes]) -> None:
    """A message comes out with its last byte, not before and not later."""
    raw, prefixed = Framer(), LengthFramer()
    for message in messages:
        assert [raw.feed(message[i : i + 1]) for i in range(len(message))] == [[]] * (len(message) - 1) + [[message]]
        whole = framed(message)
        assert [prefixed.feed(whole[i : i + 1]) for i in range(len(whole))] == [[]] * (len(whole) - 1) + [[message]]


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from([*b"0123456789+-\"':[]{}<>tfD"]), max_size=40).map(bytes),
    st.data(),
)
def test_bad_streams_fail_the_same_however_they_are_cut(stream: bytes, data: st.DataObject) -> None:
    """Whether a stream is wrong, and which messages end before that, does not depend on how it is cut."""
    for make in (lambda: Framer(Limits(depth=4, frame=30, integer_digits=5)), lambda: LengthFramer(Limits(frame=30))):
        outcomes = [_outcome(make(), pieces) for pieces in (data.draw(cuts(stream)), [bytes([b]) for b in stream])]
        assert outcomes[0][1:] == outcomes[1][1:]
        assert outcomes[0][0] == outcomes[1][0][: len(outcomes[0][0])]


def test_the_limit_comes_before_what_stands_behind_it() -> None:
    """A byte that begins no value, behind the longest message that may be, is not what is wrong, wherever the stream is cut."""
    stream = b"<15'" + bytes(15) + b"10'" + bytes(11)
    for cut in range(len(stream) + 1):
        with pytest.raises(LimitExceeded):
            _raised(Framer(Limits(frame=30)), [stream[:cut], stream[cut:]])


def _raised(framer: Framer, pieces: list[bytes]) -> None:
    for piece in pieces:
        framer.feed(piece)


def _outcome(framer: Any, pieces: list[bytes]) -> tuple[list[bytes], type | None]:
    found: list[bytes] = []
    try:
        for piece in pieces:
            found += framer.feed(piece)
    except ProtocolError as error:
        return found, type(error)
    return found, None


@pytest.mark.parametrize(
    "data", [b" ", b"\n", b"]", b"[>", b"F", b"#", b"5!", b"12!", b"x", b"+", b"\0", b"(", b"\xff"]
)
def test_what_begins_no_value_is_refused_at_once(data: bytes) -> None:
    """The framer does not wait for bytes that cannot mend it, and names the byte."""
    with pytest.raises(DecodeError, match="at byte"):
        Framer().feed(data)


@pytest.mark.parametrize("data", [b":", b"x1:", b"01:a", b"00:", b"-1:", b"1;", b" 1:", b"1 :"])
def test_what_is_no_length_is_refused_at_once(data: bytes) -> None:
    """Only decimal digits without leading zero and a colon announce a message."""
    with pytest.raises(DecodeError, match="length in decimal digits"):
        LengthFramer().feed(data)


@pytest.mark.parametrize(
    ("stream", "limit"),
    [
        (b"101:", "frame"),
        (b'[99"', "frame"),
        (b"999999999999999999999999999:", "frame"),
        (b"[" + b"t" * 100, "frame"),
        (b"[" * 5, "depth"),
        (b"<{[[[", "depth"),
        (b"1" * 21, "integer_digits"),
    ],
)
def test_raw_limits_hold_before_the_bytes_come(stream: bytes, limit: str) -> None:
    """An oversize value is refused when it is announced or passes the limit, however it is cut."""
    limits = Limits(frame=100, depth=4, integer_digits=20 if limit == "integer_digits" else 30)
    for pieces in ([stream], [bytes([b]) for b in stream]):
        framer = Framer(limits)
        with pytest.raises(LimitExceeded, match=f"Limits.{limit}"):
            _fed(framer, pieces)


@pytest.mark.parametrize("stream", [b"101:", b"1000", b"99999999999999999999"])
def test_prefixed_limits_hold_before_the_bytes_come(stream: bytes) -> None:
    """An oversize message is refused by its length alone."""
    for pieces in ([stream], [bytes([b]) for b in stream]):
        with pytest.raises(LimitExceeded, match=r"Limits.frame"):
            _fed(LengthFramer(Limits(frame=100)), pieces)


def test_messages_of_just_the_limit_pass() -> None:
    """The limit is for one message, not for what is buffered: many may come in one piece."""
    limits = Limits(frame=10)
    assert Framer(limits).feed(b'8"abcdefgh' * 50) == [b'8"abcdefgh'] * 50
    assert LengthFramer(limits).feed(b"10:0123456789" * 50) == [b"0123456789"] * 50


def test_a_framer_that_failed_stays_failed() -> None:
    """Behind an error no border can be trusted: every later feed raises it again, and nothing is kept."""
    for framer, bad, good in ((Framer(), b"[[?", b"1+"), (LengthFramer(), b"1?", b"1:a")):
        with pytest.raises(DecodeError):
            framer.feed(bad)
        with pytest.raises(DecodeError):
            framer.feed(good)
        assert framer.pending == 0


def test_pending_tells_that_the_peer_was_cut_off() -> None:
    """At the stream's end, bytes of an incomplete message are counted."""
    framer = Framer()
    framer.feed(b'1+5"ab')
    assert framer.pending == 4
    prefixed = LengthFramer()
    prefixed.feed(b"1:a5:ab")
    assert prefixed.pending == 2
    announced = LengthFramer()
    announced.feed(b"1:a5:")
    assert announced.pending == 1
    announced.feed(b"abcde0:")
    assert announced.pending == 0

"""Hostile bytes cost no more than their own length: bounded depth, memory and work."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from remit.errors import LimitExceeded, ProtocolError, Truncated
from remit.values import Framer, LengthFramer, Limits, Symbol, decode, encode, framed, passable, raw_record
from remit.values import _decode as decoder
from remit.values import _encode as encoder


def test_a_message_of_just_the_frame_limit_decodes() -> None:
    """The frame limit counts the whole message's bytes."""
    assert decode(b"98:" + b"x" * 98, limits=Limits(frame=101)) == b"x" * 98
    with pytest.raises(LimitExceeded, match=r"102 bytes is longer than Limits.frame, 101"):
        decode(b"99:" + b"x" * 99, limits=Limits(frame=101))


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b"<", b">"), (b'{1"a', b"}")])
def test_depth_is_bounded(opening: bytes, closing: bytes) -> None:
    """Lists, records and structs all count, and the limit itself is allowed."""
    limits = Limits(depth=4)
    core = b"1+" if opening != b"<" else b"1'a"
    assert decode(opening * 4 + core + closing * 4, limits=limits, record=raw_record)
    with pytest.raises(LimitExceeded, match=r"Limits.depth, 4 \(at byte"):
        decode(opening * 5 + core + closing * 5, limits=limits, record=raw_record)


@pytest.mark.parametrize("opening", [b"[", b"<", b'{1"a', b"<11'desc:tagged1't"])
def test_deep_bytes_never_reach_pythons_recursion_limit(opening: bytes) -> None:
    """Many thousand openings end in LimitExceeded; where the limit is high, in Truncated."""
    deep = opening * (200_000 // len(opening))
    with pytest.raises(LimitExceeded, match=r"Limits.depth, 64"):
        decode(deep)
    with pytest.raises(LimitExceeded, match=r"Limits.depth, 64"):
        Framer().feed(deep)
    with pytest.raises(Truncated):
        decode(deep, limits=Limits(depth=10**7))
    assert Framer(Limits(depth=10**7)).feed(deep) == []


def test_deep_values_decode_where_the_limit_allows() -> None:
    """Nesting costs no Python stack: ten thousand levels are read, and their end is checked."""
    levels = 10_000
    value = decode(b"[" * levels + b"]" * levels, limits=Limits(depth=levels))
    for _ in range(levels - 1):
        (value,) = value
    assert value == []


def test_the_number_of_values_is_bounded() -> None:
    """All values count, wherever they sit; the limit itself is allowed."""
    limits = Limits(items=100)
    assert len(decode(b"[" + b"t" * 100 + b"]", limits=limits)) == 100
    for data in (b"[" + b"t" * 101 + b"]", b"[" + b"[t]" * 51 + b"]", b"[" + b"[tttt]" * 25 + b"]"):
        with pytest.raises(LimitExceeded, match=r"Limits.items, 100 \(at byte"):
            decode(data, limits=limits)


def test_the_digits_of_an_integer_are_bounded() -> None:
    """A thousand digits are read and one more is refused before it is converted, as is a huge length."""
    assert decode(b"9" * 1000 + b"-") == -(10**1000 - 1)
    for mark in (b"+", b"-", b":", b'"', b""):
        with pytest.raises(LimitExceeded, match=r"Limits.integer_digits, 1000 \(at byte 1\)"):
            decode(b"[" + b"9" * 1001 + mark)
    assert decode(b"999+", limits=Limits(integer_digits=3)) == 999


def test_what_python_would_not_convert_is_a_limit() -> None:
    """Where the process converts fewer digits than the limit allows, that is said, and is no ValueError."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        with pytest.raises(LimitExceeded, match="more than Python converts here"):
            decode(b"9" * 700 + b"+")
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize(
    "data", [b"999999999:abc", b'999999999"abc', b"999999999'abc", b'{999999999"a', b'[999999999999999999"']
)
def test_a_length_allocates_nothing(data: bytes) -> None:
    """A length is compared with the bytes that are there before anything is made for it."""
    assert _peak(lambda: _refused(lambda: decode(data), Truncated)) < 20_000
    assert _peak(lambda: _refused(lambda: Framer().feed(data), LimitExceeded)) < 20_000
    assert _peak(lambda: LengthFramer().feed(b"1048576:")) < 20_000


def _refused(act: Callable[[], object], error: type[Exception]) -> None:
    with pytest.raises(error):
        act()


def _peak(act: Callable[[], object]) -> int:
    """Bytes that are allocated at once at most."""
    act()
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_remembered_of_peers_is_bounded() -> None:
    """Symbols and struct keys are cached for all sessions; any number of new or long ones takes no more room."""
    for i in range(5000):
        decode(encode([Symbol(f"hostile-{i}"), {f"hostile-{i}": 1}]))
    decode(encode([Symbol("x" * 10_000), {"x" * 10_000: 1}]))
    for cache in (decoder._SYMBOLS, decoder._KEYS):
        assert 0 < len(cache) <= 1024
        assert max(map(len, cache)) <= 64  # type: ignore[arg-type]
    assert decode(encode(Symbol("hostile-1"))) is decode(encode(Symbol("hostile-1")))
    encode({f"hostile-{i}": 1 for i in range(1000)})
    assert 0 < len(encoder._SHAPES) <= 512
    assert max(sum(map(len, names)) for names in encoder._SHAPES) <= 512


def _lines(act: Callable[[], object]) -> int:
    """Lines of Python that run meanwhile: a measure of work that no clock disturbs."""
    count = 0

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


SHAPES: dict[str, Callable[[int], Any]] = {
    "list": lambda n: [1] * n,
    "strings": lambda n: ["abc"] * n,
    "nested": lambda n: [[1, {"a": Symbol("x")}]] * n,
    "struct": lambda n: {f"key {i:06}": i for i in range(n)},
    "long": lambda n: "x" * n,
    "long integers": lambda n: [10**900] * (n // 100),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("what", ["encode", "decode", "passable", "Framer", "LengthFramer"])
def test_work_grows_with_the_size_only(shape: str, what: str) -> None:
    """Four times the value is about four times the work, not sixteen; the framers get it in pieces of seven bytes."""

    def work(n: int) -> int:
        value = SHAPES[shape](n)
        data = encode(value)
        acts: dict[str, Callable[[], object]] = {
            "encode": lambda: encode(value),
            "decode": lambda: decode(data),
            "passable": lambda: passable(value),
            "Framer": lambda: _pieces(Framer(), data),
            "LengthFramer": lambda: _pieces(LengthFramer(), framed(data)),
        }
        return _lines(acts[what])

    assert work(2000) <= 6 * work(500) + 100


def _pieces(framer: Framer | LengthFramer, data: bytes) -> None:
    found = [message for i in range(0, len(data), 7) for message in framer.feed(data[i : i + 7])]
    assert len(found) == 1


def test_digits_are_read_once_however_they_are_cut() -> None:
    """A long number that comes digit by digit is not read again with each of them."""
    scanned = 0
    framer = Framer()
    for _ in range(1000):
        scanned = max(scanned, _lines(lambda: framer.feed(b"9")))
    assert scanned < 40
    assert framer.feed(b"+") == [b"9" * 1000 + b"+"]


def test_errors_do_not_carry_what_a_peer_sent() -> None:
    """An error's text stays short, whatever was sent: it goes to logs and into op:abort."""
    long = b"x" * 5000
    for data in (
        b"<5000'" + long + b">",
        b"<10'ocapn-peer5002'a." + long + b'1"af>',
        b"5000!" + long,
        b"{5000'" + long + b"1+}",
    ):
        with pytest.raises(ProtocolError) as caught:
            decode(data)
        assert len(str(caught.value)) < 300

"""Values out of a stream: cut anywhere, binary and text mixed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import DecodeError, LimitExceeded, ProtocolError, Truncated
from remit.values import Limits, Symbol, Tagged, same
from remit.values import preserves as p
from tests.strategies import cuts
from tests.values.preserves.values import VALUES

MIXED: list[Any] = [
    1,
    Tagged("a", [1, {"x": b"yy"}]),
    'é\\"q',
    p.Set([1, 2]),
    p.Embedded([0, 1]),
    [True, 2.5],
    Symbol("long" * 60),
    10**30,
    False,
]


def stream(values: list[Any], kinds: list[bool]) -> bytes:
    """The values back to back, as text with a newline or as bytes."""
    return b"".join(
        p.text(value).encode() + b"\n" if text else p.encode(value) for value, text in zip(values, kinds, strict=True)
    )


@given(st.data(), st.lists(VALUES, max_size=5), st.booleans())
def test_values_are_found_however_the_stream_is_cut(data: st.DataObject, values: list[Any], made: bool) -> None:
    """The same values come out of any cut, each with its syntax, whatever is made of embedded values."""
    kinds = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    reader = p.Reader(embedded=p.Embedded if made else None)
    found = []
    for piece in data.draw(cuts(stream(values, kinds))):
        found += [(value, reader.syntax) for value in reader.read(piece)]
    assert reader.end() == []
    assert len(found) == len(values)
    for (value, syntax), sent, text in zip(found, values, kinds, strict=True):
        assert same(value, sent)
        assert syntax == ("text" if text else "binary")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_every_kind_of_token_may_be_cut(size: int) -> None:
    """Strings, escapes, comments, base64, numbers and lengths are read across pieces of any size."""
    texts = b'"a\\"b\\\\" \'c\\\'d\' #"e\\x41" #x"4142" #xd"3ff0000000000000" #[QUI=] # note [\n 12 #! run\n@x <r {a: #{1}}>\r\n#t '
    data = texts + stream(MIXED, [False, True] * 4 + [False])
    expected = [
        'a"b\\',
        Symbol("c'd"),
        b"eA",
        b"AB",
        1.0,
        b"AB",
        12,
        Tagged("r", [p.Map({Symbol("a"): p.Set([1])})]),
        True,
    ]
    reader, found = p.Reader(), []
    for at in range(0, len(data), size):
        found += reader.feed(data[at : at + size])
    assert same(found, [*expected, *MIXED])
    assert reader.pending == 0


def test_a_number_or_symbol_ends_with_what_follows() -> None:
    """Without quotes a text value is complete when something stands behind it, or when the stream has ended."""
    reader = p.Reader()
    assert reader.feed(b"12") == []
    assert reader.feed(b"3\nab") == [123]
    assert reader.feed(b"c[") == [Symbol("abc")]
    assert reader.feed(b"]#t") == [[]]
    assert reader.end() == [True]


def test_the_end_inside_a_value_is_truncated() -> None:
    """A stream that ends in the midst of a value says so; one that ends between two does not."""
    for data in (b"[1 2", b'"a', b"# only\n", b"@x", b"\xb5", b"\xb1\x05ab", b"#"):
        reader = p.Reader()
        assert reader.feed(data) == []
        assert reader.pending == len(data)
        with pytest.raises(Truncated):
            reader.end()
        with pytest.raises(Truncated):
            reader.feed(b"]")
    reader = p.Reader()
    assert reader.feed(b" \n\x80 \r\n") == [False]
    assert reader.pending == 0 and reader.end() == []


def test_values_before_an_error_are_not_lost() -> None:
    """`read` gives what came before the error, with every cut; after it, each call raises the same error."""
    for bad in (b"\xb4\x84", b"}", b"(", b"\xff", b'"\xff"', b"\xb6\x80\x80\x84"):
        reader, found = p.Reader(), []
        with pytest.raises(DecodeError) as caught:
            found.extend(reader.read(b"\x81[1]\n\x80" + bad + b"\x80"))
        assert found == [True, [1], False]
        assert caught.value.offset <= 1
        with pytest.raises(DecodeError) as again:
            reader.feed(b"\x80")
        assert again.value is caught.value
        assert reader.pending == 0


def test_embedded_values_are_made_once() -> None:
    """`embedded` is called once for each embedded value, in order, however often its bytes were looked at."""
    data = p.encode([p.Embedded(1), "x" * 50, p.Embedded(2)]) + p.text([p.Embedded(3)]).encode()
    for size in (1, 7, 1000):
        seen: list[Any] = []
        reader = p.Reader(embedded=seen.append)
        for at in range(0, len(data), size):
            reader.feed(data[at : at + size])
        assert seen == [1, 2, 3]


def test_an_error_of_the_program_is_its_own() -> None:
    """What `embedded` raises comes out as it is, and is never taken for the end of the bytes."""
    for error in (IndexError("no such object"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "of its own"), KeyError(5)):

        def fail(value: object, error: Exception = error) -> object:
            raise error

        with pytest.raises(type(error)) as caught:
            p.Reader(embedded=fail).feed(b"\x86\x80")
        assert caught.value is error


def test_limits_hold_before_the_bytes_come() -> None:
    """What waits is bounded: a value above the limit is refused as soon as that is certain."""
    limits = Limits(frame=100, depth=4, items=10)
    for data, name in [
        (b"\xb1\xff\x01", "frame"),
        (b"\xb1" + b"\xff" * 12, "any limit"),
        (b"[" + b"1 " * 60, "frame"),
        (b'"' + b"a" * 101, "frame"),
        (b"#" + b" " * 101, "frame"),
        (b"\xb5" * 5, "depth"),
        (b"[[[[[", "depth"),
        (b"#:#:#:#:#:", "depth"),
        (b"\xb5" + b"\x80" * 101, "frame"),
        (p.encode("a" * 110), "frame"),
    ]:
        for size in (1, 1000):
            reader = p.Reader(limits)
            with pytest.raises(LimitExceeded, match=name):
                for at in range(0, len(data), size):
                    reader.feed(data[at : at + size])
    reader = p.Reader(limits)
    assert reader.feed(p.encode("a" * 90) * 50) == ["a" * 90] * 50
    assert reader.feed(b"@x " * 20 + b"1 ") == [1]


def test_dribbled_bytes_are_read_in_linear_time() -> None:
    """A large value that comes byte by byte is scanned once and decoded once."""
    data = p.encode(["abcdefgh"] * 2000) + b"[" + b'"abcdefgh" ' * 2000 + b"]"
    reader, found = p.Reader(), []
    for at in range(len(data)):
        found += reader.feed(data[at : at + 1])
    assert found == [["abcdefgh"] * 2000] * 2


@given(
    st.lists(
        st.sampled_from(
            [b"\xb5", b"\x84", b"\x80", b"\xb1\x01a", b"\x86", b"\x85", b"[", b"]", b"1 ", b"#", b'"', b"@a ", b"<r>"]
        ),
        max_size=12,
    )
)
def test_the_cut_makes_no_difference_to_what_is_read(parts: list[bytes]) -> None:
    """Whole or byte by byte, the same values come before the end or the error."""
    data = b"".join(parts)

    def read(size: int) -> list[Any]:
        reader, found = p.Reader(), []
        try:
            for at in range(0, len(data), size):
                found.extend(reader.read(data[at : at + size]))
        except ProtocolError:
            pass
        return found

    assert same(read(1), read(1000))

"""The same as the `preserves` package of PyPI, where that one is right.

Where it is wrong, or does more or less on purpose, a test of its own says so, and the comparison leaves those values out.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from remit.errors import DecodeError, ProtocolError, Truncated
from remit.values import Symbol, Tagged, same
from remit.values import preserves as p
from tests.strategies import TEXTS
from tests.values.preserves.values import annotated

theirs = pytest.importorskip("preserves")

# It prints a symbol that looks like a number as that number (test_it_prints_some_symbols_as_numbers).
SYMBOLS = st.builds(Symbol, TEXTS.filter(lambda text: not re.fullmatch(r"[+-]?\d.*", text, re.DOTALL)))

# NaN is unequal to itself there, and 1, 1.0 and True are the same member or key: sets and keys are of one kind here.
ATOMS = st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.binary(max_size=20) | SYMBOLS
KEYS = TEXTS | SYMBOLS | st.binary(max_size=8) | st.integers(2)
LABELS = st.sampled_from(["a", "r", "Observe", "x y", "é", ""])
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.builds(Tagged, LABELS, st.lists(inner, max_size=3))
        | st.builds(p.Compound, st.integers(2) | st.lists(inner, max_size=2), st.lists(inner, max_size=2))
        | st.lists(KEYS, max_size=4).map(p.Set)
        | st.lists(st.tuples(KEYS, inner), max_size=4).map(p.Map)
        | st.builds(p.Embedded, inner)
    ),
    max_leaves=10,
)


def there(value: Any) -> Any:
    """The same value as that package has it."""
    kind = type(value)
    if kind is Symbol:
        return theirs.Symbol(value.name)
    if kind is list:
        return tuple(map(there, value))
    if kind is dict:
        return theirs.ImmutableDict({name: there(item) for name, item in value.items()})
    if kind is Tagged:
        return theirs.Record(theirs.Symbol(value.tag), tuple(map(there, value.value)))
    if kind is p.Compound:
        return theirs.Record(there(value.label), tuple(map(there, value.fields)))
    if kind is p.Set:
        return frozenset(map(there, value))
    if kind is p.Map:
        return theirs.ImmutableDict({there(name): there(item) for name, item in value.entries})
    if kind is p.Embedded:
        return theirs.Embedded(there(value.value))
    if kind is p.Annotated:
        made = theirs.annotate(there(value.value))
        made.annotations = [there(each) for each in value.annotations]
        return made
    return value


def read_there(read: Any, data: Any) -> tuple[str, Any]:
    """What that package reads, or how it fails."""
    try:
        return "value", read(data)
    except theirs.ShortPacket:
        return "short", None
    except (theirs.DecodeError, ValueError, TypeError):
        return "error", None


def read_here(read: Any, data: Any) -> tuple[str, Any]:
    try:
        return "value", read(data)
    except Truncated:
        return "short", None
    except DecodeError:
        return "error", None


@given(VALUES)
def test_bytes_are_the_same(value: Any) -> None:
    """Canonical bytes are equal, and what one writes the other reads."""
    assert p.canonical(value) == theirs.canonicalize(there(value))
    assert p.canonical(p.decode(theirs.encode(there(value)))) == p.canonical(value)
    assert theirs.canonicalize(theirs.decode(p.encode(value))) == p.canonical(value)


@given(VALUES)
def test_texts_are_read_alike(value: Any) -> None:
    """What one prints the other reads as the same value."""
    assert p.canonical(p.parse(theirs.stringify(there(value)))) == p.canonical(value)
    assert theirs.canonicalize(theirs.parse(p.text(value))) == p.canonical(value)
    assert theirs.canonicalize(theirs.parse(p.text(value, indent=2))) == p.canonical(value)


@given(annotated(VALUES))
def test_annotations_are_read_alike(value: Any) -> None:
    """Annotations are in the same places, in bytes and in text."""
    data = p.encode(value)
    assert theirs.encode(theirs.decode_with_annotations(data), include_annotations=True) == data or (
        b"\xb6" in data or b"\xb7" in data  # where that package puts members and entries in another order
    )
    again = theirs.encode(theirs.parse_with_annotations(p.text(value)), include_annotations=True)
    assert p.text(p.decode(again, annotations=True)) == p.text(value)


@given(VALUES, VALUES)
def test_order_is_the_same(a: Any, b: Any) -> None:
    """The total order of two values is the same."""
    found = theirs.cmp(there(a), there(b))
    assert p.compare(a, b) == (found > 0) - (found < 0)


@given(
    st.binary(max_size=20)
    | st.lists(
        st.sampled_from(list(b"\x80\x81\x84\x85\x86\x87\x08\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\0\1\2a")), max_size=14
    ).map(bytes)
)
def test_hostile_bytes_are_judged_alike(data: bytes) -> None:
    """Bytes are a value for both, too short for both, or wrong for both."""
    kind, value = read_here(p.decode, data)
    try:
        found, other = read_there(theirs.decode, data)
    except RecursionError:
        assume(False)
    if kind == "error" and found != "error":
        # It reads what is not in the shortest form (test_it_reads_longer_forms), and takes bytes behind the value.
        return
    if found == "error" and kind != "error":
        # It finds members twice that differ by kind, and needs not see all of a string to say that something is wrong.
        assert b"\xb6" in data or b"\xb7" in data or kind == "short"
        return
    if kind == found == "value":
        assert theirs.canonicalize(other) == p.canonical(value) or b"\x87" in data


@given(st.text("[]{}<>#:\"'@; \n\\xd01.e-abtf", max_size=16))
def test_hostile_text_is_judged_alike(text: str) -> None:
    """Text is a value for both, too short for both, or wrong for both."""
    kind, value = read_here(p.parse, text)
    found, other = read_there(theirs.parse, text)
    if kind == found == "value":
        assert theirs.canonicalize(other) == p.canonical(value)
    elif kind == "value":
        # It finds members twice that differ by kind.
        assert "{" in text
    elif found == "value":
        # It leaves what follows the value unread, and takes text that is not base64, or is no symbol.
        rest = theirs.Parser(text)
        rest.next()
        assert rest.index < len(text.rstrip()) or "#[" in text or "\\" in text


WRONG_THERE = [
    ("#{1 #t}", p.Set([1, True])),
    ("#{1 1.0}", p.Set([1, 1.0])),
    ("{1: a #t: b}", p.Map([(1, Symbol("a")), (True, Symbol("b"))])),
]


@pytest.mark.parametrize(("text", "value"), WRONG_THERE)
def test_it_merges_kinds(text: str, value: Any) -> None:
    """There, 1, 1.0 and #t are one member, and the set is refused; here they differ."""
    assert same(p.parse(text), value)
    with pytest.raises(theirs.DecodeError if text.startswith("#") else Exception):
        theirs.parse(text)


def test_it_compares_across_kinds() -> None:
    """There, sequences of 1 and of #t are equal, and NaN is unequal to itself."""
    assert there([1]) == there([True])
    assert not same([1], [True]) and p.compare([1], [True]) == 1
    nan = struct.pack(">d", math.nan)
    assert theirs.decode(b"\x87\x08" + nan) != theirs.decode(b"\x87\x08" + nan)
    assert same(p.decode(b"\x87\x08" + nan), p.decode(b"\x87\x08" + nan))


@pytest.mark.parametrize(
    "data", [b"\xb1\x81\x00a", b"\xb0\x02\x00\x01", b"\xb0\x01\x00", b"\xb0\x02\xff\xff"], ids=bytes.hex
)
def test_it_reads_longer_forms(data: bytes) -> None:
    """There, lengths and integers may be longer than they need be; here each value has one spelling."""
    theirs.decode(data)
    with pytest.raises(DecodeError):
        p.decode(data)


def test_its_errors_are_not_all_declared() -> None:
    """There, bad UTF-8 is no DecodeError, and deep nesting ends the stack; here both are declared errors."""
    with pytest.raises(UnicodeDecodeError):
        theirs.decode(b"\xb1\x01\xff")
    with pytest.raises(DecodeError):
        p.decode(b"\xb1\x01\xff")
    with pytest.raises(RecursionError):
        theirs.decode(b"\xb5" * 5000 + b"\x84" * 5000)
    with pytest.raises(ProtocolError):
        p.decode(b"\xb5" * 5000 + b"\x84" * 5000)


def test_it_prints_control_characters_raw() -> None:
    """There, an escape for a terminal is printed as it is."""
    assert "\x1b" in theirs.stringify("\x1b[2J")
    assert p.text("\x1b[2J") == '"\\u001b[2J"'


def test_it_prints_some_symbols_as_numbers() -> None:
    """There, the symbol `0` is printed without quotes, which is the number."""
    assert theirs.stringify(theirs.Symbol("0")) == "0"
    assert p.text(Symbol("0")) == "'0'"


def test_it_takes_other_digits_and_spaces() -> None:
    """There, any digit and any space of Unicode counts; the specification knows those of ASCII."""
    assert theirs.parse("٣") == 3 and p.parse("٣") == Symbol("٣")
    assert theirs.parse("\u00a01") == 1
    with pytest.raises(DecodeError):
        p.parse("\u00a01")

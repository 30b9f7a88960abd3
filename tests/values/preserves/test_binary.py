"""Binary Preserves: each value has its bytes, and nothing else is read."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import Broken, DecodeError, LimitExceeded, NotPassable, ProtocolError, Truncated
from remit.values import NULL, Limits, Locator, Reference, SturdyRef, Symbol, Tagged, decode, encode, passable, same
from remit.values import preserves as p
from tests.strategies import Empty, Point
from tests.values.preserves.values import PASSABLE, VALUES, annotated

WRITTEN = [
    (False, "80"),
    (True, "81"),
    (0, "b000"),
    (5, "b00105"),
    (-1, "b001ff"),
    (127, "b0017f"),
    (128, "b0020080"),
    (-128, "b00180"),
    (-129, "b002ff7f"),
    (255, "b00200ff"),
    (256, "b0020100"),
    (-256, "b002ff00"),
    (2**64, "b009010000000000000000"),
    (1.0, "87083ff0000000000000"),
    (-0.0, "87088000000000000000"),
    ("", "b100"),
    ("é", "b102c3a9"),
    ("a" * 127, "b17f" + "61" * 127),
    ("a" * 128, "b18001" + "61" * 128),
    ("a" * 300, "b1ac02" + "61" * 300),
    (b"", "b200"),
    (b"\0\xff", "b20200ff"),
    (Symbol("x"), "b30178"),
    (Symbol("é"), "b302c3a9"),
    ([], "b584"),
    ((1, [2]), "b5b00101b5b001028484"),
    ({"b": 1, "a": {}}, "b7b10162b00101b10161b78484"),
    (p.Map([(2, "x"), (True, "y")]), "b781b10179b00102b1017884"),
    (p.Set([2, 1.0, True, 1]), "b68187083ff0000000000000b00101b0010284"),
    (Tagged("R", [4]), "b4b30152b0010484"),
    (p.Compound(1, [2]), "b4b00101b0010284"),
    (p.Embedded([0]), "86b5b00084"),
    (p.Annotated(["a", "b"], 1), "85b1016185b10162b00101"),
    (None, "b4b304766f696484"),
    (NULL, "b4b3046e756c6c84"),
    (Empty(), "b4b30b74657374732e656d70747984"),
    (Point(1, 2), "b4b30b74657374732e706f696e74b00101b0010284"),
    (Broken("x"), "b4b30662726f6b656eb10d42726f6b656e3a2078205b2d5d84"),
    (Tagged("t", 1), "b4b306746167676564b30174b0010184"),
    (Tagged("void", []), "b4b306746167676564b304766f6964b58484"),
]

REFUSED = [
    ("", Truncated, 0),
    ("b1", Truncated, 1),
    ("b102", Truncated, 2),
    ("b10261", Truncated, 2),
    ("b180", Truncated, 2),
    ("b5", Truncated, 1),
    ("b580", Truncated, 2),
    ("85", Truncated, 1),
    ("8580", Truncated, 2),
    ("86", Truncated, 1),
    ("87", Truncated, 1),
    ("8708ff", Truncated, 3),
    ("84", DecodeError, 0),
    ("8584", DecodeError, 1),
    ("858084", DecodeError, 2),
    ("8684", DecodeError, 1),
    ("b58684", DecodeError, 2),
    ("b484", DecodeError, 0),
    ("b7b0010184", DecodeError, 0),
    ("b58080848484", DecodeError, 4),
    ("8080", DecodeError, 1),
    ("10", DecodeError, 0),
    ("61", DecodeError, 0),
    ("82", DecodeError, 0),
    ("83", DecodeError, 0),
    ("88", DecodeError, 0),
    ("b8", DecodeError, 0),
    ("ff", DecodeError, 0),
    ("870400000000", DecodeError, 1),
    ("b00100", DecodeError, 2),
    ("b0020001", DecodeError, 2),
    ("b002007f", DecodeError, 2),
    ("b002ffff", DecodeError, 2),
    ("b002ff80", DecodeError, 2),
    ("b18000", DecodeError, 1),
    ("b1818000" + "61" * 129, DecodeError, 1),
    ("b101ff", DecodeError, 2),
    ("b302c3c3", DecodeError, 2),
    ("b103eda080", DecodeError, 2),
    ("b6b00101b0010184", DecodeError, 0),
    ("b5b6b00101b001018484", DecodeError, 1),
    ("b7b1016180b1016180" + "84", DecodeError, 0),
    ("b7b0010180b0010180" + "84", DecodeError, 0),
]


class Ref(Reference):
    """A reference without anything behind it."""

    __slots__ = ()


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(("value", "written"), WRITTEN, ids=lambda each: repr(each)[:40])
def test_every_kind_has_its_bytes(value: object, written: str) -> None:
    """Each kind of value is written as the specification says, and the bytes are read as the value."""
    data = bytes.fromhex(written)
    assert p.encode(value) == data
    read = p.decode(data, annotations=True)
    assert read == value if type(value) is p.Annotated else same(read, value)


@pytest.mark.parametrize(("written", "error", "offset"), REFUSED)
def test_other_bytes_are_refused(written: str, error: type[DecodeError], offset: int) -> None:
    """What ends too early is `Truncated`, and other spellings are errors of syntax; both say where."""
    with pytest.raises(DecodeError) as caught:
        p.decode(bytes.fromhex(written))
    assert type(caught.value) is error
    assert caught.value.offset == offset
    assert f"(at byte {offset})" in str(caught.value)


@given(VALUES)
def test_values_survive_encoding(value: Any) -> None:
    """What is written is read as the same value, and written again as the same bytes."""
    data = p.encode(value)
    read = p.decode(data)
    assert same(read, value)
    assert p.encode(read) == data


@given(VALUES, VALUES)
def test_canonical_bytes_are_equal_when_values_are(a: Any, b: Any) -> None:
    """Canonical form is one for each value, whatever the order of its entries, and different values differ in it."""
    assert same(p.decode(p.canonical(a)), a)
    assert p.canonical(p.decode(p.encode(a))) == p.canonical(a)
    assert (p.canonical(a) == p.canonical(b)) == (p.compare(a, b) == 0)


def test_canonical_form_is_sorted_by_bytes() -> None:
    """Members and entries are in the order of their canonical bytes, which is not the total order; annotations are gone."""
    mixed = {"b": 1, "a": 2}
    assert p.canonical(mixed).hex() == "b7b10161b00102b10162b0010184"
    assert p.canonical(p.Set(["x", 300, 5])).hex() == "b6b00105b002012cb1017884"
    assert p.canonical(p.Set([-1, 1])).hex() == "b6b00101b001ff84"
    assert p.canonical([p.Annotated(["note"], 1)]) == p.canonical([1])


@given(annotated(VALUES))
def test_annotations_survive_and_are_no_part_of_the_value(value: Any) -> None:
    """Annotations are read back where asked for, and otherwise change nothing."""
    data = p.encode(value)
    read = p.decode(data, annotations=True)
    assert p.encode(read) == data
    assert p.compare(p.decode(data), value) == 0
    assert same(p.decode(data), p.strip(read))
    assert p.canonical(value) == p.canonical(p.strip(value))


@given(
    st.binary(max_size=40)
    | st.lists(
        st.sampled_from(list(b"\x80\x81\x84\x85\x86\x87\x08\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\0\1a")), max_size=30
    ).map(bytes)
)
def test_any_bytes_are_a_value_or_an_error(data: bytes) -> None:
    """Bytes of a stranger are read, or refused with a `ProtocolError`; what is read is written and read again."""
    try:
        value = p.decode(data)
    except ProtocolError:
        return
    assert same(p.decode(p.encode(value)), value)


@given(VALUES)
def test_every_truncation_is_truncated(value: Any) -> None:
    """Bytes that end before the value does are `Truncated`, wherever that is."""
    data = p.encode(value)
    for end in range(0, len(data), 1 + len(data) // 40):
        with pytest.raises(Truncated):
            p.decode(data[:end])


def test_limits_hold() -> None:
    """Size, depth, digits and number of values are bounded, and the error names the limit."""
    for data, limits, name in [
        (p.encode("x" * 20), Limits(frame=10), "frame"),
        (p.encode(nested(4)), Limits(depth=3), "depth"),
        (b"\x86" * 5 + b"\x80", Limits(depth=3), "depth"),
        (p.encode(10**30), Limits(integer_digits=20), "integer_digits"),
        (p.encode([1, 2, 3]), Limits(items=2), "items"),
        (b"\xb1" + b"\xff" * 20, Limits(), "any limit"),
    ]:
        with pytest.raises(LimitExceeded, match=name):
            p.decode(data, limits=limits)
    assert p.decode(p.encode(nested(64))) == nested(64)
    assert p.decode(b"\x85\x80" * 200 + b"\x81") is True


def test_deep_bytes_never_reach_pythons_recursion_limit() -> None:
    """With a limit that allows it, a hundred thousand levels are read without recursion."""
    deep = 100_000
    value = p.decode(b"\xb5" * deep + b"\x84" * deep, limits=Limits(depth=deep, items=deep))
    for _ in range(deep - 1):
        value = value[0]
    assert value == []


def test_what_cannot_be_written_is_named_with_its_path() -> None:
    """Values that Preserves or the reader's limits do not allow are refused where they are written."""
    cycle: list[Any] = []
    cycle.append(cycle)
    cases: list[tuple[Any, str]] = [
        ([1, {"a": object()}], r"value\[1\]\['a'\]: object cannot pass"),
        ({1: 2}, r"value\[1\]: a dict with a key that is a int .* preserves\.Map"),
        ({1, 2}, r"value: a set cannot be written.* preserves\.Set"),
        (["\ud800"], r"value\[0\]: a str with lone surrogates"),
        (10**1000, "1000 digits"),
        (cycle, "containing itself"),
        (nested(65), "64 levels"),
        (Ref(), "embedded="),
        (p.Compound(object()), r"value\.label"),
    ]
    for value, message in cases:
        for write in (p.encode, p.canonical, p.text):
            with pytest.raises(NotPassable, match=message):
                write(value)


def test_embedded_values_are_made_and_unmade() -> None:
    """`embedded=` says what a reference is in transit, and what is made of it at the other end."""
    one, other = Ref(), Ref()
    known = [one, other]
    data = p.encode([one, {"r": other}, p.Set([other, one, one])], embedded=known.index)
    assert data.hex() == "b586b000b7b1017286b0010184b686b0010186b0008484"
    assert p.decode(data, embedded=lambda number: known[number]) == [one, {"r": other}, p.Set([one, other])]
    assert p.decode(data)[0] == p.Embedded(0)
    assert p.encode(p.Embedded("x"), embedded=lambda given: given.value + "y") == p.encode(p.Embedded("xy"))


def test_an_error_of_the_embedded_maker_has_the_place() -> None:
    """A plain `ProtocolError` of `embedded` is an error of syntax where the embedded value stands."""

    def refuse(value: object) -> object:
        raise ProtocolError(f"no object {value}")

    with pytest.raises(DecodeError, match=r"no object 5 \(at byte 1\)"):
        p.decode(bytes.fromhex("b586b0010584"), embedded=refuse)
    with pytest.raises(DecodeError, match=r"no object 5 \(at line 1, column 2\)"):
        p.parse("[#:5]", embedded=refuse)


def test_nan_keeps_its_bits() -> None:
    """NaNs with different bits are different values of Preserves."""
    for bits in (0x7FF0000000000001, 0xFFF8000000000111):
        data = b"\x87\x08" + bits.to_bytes(8, "big")
        assert p.encode(p.decode(data)) == data
    assert len(p.Set([math.nan, struct.unpack(">d", b"\xff\xf8\0\0\0\0\0\0")[0]])) == 2


@pytest.mark.parametrize(
    ("value", "record"),
    [
        (None, "<void>"),
        (NULL, "<null>"),
        (Tagged("void", [1]), "<void 1>"),
        (Tagged("null", []), "<tagged null []>"),
        (Tagged("a", 1), "<tagged a 1>"),
        (Tagged("tagged", [Symbol("a"), 1]), "<tagged tagged [a 1]>"),
        (Tagged("tagged", [Symbol("a"), [1]]), "<tagged a [1]>"),
        (Tagged("tagged", [Symbol("void"), []]), "<tagged tagged [void []]>"),
        (Tagged("tagged", ["a", 1]), '<tagged "a" 1>'),
        (Broken("no"), '<broken "Broken: no [-]">'),
        (Tagged("broken", ["no"]), '<broken "no">'),
        (Tagged("broken", ["Broken: no [-]"]), '<tagged broken ["Broken: no [-]"]>'),
        (Locator("tls", "a", {"b": "c"}), '<ocapn-peer tls "a" {"b": "c"}>'),
        (Locator("tls", "a"), '<ocapn-peer tls "a" #f>'),
        (Tagged("ocapn-peer", ["tls", "a", False]), '<ocapn-peer "tls" "a" #f>'),
        (SturdyRef(Locator("tls", "a"), b"s"), '<ocapn-sturdyref <ocapn-peer tls "a" #f> #"s">'),
        (Tagged("ocapn-sturdyref", []), "<ocapn-sturdyref>"),
        (Point(1, 2), "<tests.point 1 2>"),
        (Tagged("tests.point", [1]), "<tests.point 1>"),
        (p.Compound(Symbol("preserves:set"), [[1]]), "<'preserves:set' [1]>"),
        (Tagged("preserves:set", 5), "<tagged 'preserves:set' 5>"),
        (Tagged("preserves:set", [[1, 1]]), "<tagged 'preserves:set' [[1 1]]>"),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_the_model_has_a_record_for_each_value(value: object, record: str) -> None:
    """Every value of the model has one record, and every record is one value."""
    assert p.text(value) == record
    assert same(p.parse(record), value)
    assert type(p.parse(record)) is type(value)
    assert p.encode(p.decode(p.encode(value))) == p.encode(value)


@given(PASSABLE)
def test_what_preserves_adds_passes_between_objects(value: Any) -> None:
    """Sets, dictionaries with any keys and records with any label pass, and are encoded for CapTP, as any record."""
    passed = passable(value)
    assert same(passed, decode(encode(value)))
    assert same(passed, p.decode(p.encode(value)))
    assert p.encode(passed) == p.encode(value)


def test_a_stranger_sends_no_set_that_is_none() -> None:
    """What comes under the label of a set or map and is none stays a `Tagged`."""
    for value in (
        Tagged("preserves:set", [[1, 1]]),
        Tagged("preserves:set", [5]),
        Tagged("preserves:map", [[[1, 2], [1, 3]]]),
        Tagged("preserves:map", [[[1, 2, 3]]]),
        Tagged("preserves:compound", [1, 2]),
    ):
        assert type(decode(encode(value))) is Tagged
        assert type(passable(value)) is Tagged
    assert type(decode(encode(p.Set([1, 2])))) is p.Set


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Tagged("preserves:set", [[2, 1]]), "#{1 2}"),
        (Tagged("preserves:set", ((1, 2),)), "#{1 2}"),
        (Tagged("preserves:map", [[[1, 2]]]), "{1: 2}"),
        (Tagged("preserves:map", [[["a", 2]]]), '{"a": 2}'),
        (Tagged("preserves:compound", [1, [2]]), "<1 2>"),
        (Tagged("preserves:compound", [Symbol("a"), [2]]), "<a 2>"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_tagged_that_arrives_as_a_set_is_written_as_one(value: Tagged, text: str) -> None:
    """Under the labels of `Set`, `Map` and `Compound` a `Tagged` is what it would be on arrival."""
    assert p.text(value) == text
    assert p.encode(value) == p.encode(p.parse(text)) == p.encode(passable(value))
    assert p.canonical(value) == p.canonical(passable(value))
    assert p.compare(value, passable(value)) == 0


@pytest.mark.parametrize("value", [Tagged("point", [1]), p.Map({1: 2}), p.Embedded(1)], ids=lambda v: type(v).__name__)
def test_what_is_read_cannot_be_changed(value: Any) -> None:
    """What is read is of the class itself and refuses every assignment and deletion, however it was made."""
    written = p.encode(value)
    p.decode(written)  # from now on its label is known
    read = p.decode(written)
    assert type(read) is type(value)
    assert read == value
    for name in [*type(value).__match_args__, "other"]:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(read, name, 1)
        with pytest.raises(AttributeError, match="immutable"):
            delattr(read, name)

"""What passes from one object to another, and as what."""

from __future__ import annotations

import datetime as dt
import decimal
from collections import OrderedDict, defaultdict, namedtuple
from enum import Enum, IntEnum, StrEnum

import pytest
from hypothesis import given

from remit.errors import Broken, Missing, Misuse, NotPassable, Refused
from remit.values import (
    NULL,
    Locator,
    Record,
    Reference,
    SturdyRef,
    Symbol,
    Tagged,
    decode,
    encode,
    passable,
    passable_args,
    register_copier,
    same,
)
from tests.strategies import VALUES, Point


class Ref(Reference):
    """A reference without anything behind it."""

    __slots__ = ()


class Shelf:
    """A container of another layer."""

    def __init__(self, *items: object) -> None:
        self.items = items


register_copier(Shelf, lambda shelf: list(shelf.items))

PEER = Locator("tls", "k")
FREE = [None, NULL, True, 1, 10**300, 1.5, "é", b"x", Symbol("a"), PEER, SturdyRef(PEER, b"s"), Ref()]


@pytest.mark.parametrize("value", FREE, ids=lambda value: type(value).__name__)
def test_immutable_values_and_references_pass_as_they_are(value: object) -> None:
    """What cannot change needs no copy."""
    assert passable(value) is value
    assert passable([value])[0] is value
    assert passable({"a": value})["a"] is value


def test_lists_and_dicts_pass_as_fresh_copies() -> None:
    """The receiver's copy shares no list or dict with the sender's, at any depth."""
    sent = {"a": [1, {"b": []}], "t": ({},)}
    got = passable(sent)
    assert got == {"a": [1, {"b": []}], "t": [{}]}
    sent["a"][1]["b"].append(1)  # type: ignore[index]
    assert got["a"][1]["b"] == []
    assert got["t"][0] is not sent["t"][0]


def test_records_and_tagged_pass_as_copies_of_their_class() -> None:
    """What they hold is copied, and they are new."""
    items: list[int] = []
    point, tagged = passable([Point(items, 2), Tagged("other", items)])
    items.append(1)
    assert type(point) is Point and point == Point([], 2)
    assert type(tagged) is Tagged and tagged.value == []


def test_a_tagged_with_a_records_label_passes_as_the_record() -> None:
    """Near as far: where the label is known and the number of fields fits, the receiver gets the class."""
    assert type(passable(Tagged("tests.point", [1, 2]))) is Point
    assert type(passable(Tagged("tests.point", [1]))) is Tagged
    assert type(passable(Tagged("tests.point", 1))) is Tagged


def test_errors_pass_as_copies_without_their_story() -> None:
    """Kind, message and id get through; traceback, cause and notes do not."""
    with pytest.raises(Missing) as caught:
        raise Missing("no such machine", id="7") from ValueError("secret")
    caught.value.add_note("secret")
    got = passable(caught.value)
    assert got == caught.value and type(got) is Missing
    assert (got.__traceback__, got.__cause__, getattr(got, "__notes__", [])) == (None, None, [])


def test_errors_of_other_classes_pass_as_their_nearest_kind() -> None:
    """A subclass that a program makes arrives as Remit's own class above it; an odd id becomes text."""

    class Mine(Refused):
        pass

    assert type(passable(Mine("no"))) is Refused
    odd = passable(Broken("no", id="a b"))
    assert (odd.id, odd.message) == ("", "Broken: no [a b]")
    assert passable(Broken("\ud800")).message == "\\ud800"


def _refusals() -> list[tuple[object, str]]:
    class Color(IntEnum):
        RED = 1

    class Word(StrEnum):
        A = "a"

    class Plain(Enum):
        A = 1

    pair = namedtuple("pair", "a b")
    return [
        (Color.RED, r"Color would lose its class and arrive as int; say so with int\(value\)"),
        (Word.A, r"say so with str\(value\)"),
        (Plain.A, "Plain cannot pass; make it an @record class"),
        (pair(1, 2), r"say so with tuple\(value\)"),
        (defaultdict(list), r"say so with dict\(value\)"),
        (OrderedDict(), r"say so with dict\(value\)"),
        ({1}, "a set cannot pass; pass a sorted list"),
        (frozenset(), "a frozenset cannot pass"),
        (bytearray(b"x"), r"a bytearray cannot pass; pass bytes\(value\)"),
        (memoryview(b"x"), r"a memoryview cannot pass; pass bytes\(value\)"),
        (ValueError("secret"), "the exception ValueError cannot pass; only Broken"),
        (Record("a", []), "a raw Syrup Record cannot pass"),
        (decimal.Decimal(1), "decimal.Decimal cannot pass"),
        (dt.date(2026, 1, 1), "datetime.date cannot pass"),
        (object(), "object cannot pass"),
        (print, "builtin_function_or_method cannot pass"),
        (int, "type cannot pass"),
        (1j, "complex cannot pass"),
        ("\ud800", "a str with lone surrogates cannot pass"),
        (10**1000, "an int of more than 1000 digits cannot pass"),
        (-(10**1000), "an int of more than 1000 digits cannot pass"),
        ({1: 2}, r"\[1\]: a key of int cannot pass"),
        ({Symbol("a"): 2}, "a key of remit.values._data.Symbol cannot pass"),
        ({"\ud800": 2}, "a key with lone surrogates cannot pass"),
    ]


@pytest.mark.parametrize(("value", "words"), _refusals(), ids=[words[:30] for _, words in _refusals()])
def test_what_cannot_pass_is_refused_with_a_remedy(value: object, words: str) -> None:
    """Each is refused where it is sent, alone and inside of other values, and never shown."""
    for sent in (value, [value], (value,), {"a": value}, Tagged("a", value), Point(0, value), Shelf(value)):
        with pytest.raises(NotPassable, match=words) as caught:
            passable(sent)
        assert "secret" not in str(caught.value)
        with pytest.raises(NotPassable, match=words):
            passable_args((sent,), {})


@pytest.mark.parametrize(
    "value",
    [value for value, _ in _refusals() if not isinstance(value, Record)],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_pass_cannot_be_encoded(value: object) -> None:
    """The codec has the same opinion, so nothing leaves by another door; only raw records are for it alone."""
    with pytest.raises(NotPassable):
        encode([value])


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({1}, "value: "),
        ([0, {1}], "value[1]: "),
        ({"a": [0, 0, {1}]}, "value['a'][2]: "),
        (Tagged("t", [{1}]), "value.value[0]: "),
        (Point(1, {"k": Point({1})}), "value.y['k'].x: "),
        ([Shelf(1, {1})], "value[0][1]: "),
    ],
)
def test_the_refusal_names_the_path(value: object, path: str) -> None:
    """The error says where in the value the part sits, whether passed or encoded."""
    for refuse in (passable, encode):
        with pytest.raises(NotPassable) as caught:
            refuse(value)
        assert str(caught.value).startswith(path)


def test_the_path_in_a_raw_record_goes_through_its_fields() -> None:
    """The protocol's own messages name the field by its number."""
    with pytest.raises(NotPassable, match=r"^value\.fields\[1\]\[0\]: a set"):
        encode(Record(Symbol("a"), [1, [{1}]]))


def test_depth_is_bounded_and_leaves_room_for_the_envelope() -> None:
    """48 levels pass and can be wrapped in a message that decodes within the default limits; 49 are refused."""

    def nested(levels: int) -> object:
        value: object = SturdyRef(PEER, b"s")
        for _ in range(levels):
            value = [value]
        return value

    deep = passable(nested(48))
    message = Record(Symbol("op:deliver"), [[Tagged("kwargs", {"a": deep})]])
    assert decode(encode(message), record=lambda _, fields: fields)
    with pytest.raises(NotPassable, match=r"^value(\[0\]){48}: nested deeper than 48 levels"):
        passable(nested(49))
    with pytest.raises(NotPassable, match="nested deeper than 60 levels"):
        encode(nested(61))
    assert decode(encode(nested(60))) == nested(60)


def test_a_record_counts_as_the_two_levels_that_it_is_on_the_wire() -> None:
    """24 records inside each other pass and decode; one more is refused."""

    def nested(levels: int) -> object:
        value: object = None
        for _ in range(levels):
            value = Point(value)
        return value

    assert decode(encode(passable(nested(24)))) == nested(24)
    with pytest.raises(NotPassable, match=r"^value(\.x){24}: nested deeper than 48 levels"):
        passable(nested(25))


def test_values_that_contain_themselves_are_refused() -> None:
    """A cycle, through whatever container, ends at the depth limit."""
    loop: list[object] = []
    loop.append(loop)
    ring: dict[str, object] = {}
    ring["a"] = Tagged("t", Point(ring))
    for value in (loop, ring):
        for refuse in (passable, encode):
            with pytest.raises(NotPassable, match="or containing itself"):
                refuse(value)


def test_other_layers_classes_pass_by_their_copier() -> None:
    """A registered class and its subclasses pass, and are encoded, as the plain value that the function gives."""

    class Small(Shelf):
        pass

    value = [Shelf(1, (2,)), {"a": Small(3)}]
    assert passable(value) == [[1, [2]], {"a": [3]}]
    assert decode(encode(value)) == [[1, [2]], {"a": [3]}]
    assert passable_args((Shelf(1),), {"a": Shelf(2)}) == (([1],), {"a": [2]})


def test_a_copier_that_gives_no_plain_value_is_a_mistake() -> None:
    """It is reported with its class rather than copied for ever."""

    class Same:
        pass

    register_copier(Same, lambda value: value)
    for refuse in (passable, encode):
        with pytest.raises(Misuse, match=r"the copier of .*Same gave"):
            refuse(Same())


def test_arguments_that_need_no_copy_are_given_back() -> None:
    """The fast path: a tuple of atoms is the receiver's as it is."""
    args = ("a", 1, None, Symbol("x"), -5)
    assert passable_args(args, {}) == (args, {})
    assert passable_args(args, {})[0] is args


def test_arguments_are_copied_like_values() -> None:
    """Lists, dicts and tuples among the arguments, by position and by name, come out fresh."""
    inner: list[int] = []
    args, kwargs = passable_args((1, inner, (2,)), {"a": {"b": inner}})
    inner.append(1)
    assert args == (1, [], [2])
    assert kwargs == {"a": {"b": []}}
    assert type(args) is tuple


def test_refused_arguments_are_named() -> None:
    """By number from 1, or by name."""
    with pytest.raises(NotPassable, match=r"^argument 2\[0\]: a set"):
        passable_args((1, [{1}]), {})
    with pytest.raises(NotPassable, match=r"^argument 'by'\[0\]: a set"):
        passable_args((1,), {"by": [{1}]})
    with pytest.raises(NotPassable, match="surrogates"):
        passable_args((), {"\ud800": 1})


@given(VALUES)
def test_passing_twice_changes_nothing(value: object) -> None:
    """What has passed once passes as it is, and is the same as what was sent."""
    once = passable(value)
    assert same(once, value)
    assert same(passable(once), once)
    assert type(passable(once)) is type(once)

"""The total order, and sets and mappings whose members and keys differ by kind."""

from __future__ import annotations

import copy
import math
import pickle
import struct
from typing import Any

import pytest
from hypothesis import given

from remit.errors import NotPassable
from remit.values import Reference, Symbol, Tagged, key, same
from remit.values import preserves as p
from tests.strategies import Point
from tests.values.preserves.values import VALUES

NAN, MINUS_NAN = (struct.unpack(">d", bytes.fromhex(bits))[0] for bits in ("7ff8000000000000", "fff8000000000000"))

ASCENDING: list[Any] = [
    *(False, True),
    *(MINUS_NAN, -math.inf, -1.0, -0.0, 0.0, 5e-324, 1.0, math.inf, NAN),
    *(-(10**30), -1, 0, 1, 10**30),
    *("", "a", "aa", "b", "é", "\uffff", "\U00010000"),
    *(b"", b"a", b"a\0", b"\xff"),
    *(Symbol(""), Symbol("a"), Symbol("b")),
    *(p.Compound(1, [9]), Tagged("a", []), Tagged("a", [1]), Tagged("a", [1, 2]), Tagged("a", [2]), Tagged("b", [])),
    *(Point(0, 0), None, p.Compound(Tagged("a", []), [])),
    *([], [1], [1, 1], [2], ["a"], [[]]),
    *(p.Set(), p.Set([1]), p.Set([1, 2]), p.Set([1, 3]), p.Set([2])),
    *({}, {"a": 1}, {"a": 1, "b": 0}, {"a": 2}, {"b": 0}, p.Map({Symbol("a"): 0})),
    *(p.Embedded(1), p.Embedded("a")),
]


class Ref(Reference):
    """A reference without anything behind it."""

    __slots__ = ()


def test_values_are_in_the_total_order() -> None:
    """Kinds follow each other, and within a kind content decides; annotations don't count."""
    for i, a in enumerate(ASCENDING):
        for j, b in enumerate(ASCENDING):
            assert p.compare(a, b) == (i > j) - (i < j), (a, b)
            assert p.compare(a, p.Annotated(["note"], b)) == (i > j) - (i < j)


@given(VALUES, VALUES)
def test_values_are_equal_in_order_when_they_are_the_same(a: Any, b: Any) -> None:
    """Without NaN, `compare` says 0 exactly for what is the same; with the sides changed it says the opposite."""
    assert p.compare(a, b) == -p.compare(b, a)
    assert p.compare(a, p.decode(p.encode(a))) == 0
    if p.compare(a, b) == 0:
        assert same(a, b)


def test_what_is_no_value_has_no_order() -> None:
    """Objects and what contains itself are refused, not compared by chance."""
    cycle: list[Any] = []
    cycle.append(cycle)
    for value in (object(), [object()], cycle, {1, 2}):
        with pytest.raises(NotPassable):
            p.order(value)


def test_members_of_a_set_differ_by_kind() -> None:
    """1, 1.0, True and the texts of one are different members, which Python's own set would merge."""
    made = p.Set([1, True, 1.0, "1", b"1", Symbol("1"), 1, [1], [True], [1]])
    assert len(made) == 8
    assert list(made) == [True, 1.0, 1, "1", b"1", Symbol("1"), [True], [1]]
    for member in (1, True, 1.0, "1", b"1", Symbol("1"), [1], [True]):
        assert member in made
    for other in (False, 0.0, [1.0], object(), None, {}):
        assert other not in made
    assert len(p.Set([NAN, MINUS_NAN, NAN])) == 2
    assert p.Set([1, 2]) & p.Set([2, 2.0]) == p.Set([2])
    assert p.Set([1]) | p.Set([True]) == p.Set([True, 1])
    assert p.Set([1, True]) - p.Set([1]) == p.Set([True])


def test_keys_of_a_map_differ_by_kind() -> None:
    """Lookups find the key of the same kind only; of a key that is given twice the last counts."""
    made = p.Map([(1, "int"), (True, "bool"), (1.0, "float"), ([1], "list"), (1, "again")])
    assert (made[1], made[True], made[1.0], made[[1]]) == ("again", "bool", "float", "list")
    assert list(made) == [True, 1.0, 1, [1]]
    assert list(made.values()) == ["bool", "float", "again", "list"]
    assert made.get("1") is None and made.get(object()) is None
    assert 1 in made and "1" not in made
    with pytest.raises(KeyError):
        made[[True]]
    assert p.Map() == p.Map({}) and len(p.Map()) == 0 and 1 not in p.Map()
    assert p.Map({1: 2}) == p.Map([(1, 2)]) != p.Map([(True, 2)])


def test_a_map_with_string_keys_is_the_dict() -> None:
    """`Map({"a": 1})` and `{"a": 1}` are the same value, written and read alike."""
    assert same(p.Map({"a": 1, "b": []}), {"b": [], "a": 1})
    assert key(p.Map({"a": 1})) == key({"a": 1})
    assert p.decode(p.encode(p.Map({"a": 1}))) == {"a": 1}
    assert p.compare(p.Map({"a": 1}), {"a": 1}) == 0
    assert not same(p.Map({Symbol("a"): 1}), {"a": 1})


def test_a_compound_with_a_symbol_is_the_tagged() -> None:
    """A record with a symbol as its label is one value, however it was made."""
    assert same(p.Compound(Symbol("a"), [1]), Tagged("a", [1]))
    assert type(p.decode(p.encode(p.Compound(Symbol("a"), [1])))) is Tagged
    assert not same(p.Compound("a", [1]), Tagged("a", [1]))


def test_references_are_members_by_identity() -> None:
    """Two references are two members and two keys, in whatever order they came."""
    one, other = Ref(), Ref()
    made = p.Set([one, 1, other, one])
    assert len(made) == 3 and one in made and other in made and Ref() not in made
    assert made == p.Set([other, one, 1]) and hash(made) == hash(p.Set([1, other, one]))
    mapping = p.Map([(one, 1), (other, 2)])
    assert (mapping[one], mapping[other]) == (1, 2)
    assert mapping == p.Map([(other, 2), (one, 1)])
    assert p.compare(one, other) == 0 and p.compare(one, p.Embedded(1)) == 1


@pytest.mark.parametrize("value", [p.Set([1, True]), p.Map([(1, 2)]), p.Compound(1, [2]), p.Embedded(1)], ids=repr)
def test_values_are_frozen_and_can_be_copied(value: Any) -> None:
    """They cannot change, copy and pickle give the same again, and their `repr` makes them."""
    with pytest.raises(AttributeError):
        value.members = ()
    assert copy.copy(value) is value
    assert same(copy.deepcopy(value), value) and same(pickle.loads(pickle.dumps(value)), value)
    assert hash(value) == hash(copy.deepcopy(value))
    assert same(eval(repr(value), {"Set": p.Set, "Map": p.Map, "Compound": p.Compound, "Embedded": p.Embedded}), value)


def test_annotations_do_not_count_in_comparisons() -> None:
    """An annotated value is equal to another with the same value; inner annotations come after outer ones."""
    value = p.Annotated(["a"], p.Annotated(["b"], [1]))
    assert value.annotations == ("a", "b") and value.value == [1]
    assert value == p.Annotated([], [1]) and hash(value) == hash(p.Annotated(["c"], [1]))
    assert value != p.Annotated(["a", "b"], [True])
    assert p.Annotated(["x"], 1) in p.Set([1]) and 1 in p.Set([p.Annotated(["x"], 1)])
    assert p.strip([p.Annotated(["x"], p.Set([p.Annotated(["y"], 1)]))]) == [p.Set([1])]
    assert p.strip(p.Map([(p.Annotated(["x"], "k"), p.Annotated(["y"], 1))])) == {"k": 1}
    assert same(p.strip(p.Compound(p.Annotated(["x"], Symbol("tests.point")), [1, 2])), Point(1, 2))
    assert same(p.strip(Point(p.Annotated([1], 2), p.Embedded(p.Annotated([1], 3)))), Point(2, p.Embedded(3)))

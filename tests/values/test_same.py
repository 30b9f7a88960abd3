"""`same` and `key` compare by kind and structure."""

from __future__ import annotations

import math
import struct
from enum import IntEnum
from itertools import combinations

import pytest
from hypothesis import given

from remit.errors import Broken, Missing, Misuse, NotPassable
from remit.values import NULL, Locator, Reference, SturdyRef, Symbol, Tagged, key, passable, register_copier, same
from tests.strategies import VALUES, Empty, Point


class Ref(Reference):
    """A reference without anything behind it."""

    __slots__ = ()


ONE, OTHER = Ref(), Ref()
DIFFERENT = [
    *(None, NULL, True, False, 0, 1, 1.0, 0.0, -0.0, math.nan, math.inf, -1),
    *("", "1", b"", b"1", Symbol(""), Symbol("1"), "None", "\ud800"),
    *([], [1], [True], [[1]], [1, 1], {}, {"a": 1}, {"a": True}, {"b": 1}, {"a": 1, "b": 1}),
    *(
        Tagged("a", 1),
        Tagged("b", 1),
        Tagged("a", []),
        Tagged("a", [1]),
        Point(1, 2),
        Point(1, True),
        Point(2, 1),
        Empty(),
    ),
    *(Broken("a"), Broken("b"), Missing("a"), Broken("a", id="1"), "Broken: a [-]"),
    *(Locator("a", "b"), Locator("a", "b", {}), Locator("a", "b", {"c": "d"}), Locator("a", "c"), Locator("b", "b")),
    *(SturdyRef(Locator("a", "b"), b"c"), SturdyRef(Locator("a", "b"), b"d"), SturdyRef(Locator("a", "c"), b"c")),
    *(ONE, OTHER, [ONE], [OTHER]),
]
QUIET_NAN = struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0]
EQUAL = [
    (math.nan, QUIET_NAN),
    ((1, [2]), [1, (2,)]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (Point(1, [2]), Tagged("tests.point", [1, (2,)])),
    (Empty(), Tagged("tests.empty", [])),
    (Broken("a", id="1"), Broken("a", id="1")),
    (Locator("a", "b", {"c": "d", "e": "f"}), Locator("a", "b", {"e": "f", "c": "d"})),
    ([ONE], [ONE]),
    (10**40, 10**40 + 1 - 1),
]


def test_different_values_are_not_the_same() -> None:
    """No two of these are the same, in either order, and no two have the same key."""
    for a, b in combinations(DIFFERENT, 2):
        assert not same(a, b) and not same(b, a), (a, b)
        assert key(a) != key(b), (a, b)


@pytest.mark.parametrize("value", DIFFERENT, ids=lambda value: type(value).__name__)
def test_a_value_is_the_same_as_itself(value: object) -> None:
    """`same` is reflexive, for NaN also, and the key is hashable."""
    assert same(value, value) and same([value], [value])
    assert key(value) == key(value)
    assert hash(key(value)) == hash(key(value))


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal_values_are_the_same(a: object, b: object) -> None:
    """Spelling does not count: a tuple is a list, a record its Tagged, every NaN is one."""
    assert same(a, b) and same(b, a)
    assert key(a) == key(b)
    assert same(passable(a), passable(b))


@given(VALUES, VALUES)
def test_key_agrees_with_same(a: object, b: object) -> None:
    """`key(a) == key(b)` exactly when `same(a, b)`."""
    assert (key(a) == key(b)) == same(a, b)
    assert same(a, passable(a))


def test_what_is_not_data_is_the_same_by_identity_and_has_no_key() -> None:
    """Anything else compares by identity, also where Python's == would find it equal, and is refused as a key."""

    class Color(IntEnum):
        RED = 1

    thing = {1}
    assert same(thing, thing) and same([thing], [thing])
    assert not same(thing, {1})
    assert not same(Color.RED, 1)
    assert not same({1: 2}, {1: 2})
    for value in (thing, Color.RED, [object()], {1: 2}):
        with pytest.raises(NotPassable, match="key"):
            key(value)


def test_values_that_contain_themselves_are_refused() -> None:
    """Comparing two cyclic values ends in a clear error, not in Python's recursion limit."""
    a: list[object] = []
    b: list[object] = []
    a.append(a)
    b.append(b)
    assert same(a, a)
    with pytest.raises(NotPassable, match="deeper"):
        same(a, b)
    with pytest.raises(NotPassable, match="deeper"):
        key(a)


def test_values_of_copied_classes_compare_by_their_copy() -> None:
    """A class with a copier is the same as the plain value that it passes as."""

    class Shelf:
        def __init__(self, *items: object) -> None:
            self.items = items

    register_copier(Shelf, lambda shelf: list(shelf.items))
    assert same(Shelf(1, [2]), [1, [2]])
    assert not same(Shelf(1), [True])
    assert key(Shelf(1, Shelf(2))) == key([1, [2]])
    with pytest.raises(Misuse, match=r"Shelf has a copier already"):
        register_copier(Shelf, lambda _: [])

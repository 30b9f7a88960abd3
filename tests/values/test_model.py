"""The atoms and compound values that Python lacks."""

from __future__ import annotations

import copy
import pickle

import pytest

from remit.errors import Misuse
from remit.values import DEFAULT_LIMITS, NULL, Limits, Locator, Null, Record, Reference, SturdyRef, Symbol, Tagged

PEER = Locator("tls", "k", {"a": "b"})
FROZEN = [NULL, Symbol("x"), Tagged("t", 1), PEER, SturdyRef(PEER, b"s"), DEFAULT_LIMITS]


def test_null_is_one_and_is_not_none() -> None:
    """There is one NULL, it is false, and None is another value."""
    assert Null() is NULL
    assert not NULL
    assert repr(NULL) == "NULL"
    assert NULL != None  # noqa: E711  # the comparison itself is the rule


@pytest.mark.parametrize("value", FROZEN, ids=lambda value: type(value).__name__)
def test_shared_values_cannot_be_changed(value: object) -> None:
    """Values that are shared between objects rather than copied refuse every assignment and deletion."""
    for name in [*getattr(value, "__slots__", ()), "other"]:
        with pytest.raises(AttributeError, match="immutable"):
            setattr(value, name, 1)
        with pytest.raises(AttributeError, match="immutable"):
            delattr(value, name)


@pytest.mark.parametrize("value", FROZEN[:-1], ids=lambda value: type(value).__name__)
def test_copies_and_pickles_are_equal(value: object) -> None:
    """`copy`, `deepcopy` and `pickle` work as for any Python value."""
    assert copy.copy(value) is value
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_a_symbol_is_equal_to_symbols_only() -> None:
    """A symbol equals one of the same name, and no string."""
    assert Symbol("a") == Symbol("a")
    assert hash(Symbol("a")) == hash(Symbol("a"))
    assert Symbol("a") != Symbol("b")
    assert Symbol("a") != "a"
    assert len({Symbol("a"), Symbol("a"), "a"}) == 2
    assert repr(Symbol("a")) == "Symbol('a')"


@pytest.mark.parametrize("name", [b"a", 1, None, "\ud800"])
def test_a_symbol_takes_text_only(name: object) -> None:
    """What cannot be written as UTF-8 is no symbol's name and no tag."""
    with pytest.raises(Misuse, match="Symbol takes a str"):
        Symbol(name)  # type: ignore[arg-type]
    with pytest.raises(Misuse, match="Tagged takes a str"):
        Tagged(name, 1)  # type: ignore[arg-type]


def test_tagged_values_are_compared_by_kind() -> None:
    """`==` of tagged values is `same`: 1 and True differ inside of them."""
    assert Tagged("t", [1]) == Tagged("t", [1])
    assert hash(Tagged("t", [1])) == hash(Tagged("t", (1,)))
    assert Tagged("t", 1) != Tagged("t", True)
    assert Tagged("t", 1) != Tagged("u", 1)
    assert Tagged("t", 1) != 1
    assert repr(Tagged("t", [1])) == "Tagged('t', [1])"


def test_raw_records_compare_by_structure() -> None:
    """A raw record equals one with the same label and fields, nested ones included, and has no hash."""
    nested = Record(Symbol("a"), [Record(Symbol("b"), [1])])
    assert nested == Record(Symbol("a"), [Record(Symbol("b"), [1])])
    assert nested != Record(Symbol("a"), [Record(Symbol("b"), [True])])
    assert nested != Record("a", nested.fields)
    assert nested != 1
    assert repr(Record("a", [1])) == "Record('a', [1])"
    with pytest.raises(TypeError, match="unhashable"):
        hash(nested)


def test_values_match_patterns() -> None:
    """`match` takes values apart by position."""
    match [Tagged("t", 1), Record("l", [2]), SturdyRef(PEER, b"s")]:
        case [Tagged("t", one), Record("l", [two]), SturdyRef(Locator("tls", "k"), swiss)]:
            assert (one, two, swiss) == (1, 2, b"s")
        case _:
            pytest.fail("no match")


def test_references_are_equal_by_identity() -> None:
    """A reference equals itself only."""

    class Ref(Reference):
        __slots__ = ()

    a, b = Ref(), Ref()
    assert a == a
    assert a != b
    assert len({a, b, a}) == 2


def test_limits_refuse_what_bounds_nothing() -> None:
    """A limit is an int above 0, and integers are no longer than Python converts."""
    assert (DEFAULT_LIMITS.frame, DEFAULT_LIMITS.depth) == (1 << 20, 64)
    assert repr(Limits(frame=5)) == "Limits(frame=5, depth=64, integer_digits=1000, items=100000)"
    for wrong in (0, -1, True, 1.5, None):
        with pytest.raises(Misuse, match=r"Limits\(depth=…\) takes an int above 0"):
            Limits(depth=wrong)  # type: ignore[arg-type]
    with pytest.raises(Misuse, match="at most 4300"):
        Limits(integer_digits=4301)

"""Attenuations as data: they compose, only narrow, and are refused where nobody enforces them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import BadArgument, Broken, Misuse
from remit.lib import FREE, NOTHING, Attenuated, Attenuation, Clock, check_supported, keyed, narrow, rules_of, supports
from remit.values import decode, encode, same
from remit.vat import Vat, actor
from tests.lib.objects import Party, Table, outcome

METHODS = ["get", "put", "rename", "size", "me", "deposit_gift"]
TEXT = st.text("ab/", max_size=3)
ATTENUATIONS = st.builds(
    Attenuation,
    methods=st.none() | st.lists(st.sampled_from(METHODS), max_size=4),
    read_only=st.booleans(),
    prefix=st.none() | TEXT,
    count=st.none() | st.integers(0, 2),
    until=st.none() | st.integers(0, 3) | st.floats(0, 3),
    rate=st.none() | st.lists(st.tuples(st.integers(1, 2), st.sampled_from([1, 2.5])).map(list), max_size=2),
)
MESSAGES = st.tuples(st.sampled_from([*METHODS, "deposit-gift"]), st.lists(TEXT, max_size=2))


def passes(attenuations: list[Attenuation], now: float, messages: list[tuple[str, list[str]]]) -> list[bool]:
    """Which messages reach an object through attenuated references, one before the other."""
    vat = Vat()
    clock = vat.spawn(Clock, now)
    ref: Any = vat.spawn(Table, {"a": 1})
    for attenuation in attenuations:
        ref = vat.spawn(Attenuated, ref, attenuation, clock)
    results = [outcome(vat, getattr(ref, name)(*args)) for name, args in messages]
    return [not (isinstance(r, Broken) and r.kind in ("NotAllowed", "Expired")) for r in results]


@given(ATTENUATIONS, ATTENUATIONS, st.sampled_from([0.0, 1.0, 2.5, 4.0]), st.lists(MESSAGES, max_size=6))
def test_what_a_composition_passes_both_parts_pass(
    a: Attenuation, b: Attenuation, now: float, messages: list[tuple[str, list[str]]]
) -> None:
    """The messages that get through `a & b` get through a alone and through b alone."""
    through = passes([a & b], now, messages)
    kept = [message for message, passed in zip(messages, through, strict=True) if passed]
    assert all(passes([a], now, kept)) and all(passes([b], now, kept))


@given(ATTENUATIONS, ATTENUATIONS, st.sampled_from([0.0, 2.5]), st.lists(MESSAGES, max_size=5))
def test_composing_data_is_composing_references(
    a: Attenuation, b: Attenuation, now: float, messages: list[tuple[str, list[str]]]
) -> None:
    """One reference narrowed by `a & b` passes what a reference narrowed by a, then by b, passes, where no budget is shared."""
    a, b = (Attenuation(x.methods, x.read_only, x.prefix, None, x.until) for x in (a, b))
    assert passes([a & b], now, messages) == passes([a, b], now, messages)


@given(ATTENUATIONS, ATTENUATIONS, ATTENUATIONS)
def test_composition_has_one_result(a: Attenuation, b: Attenuation, c: Attenuation) -> None:
    """Composition is associative, commutative and idempotent, FREE is its unit, NOTHING absorbs all."""
    assert same((a & b) & c, a & (b & c))
    assert same(a & b, b & a)
    assert same(a & a, a.checked())
    assert same(a & FREE, a.checked())
    assert same(a & NOTHING, NOTHING)
    assert same(narrow(a, b), a.and_(b))


@given(ATTENUATIONS)
def test_an_attenuation_travels(a: Attenuation) -> None:
    """Encoded and decoded it is the same, and so is its normal form."""
    back = decode(encode(a))
    assert isinstance(back, Attenuation) and same(back, a) and same(back.checked().checked(), a.checked())


@pytest.mark.parametrize(
    "bad",
    [
        Attenuation(methods="get"),  # type: ignore[arg-type]
        Attenuation(methods=[1]),  # type: ignore[list-item]
        Attenuation(read_only=1),  # type: ignore[arg-type]
        Attenuation(prefix=b"a"),  # type: ignore[arg-type]
        Attenuation(count=-1),
        Attenuation(count=True),
        Attenuation(until=float("nan")),
        Attenuation(until="soon"),  # type: ignore[arg-type]
        Attenuation(rate=[[0, 1]]),
        Attenuation(rate=[[1, 0]]),
        Attenuation(rate=[1, 1]),  # type: ignore[list-item]
    ],
)
def test_an_attenuation_that_makes_no_sense_is_refused(bad: Attenuation) -> None:
    """What a peer may have sent is checked, and the error says which field is wrong."""
    with pytest.raises(BadArgument, match=r"methods|read_only|prefix|count|until|rate"):
        bad.checked()


def test_contradicting_prefixes_pass_nothing() -> None:
    """No key begins with both "a/" and "b/", so nothing is left."""
    assert Attenuation(prefix="a/") & Attenuation(prefix="b/") == NOTHING
    assert (Attenuation(prefix="a/") & Attenuation(prefix="a/b")).prefix == "a/b"


def test_an_attenuation_says_what_it_does() -> None:
    """In words for people, and as the names of the restrictions in force."""
    full = Attenuation(["put", "get"], True, "a/", 1, 5, [[2, 1]]).checked()
    assert full.describe() == "only get, put; read-only; keys from 'a/'; 1 use; until 5; 2 in 1 s"
    assert full.kinds() == ("methods", "read_only", "prefix", "count", "until", "rate")
    assert FREE.describe() == "unrestricted" and FREE.kinds() == () and NOTHING.describe() == "nothing"
    assert Attenuation(count=0).kinds() == ("count",)


def test_a_class_supports_what_its_marks_let_it_enforce() -> None:
    """Read-only needs `@reads`, prefix needs `@keyed`; the rest works for every class."""
    assert supports(Party) == {"methods", "count", "until", "rate"}
    assert supports(Table) == supports(Party) | {"read_only", "prefix"}


@pytest.mark.parametrize(
    ("attenuation", "text"),
    [
        (Attenuation(read_only=True), r"test\.party cannot be attenuated to read-only.*@reads"),
        (Attenuation(prefix="a"), r"test\.party cannot be attenuated by prefix.*@keyed"),
        (Attenuation(methods=["gives"]), r"no method 'gives'.*did you mean 'give'"),
        (Attenuation(methods=["xyz"]), r"no method 'xyz'.*it answers: ask, give"),
    ],
)
def test_an_unsupported_attenuation_is_refused(attenuation: Attenuation, text: str) -> None:
    """The error names the class, the attenuation and what to do."""
    with pytest.raises(BadArgument, match=text):
        check_supported(Party, attenuation)


def test_a_supported_attenuation_comes_back_in_normal_form() -> None:
    """Names are spelt as the class spells them, each once."""
    assert check_supported(Table, Attenuation(["deposit-gift", "get", "get"])).methods == ["deposit_gift", "get"]


def test_keyed_names_parameters() -> None:
    """A name that is no parameter of the method is an error where the class is written."""
    with pytest.raises(Misuse, match="key"):

        @actor(kind="test.wrong", version=1)
        class Wrong:
            @keyed("key")
            def get(self, name: str) -> None: ...


def test_rules_hold_for_all_their_classes() -> None:
    """A name reads, or has keys, only where every class that has it says so."""

    @actor(kind="test.other", version=1)
    class Other:
        @keyed("key")
        def get(self, key: str) -> None: ...

    assert "get" in rules_of(Table).reads and rules_of(Table).keys["rename"] == [[0, "old"], [1, "new"]]
    for both in (rules_of(Table, Other), rules_of(Other, Table)):
        assert "get" not in both.reads and "get" not in both.keys and "size" in both.reads

"""hypothesis strategies for values of the model, shared by the tests of all layers."""

from __future__ import annotations

import string
from typing import Any

from hypothesis import strategies as st

from remit.errors import Broken, Missing, Refused, Uncertain
from remit.values import NULL, Locator, Record, SturdyRef, Symbol, Tagged, record


@record("tests.empty")
class Empty:
    """A record without fields."""


@record("tests.point")
class Point:
    """A record whose fields may hold anything passable."""

    x: Any
    y: Any = 0


INTEGERS = st.one_of(st.integers(-20, 20), st.integers(), st.integers(-(10**30), 10**30))
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.text(string.ascii_lowercase + "-", min_size=1, max_size=12)
SYMBOLS = st.builds(Symbol, TEXTS)
HINTS = st.none() | st.dictionaries(TEXTS, TEXTS, max_size=3)
LOCATORS = st.builds(Locator, NAMES, TEXTS.filter(bool), HINTS)
STURDYREFS = st.builds(SturdyRef, LOCATORS, st.binary(min_size=1, max_size=40))
ERRORS = st.builds(
    lambda cls, message, log: cls(message, id=log), st.sampled_from([Broken, Missing, Refused, Uncertain]), TEXTS, TEXTS
)

ATOMS = st.one_of(
    st.none(), st.just(NULL), st.booleans(), INTEGERS, FLOATS, TEXTS, st.binary(max_size=40), SYMBOLS, ERRORS
) | (LOCATORS | STURDYREFS)
"""What holds no other value."""


def _containers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(values, max_size=4)
    tagged = st.builds(Tagged, TEXTS | st.sampled_from(["tests.point", "tests.empty"]), values)
    points = st.builds(Point, values, values) | st.builds(Empty)
    return lists | lists.map(tuple) | st.dictionaries(TEXTS, values, max_size=4) | tagged | points


VALUES = st.recursive(ATOMS, _containers, max_leaves=12)
"""Everything that passes and holds no reference."""

RECORDS = st.builds(Record, SYMBOLS, st.lists(VALUES, max_size=3))
"""Raw records, as protocol layers send them."""


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """The bytes in pieces, as a stream may deliver them."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]

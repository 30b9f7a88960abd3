"""Values of Preserves for its tests: what the model has, and what only Preserves has."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from remit.values import Symbol
from remit.values.preserves import Annotated, Compound, Embedded, Map, Set
from tests.strategies import ATOMS, TEXTS, Empty, Point
from tests.strategies import VALUES as MODEL

LABELS = TEXTS | st.sampled_from(["void", "null", "tagged", "broken", "ocapn-peer", "preserves:set", "preserves:map"])


def _containers(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    from remit.values import Tagged

    lists = st.lists(values, max_size=4)
    tagged = st.builds(Tagged, LABELS, values | lists)
    points = st.builds(Point, values, values) | st.builds(Empty)
    pairs = st.lists(st.tuples(values, values), max_size=4)
    compounds = st.builds(Compound, values.filter(lambda label: type(label) is not Symbol), lists)
    wide = lists.map(Set) | pairs.map(Map) | compounds | st.builds(Embedded, values)
    return lists | lists.map(tuple) | st.dictionaries(TEXTS, values, max_size=4) | tagged | points | wide


VALUES = st.recursive(ATOMS, _containers, max_leaves=12)
"""Everything that Preserves writes, without references and annotations."""

PASSABLE = st.recursive(
    MODEL,
    lambda values: (
        st.lists(values, max_size=4).map(Set)
        | st.lists(st.tuples(values, values), max_size=3).map(Map)
        | st.builds(Compound, values, st.lists(values, max_size=3))
    ),
    max_leaves=6,
)
"""What passes between objects, sets and such in it."""


def annotated(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The same, annotated at some places."""
    return st.recursive(
        values,
        lambda inner: (
            st.builds(Annotated, st.lists(inner, min_size=1, max_size=2), inner) | st.lists(inner, max_size=3)
        ),
        max_leaves=6,
    )

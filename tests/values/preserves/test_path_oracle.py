"""Paths beside those of the package `preserves`: what they lead to is the same, where the package is right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.values import Symbol, Tagged
from remit.values.preserves import Map, canonical, decode, encode, path

theirs = pytest.importorskip("preserves")
their_path = pytest.importorskip("preserves.path")

# Left out, since the package errs there: `set`, `~int`, `~real`, expressions that match later than at the beginning, lengths of
# sets, negative numbers as keys. The order of `//` is left open by the specification; here it is the order of the text.
PATHS = [
    *(
        "*",
        "/",
        "//",
        ". 0",
        ". 1",
        ". a",
        '. "a"',
        ".^",
        ".keys",
        ".length",
        "// .length",
        ".annotations",
        "// ^ a",
        "// ^ b . 0",
    ),
    *(
        "// eq 1",
        "// = a",
        "// ne 1",
        "// != <a>",
        "// lt 2",
        "// le [1]",
        "// gt a",
        '// ge "a"',
        '// re "a"',
        '// =r "."',
    ),
    *(
        "// bool",
        "// double",
        "// int",
        "// string",
        "// bytes",
        "// symbol",
        "// rec",
        "// seq",
        "// dict",
        "// embedded",
    ),
    *(
        "// [int]",
        "// [! int]",
        "// [int + symbol]",
        "// [.length gt 1 & ! seq]",
        "// [. 0 . 0]",
        "<count //>",
        "// [<count /> ge 2]",
    ),
    *("// rec / / eq 1", "// [.^ [= a + = b]]", "// dict . a / *", "// [! ! rec]"),
]
atoms = st.one_of(
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from(["", "a", "ab"]),
    st.sampled_from([b"", b"ab"]),
    st.sampled_from([0.0, 1.5]),
)
symbols = st.builds(Symbol, st.sampled_from(["a", "b"]))
values = st.recursive(
    atoms | symbols,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.builds(Tagged, st.sampled_from(["a", "b"]), st.lists(inner, max_size=3)),
        st.dictionaries(symbols | st.just("a"), inner, max_size=2).map(Map),
    ),
    max_leaves=10,
)


@given(values)
def test_paths_lead_to_the_same(value: object) -> None:
    """For every kind of step that the other package has and that it does right."""
    value = decode(encode(value))
    foreign = theirs.decode(encode(value))
    for source in PATHS:
        ours = [canonical(each) for each in path.parse(source).find(value)]
        other = [theirs.canonicalize(each) for each in their_path.parse(source).exec(foreign)]
        if "//" in source:
            ours, other = sorted(ours), sorted(other)
        assert ours == other, source

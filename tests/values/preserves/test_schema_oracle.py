"""The schema compiler beside the one other implementation in Python, the package `preserves`: schemas and what they accept."""

from __future__ import annotations

import io
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.values import Symbol, Tagged, same
from remit.values.preserves import Map, canonical, decode, encode, schema

theirs = pytest.importorskip("preserves")
their_schema = pytest.importorskip("preserves.schema")

SOURCE = """
version 1 .
Packet = Turn / Error / Extension / Nop .
Turn = [TurnEvent ...] .
TurnEvent = [@oid double @event Event] .
Event = <A @value any @handle double> / <R @handle double> / <M @value any> .
Error = <error @message string @detail any> .
Extension = <<rec> @label symbol @fields [any ...]> .
Nop = #f .
Key = {id: string, key: bytes} & @more More .
More = @present {more: [Event ...]} / @invalid {more: any} / @absent {} .
Table = {symbol: string ...:...} .
Wire = @mine ["mine" @oid string] / @yours ["yours" @oid string @rest any ...] .
"""
OURS = schema.load(SOURCE, name="test")


def compiled() -> Any:
    compiler = their_schema.Compiler()
    compiler.load_filelike(io.BytesIO(canonical(schema.schema_value(OURS))), "test")
    return compiler.root.test


THEIRS = compiled()

# Where the package errs, nothing is drawn: it takes booleans for integers and 0 for #f, and has no sets in schemas.
atoms = st.one_of(
    st.just(value=False),
    st.floats(allow_nan=False),
    st.sampled_from(["a", "mine", "yours"]),
    st.just(b"k"),
    st.builds(Symbol, st.just("s")),
)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.builds(Tagged, st.sampled_from(["A", "R", "M", "error", "x"]), st.lists(inner, max_size=3)),
        st.dictionaries(st.sampled_from([Symbol("id"), Symbol("key"), Symbol("more"), "id"]), inner, max_size=4).map(
            Map
        ),
    ),
    max_leaves=10,
)
turns = st.lists(
    st.tuples(
        st.floats(allow_nan=False), st.builds(Tagged, st.sampled_from(["A", "R"]), st.lists(atoms, max_size=3))
    ).map(list),
    max_size=3,
)
keys = st.fixed_dictionaries({Symbol("id"): atoms, Symbol("key"): atoms}, optional={Symbol("more"): turns}).map(Map)


@given(values | turns | keys)
def test_a_compiled_schema_accepts_the_same_values_there(value: object) -> None:
    """The other package loads what our compiler emits; it accepts the same values, and gives the same parts back."""
    foreign = theirs.decode(encode(value))
    for name, definition in OURS.items():
        found = getattr(THEIRS, name).try_decode(foreign)
        assert (found is not None) == definition.accepts(value), name
        if found is not None and definition.which(value) == (found.VARIANT.name if found.VARIANT else ""):
            back = decode(theirs.canonicalize(found.__preserve__()))
            assert same(back, definition.unparse(definition.parse(value)))


def test_the_metaschema_is_the_published_one() -> None:
    """Our metaschema compiles to the same value as the one that the other package ships."""
    shipped = decode(resources.files("preserves").joinpath("schema.prb").read_bytes())
    [published] = schema.from_value(shipped).values()
    assert same(schema.schema_value(published), schema.schema_value(schema.metaschema()))


def test_the_metaschema_describes_itself() -> None:
    """Its compiled form is parsed by itself, and unparsed to the same value."""
    meta = schema.metaschema()
    value = schema.schema_value(meta)
    assert same(meta.unparse("Schema", meta.parse("Schema", value, exact=True)), value)
    again = schema.from_value(value)["schema"]
    assert same(schema.schema_value(again), value)
    bundle = schema.bundle_value({"schema": meta, "a.b": OURS})
    assert same(meta.unparse("Bundle", meta.parse("Bundle", bundle, exact=True)), bundle)
    assert list(schema.from_value(bundle)) == ["a.b", "schema"] or list(schema.from_value(bundle)) == ["schema", "a.b"]


def test_the_schema_of_paths_is_read_and_written() -> None:
    """Another schema that was compiled elsewhere: read, written as text, read again."""
    [published] = schema.from_value(decode(resources.files("preserves").joinpath("path.prb").read_bytes())).values()
    again = schema.load(schema.prs_source(published), name=published.name)
    assert same(schema.schema_value(again), schema.schema_value(published))

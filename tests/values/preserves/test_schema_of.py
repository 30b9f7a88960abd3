"""Schemas from `@record` classes: each annotation as a pattern, and the classes as what parsing gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NewType

import pytest

from remit.errors import BadArgument, Broken, Misuse
from remit.values import Locator, Null, Reference, SturdyRef, Symbol, Tagged, record
from remit.values.preserves import Map, Set, schema

Name = NewType("Name", str)


@record("test.of.point", known=False)
class Point:
    """A place.

    More of it.
    """

    unit: ClassVar[str] = "m"
    x: float
    y: float


@record("test.of.tree", known=False)
class Tree:
    left: Tree | None
    right: Tree | Point | None
    colour: Literal["red", "black"]
    kind: Literal[5]


@record("test.of.all", known=False)
class All:
    b: bool
    i: int
    f: float
    s: str
    y: bytes
    m: Symbol
    n: None
    u: Null
    a: Any
    o: object
    items: list[int]
    more: Sequence[Point]
    same: tuple[str, ...]
    anything: list
    d: dict[str, float]
    e: Mapping[str, list[int]]
    plain: dict
    table: Map
    members: Set
    name: Name
    ref: Reference
    where: Locator
    door: SturdyRef
    error: Broken
    tagged: Tagged
    maybe: Any | None
    from_: int | None = None


def test_each_annotation_has_a_pattern() -> None:
    """As a person would write it; classes that are named get definitions, unions theirs after class and field."""
    first, *others = schema.prs_source(schema.of(All)).split("\n\n")[1:]
    assert [" ".join(first.split()).replace(" >", ">"), *others] == [
        (
            "All = <test.of.all @b bool @i int @f double @s string @y bytes @m symbol @n <<lit> <void>> @u <<lit> <null>> "
            "@a any @o any @items [int ...] @more [Point ...] @same [string ...] @anything [any ...] "
            "@d {string: double ...:...} @e {string: [int ...] ...:...} @plain {string: any ...:...} @table {any: any ...:...} "
            "@members #{any} @name string @ref #:any @where Locator @door SturdyRef @error any @tagged any @maybe any "
            "@from_ AllFrom> ."
        ),
        "# A place.\nPoint = <test.of.point @x double @y double> .",
        (
            "# <ocapn-peer @transport symbol @designator string @hints {string: string ...:...}>, or #f for no hints\n"
            "Locator = any ."
        ),
        "# <ocapn-sturdyref @locator Locator @swiss bytes>\nSturdyRef = any .",
        "AllFrom = int / @none <<lit> <void>> .\n",
    ]
    assert schema.prs_source(schema.of(Tree)).split("\n\n")[1:] == [
        "Tree = <test.of.tree @left TreeLeft @right TreeRight @colour TreeColour @kind 5> .",
        "TreeLeft = Tree / @none <<lit> <void>> .",
        "# A place.\nPoint = <test.of.point @x double @y double> .",
        "TreeRight = Tree / Point / @none <<lit> <void>> .",
        'TreeColour = "red" / "black" .\n',
    ]


def test_parsing_gives_the_classes() -> None:
    """What fits the annotations is parsed to the classes, and what does not is refused: at a border, fields are not checked."""
    trees = schema.of(Tree)
    tree = Tree(None, Tree(None, Point(1.0, 2.0), "red", 5), "black", 5)
    value = Tagged("test.of.tree", [None, tree.right, "black", 5])
    parsed = trees.parse("Tree", value)
    assert type(parsed) is Tree and type(parsed.right) is Tree and type(parsed.right.right) is Point
    assert parsed == tree
    with pytest.raises(BadArgument, match=r"field 2 .colour.: expected .red. or .black., not a string of 5"):
        trees.parse("Tree", Tagged("test.of.tree", [None, None, "green", 5]))
    with pytest.raises(BadArgument, match=r"field 0 .x.: expected a double, not 1"):
        trees.unparse("Tree", Tree(None, Point(1, 2.0), "red", 5))


def test_the_text_says_the_same_as_the_classes() -> None:
    """What was written is read as the same schema."""
    made = schema.of(All, Tree, name="records")
    again = schema.load(schema.prs_source(made), name="records")
    assert schema.schema_value(again) == schema.schema_value(made)


def test_what_no_schema_can_say_is_refused() -> None:
    """With class and field."""

    @record("test.of.bad", known=False)
    class Bad:
        a: complex

    @record("test.of.pair", known=False)
    class Pair:
        a: tuple[int, str]

    @record("test.of.missing", known=False)
    class Missing:
        a: Unheard  # noqa: F821  # on purpose

    other = record("test.of.point2", known=False)(type("Point", (), {"__annotations__": {"z": float}}))
    with pytest.raises(Misuse, match="Bad.a: <class 'complex'> is no type of passable data"):
        schema.of(Bad)
    with pytest.raises(Misuse, match="Pair.a: a tuple of different items needs a @record of its own"):
        schema.of(Pair)
    with pytest.raises(Misuse, match="annotations of .*Missing cannot be read: name 'Unheard'"):
        schema.of(Missing)
    with pytest.raises(Misuse, match="not of <class 'int'>"):
        schema.of(int)
    with pytest.raises(Misuse, match="cannot give its name"):
        schema.of(Point, other)

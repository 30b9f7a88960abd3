"""Patterns and values as people write them for `remit dataspace`."""

from __future__ import annotations

import click
import pytest

from remit.cli._space_values import as_json, read_pattern, shown, without_references
from remit.dataspace import Dataspace
from remit.values import Tagged, preserves, record
from remit.vat import Vat, resolved


@record("test.space.known")
class Known:
    """A record whose class is known where patterns are read."""

    one: int
    two: object


def found(pattern: str, value: str) -> list[list[object]]:
    """What a pattern captures of a value in a dataspace."""
    vat = Vat()
    space = vat.spawn(Dataspace)
    party = space.open()
    vat.run()
    resolved(party).turn([["assert", 1, preserves.parse(value)]])
    vat.run()
    answer = space.query(read_pattern(pattern, "PATTERN").pattern)
    vat.run()
    return resolved(answer)


@pytest.mark.parametrize(
    ("pattern", "value", "captures"),
    [
        ('<a _ "x">', '<a 1 "x">', ['<a 1 "x">']),
        ("<a ?one ?>", "<a 1 [2]>", ["1", "[2]"]),
        ("<a <?all <b _>>>", "<a <b 2>>", ["<b 2>"]),
        ("[1 ?x]", "[1 two]", ["two"]),
        ("{b: ?second a: ?first}", "{a: 1 b: 2}", ["1", "2"]),
        ("<test.space.known 1 ?x>", "<test.space.known 1 2.5>", ["2.5"]),
        ("<test.space.known _ _>", "<test.space.known 1 2>", ["<test.space.known 1 2>"]),
        ("<<x> ?>", "<<x> 1>", ["1"]),
        ("_", "17", ["17"]),
        ("<group <rec a> {0: <bind <_>>}>", "<a 1>", ["1"]),
    ],
)
def test_a_pattern_is_a_value_with_gaps(pattern: str, value: str, captures: list[str]) -> None:
    """`_` is anything, `?name` is shown, `<?name …>` shows what matches; without names it is the value; patterns as data are taken, too."""
    assert [[shown(each) for each in row] for row in found(pattern, value)] == [captures]


@pytest.mark.parametrize(
    ("pattern", "value"), [("<a 1>", "<a 2>"), ("<a 1>", "<a 1.0>"), ('<a "x">', "<a x>"), ("<a _>", "<a>")]
)
def test_what_differs_does_not_match(pattern: str, value: str) -> None:
    """By kind, label and content; `_` wants something to be there."""
    assert found(pattern, value) == []


def test_names_come_in_the_order_of_captures() -> None:
    """That of the total order of keys, and not of the text."""
    assert read_pattern("{b: ?second a: ?first c: <?third [_ ?]>}", "P").names == ["first", "second", "third", "3"]


def test_what_cannot_be_matched_is_said() -> None:
    """With the argument's name."""
    with pytest.raises(click.BadParameter, match="set"):
        read_pattern("<a #{1}>", "PATTERN")


def test_json_has_what_json_can_say() -> None:
    """Strings, numbers, booleans, lists and tables are themselves; other kinds are named."""
    value = preserves.parse('[1 2.5 #t "s" sym #x"00ff" #{1} {"a": 1} {b: 2} <r 1> <[x] 2>]')
    assert as_json(value) == [
        *(1, 2.5, True, "s", {"symbol": "sym"}, {"bytes": "00ff"}, {"set": [1]}, {"a": 1}),
        *(
            {"map": [[{"symbol": "b"}, 2]]},
            {"record": "r", "fields": [1]},
            {"record": [{"symbol": "x"}], "fields": [2]},
        ),
    ]


def test_who_sees_a_reference_does_not_get_it() -> None:
    """In traces references stand as text, wherever they are in a value."""
    vat = Vat()
    ref = vat.spawn(Dataspace)
    value = {"a": [ref, 1], "b": Tagged("x", [preserves.Map([(ref, preserves.Set([ref]))]), Known(1, ref)])}
    name = repr(ref)
    assert without_references(value) == {
        "a": [name, 1],
        "b": Tagged("x", [preserves.Map([(name, preserves.Set([name]))]), Tagged("test.space.known", [1, name])]),
    }

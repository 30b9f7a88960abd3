"""Paths over values: every axis, filter and predicate, each with what it leads to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import BadArgument, DecodeError, LimitExceeded
from remit.values import Reference, Symbol, same
from remit.values.preserves import Embedded, parse, path, schema, text

VALUE = """
<people
  [<person "alice" {age: 41, tags: #{a b}, "old": #f}>
   <person "bob" {age: 17, tags: #{}}>
   <robot marvin #:7>]
  {1: "one", 1.0: "one and a bit", #t: "true"}>
"""


def found(source: str, value: str = VALUE) -> str:
    return text(path.parse(source).find(parse(value)))


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        ("", "1", "[1]"),
        ("*", "1", "[1]"),
        ("/", "<a 1 2>", "[1 2]"),
        ("/", "[1 2]", "[1 2]"),
        ("/", "#{2 1}", "[1 2]"),
        ("/", "{b: 1 a: 2}", "[2 1]"),
        ("/", '"abc"', "[]"),
        ("/ /", "[[1] <a 2> {a: 3}]", "[1 2 3]"),
        ("//", "[1 <a [2]>]", "[[1 <a [2]>] 1 <a [2]> [2] 2]"),
        (". 1", "<a 1 2>", "[2]"),
        (". 0", "[5]", "[5]"),
        (". 1", "[5]", "[]"),
        (". -1", "[5]", "[]"),
        (". a", "{a: 1}", "[1]"),
        ('. "a"', "{a: 1}", "[]"),
        (". 1", "{1: int, 1.0: double, #t: bool}", "[int]"),
        (". 1.0", "{1: int, 1.0: double, #t: bool}", "[double]"),
        (". [1]", "{[1]: list}", "[list]"),
        (". [1]", '{"a": 1}', "[]"),
        (". 1", '"abc"', '["b"]'),
        (". 1", "abc", '["b"]'),
        (". 1", '#"abc"', "[98]"),
        (". a", "5", "[]"),
        (".^", "<a 1>", "[a]"),
        (".^", "<[x] 1>", "[[x]]"),
        (".^", "[a]", "[]"),
        (".^", "<void>", "[void]"),
        (".keys", "{b: 1 a: 2}", "[a b]"),
        (".keys", "<a 1 2>", "[0 1]"),
        (".keys", "[5 6 7]", "[0 1 2]"),
        (".keys", '"ab"', "[0 1]"),
        (".keys", "#{1 2}", "[]"),
        (".length", "{b: 1 a: 2}", "[2]"),
        (".length", "#{1 2 3}", "[3]"),
        (".length", "<a 1>", "[1]"),
        (".length", "abc", "[3]"),
        (".length", '#"ab"', "[2]"),
        (".length", "5", "[0]"),
        (".embedded", "#:[0 5]", "[[0 5]]"),
        (".embedded", "5", "[]"),
        ("/ eq 1", "[1 1.0 #t 1]", "[1 1]"),
        ("/ = <a>", "[<a> <b> [a]]", "[<a>]"),
        ("/ ne 1", "[1 2]", "[2]"),
        ("/ != 1", "[1 2]", "[2]"),
        ("/ lt 2", "[1 2 3 #f 9.0]", "[1 #f 9.0]"),
        ("/ le 2", "[1 2 3]", "[1 2]"),
        ("/ gt 2", '[1 2 3 "1"]', '[3 "1"]'),
        ("/ ge 2", "[1 2 3]", "[2 3]"),
        ('/ re "b"', '[abc "xbx" "x" #"b" 5]', '[abc "xbx"]'),
        ('/ =r "^b"', '[abc "bc"]', '["bc"]'),
        ("/ ^ a", "[<a 1> <b 2> <a>]", "[<a 1> <a>]"),
        ('/ ^ "a"', '[<a 1> <"a" 2>]', '[<"a" 2>]'),
        ("/ ~real", "[1 2.5 #t a]", "[1.0 2.5]"),
        ("/ ~int", '[1 2.5 -2.5 #t a #xd"7ff0000000000000" #xd"7ff8000000000000"]', "[1 2 -2]"),
        ("<count />", "[5 6]", "[2]"),
        ("/ [<count /> gt 1]", "[[1] [1 2]]", "[[1 2]]"),
        ("/ [.length gt 1]", '["" "a" "ab" abc]', '["ab" abc]'),
        ("/ [! int]", "[1 a 2.0]", "[a 2.0]"),
        ("/ [int + symbol]", "[1 a 2.0]", "[1 a]"),
        ("/ [int & gt 1]", "[1 2 a]", "[2]"),
        ("/ [! int & ! symbol]", "[1 a 2.0]", "[2.0]"),
        ("/ [! ! int]", "[1 a]", "[1]"),
        ("/ [[int + symbol] & ! eq a]", "[1 a b 2.0]", "[1 b]"),
        ("/ []", "[1]", "[1]"),
    ],
)
def test_each_step_leads_where_it_says(source: str, value: str, result: str) -> None:
    """Axes, filters, predicates and functions, one by one."""
    assert found(source, value) == result


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("bool", "#t"),
        ("double", "1.0"),
        ("int", "1"),
        ("string", '"s"'),
        ("bytes", '#"b"'),
        ("symbol", "y"),
        ("rec", "<r> <void>"),
        ("seq", "[q]"),
        ("set", "#{e}"),
        ("dict", '{"d": 1} {d: 1}'),
        ("embedded", "#:0"),
    ],
)
def test_values_are_kept_by_kind(kind: str, result: str) -> None:
    """Each filter of a kind keeps this kind alone."""
    everything = '[#t 1.0 1 "s" #"b" y <r> <void> [q] #{e} {"d": 1} {d: 1} #:0]'
    assert found(f"/ {kind}", everything) == f"[{result}]"


def test_paths_of_several_steps() -> None:
    """Each step goes on from all that the one before led to."""
    assert found(". 0 / ^ person . 0") == '["alice" "bob"]'
    assert found(". 0 / [. 1 . age ge 18] . 0") == '["alice"]'
    assert found("// ^ person [. 1 . tags <count /> eq 0] . 0") == '["bob"]'
    assert found("// symbol") == "[a b marvin]"
    assert found(". 1 . #t") == '["true"]'
    assert path.parse("// int").first(parse(VALUE)) == 41
    assert path.parse("// double").first(parse(VALUE), "none") == "none"


def test_a_path_that_leads_to_too_many_values_is_refused() -> None:
    """Ways multiply with each `//`: what one use looks at is bounded, in predicates, too, and counted anew each time."""
    value: object = 1
    for _ in range(30):
        value = [value]
    for source in ("// // // //", "[// // // // eq 2]", "<count // // // //>"):
        with pytest.raises(LimitExceeded, match="more than 1000 values, with those on the way; allow more with most="):
            path.parse(source, most=1000).find(value)
    one = path.parse("//", most=31)
    assert [len(one.find(value)) for _ in range(3)] == [31, 31, 31]
    with pytest.raises(LimitExceeded):
        path.parse("//", most=30).find(value)


def test_a_path_may_be_long() -> None:
    """Its steps cost no depth of Python's stack."""
    assert path.parse("* " * 5000).find(1) == [1]


def test_annotations_are_looked_at_and_kept() -> None:
    """`.annotations` gives those of a value; a filter keeps the value with them."""
    value = parse('@first @"second" [@third 1 2]', annotations=True)
    assert path.parse(".annotations").find(value) == [Symbol("first"), "second"]
    assert path.parse("/ .annotations").find(value) == [Symbol("third")]
    [one] = path.parse("/ lt 2").find(value)
    assert one.annotations == (Symbol("third"),)
    assert path.parse(". 0").find(value)[0].value == 1


def test_a_schema_says_what_values_are() -> None:
    """`parse` leads to what a definition makes of a value, `unparse` back; what does not fit leads nowhere."""
    chat = schema.load("version 1 . Says = <Says @who string> . Line = [@says Says @at int] .", name="chat")
    value = parse('[[<Says "alice"> 5] [<Says 1> 5]]')
    [line] = path.parse("/ parse chat Line", schemas={"chat": chat}).find(value)
    assert line == chat.classes["Line"](chat.classes["Says"]("alice"), 5)
    back = path.parse("/ parse chat Line unparse chat Line", schemas={"chat": chat}).find(value)
    assert same(back, [value[0]])
    with pytest.raises(BadArgument, match="no schema char here"):
        path.parse("parse char Line", schemas={"chat": chat})


class Thing(Reference):
    """A reference, as a border makes one."""


def test_a_reference_is_embedded_and_shows_nothing() -> None:
    """A reference is of the kind `embedded`, and no path leads into it."""
    thing = Thing()
    assert path.parse("embedded").find(thing) == [thing]
    assert path.parse("//").find([thing]) == [[thing], thing]
    assert path.parse(".embedded").find(thing) == []
    assert path.parse(".embedded").find(Embedded(thing)) == [thing]


def test_a_large_integer_becomes_the_nearest_double() -> None:
    """Beyond all doubles that is infinity."""
    assert path.parse("~real").find(10**400) == [math.inf]
    assert path.parse("~real").find(-(10**400)) == [-math.inf]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (".lenght", "did you mean .length"),
        ("5", "no step of a path"),
        ('"name"', "no step of a path"),
        ("<sum />", "no step of a path"),
        (". 1 .", "the path ends where . should be followed by a value"),
        ("eq", "the path ends where eq should be followed"),
        ("re 5", "re takes a string"),
        ('re "("', "no regular expression"),
        ("[int + symbol & bool]", "do not mix"),
        ("parse chat", "should be followed by a value"),
        ("parse 5 Line", "parse takes a module and a definition"),
    ],
)
def test_what_is_no_path_is_refused_with_the_reason(source: str, why: str) -> None:
    """When the path is read, not when it is used."""
    with pytest.raises(BadArgument, match=".*" + why.replace(".", r"\.").replace("(", r"\(")):
        path.parse(source)


def test_what_is_no_preserves_is_no_path() -> None:
    """A path is a run of values of the text syntax."""
    with pytest.raises(DecodeError):
        path.parse("/ [")


numbers = st.recursive(st.integers(0, 3), lambda inner: st.lists(inner, max_size=4), max_leaves=12)


@given(numbers)
def test_descendants_are_all_that_children_lead_to(value: object) -> None:
    """`//` gives the value, and `//` of each of its children, in this order."""
    below = [each for child in path.parse("/").find(value) for each in path.parse("//").find(child)]
    assert path.parse("//").find(value) == [value, *below]

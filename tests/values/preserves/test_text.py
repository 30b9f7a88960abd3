"""The text syntax of Preserves: what is read, what is refused and where, and what is written."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import DecodeError, LimitExceeded, Misuse, ProtocolError, Truncated
from remit.values import Limits, Symbol, Tagged, same
from remit.values import preserves as p
from tests.values.preserves.values import VALUES, annotated

A, B = Symbol("a"), Symbol("b")

READ: list[tuple[str, Any]] = [
    ("#t", True),
    ("#f", False),
    ("[#f#t]", [False, True]),
    ("0", 0),
    ("-0", 0),
    ("+12", 12),
    ("007", 7),
    ("0.0", 0.0),
    ("-0.0", -0.0),
    ("+1.5", 1.5),
    ("1e3", 1000.0),
    ("1E+3", 1000.0),
    ("12.25e-2", 0.1225),
    ('#xd"7ff0000000000000"', math.inf),
    ('#xd"3f f0 00 00 \n 00000000"', 1.0),
    ('""', ""),
    ('"a\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD834\\uDD1E"', 'a"\\/\b\f\n\r\té𝄞'),
    ('"\\u0000\\u2028x"', "\0\u2028x"),
    ('"a\nb"', "a\nb"),
    ("''", Symbol("")),
    ("'a b\\'\\u0041\"'", Symbol("a b'A\"")),
    ("a", A),
    ("false", Symbol("false")),
    ("null", Symbol("null")),
    ("...", Symbol("...")),
    ("-", Symbol("-")),
    ("1.", Symbol("1.")),
    (".5", Symbol(".5")),
    ("1.5.2", Symbol("1.5.2")),
    ("+1.x", Symbol("+1.x")),
    ("a|b", Symbol("a|b")),
    ("|a|", Symbol("|a|")),
    ("é∀", Symbol("é∀")),
    ("٣", Symbol("٣")),
    ('#""', b""),
    ('#"a\\x00\\xff\\"\\n"', b'a\0\xff"\n'),
    ('#x""', b""),
    ('#x" 0a\tFf "', b"\n\xff"),
    ("#[]", b""),
    ("#[Y29yeW1i]", b"corymb"),
    ("#[ -_ 8 ]", b"\xfb\xff"),
    ("#[SGk]", b"Hi"),
    ("#[SGk=]", b"Hi"),
    ("#[SGk==]", b"Hi"),
    ("[]", []),
    ("[,,1,,2,,]", [1, 2]),
    ("[a b]", [A, B]),
    ("[\"a\"'b'1]", ["a", B, 1]),
    ("[[1],[2]]", [[1], [2]]),
    ('{"a": 1, "b": [],}', {"a": 1, "b": []}),
    ("{}", {}),
    ('{"a":1"b":2}', {"a": 1, "b": 2}),
    ("{a:1 b :2}", p.Map({A: 1, B: 2})),
    ("{1:#t #t:1}", p.Map([(1, True), (True, 1)])),
    ('{"a": 1, a: 2}', p.Map([("a", 1), (A, 2)])),
    ("#{}", p.Set()),
    ("#{1, 1.0, #t}", p.Set([1, 1.0, True])),
    ("<a>", Tagged("a", [])),
    ("< a 1\n2 >", Tagged("a", [1, 2])),
    ("<1 2>", p.Compound(1, [2])),
    ("<<a> 2>", p.Compound(Tagged("a", []), [2])),
    ("#:1", p.Embedded(1)),
    ("#: #:[]", p.Embedded(p.Embedded([]))),
    ("@a b", B),
    ("@a@b[@c 1]", [1]),
    ("# a comment\n1", 1),
    ("#\n#\r#\t\n1", 1),
    ("#!/usr/bin/env x\n[1 # one\n 2]", [1, 2]),
    ("[# a\n1]", [1]),
    ("{# a\n a: # c\n 1}", p.Map({A: 1})),
    ("1 # behind it", 1),
    (" \t\r\n1\n", 1),
]

REFUSED: list[tuple[str, type[DecodeError], int, int]] = [
    ("", Truncated, 1, 1),
    (" \n ", Truncated, 2, 2),
    ("# only a comment", Truncated, 1, 17),
    ("[1\n2", Truncated, 2, 2),
    ("{a", Truncated, 1, 3),
    ("{a:", Truncated, 1, 4),
    ("#{", Truncated, 1, 3),
    ("<a", Truncated, 1, 3),
    ("@a", Truncated, 1, 3),
    ("@", Truncated, 1, 2),
    ("#", Truncated, 1, 2),
    ("#:", Truncated, 1, 3),
    ("#x", Truncated, 1, 3),
    ("#xd", Truncated, 1, 4),
    ('"a', Truncated, 1, 3),
    ('"a\\', Truncated, 1, 4),
    ("'a", Truncated, 1, 3),
    ('#"a', Truncated, 1, 4),
    ('#x"0', Truncated, 1, 5),
    ('#x"00', Truncated, 1, 6),
    ("#[AA", Truncated, 1, 5),
    ("[\n }", DecodeError, 2, 2),
    ("]", DecodeError, 1, 1),
    (">", DecodeError, 1, 1),
    ("<>", DecodeError, 1, 1),
    ("[<>]", DecodeError, 1, 2),
    ("<a, b>", DecodeError, 1, 3),
    ("{a, : 1}", DecodeError, 1, 3),
    ("{a:, 1}", DecodeError, 1, 4),
    ("{a 1}", DecodeError, 1, 4),
    ("{a}", DecodeError, 1, 3),
    ("{a: 1 b}", DecodeError, 1, 8),
    ("{a: 1, a: 2}", DecodeError, 1, 1),
    ('{"a": 1, "a": 2}', DecodeError, 1, 1),
    ("[#{1 1}]", DecodeError, 1, 2),
    (",1", DecodeError, 1, 1),
    ("@, a b", DecodeError, 1, 2),
    ("@a, b", DecodeError, 1, 3),
    ("[@a, b]", DecodeError, 1, 4),
    ("#:, a", DecodeError, 1, 3),
    ("[1 # no value\n]", DecodeError, 2, 1),
    ("[a : b]", DecodeError, 1, 4),
    (":", DecodeError, 1, 1),
    ("; a", DecodeError, 1, 1),
    ("1 2", DecodeError, 1, 3),
    ("#tx", DecodeError, 1, 3),
    ("#f1", DecodeError, 1, 3),
    ("#q", DecodeError, 1, 2),
    ("#xz", DecodeError, 1, 2),
    ('"\\q"', DecodeError, 1, 2),
    ('"ab\\u12"', DecodeError, 1, 4),
    ('"\\uD834"', DecodeError, 1, 2),
    ('"\\uDD1E\\uD834"', DecodeError, 1, 2),
    ('"\\uD834\\uD834\\uDD1E"', DecodeError, 1, 2),
    ("'\\uD834x'", DecodeError, 1, 2),
    ('"\ud834"', DecodeError, 1, 2),
    ("'\\\"'", DecodeError, 1, 2),
    ('#"\\u0041"', DecodeError, 1, 3),
    ('#"\\x4"', DecodeError, 1, 3),
    ('#"é"', DecodeError, 1, 3),
    ('#x"4"', DecodeError, 1, 4),
    ('#x"4 1"', DecodeError, 1, 4),
    ('#x"41,42"', DecodeError, 1, 6),
    ('#xd"00"', DecodeError, 1, 2),
    ("#[A]", DecodeError, 1, 3),
    ("#[A,B]", DecodeError, 1, 3),
    ("#[QUJDR]", DecodeError, 1, 3),
    ("(a)", DecodeError, 1, 1),
    ("a(b)", DecodeError, 1, 2),
    ("\\", DecodeError, 1, 1),
    ("`a", DecodeError, 1, 1),
    ("\x0c1", DecodeError, 1, 1),
    ("a\u200b", DecodeError, 1, 2),
    ("\u00a0", DecodeError, 1, 1),
]

WRITTEN: list[tuple[Any, str]] = [
    ('a"b\\\n\x1b\u202e\u2028é😀\U000e0001', '"a\\"b\\\\\\n\\u001b\\u202e\\u2028é😀\\udb40\\udc01"'),
    (Symbol("a b"), "'a b'"),
    (Symbol("it's"), "'it\\'s'"),
    (Symbol(""), "''"),
    (Symbol("12"), "'12'"),
    (Symbol("1.5"), "'1.5'"),
    (Symbol("-"), "-"),
    (Symbol("é"), "é"),
    (Symbol("a\u200b"), "'a\\u200b'"),
    (1.0, "1.0"),
    (1e22, "1e+22"),
    (math.inf, '#xd"7ff0000000000000"'),
    (b'ab"', '#"ab\\""'),
    (b"\0\xff", '#x"00ff"'),
    (b"\0" * 33, "#[AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA]"),
    ({"b": 1, "a": [True, {}]}, '{"a": [#t {}] "b": 1}'),
    (p.Map([(A, 1), ("z", 2), (3, 4)]), '{3: 4 "z": 2 a: 1}'),
    (p.Set(["b", 2, A]), '#{2 "b" a}'),
    (p.Compound([1], [2]), "<[1] 2>"),
    (p.Embedded([0, 1]), "#:[0 1]"),
    (p.Annotated(["note", A], [p.Annotated(["x"], 1)]), '@"note" @a [@"x" 1]'),
]


@pytest.mark.parametrize(("text", "value"), READ)
def test_text_is_read(text: str, value: Any) -> None:
    """Every form of the text syntax is read as its value."""
    assert same(p.parse(text), value)
    assert same(p.parse_all(text + "\n" + text), [value, value]) or "#!" in text


@pytest.mark.parametrize(("text", "error", "line", "column"), REFUSED)
def test_other_text_is_refused(text: str, error: type[DecodeError], line: int, column: int) -> None:
    """Text that ends too early is `Truncated`, and anything else an error of syntax; both have line and column."""
    with pytest.raises(DecodeError) as caught:
        p.parse(text)
    assert type(caught.value) is error
    assert (caught.value.line, caught.value.column) == (line, column)
    assert f"(at line {line}, column {column})" in str(caught.value)


@pytest.mark.parametrize(("value", "text"), WRITTEN)
def test_text_is_written(value: Any, text: str) -> None:
    """Values are written in their shortest form, in the total order, with nothing in it that a terminal would obey."""
    assert p.text(value) == text
    assert p.compare(p.parse(text), value) == 0


@given(annotated(VALUES))
def test_values_survive_text(value: Any) -> None:
    """What is written as text, on one line or several, is read as the same value with the same annotations."""
    for indent in (None, 0, 2):
        text = p.text(value, indent=indent)
        read = p.parse(text, annotations=True)
        assert p.canonical(read) == p.canonical(value)
        assert p.text(read, indent=indent) == text
        assert not any(unicodedata.category(c) == "Cc" or c in "\u202e\u2066\u200b" for c in text.replace("\n", ""))


@given(st.text(max_size=30) | st.text("[]{}<>#:\"'@;, \n\\tfxd01.e|é-a!", max_size=30))
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    """Text of a stranger is read, or refused with a `ProtocolError`; what is read is written and read again."""
    try:
        values = p.parse_all(text)
    except ProtocolError:
        return
    assert same(p.parse_all(" ".join(map(p.text, values))), values)


def test_comments_are_annotations() -> None:
    """A comment annotates the value behind it with its text, `#!` with an interpreter; others are any values."""
    value = p.parse("#!/bin/x\n# one\n#\n@two @<three> [1 # in\n 2]", annotations=True)
    assert value.annotations == (Tagged("interpreter", ["/bin/x"]), "one", "", Symbol("two"), Tagged("three", []))
    assert value.value == [1, p.Annotated(["in"], 2)]


def test_many_comments_nest_nothing() -> None:
    """A hundred comments before a value are no depth."""
    assert p.parse("# line\n" * 200 + "[1]") == [1]
    assert len(p.parse("# line\n" * 200 + "[1]", annotations=True).annotations) == 200


def test_a_file_may_end_with_comments() -> None:
    """`parse_all` reads a file's values; comments at its end annotate nothing and are skipped."""
    assert p.parse_all("1 # one\n[2]\n# the end\n#") == [1, [2]]
    assert p.parse_all("# nothing\n") == []
    with pytest.raises(Truncated):
        p.parse_all("1 @x")


def test_older_symbols_are_read_on_request() -> None:
    """Before 0.996, symbols were quoted with bars."""
    assert p.parse("[|a b| c ||]", old_symbols=True) == [Symbol("a b"), Symbol("c"), Symbol("")]
    assert p.parse("|\\u0041\\||", old_symbols=True) == Symbol("A|")
    assert p.parse("a|b", old_symbols=False) == Symbol("a|b")
    with pytest.raises(DecodeError, match="column 1"):
        p.parse("'a'", old_symbols=True)


def test_text_limits_hold() -> None:
    """Size, depth, digits and number of values are bounded in text, too."""
    for text, limits, name in [
        ("1" * 11, Limits(frame=10), "frame"),
        ("[[[[]]]]", Limits(depth=3), r"depth.*line 1, column 4"),
        ("#:#:#:#:1", Limits(depth=3), "depth"),
        ("1" * 21, Limits(integer_digits=20), "integer_digits"),
        ("[1 2 3]", Limits(items=2), "items"),
    ]:
        with pytest.raises(LimitExceeded, match=name):
            p.parse(text, limits=limits)
    deep = 50_000
    value = p.parse("[" * deep + "]" * deep, limits=Limits(depth=deep, items=deep))
    for _ in range(deep - 1):
        value = value[0]
    assert value == []


def test_long_values_are_broken_into_lines() -> None:
    """With `indent`, what fits a line stands on one, and what does not has a line for each part."""
    rows = {"rows": [Tagged("row", ["x" * 60, {"key": "y" * 40}])], "short": [1, 2, 3]}
    assert p.text(rows, indent=2) == (
        '{\n  "rows": [\n    <row\n      "'
        + "x" * 60
        + '"\n      {"key": "'
        + "y" * 40
        + '"}\n    >\n  ]\n  "short": [1 2 3]\n}'
    )
    just = Tagged("label", ["x" * 40, "y" * 55])
    assert p.text(just, indent=2) == '<label\n  "' + "x" * 40 + '"\n  "' + "y" * 55 + '"\n>'
    with pytest.raises(Misuse, match="indent"):
        p.text(rows, indent=-1)


def test_embedded_values_of_text_are_made() -> None:
    """`embedded=` makes and unmakes embedded values of text as of bytes."""
    assert p.parse("[#:1 #:2]", embedded=lambda number: number * 10) == [10, 20]
    assert p.text([p.Embedded(1)], embedded=lambda given: [given.value]) == "[#:[1]]"

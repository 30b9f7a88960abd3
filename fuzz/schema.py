"""Preserves schemas and paths: texts, compiled forms, and values that are parsed by a schema."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from fuzz._tape import Tape
from fuzz._target import Target, expect
from fuzz.values import value
from remit.errors import BadArgument, DecodeError, LimitExceeded, Misuse
from remit.values import same
from remit.values.preserves import path, schema

__all__ = ["TARGETS"]

SCHEMA: Final = """version 1 . embeddedType M.T .
# A comment.
A = any . B = / =sym / "text" / 5 / @other <<lit> [a "b"]> . C = [bool ...] . D = #{int} .
E = {string: A ...:...} . G = [@a int @b C ...] . H = <h @x A> . J = <<rec> @l symbol @f [any ...]> .
K = {a: int, "b": @c C} & @more L . L = @present {z: A} / @absent {} . M = #:A .
"""
PATH: Final = '/ // . 1 .^ .keys .length ^ a [! int & gt 1] [string + re "a+"] <count / eq <a>> ~real ~int'
WORDS: Final = (
    *(
        "=",
        "/",
        "&",
        ".",
        "...",
        "@a",
        "<",
        ">",
        "[",
        "]",
        "{",
        "}",
        "#{",
        ":",
        "#:",
        "any",
        "int",
        "A",
        "m.A",
        "=x",
        "<<rec>",
    ),
    *(
        "<<lit>",
        '"',
        "'",
        "#",
        "# c\n",
        "5",
        "1e9",
        "#t",
        "version 1 .",
        "include",
        "\n",
        ",",
        "\0",
        "\u202e",
        "é",
        "@",
        "+",
        "!",
    ),
    *("<count", "re", "lt", "parse", "//", ".^"),
)


def _text(tape: Tape, genuine: str) -> str:
    """The genuine text with changes, or words in a row."""
    if tape.flag():
        return " ".join(tape.choose(WORDS) for _ in range(tape.number(40)))
    text = genuine
    for _ in range(1 + tape.number(4)):
        at = tape.number(len(genuine))
        text = text[:at] + (tape.choose(WORDS) if tape.flag() else "") + text[at + tape.number(6) :]
    return text


def check_text(tape: Tape) -> None:
    """A text is a schema, which is written and compiled to the same one again, or is refused at a place."""
    try:
        loaded = schema.load(_text(tape, SCHEMA))
    except LimitExceeded:
        return
    except DecodeError as error:
        expect(error.line > 0 and error.column > 0, "a mistake has a place")
        return
    compiled = schema.schema_value(loaded)
    again = schema.load(schema.prs_source(loaded))
    expect(same(schema.schema_value(again), compiled), "what is written is read as the same")
    expect(schema.metaschema()["Schema"].accepts(compiled, exact=True), "what is compiled is a schema")
    [back] = schema.from_value(compiled).values()
    expect(same(schema.schema_value(back), compiled), "a compiled form is read as the same")
    compile(schema.python_source(loaded), "schema", "exec")


@cache
def _whole() -> Any:
    return schema.load(SCHEMA)


def check_values(tape: Tape) -> None:
    """A value is parsed and unparsed to itself, or refused with a reason that tells nothing of its strings."""
    loaded = _whole()
    given = value(tape)
    definition = loaded[tape.choose(tuple(loaded))]
    try:
        typed = definition.parse(given, exact=True)
    except BadArgument as error:
        expect(not definition.accepts(given, exact=True), "what does not fit is refused both ways")
        expect(f"is no schema.{definition.name}" in error.message and len(error.message) < 2000, "a reason is short")
        return
    back = definition.unparse(typed)
    expect(definition.accepts(back, exact=True) and definition.which(back) is not None, "what was unparsed fits")
    expect(same(back, given) or definition.name in "KL", "what was parsed is unparsed to the same")


def check_compiled(tape: Tape) -> None:
    """What is no compiled form is refused."""
    try:
        schema.from_value(value(tape))
    except (BadArgument, Misuse):
        return
    expect(holds=False, rule="a random value is no compiled form")


def check_path(tape: Tape) -> None:
    """A text is a path, which leads to parts of a value and changes nothing, or is refused."""
    try:
        steps = path.parse(_text(tape, PATH), most=20_000)
    except (BadArgument, DecodeError, LimitExceeded):
        return
    given = value(tape)
    try:
        found = steps.find(given)
    except LimitExceeded:
        return
    expect(same(steps.find(given), found), "a path leads to the same each time")


def _seeds() -> list[bytes]:
    return [b"", bytes(40), bytes(range(64))]


TARGETS: Final = (
    Target("schema-text", "texts of schemas", check_text, _seeds, share=2),
    Target("schema-values", "values parsed by a schema", check_values, _seeds, share=2),
    Target("schema-compiled", "compiled forms of schemas", check_compiled, _seeds, share=1),
    Target("path", "paths over values", check_path, _seeds, share=2),
)

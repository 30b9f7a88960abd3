"""Reading paths: a path is a run of Preserves values ("Preserves Path", section *Concrete syntax*)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from remit.errors import BadArgument
from remit.values._data import Symbol
from remit.values.preserves._parse import parse_all
from remit.values.preserves._text import text as written
from remit.values.preserves.path._steps import (
    AXES,
    COMPARISONS,
    CONVERSIONS,
    KINDS,
    Step,
    Work,
    at,
    compared,
    labelled,
    matching,
    schema_step,
    walk,
)
from remit.values.preserves.schema import Schema
from remit.values.preserves.schema._view import record_view

__all__ = ["Path", "parse"]

MOST: Final = 1_000_000  # values that one use of a path looks at; a second or two

_ARGUMENT: Final = frozenset({".", "^", "re", "=r", *COMPARISONS})
_WORDS: Final = (*AXES, *KINDS, *CONVERSIONS, *_ARGUMENT, "parse", "unparse")


class Path:
    """A path that was read. It can be used any number of times.

    Each use raises `LimitExceeded` where it would look at more values than was allowed when the path was read.
    """

    __slots__ = ("_steps", "_work", "source")

    def __init__(self, source: str, steps: list[Step], work: Work) -> None:
        self.source = source
        self._steps = steps
        self._work = work

    def find(self, value: object) -> list[Any]:
        """All that the path leads to, in the order of the value; annotations that were kept are kept."""
        self._work.begin()
        return list(walk(self._steps, value, self._work))

    def first(self, value: object, default: Any = None) -> Any:
        """The first that the path leads to, or `default`."""
        self._work.begin()
        return next(walk(self._steps, value, self._work), default)

    def __repr__(self) -> str:
        return f"<path {self.source}>"


def parse(source: str, *, schemas: Mapping[str, Schema] | None = None, most: int = MOST) -> Path:
    """The path that a text says. `schemas` are those that `parse` and `unparse` in it may name, by module.

    `most` bounds the values that one use of it looks at, those on the way included: as many as a large value has parts will do
    for most paths.

    Raises `DecodeError` where the text is no Preserves, and `BadArgument` where it is no path.
    """
    work = Work(most)
    return Path(source, _Reader(schemas or {}, work).steps(parse_all(source)), work)


class _Reader:
    def __init__(self, schemas: Mapping[str, Schema], work: Work) -> None:
        self._schemas = schemas
        self._work = work

    def steps(self, tokens: list[Any]) -> list[Step]:
        rest = iter(tokens)
        return [self._step(token, rest) for token in rest]

    def _step(self, token: Any, rest: Iterator[Any]) -> Step:
        if type(token) is list:
            return self._filter(token)
        if type(token) is not Symbol:
            return self._function(token)
        word = token.name
        if word in AXES:
            return AXES[word]
        if word in KINDS:
            return KINDS[word]
        if word in CONVERSIONS:
            return CONVERSIONS[word]
        if word in COMPARISONS:
            return compared(COMPARISONS[word], _next(word, rest))
        if word == ".":
            return at(_next(word, rest))
        if word == "^":
            return labelled(_next(word, rest))
        if word in ("re", "=r"):
            return matching(_expression(word, _next(word, rest)))
        if word in ("parse", "unparse"):
            return self._schema(word, _next(word, rest), _next(word, rest))
        near = difflib.get_close_matches(word, _WORDS, 1)
        meant = f"did you mean {near[0]}?" if near else f"steps are {' '.join(_WORDS)} [predicate] <count path>"
        raise BadArgument(f"{written(token)} is no step of a path; {meant}")

    def _function(self, token: Any) -> Step:
        view = record_view(token)
        if view is None or view[0] != Symbol("count"):
            raise BadArgument(f"{written(token)} is no step of a path; values stand behind '.', '^', 'eq' and the like")
        steps, work = self.steps(list(view[1])), self._work

        def count(value: Any) -> Iterator[Any]:
            yield sum(1 for _ in walk(steps, value, work))

        return count

    def _schema(self, word: str, module: Any, name: Any) -> Step:
        if type(module) is not Symbol or type(name) is not Symbol:
            raise BadArgument(f"{word} takes a module and a definition: {word} module Name")
        schema = self._schemas.get(module.name)
        if schema is None:
            known = ", ".join(self._schemas) or "none"
            raise BadArgument(
                f"{word}: there is no schema {module.name} here (there are: {known}); give it with schemas="
            )
        definition = schema[name.name]
        return schema_step(definition.parse if word == "parse" else definition.unparse)

    def _filter(self, tokens: list[Any]) -> Step:
        """`[predicate]`: keep the value if the predicate holds."""
        holds = self._predicate(tokens)

        def step(value: Any) -> Iterator[Any]:
            if holds(value):
                yield value

        return step

    def _predicate(self, tokens: list[Any]) -> Any:
        either, both = _split(tokens, "+"), _split(tokens, "&")
        if len(either) > 1 and len(both) > 1:
            raise BadArgument("'+' and '&' do not mix in one predicate: put one of them into brackets of its own")
        parts = [self._term(part) for part in (both if len(both) > 1 else either)]
        if len(both) > 1:
            return lambda value: all(part(value) for part in parts)
        return lambda value: any(part(value) for part in parts)

    def _term(self, tokens: list[Any]) -> Any:
        if tokens and tokens[0] == Symbol("!"):
            inner = self._term(tokens[1:])
            return lambda value: not inner(value)
        steps, work = self.steps(tokens), self._work
        return lambda value: any(True for _ in walk(steps, value, work))


def _next(word: str, rest: Iterator[Any]) -> Any:
    for token in rest:
        return token
    raise BadArgument(f"the path ends where {word} should be followed by a value")


def _expression(word: str, source: Any) -> re.Pattern[str]:
    if type(source) is not str:
        raise BadArgument(f'{word} takes a string: {word} "expression"')
    try:
        return re.compile(source)
    except re.error as error:
        raise BadArgument(f"{word}: {source!r} is no regular expression: {error}") from None


def _split(tokens: list[Any], word: str) -> list[list[Any]]:
    parts: list[list[Any]] = [[]]
    for token in tokens:
        if token == Symbol(word):
            parts.append([])
        else:
            parts[-1].append(token)
    return parts

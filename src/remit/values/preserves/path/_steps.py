"""The steps of a path: each makes of one value the values that it leads to ("Preserves Path", sections *Axes* and *Filters*)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from remit.errors import BadArgument, LimitExceeded
from remit.values._data import Symbol
from remit.values.preserves._annotated import Annotated, Embedded
from remit.values.preserves._order import compare
from remit.values.preserves.schema._view import ABSENT, get, is_dictionary, is_embedded, is_set, pairs, record_view

__all__ = [
    "AXES",
    "COMPARISONS",
    "CONVERSIONS",
    "KINDS",
    "Step",
    "Work",
    "at",
    "compared",
    "labelled",
    "matching",
    "schema_step",
    "walk",
]

Step: TypeAlias = Callable[[Any], Iterator[Any]]


def bare(value: Any) -> Any:
    """The value without its own annotations; those of its parts stay."""
    return value.value if type(value) is Annotated else value


class Work:
    """What one use of a path may look at: `// // //` leads to more and more values, and a short path can be work without end."""

    __slots__ = ("left", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.left = most

    def begin(self) -> None:
        """Count anew."""
        self.left = self.most

    def spend(self) -> None:
        """One more value. Raises `LimitExceeded` where it is too many."""
        self.left -= 1
        if self.left < 0:
            raise LimitExceeded(
                f"the path leads to more than {self.most} values, with those on the way; allow more with most="
            )


def walk(steps: Sequence[Step], value: Any, work: Work) -> Iterator[Any]:
    """The values that all steps, one after the other, lead to."""
    if not steps:
        yield value
        return
    waiting = [steps[0](value)]  # where the way goes on, for each step so far; no recursion, since a path may be long
    while waiting:
        for found in waiting[-1]:
            work.spend()
            if len(waiting) == len(steps):
                yield found
                continue
            waiting.append(steps[len(waiting)](found))
            break
        else:
            waiting.pop()


def children(value: Any) -> Iterator[Any]:
    """`/`: fields, items, members, or values of entries."""
    plain = bare(value)
    view = record_view(plain)
    if view is not None:
        yield from view[1]
    elif type(plain) in (list, tuple) or is_set(plain):
        yield from plain
    elif is_dictionary(plain):
        for _, item in pairs(plain):
            yield item


def descendants(value: Any) -> Iterator[Any]:
    """`//`: the value and all that is in it, each before its own parts."""
    waiting = [iter([value])]
    while waiting:
        for found in waiting[-1]:
            yield found
            waiting.append(children(found))
            break
        else:
            waiting.pop()


def at(key: Any) -> Step:
    """`. key`: the field, item or character with this number, or the entry of this key."""

    def step(value: Any) -> Iterator[Any]:
        plain = bare(value)
        if is_dictionary(plain):
            found = get(plain, key)
            if found is not ABSENT:
                yield found
        elif type(key) is int and key >= 0:
            items = _items(plain)
            if items is not None and key < len(items):
                yield items[key]

    return step


def label(value: Any) -> Iterator[Any]:
    """`.^`: the label of a record."""
    view = record_view(bare(value))
    if view is not None:
        yield view[0]


def keys(value: Any) -> Iterator[Any]:
    """`.keys`: the keys of a dictionary; the numbers of what else has numbered parts."""
    plain = bare(value)
    if is_dictionary(plain):
        for key, _ in pairs(plain):
            yield key
    else:
        yield from range(len(_items(plain) or ()))


def length(value: Any) -> Iterator[Any]:
    """`.length`: how many parts there are; 0 for what has none."""
    plain = bare(value)
    if is_dictionary(plain) or is_set(plain):
        yield len(plain)
    else:
        yield len(_items(plain) or ())


def notes(value: Any) -> Iterator[Any]:
    """`.annotations`: those of a value that was read with them."""
    if type(value) is Annotated:
        yield from value.annotations


def embedded(value: Any) -> Iterator[Any]:
    """`.embedded`: what stands for an embedded object; a reference shows nothing of itself."""
    plain = bare(value)
    if type(plain) is Embedded:
        yield plain.value


def keep(value: Any) -> Iterator[Any]:
    """`*`: the value itself."""
    yield value


def compared(holds: Callable[[int], bool], literal: Any) -> Step:
    """`eq`, `lt` …: keep what compares so with the literal, by the total order."""

    def step(value: Any) -> Iterator[Any]:
        if holds(compare(value, literal)):
            yield value

    return step


def matching(pattern: re.Pattern[str]) -> Step:
    """`re`: keep strings and symbols in which the expression is found anywhere."""

    def step(value: Any) -> Iterator[Any]:
        plain = bare(value)
        text = plain.name if type(plain) is Symbol else plain
        if type(text) is str and pattern.search(text):
            yield value

    return step


def labelled(literal: Any) -> Step:
    """`^ label`: keep records with this label."""

    def step(value: Any) -> Iterator[Any]:
        view = record_view(bare(value))
        if view is not None and compare(view[0], literal) == 0:
            yield value

    return step


def real(value: Any) -> Iterator[Any]:
    """`~real`: the double that is nearest to a number."""
    plain = bare(value)
    if type(plain) is float:
        yield plain
    elif type(plain) is int:
        try:
            yield float(plain)
        except OverflowError:
            yield math.inf if plain > 0 else -math.inf


def integer(value: Any) -> Iterator[Any]:
    """`~int`: a number without its fraction; nothing for what is not finite."""
    plain = bare(value)
    if type(plain) is int:
        yield plain
    elif type(plain) is float and math.isfinite(plain):
        yield int(plain)


def schema_step(convert: Callable[[Any], Any]) -> Step:
    """`parse`, `unparse`: what a definition makes of the value; nothing where it does not fit."""

    def step(value: Any) -> Iterator[Any]:
        try:
            found = convert(value)
        except BadArgument:
            return
        yield found

    return step


def kind(test: Callable[[Any], bool]) -> Step:
    """Keep values of one kind."""

    def step(value: Any) -> Iterator[Any]:
        if test(bare(value)):
            yield value

    return step


def _items(plain: Any) -> Sequence[Any] | None:
    """What has numbers: fields, items, characters, bytes."""
    view = record_view(plain)
    if view is not None:
        return view[1]
    if type(plain) is Symbol:
        return plain.name
    return plain if type(plain) in (list, tuple, str, bytes) else None


AXES: Final[dict[str, Step]] = {
    "/": children,
    "//": descendants,
    ".^": label,
    ".keys": keys,
    ".length": length,
    ".annotations": notes,
    ".embedded": embedded,
    "*": keep,
}
CONVERSIONS: Final[dict[str, Step]] = {"~real": real, "~int": integer}
COMPARISONS: Final[dict[str, Callable[[int], bool]]] = {
    "eq": lambda sign: sign == 0,
    "=": lambda sign: sign == 0,
    "ne": lambda sign: sign != 0,
    "!=": lambda sign: sign != 0,
    "lt": lambda sign: sign < 0,
    "le": lambda sign: sign <= 0,
    "gt": lambda sign: sign > 0,
    "ge": lambda sign: sign >= 0,
}
KINDS: Final[dict[str, Step]] = {
    "bool": kind(lambda value: type(value) is bool),
    "double": kind(lambda value: type(value) is float),
    "int": kind(lambda value: type(value) is int),
    "string": kind(lambda value: type(value) is str),
    "bytes": kind(lambda value: type(value) is bytes),
    "symbol": kind(lambda value: type(value) is Symbol),
    "rec": kind(lambda value: record_view(value) is not None),
    "seq": kind(lambda value: type(value) in (list, tuple)),
    "set": kind(is_set),
    "dict": kind(is_dictionary),
    "embedded": kind(is_embedded),
}

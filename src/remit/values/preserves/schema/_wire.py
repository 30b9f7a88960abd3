"""Unparsing: the value that a typed instance stands for. Whether the value fits is looked at afterwards, by matching it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from remit.errors import BadArgument
from remit.values._data import Symbol
from remit.values._record import Recorded
from remit.values._same import same
from remit.values.preserves.schema._model import And, Entries, Lit, NamedPattern, Rec, Ref, Tuple, TuplePrefix
from remit.values.preserves.schema._plan import entries_of
from remit.values.preserves.schema._shape import Shape
from remit.values.preserves.schema._view import (
    ABSENT,
    dictionary,
    get,
    is_dictionary,
    is_set,
    make_record,
    pairs,
    record_view,
)

__all__ = ["builder", "wire"]


def wire(typed: Any) -> Any:
    """The value of what a definition gave, or what its classes were called with."""
    kind = type(typed)
    if kind is list or kind is tuple:
        items = [wire(item) for item in typed]
        return typed if kind is list and _alike(typed, items) else items
    if isinstance(typed, Shape):
        build = kind.__shape_wire__
        if build is None:
            raise BadArgument(f"{kind.__qualname__} belongs to no schema: give it to one with load(text, classes=…)")
        return build([wire(item) for item in typed.__record_values__()])
    if is_set(typed):
        return typed
    if is_dictionary(typed):
        return _dictionary(typed)
    if isinstance(typed, Recorded):
        return _record(typed)
    return typed


def _dictionary(typed: Any) -> Any:
    before = list(pairs(typed))
    after = [wire(item) for _, item in before]
    if _alike([item for _, item in before], after):
        return typed
    return dictionary([(key, item) for (key, _), item in zip(before, after, strict=True)])


def _record(typed: Recorded) -> Any:
    before = typed.__record_values__()
    after = [wire(item) for item in before]
    return typed if _alike(before, after) else make_record(Symbol(typed.__record_label__), after)


def _alike(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether nothing had to be made anew."""
    return all(old is new for old, new in zip(before, after, strict=True))


def builder(pattern: Any, constant: Callable[[Ref], Any]) -> Callable[[list[Any]], Any]:
    """What makes a value of this pattern from the values of its named parts, in the order of `captures`."""

    def build(kept: list[Any]) -> Any:
        return _build(pattern, iter(kept), constant)

    return build


def _build(part: Any, kept: Iterator[Any], constant: Callable[[Ref], Any]) -> Any:
    if isinstance(part, NamedPattern):
        return next(kept)
    if isinstance(part, Lit):
        return part.value
    if isinstance(part, Ref):
        return constant(part)
    if isinstance(part, Rec):
        label = _build(part.label, kept, constant)
        return make_record(label, _build(part.fields, kept, constant))
    if isinstance(part, Tuple):
        return [_build(each, kept, constant) for each in part.patterns]
    if isinstance(part, TuplePrefix):
        return [*[_build(each, kept, constant) for each in part.fixed], *_build(part.variable, kept, constant)]
    if isinstance(part, Entries):
        return dictionary([(key, _build(each, kept, constant)) for key, each in entries_of(part)])
    if isinstance(part, And):
        values = [_build(each, kept, constant) for each in part.patterns]
        merged = values[0]
        for value in values[1:]:
            merged = merge(merged, value)
        return merged
    raise AssertionError(f"a {type(part).__name__} without a name was let through")


def merge(a: Any, b: Any) -> Any:
    """One value that is both: dictionaries have the entries of both, everything else has to agree."""
    if is_dictionary(a) and is_dictionary(b):
        merged = [(key, item if (other := get(b, key)) is ABSENT else merge(item, other)) for key, item in pairs(a)]
        return dictionary([*merged, *[(key, item) for key, item in pairs(b) if get(a, key) is ABSENT]])
    if type(a) is list and type(b) is list and len(a) == len(b):
        return [merge(x, y) for x, y in zip(a, b, strict=True)]
    left, right = record_view(a), record_view(b)
    if left is not None and right is not None and same(left[0], right[0]):
        return make_record(left[0], merge(list(left[1]), list(right[1])))
    if same(a, b):
        return a
    raise BadArgument(
        "the parts of an intersection contradict each other: they are to be one value, and only dictionaries can be joined"
    )

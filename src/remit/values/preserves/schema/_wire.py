"""Unparsing: the value that a typed instance stands for. Whether the value fits is looked at afterwards, by matching it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any, Final, TypeAlias

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

Builder: TypeAlias = Callable[[Iterator[Any]], Any]

_ATOMS: Final = frozenset({bool, float, int, str, bytes, Symbol, type(None)})


def wire(typed: Any) -> Any:
    """The value of what a definition gave, or what its classes were called with."""
    kind = type(typed)
    if kind in _ATOMS:
        return typed
    if kind is list or kind is tuple:
        items = [wire(item) for item in typed]
        return typed if kind is list and _alike(typed, items) else items
    if isinstance(typed, Shape):
        build = kind.__shape_wire__
        if build is None:
            raise BadArgument(f"{kind.__qualname__} belongs to no schema: give it to one with load(text, classes=…)")
        return build(iter([wire(item) for item in typed.__record_values__()]))
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
    for old, new in zip(before, after, strict=True):  # noqa: SIM110  # no generator: this is most of the time of unparsing
        if old is not new:
            return False
    return True


def builder(part: Any, constant: Callable[[Ref], Any]) -> Builder:
    """What makes a value of this pattern from the values of its named parts, in the order of `captures`.

    `constant(ref)` is the one value of a definition that has only one; it is asked for when a value is built.
    """
    if isinstance(part, NamedPattern):
        return next
    if isinstance(part, Lit):
        value = part.value
        return lambda _: value
    if isinstance(part, Ref):
        return lambda _: constant(part)
    if isinstance(part, Rec):
        label, fields = builder(part.label, constant), builder(part.fields, constant)
        return lambda kept: make_record(label(kept), fields(kept))
    if isinstance(part, Tuple):
        items = [builder(each, constant) for each in part.patterns]
        return lambda kept: [item(kept) for item in items]
    if isinstance(part, TuplePrefix):
        fixed, rest = [builder(each, constant) for each in part.fixed], builder(part.variable, constant)
        return lambda kept: [*[item(kept) for item in fixed], *rest(kept)]
    if isinstance(part, Entries):
        entries = [(key, builder(each, constant)) for key, each in entries_of(part)]
        return lambda kept: dictionary([(key, item(kept)) for key, item in entries])
    assert isinstance(part, And)  # a part of another kind has a name: `_check.py` sees to it
    parts = [builder(each, constant) for each in part.patterns]
    return lambda kept: reduce(merge, [each(kept) for each in parts])


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

"""Taking the annotations off."""

from __future__ import annotations

from typing import Any, Final

from remit.errors import NotPassable
from remit.values._model import Tagged
from remit.values._record import Recorded
from remit.values.preserves._annotated import Annotated, Embedded
from remit.values.preserves._containers import Compound, Map, Set
from remit.values.preserves._records import closed_record

__all__ = ["strip"]

_DEPTH: Final = 100


def strip(value: Any) -> Any:
    """The value without annotations, also inside."""
    return _strip(value, _DEPTH)


def _strip(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is Annotated:
        value = value.value
        kind = type(value)
    if depth < 1:
        raise NotPassable(f"cannot strip values nested deeper than {_DEPTH} levels, or containing themselves")
    if kind is list or kind is tuple:
        return _all(value, depth)
    if kind is dict:
        return {name: _strip(item, depth - 1) for name, item in value.items()}
    if kind is Tagged:
        return Tagged(value.tag, _strip(value.value, depth - 1))
    if kind is Map:
        pairs = [(_strip(name, depth - 1), _strip(item, depth - 1)) for name, item in value.entries]
        return dict(pairs) if all(type(name) is str for name, _ in pairs) else Map(pairs)
    if kind is Set:
        return Set(_all(value.members, depth))
    if kind is Compound:
        return closed_record([_strip(value.label, depth - 1), *_all(value.fields, depth)])
    if kind is Embedded:
        return Embedded(_strip(value.value, depth - 1))
    if isinstance(value, Recorded):
        return type(value).__record_make__(_all(value.__record_values__(), depth))
    return value


def _all(values: Any, depth: int) -> list[Any]:
    return [_strip(value, depth - 1) for value in values]

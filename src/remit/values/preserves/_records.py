"""What a decoder or parser makes of the parts of a compound value as it closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from remit.errors import NotPassable
from remit.values._data import Symbol
from remit.values._model import Tagged, put_tag, put_value
from remit.values._record import CLASSES
from remit.values.preserves._containers import Compound, Map, Set, ordered_map
from remit.values.preserves._forms import PLAIN, RESERVED, SPECIAL, model_value

__all__ = ["Wrong", "closed_dictionary", "closed_record", "closed_set"]

T = TypeVar("T")

_new: Final = object.__new__


class Wrong(Exception):
    """Within this package: parts that make no value; the reader adds where."""


def closed_record(items: list[Any]) -> Any:
    """The value of the record with this label and these fields."""
    if not items:
        raise Wrong("a record has no label")
    label = items[0]
    fields = items[1:]
    if type(label) is not Symbol:
        return Compound(label, fields)
    name: str = label.name
    if name in SPECIAL:
        if name in RESERVED:
            return Compound(label, fields)
        value = model_value(name, fields)
        if value is not PLAIN:
            return value
    cls = CLASSES.get(name)
    if cls is not None and len(fields) == len(cls.__record_fields__):
        return cls.__record_make__(fields)
    made = _new(Tagged)
    put_tag(made, name)
    put_value(made, fields)
    return made


def closed_set(items: list[Any]) -> Set:
    """The set of these members."""
    made = _checked(Set, items)
    if len(made.members) != len(items):
        raise Wrong("a member comes twice in a set")
    return made


def closed_dictionary(items: list[Any]) -> Any:
    """The dictionary of these alternating keys and values."""
    if len(items) & 1:
        raise Wrong("the last key of a dictionary has no value")
    found: dict[str, Any] = {}
    parts = iter(items)
    for name, value in zip(parts, parts):  # noqa: B905  # even, says the check above
        if type(name) is not str:
            return _map(items)
        found[name] = value
    if len(found) << 1 != len(items):
        raise Wrong("a key comes twice in a dictionary")
    return found


def _map(items: list[Any]) -> Map:
    parts = iter(items)
    entries = list(zip(parts, parts))  # noqa: B905
    last: int | None = None
    for name, _ in entries:
        if type(name) is not int or (last is not None and name <= last):
            break
        last = name
    else:
        return ordered_map(tuple(entries))
    made = _checked(Map, entries)
    if len(made.entries) << 1 != len(items):
        raise Wrong("a key comes twice in a dictionary")
    return made


def _checked(cls: Callable[[Any], T], parts: Any) -> T:
    try:
        return cls(parts)
    except NotPassable as error:  # nested deeper than is compared, or what `embedded` made has no order
        raise Wrong(str(error)) from None

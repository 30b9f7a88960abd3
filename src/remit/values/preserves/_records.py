"""What a decoder or parser makes of the parts of a compound value as it closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from remit.errors import NotPassable
from remit.values._data import Symbol
from remit.values._record import tagged
from remit.values.preserves._containers import Compound, Map, Set
from remit.values.preserves._forms import PLAIN, RESERVED, SPECIAL, model_value

__all__ = ["Wrong", "closed_dictionary", "closed_record", "closed_set"]

T = TypeVar("T")


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
    name = label.name
    if name not in SPECIAL:
        return tagged(name, fields)
    if name in RESERVED:
        return Compound(label, fields)
    value = model_value(name, fields)
    return tagged(name, fields) if value is PLAIN else value


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
    made = _checked(Map, list(zip(parts, parts)))  # noqa: B905
    if len(made.entries) << 1 != len(items):
        raise Wrong("a key comes twice in a dictionary")
    return made


def _checked(cls: Callable[[Any], T], parts: Any) -> T:
    try:
        return cls(parts)
    except NotPassable as error:  # nested deeper than is compared, or what `embedded` made has no order
        raise Wrong(str(error)) from None

"""What a decoder or parser makes of the parts of a compound value as it closes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from remit.errors import NotPassable
from remit.values._data import Symbol
from remit.values._record import tagged
from remit.values.preserves._containers import Compound, Map, Set, ordered_map
from remit.values.preserves._forms import PLAIN, RESERVED, SPECIAL, model_value

__all__ = ["LABELLED", "LABELS", "NAMES", "Foreign", "Wrong", "closed_dictionary", "closed_record", "closed_set"]

T = TypeVar("T")

# Labels of records that need no second look: their numbers by their encoding as Latin-1, and the labels by number. Shared
# by all decoders, so bounded by the two numbers below.
LABELLED: Final = 0x100  # the first number, above all tags
LABELS: Final[list[dict[str, int]]] = [{}]
NAMES: Final[list[list[str]]] = [[""] * LABELLED]
_CACHED: Final = 1024
_CACHED_SIZE: Final = 64


class Wrong(Exception):
    """Within this package: parts that make no value; the reader adds where."""


class Foreign(Exception):
    """Within this package: what a function of the program has raised, and is none of the reader's business."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


def closed_record(items: list[Any]) -> Any:
    """The value of the record with this label and these fields."""
    if not items:
        raise Wrong("a record has no label")
    label = items[0]
    fields = items[1:]
    if type(label) is not Symbol:
        return Compound(label, fields)
    name: str = label.name
    if name not in SPECIAL:
        _remember(name)
        return tagged(name, fields)
    value = model_value(name, fields)
    if value is RESERVED:
        return Compound(label, fields)
    return tagged(name, fields) if value is PLAIN else value


def _remember(name: str) -> None:
    if len(name.encode()) > _CACHED_SIZE:
        return
    if len(NAMES[0]) >= LABELLED + _CACHED:  # rather than keep what a hostile peer may have filled it with
        LABELS[0], NAMES[0] = {}, [""] * LABELLED  # and not cleared: a decoder may be using them
    raw = name.encode()
    LABELS[0][f"\xb3{chr(len(raw))}{raw.decode('latin-1')}"] = len(NAMES[0])
    NAMES[0].append(name)


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
    if not items:
        return {}
    if type(items[0]) is int:
        return _map(items)
    found: dict[str, Any] = {}
    for i in range(0, len(items), 2):
        name = items[i]
        if type(name) is not str:
            return _checked_map(items)
        found[name] = items[i + 1]
    if len(found) << 1 != len(items):
        raise Wrong("a key comes twice in a dictionary")
    return found


def _map(items: list[Any]) -> Map:
    """The mapping of these keys and values, of which the first key is an integer."""
    last = items[0] - 1
    entries = []
    for i in range(0, len(items), 2):
        name = items[i]
        if type(name) is not int or name <= last:
            return _checked_map(items)
        entries.append((name, items[i + 1]))
        last = name
    return ordered_map(tuple(entries))


def _checked_map(items: list[Any]) -> Map:
    parts = iter(items)
    entries = tuple(zip(parts, parts))  # noqa: B905  # even, as was checked
    made = _checked(Map, entries)
    if len(made.entries) != len(entries):
        raise Wrong("a key comes twice in a dictionary")
    return made


def _checked(cls: Callable[[Any], T], parts: Any) -> T:
    try:
        return cls(parts)
    except NotPassable as error:  # nested deeper than is compared, or what `embedded` made has no order
        raise Wrong(str(error)) from None

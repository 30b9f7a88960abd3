"""Looking at Preserves values by kind, as schemas and paths do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from remit.values._data import Reference
from remit.values.preserves._annotated import Embedded
from remit.values.preserves._containers import Compound, Map, Set
from remit.values.preserves._forms import spelled
from remit.values.preserves._records import closed_record

__all__ = [
    "ABSENT",
    "dictionary",
    "get",
    "is_dictionary",
    "is_embedded",
    "is_set",
    "make_record",
    "pairs",
    "record_view",
]

ABSENT: Final = object()  # the entry that a dictionary does not have


def record_view(value: Any) -> tuple[Any, Sequence[Any]] | None:
    """Label and fields of what Preserves writes as a record; None for everything else."""
    kind = type(value)
    if kind is Compound:
        return value.label, value.fields
    return None if kind is Set or kind is Map else spelled(value)


def make_record(label: Any, fields: Iterable[Any]) -> Any:
    """The value that Preserves reads where this record is written."""
    return closed_record([label, *fields])


def is_set(value: object) -> bool:
    """Whether it is a set."""
    return type(value) is Set


def is_dictionary(value: object) -> bool:
    """Whether it is a dictionary."""
    return type(value) is dict or type(value) is Map


def is_embedded(value: object) -> bool:
    """Whether it is an embedded object: a reference, or what nothing else was made of."""
    return isinstance(value, (Reference, Embedded))


def dictionary(entries: Iterable[tuple[Any, Any]]) -> Mapping[Any, Any]:
    """The dictionary with these entries, as Preserves reads one."""
    found = list(entries)
    return dict(found) if all(type(key) is str for key, _ in found) else Map(found)


def pairs(value: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """The entries of a dictionary."""
    return value.items()


def get(value: Mapping[Any, Any], key: Any) -> Any:
    """What a dictionary has under the key, or `ABSENT`."""
    if type(value) is dict and type(key) is not str:
        return ABSENT
    return value.get(key, ABSENT)

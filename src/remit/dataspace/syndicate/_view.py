"""How the values of Preserves look from inside: the label and fields of a record, the entries of a dictionary.

The same record of Preserves may be an instance of a `@record` class, a `Tagged`, a `Compound`, or one of the values that have a record
as their form (`None`, `NULL`). Protocol code asks here, and so treats them alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from remit.values import NULL, Null, Reference, Symbol, Tagged, key
from remit.values.preserves import Compound, Embedded, Map, Set

__all__ = ["KINDS", "entries", "fields_of", "label_key", "labelled", "rec"]

Label = Any  # a str stands for the symbol of that name; any other label is its key in a tuple

KINDS: Final[dict[str, tuple[type, ...]]] = {
    "Boolean": (bool,),
    "Double": (float,),
    "SignedInteger": (int,),
    "String": (str,),
    "ByteString": (bytes,),
    "Symbol": (Symbol,),
    "Embedded": (Reference, Embedded),
}
"""What the patterns of caveats and dataspaces call the kinds of atoms."""


def rec(label: str, *fields: Any) -> Tagged:
    """A record, as a protocol's schemas give it."""
    return Tagged(label, list(fields))


def label_key(label: Any) -> Label:
    """A label such that two are equal when they are the same value."""
    return label.name if type(label) is Symbol else (key(label),)


def labelled(value: Any) -> tuple[Label, list[Any]] | None:
    """The label and fields of a record; None for any other value."""
    kind = type(value)
    if kind is Tagged:
        inner = value.value
        if type(inner) is list:
            return value.tag, inner
        return (value.tag, list(inner)) if isinstance(inner, list | tuple) else ("tagged", [Symbol(value.tag), inner])
    if kind is Compound:
        return label_key(value.label), list(value.fields)
    if value is None:
        return "void", []
    if kind is Null or value is NULL:
        return "null", []
    if kind is Set or kind is Map or not hasattr(value, "__record_values__"):
        return None
    return value.__record_label__, list(value.__record_values__())


def fields_of(value: Any, label: str, count: int) -> list[Any] | None:
    """The fields of a record with this label and so many fields; None for any other value."""
    found = labelled(value)
    if found is None or found[0] != label or len(found[1]) != count:
        return None
    return found[1]


def entries(value: Any) -> Iterable[tuple[Any, Any]] | None:
    """The entries of a dictionary; None for any other value."""
    return list(value.items()) if isinstance(value, dict | Map) else None

"""A value as patterns see it: its class (which kind of compound, which label) and its parts.

The view is that of Preserves, which is what observers elsewhere get: `None` is the record `<void>`, and so on (docs/shapes.md, *values.preserves*).
A class is hashable: the label's name for a record whose label is a symbol; `ARRAY`, `DICTIONARY`; `ATOM` for all that has no parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from remit.errors import Broken
from remit.values import Locator, Null, Record, Reference, SturdyRef, Symbol, Tagged, key
from remit.values.preserves import Compound, Map, Set

__all__ = ["ARRAY", "ATOM", "DICTIONARY", "LABELS", "MISSING", "child", "label_class", "view"]

ATOM: Final = 0
ARRAY: Final = 1
DICTIONARY: Final = 2
MISSING: Final = object()
"""There is no such part."""

_ATOMS: Final = frozenset({str, int, bool, float, bytes, Symbol, Set})
LABELS: Final[dict[type, str]] = {}
"""Of record classes, as they are met."""
_LISTS: Final = frozenset({list, tuple})


def view(value: Any) -> tuple[Any, Any]:
    """Class and parts: a sequence, a mapping, or None."""
    kind = type(value)
    known = LABELS.get(kind)
    if known is not None:
        return known, value.__record_values__()
    if kind in _ATOMS:
        return ATOM, None
    label = getattr(kind, "__record_label__", None)
    if label is not None:
        if kind is Map:
            return DICTIONARY, value
        if kind is Compound:
            return label_class(value.label), value.fields
        LABELS[kind] = label
        return label, value.__record_values__()
    if kind in _LISTS:
        return ARRAY, value
    if kind is dict:
        return DICTIONARY, value
    if kind is Tagged:
        inner = value.value
        if type(inner) in _LISTS or isinstance(inner, list):  # in an object's field it is a container of the vat's
            return value.tag, inner
        return "tagged", (Symbol(value.tag), inner)
    return _seldom(value, kind)


def _seldom(value: Any, kind: type) -> tuple[Any, Any]:
    if value is None:
        return "void", ()
    if isinstance(value, Reference):
        return ATOM, None
    if kind is Null:
        return "null", ()
    if isinstance(value, Broken):
        return "broken", (value.text(),)
    if kind is Locator:
        return "ocapn-peer", (Symbol(value.transport), value.designator, dict(value.hints) or False)
    if kind is SturdyRef:
        return "ocapn-sturdyref", (value.locator, value.swiss)
    if isinstance(value, dict | Mapping):
        return DICTIONARY, value
    if isinstance(value, list | tuple):
        return ARRAY, value
    assert kind is not Record, "a raw record is not passable"
    return ATOM, None


def label_class(label: Any) -> Any:
    """The class of records with this label."""
    return label.name if type(label) is Symbol else ("label", key(label))


def child(shape: Any, parts: Any, step: Any) -> Any:
    """The part that a step leads to, or `MISSING`. Steps into records and sequences are positions."""
    if shape == DICTIONARY and type(shape) is int:
        if type(parts) is dict:
            return parts.get(step, MISSING) if type(step) is str else MISSING
        return parts.get(step, MISSING)
    if parts is None or type(step) is not int or step < 0 or step >= len(parts):
        return MISSING
    return parts[step]

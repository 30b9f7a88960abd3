"""Which Preserves record stands for which value of the model, so that each value has one spelling and each spelling one value.

A `Tagged` or a record class is the record of its label and fields. What the model has besides takes the labels that are
listed here. Where a `Tagged` would read as something else, or holds no list of fields, it is written
`<tagged label value>`; and only there is that form read as such.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from remit.errors import Broken, Misuse
from remit.values._data import NULL, Null, Symbol
from remit.values._locator import Locator, SturdyRef
from remit.values._model import Tagged
from remit.values._record import Recorded, tagged
from remit.values._same import error_text

__all__ = ["PLAIN", "RESERVED", "SPECIAL", "Spelled", "arrived", "model_value", "spelled"]

PLAIN: Final = object()
"""Says that a record stands for nothing else: it is a `Tagged`, or of a record class."""

RESERVED: Final = frozenset({"preserves:set", "preserves:map", "preserves:compound"})
"""Labels under which `Set`, `Map` and `Compound` travel elsewhere; records that have them here are `Compound`."""

_DEPTH: Final = 64  # of escapes inside escapes

Spelled = tuple[Any, Sequence[Any]]  # a record's label and fields


def model_value(name: str, fields: Sequence[Any], depth: int = _DEPTH) -> Any:
    """What a record with one of the `SPECIAL` labels stands for, or `PLAIN`."""
    make = SPECIAL.get(name)
    if make is None or not depth:
        return PLAIN
    try:
        return make(fields, depth - 1)
    except Misuse:  # not the fields that this value has
        return PLAIN


def arrived(value: Any) -> Any:
    """The set, mapping or compound that a `Tagged` under one of their labels is where it arrives; any other value itself."""
    if type(value) is not Tagged or value.tag not in RESERVED or type(value.value) not in _LISTS:
        return value
    found = tagged(value.tag, [list(part) if type(part) is tuple else part for part in value.value])
    return value if type(found) is Tagged and found.tag == value.tag else found


def spelled(value: Any) -> Spelled | None:
    """Label and fields of the record that stands for this value; None for one that is not written as a record."""
    kind = type(value)
    if kind is Tagged:
        return _tagged(value.tag, value.value)
    if value is None:
        return _VOID
    if kind is Null:
        return _NULL
    if isinstance(value, Recorded):
        return _tagged(value.__record_label__, value.__record_values__())
    if isinstance(value, Broken):
        return Symbol("broken"), (error_text(value),)
    if kind is Locator:
        hints = dict(value.hints) if value._given else False
        return Symbol("ocapn-peer"), (Symbol(value.transport), value.designator, hints)
    if kind is SturdyRef:
        return Symbol("ocapn-sturdyref"), (value.locator, value.swiss)
    return None


def _tagged(name: str, value: Any) -> Spelled:
    if type(value) not in _LISTS or (name in SPECIAL and model_value(name, value) is not PLAIN):
        return Symbol("tagged"), (Symbol(name), value)
    return Symbol(name), value


def _nothing(value: object) -> Callable[[Sequence[Any], int], Any]:
    return lambda fields, _depth: PLAIN if fields else value


def _broken(fields: Sequence[Any], depth: int) -> Any:
    if len(fields) != 1 or type(fields[0]) is not str:
        return PLAIN
    error = Broken.parse(fields[0])
    return error if error_text(error) == fields[0] else PLAIN


def _peer(fields: Sequence[Any], depth: int) -> Any:
    if len(fields) != 3 or type(fields[0]) is not Symbol or (type(fields[2]) is not dict and fields[2] is not False):
        return PLAIN
    return Locator(fields[0].name, fields[1], None if fields[2] is False else fields[2])


def _sturdyref(fields: Sequence[Any], depth: int) -> Any:
    return SturdyRef(*fields) if len(fields) == 2 else PLAIN


def _escaped(fields: Sequence[Any], depth: int) -> Any:
    """The escape: a tag and what is no list, or a list that would read as something else behind that label."""
    if len(fields) != 2 or type(fields[0]) is not Symbol:
        return PLAIN
    name, value = fields[0].name, fields[1]
    if type(value) in _LISTS and (name not in SPECIAL or model_value(name, value, depth) is PLAIN):
        return PLAIN
    found = tagged(name, value)
    return PLAIN if name in RESERVED and type(found) is not Tagged else found


def _reserved(fields: Sequence[Any], depth: int) -> Any:
    return RESERVED


_LISTS: Final = frozenset({list, tuple})
_VOID: Final[Spelled] = (Symbol("void"), ())
_NULL: Final[Spelled] = (Symbol("null"), ())

SPECIAL: Final[dict[str, Callable[[Sequence[Any], int], Any]]] = {
    "void": _nothing(None),
    "null": _nothing(NULL),
    "broken": _broken,
    "ocapn-peer": _peer,
    "ocapn-sturdyref": _sturdyref,
    "tagged": _escaped,
    **dict.fromkeys(RESERVED, _reserved),
}
"""The labels that need a second look, and what makes a value of the fields, or says `PLAIN`."""

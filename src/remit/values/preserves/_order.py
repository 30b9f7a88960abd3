"""The total order of values, and the identity by which the members of sets and the keys of dictionaries differ.

Preserves, *Total order* and *Equivalence*. A key is made of tuples that begin with the rank of the kind, so that values of
different kinds are never compared by content.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable, Iterable
from typing import Any, Final

from remit.errors import NotPassable
from remit.values._data import Reference, Symbol
from remit.values._plain import has_copier, plain_copy
from remit.values.preserves._forms import arrived, spelled
from remit.values.preserves._parts import DICTIONARY, EMBEDDED, RECORD, SEQUENCE, SET, Parts

__all__ = ["compare", "identity", "order", "order_here"]


# What a reference counts for: nothing, itself, or its place in this process.
_EQUAL: Final = 0
_ITSELF: Final = 1
_PLACE: Final = 2

_DEPTH: Final = 100  # above all that decodes within the default limits; stops cycles
_PACK: Final = struct.Struct(">d").pack
_UNPACK: Final = struct.Struct(">q").unpack
_MOST: Final = (1 << 63) - 1


def order(value: object) -> Any:
    """A key for `sorted`: the total order of Preserves. Raises `NotPassable` for what is no value.

    Booleans, doubles, integers, strings, byte strings, symbols, records, sequences, sets, dictionaries, embedded values.
    References have no order among themselves: all are equal here.
    """
    return _order(value, _EQUAL, _DEPTH)


def compare(a: object, b: object) -> int:
    """-1, 0 or 1: whether `a` comes before `b` in the total order, is equal to it, or comes after it."""
    left, right = order(a), order(b)
    return 0 if left == right else -1 if left < right else 1


def identity(value: object) -> Hashable:
    """A hashable stand-in: two of them are equal exactly when the values are. As `order`, but references count."""
    found: Hashable = _order(value, _ITSELF, _DEPTH)
    return found


def order_here(value: object) -> Any:
    """As `order`, and references have one, too, which holds in this process only: for comparing, never for writing."""
    return _order(value, _PLACE, _DEPTH)


def _order(value: Any, references: int, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return 3, value
    if kind is int:
        return 2, value
    if kind is Symbol:
        return 5, value.name
    if kind is bool:
        return 0, value
    if kind is bytes:
        return 4, value
    if kind is float:
        bits = _UNPACK(_PACK(value))[0]
        return 1, bits if bits >= 0 else bits ^ _MOST  # IEEE 754, totalOrder
    if depth < 1:
        raise NotPassable(f"cannot order values nested deeper than {_DEPTH} levels, or containing themselves")
    if kind is list or kind is tuple:
        return SEQUENCE, _all(value, references, depth - 1)
    if kind is dict:
        return DICTIONARY, _entries(value.items(), references, depth - 1)
    if isinstance(value, Parts):
        return _parts(value, references, depth)
    if isinstance(value, Reference):
        return EMBEDDED, 1, value if references == _ITSELF else id(value) if references == _PLACE else 0
    found = arrived(value)
    if found is not value:
        return _order(found, references, depth)
    form = spelled(value)
    if form is not None:
        return RECORD, _order(form[0], references, depth - 1), _all(form[1], references, depth - 1)
    if has_copier(kind):
        return _order(plain_copy(value), references, depth)
    raise NotPassable(f"{kind.__module__}.{kind.__qualname__} is no value of Preserves: it has no order")


def _parts(value: Parts, references: int, depth: int) -> Any:
    rank, parts = value._parts()
    if rank == RECORD:
        return RECORD, _order(parts[0], references, depth - 1), _all(parts[1], references, depth - 1)
    if rank == DICTIONARY:
        return DICTIONARY, _entries(parts, references, depth - 1)
    if rank == SET:
        members = _all(parts, references, depth - 1)
        return SET, frozenset(members) if references == _ITSELF else tuple(sorted(members))
    if rank == EMBEDDED:
        return EMBEDDED, 0, _order(parts[0], references, depth - 1)
    return _order(parts[0], references, depth)


def _all(values: Iterable[Any], references: int, depth: int) -> tuple[Any, ...]:
    return tuple([_order(value, references, depth) for value in values])


def _entries(entries: Iterable[tuple[Any, Any]], references: int, depth: int) -> Any:
    pairs = [(_order(name, references, depth), _order(value, references, depth)) for name, value in entries]
    return frozenset(pairs) if references == _ITSELF else tuple([part for pair in sorted(pairs) for part in pair])

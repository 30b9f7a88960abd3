"""How fields look in rows: values as canonical Syrup, with references by what they will be found by again.

    near object                 <object id>
    device of the vat           <device "name">
    re-enlivening reference     <live sturdyref>
    dict, list, set inside      <map [k v k v …]>, a list, <set […]>

A container that is a field itself is spread over rows: the field's own row (key b"") says which kind, each entry
has a row of its own, so that a large table is not rewritten for one entry.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

from remit.errors import NotPassable, NotStorable
from remit.net import Live
from remit.values import Record, Reference, Symbol, encode
from remit.vat import Far, Promise, Ref, TurnDict, TurnList, TurnSet, final

__all__ = ["FIELD", "KINDS", "Portraits", "entry_key", "index_key", "quickly"]

FIELD: Final = b""
KINDS: Final[dict[type, str]] = {TurnDict: "dict", TurnList: "list", TurnSet: "set"}
_INDEX: Final = struct.Struct(">Q")
_SMALL: Final = 1 << 62  # well below the number of digits that is too many
_NO_ENTRY: Final = object()


def index_key(index: int) -> bytes:
    """The row key of a list's element; keys sort as indexes do."""
    return _INDEX.pack(index)


def quickly(value: Any) -> bytes | None:
    """What `encode` gives for the commonest keys and values, at a third of the time; None for all others."""
    kind = type(value)
    if kind is bytes:
        return b"%d:%b" % (len(value), value)
    if kind is int and 0 <= value < _SMALL:
        return b"%d+" % value
    return None


def entry_key(entry: Any) -> bytes:
    """The row key of a dictionary's entry."""
    quick = quickly(entry)
    return encode(entry) if quick is None else quick


class Portraits:
    """Writes values as rows for one vat. `number` gives the id of a near object, making it durable if it was not."""

    __slots__ = ("_entry", "_number", "_vat", "_where")

    def __init__(self, vat: Any, number: Callable[[Ref[Any]], int]) -> None:
        self._vat = vat
        self._number = number
        self._where = ""
        self._entry: Any = _NO_ENTRY

    def rows(self, where: str, value: Any) -> Iterator[tuple[bytes, bytes]]:
        """All rows of a field, its own first. `where` names the field for errors."""
        kind = KINDS.get(type(value))
        if kind is None:
            yield FIELD, self.value(where, value)
            return
        yield FIELD, encode(Record(Symbol(kind), []))
        yield from self.entries(where, value)

    def entries(self, where: str, value: Any) -> Iterator[tuple[bytes, bytes]]:
        """The rows of a container's entries."""
        if isinstance(value, TurnDict):
            for name, entry in value.items():
                yield entry_key(name), self.value(where, entry, name)
        elif isinstance(value, TurnList):
            for index, entry in enumerate(value):
                yield index_key(index), self.value(where, entry, index)
        else:
            for entry in value:
                yield self.value(where, entry), b""

    def value(self, where: str, value: Any, entry: Any = _NO_ENTRY) -> bytes:
        """One value, of a container's entry where one is named; raises `NotStorable` naming the place and the remedy."""
        quick = quickly(value)
        if quick is not None:
            return quick
        self._where, self._entry = where, entry
        try:
            return encode(_plain(value) if type(value) in KINDS else value, self._reference)
        except NotPassable as error:
            raise NotStorable(f"{self._place()}: {error}") from None

    def _place(self) -> str:
        return self._where if self._entry is _NO_ENTRY else f"{self._where}[{self._entry!r}]"

    def _reference(self, reference: Reference) -> bytes:
        ref: Any = reference
        if isinstance(ref, Promise):
            ref = final(ref)._value
            if not isinstance(ref, Ref):
                raise self._refusal("a promise that is no reference yet: await it first, and keep what comes")
        if ref._link is None:
            if ref._vat is not self._vat:
                raise self._refusal(f"an object of another vat ({ref._vat.name}): keep a sturdyref of it")
            return b"<6'object%d+>" % self._number(ref)
        if self._vat.devices.get(getattr(ref._link, "name", None)) is ref:
            return encode(Record(Symbol("device"), [ref._link.name]))
        if isinstance(ref._link, Live) and ref._link.sturdyref is not None:
            return encode(Record(Symbol("live"), [ref._link.sturdyref]))
        if isinstance(ref, Far):
            raise self._refusal(
                "a far reference, which ends with its session: ask its exporter for a sturdyref and keep that"
            )
        raise self._refusal(f"{ref!r}")

    def _refusal(self, what: str) -> NotStorable:
        return NotStorable(f"{self._place()} holds {what}")


def _plain(value: Any) -> Any:
    """Containers inside as records that keep their kind and their keys."""
    if isinstance(value, TurnDict):
        return Record(Symbol("map"), [[part for name, entry in value.items() for part in (name, _plain(entry))]])
    if isinstance(value, TurnList):
        return [_plain(entry) for entry in value]
    if isinstance(value, TurnSet):
        return Record(Symbol("set"), [sorted(value, key=repr)])
    return value

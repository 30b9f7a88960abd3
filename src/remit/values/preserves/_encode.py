"""Values to the binary syntax of Preserves.

Preserves binary syntax, *Encoding* and *Canonical form*. Pieces are gathered as text in which each character stands for
one byte (Latin-1), as `remit.values._encode` does; its order by character is the order by byte that canonical form needs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from remit.values._data import Reference, Symbol
from remit.values._limits import INTEGER_DIGITS
from remit.values._passable import MOST, Unfit, unfit
from remit.values._plain import has_copier, plain_copy
from remit.values.preserves._annotated import Annotated, Embedded
from remit.values.preserves._containers import Compound, Map, Set
from remit.values.preserves._forms import spelled

__all__ = ["EmbeddedEncoder", "canonical", "encode", "written"]

EmbeddedEncoder = Callable[[Any], Any]

_DEPTH: Final = 64  # Limits.depth, so that what is written here is read with the default limits
_PACK: Final = struct.Struct(">d").pack
_SHORT: Final = 256
_LEAST: Final = -128
_CACHED: Final = 1024  # entries, about what the labels and names of a large program come to
_CACHED_SIZE: Final = 64  # characters of one
_SYMBOLS: Final[dict[str, str]] = {}  # shared by all, so bounded by the two numbers above


def encode(value: object, *, embedded: EmbeddedEncoder | None = None) -> bytes:
    """The bytes of a value, with its annotations if it has any; dictionaries in their own order, sets in the total order.

    `embedded` gives the value that stands for a reference, or for an `Embedded`, in transit. Without it references are
    refused, and an `Embedded` is written as what it holds. Raises `NotPassable` naming the path of the part that cannot be
    written.
    """
    return written(value, embedded, False, True)


def canonical(value: object, *, embedded: EmbeddedEncoder | None = None) -> bytes:
    """The one encoding of a value: equal values have equal bytes. For hashes, signatures and keys of an index.

    Without annotations; members and entries are sorted by their bytes, which is not the total order. The same arguments
    and errors as `encode`.
    """
    return written(value, embedded, True, False)


def written(value: object, embedded: EmbeddedEncoder | None, sort: bool, annotations: bool) -> bytes:
    """The bytes of a value, in canonical order or not, with annotations or without."""
    out: list[str] = []
    try:
        _write(value, out, _Form(embedded, sort, annotations), _DEPTH)
    except Unfit as error:
        raise error.refusal("value") from None
    return "".join(out).encode("latin-1")


class _Form:
    """How one value is written."""

    __slots__ = ("annotations", "embedded", "sort")

    def __init__(self, embedded: EmbeddedEncoder | None, sort: bool, annotations: bool) -> None:
        self.embedded = embedded
        self.sort = sort
        self.annotations = annotations


def _size(size: int) -> str:
    """A length as a varint: seven bits in each byte, the lowest first."""
    text = ""
    while size > 127:
        text += chr(size & 127 | 128)
        size >>= 7
    return text + chr(size)


def _integer(value: int) -> str:
    if not -MOST < value < MOST:
        raise Unfit(f"an int of more than {INTEGER_DIGITS} digits cannot be written; write it as bytes")
    size = ((value if value >= 0 else ~value).bit_length() >> 3) + 1 if value else 0
    return "\xb0" + _size(size) + value.to_bytes(size, "big", signed=True).decode("latin-1")


_STRING: Final = ["\xb1" + _size(size) for size in range(_SHORT)]  # what stands before a string of so many bytes
_SMALL: Final = [_integer(number) for number in range(_LEAST, _SHORT)]


def _write(value: Any, out: list[str], form: _Form, depth: int) -> None:
    kind = type(value)
    if kind is str:
        text: str = value
        size = len(text)
        if size < _SHORT and text.isascii():
            out.append(_STRING[size])
            out.append(text)
        else:
            out.append(_wide("\xb1", text))
    elif kind is int:
        out.append(_SMALL[value - _LEAST] if _LEAST <= value < _SHORT else _integer(value))
    elif kind is Symbol:
        out.append(_SYMBOLS.get(value.name) or _symbol(value.name))
    elif kind is list or kind is tuple:
        out.append("\xb5")
        _write_items(value, out, form, _deeper(depth))
        out.append("\x84")
    elif kind is dict:
        _write_entries(value.items(), out, form, _deeper(depth), True)
    elif kind is bool:
        out.append("\x81" if value else "\x80")
    elif kind is bytes:
        out.append(f"\xb2{_size(len(value))}{value.decode('latin-1')}")
    elif kind is float:
        out.append("\x87\x08" + _PACK(value).decode("latin-1"))
    else:
        _write_other(value, kind, out, form, depth)


def _write_items(items: Iterable[Any], out: list[str], form: _Form, depth: int) -> None:
    i = 0
    try:
        for item in items:
            _write(item, out, form, depth)
            i += 1
    except Unfit as error:
        error.path.append(f"[{i}]")
        raise


def _write_entries(
    entries: Iterable[tuple[Any, Any]], out: list[str], form: _Form, depth: int, names_only: bool
) -> None:
    """A dictionary. With `names_only`, its keys have to be strings: a dict finds `True` under `1`."""
    pieces: list[tuple[str, list[str]]] = []
    name: Any = None
    out.append("\xb7")
    try:
        for name, item in entries:
            if names_only and type(name) is not str:
                raise Unfit(
                    f"a dict with a key that is a {type(name).__name__} cannot be written; make it a preserves.Map"
                )
            if form.sort:
                key, piece = _apart(name, form, depth), [""]
                piece[0] = _apart(name, form, depth, form.annotations) if form.annotations else key
                _write(item, piece, form, depth)
                pieces.append((key, piece))
            else:
                _write(name, out, form, depth)
                _write(item, out, form, depth)
    except Unfit as error:
        error.path.append(f"[{name!r}]")
        raise
    for _, piece in sorted(pieces):
        out.extend(piece)
    out.append("\x84")


def _write_set(members: Sequence[Any], out: list[str], form: _Form, depth: int) -> None:
    out.append("\xb6")
    if form.sort:
        pieces = sorted([(_apart(member, form, depth), i) for i, member in enumerate(members)])
        for key, i in pieces:
            out.append(_apart(members[i], form, depth, True) if form.annotations else key)
    else:
        _write_items(members, out, form, depth)
    out.append("\x84")


def _apart(value: Any, form: _Form, depth: int, annotations: bool = False) -> str:
    """The canonical encoding of a part on its own."""
    piece: list[str] = []
    _write(value, piece, _Form(form.embedded, True, annotations), depth)
    return "".join(piece)


def _write_other(value: Any, kind: type, out: list[str], form: _Form, depth: int) -> None:
    """The rarer kinds, and what is written as a record."""
    depth = _deeper(depth)
    if kind is Map:
        _write_entries(value.entries, out, form, depth, False)
    elif kind is Set:
        _write_set(value.members, out, form, depth)
    elif kind is Compound:
        _write_record(value.label, value.fields, out, form, depth)
    elif kind is Annotated:
        _write_annotated(value, out, form, depth)
    elif kind is Embedded or isinstance(value, Reference):
        _write_embedded(value, out, form, depth)
    else:
        record = spelled(value)
        if record is not None:
            _write_record(record[0], record[1], out, form, depth)
        elif has_copier(kind):
            _write(plain_copy(value), out, form, depth)
        elif kind is set or kind is frozenset:
            raise Unfit(f"a {kind.__name__} cannot be written: it finds True under 1; make it a preserves.Set")
        else:
            raise unfit(value)


def _write_record(label: Any, fields: Sequence[Any], out: list[str], form: _Form, depth: int) -> None:
    out.append("\xb4")
    try:
        _write(label, out, form, depth)
    except Unfit as error:
        error.path.append(".label")
        raise
    _write_items(fields, out, form, depth)
    out.append("\x84")


def _write_annotated(value: Annotated, out: list[str], form: _Form, depth: int) -> None:
    if form.annotations:
        for annotation in value.annotations:
            out.append("\x85")
            _write(annotation, out, form, depth)
    _write(value.value, out, form, depth)


def _write_embedded(value: Any, out: list[str], form: _Form, depth: int) -> None:
    if form.embedded is not None:
        inner = form.embedded(value)
    elif type(value) is Embedded:
        inner = value.value
    else:
        raise Unfit("a reference cannot be written here: say with embedded=… what stands for it")
    out.append("\x86")
    _write(inner, out, form, depth)


def _wide(mark: str, text: str) -> str:
    """A string or symbol of any characters."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise Unfit(
            "a str with lone surrogates cannot be written; decode bytes with errors='strict', or write the bytes"
        ) from None
    return f"{mark}{_size(len(data))}{data.decode('latin-1')}"


def _symbol(name: str) -> str:
    encoded = _wide("\xb3", name)
    if len(name) <= _CACHED_SIZE:
        if len(_SYMBOLS) >= _CACHED:
            _SYMBOLS.clear()
        _SYMBOLS[name] = encoded
    return encoded


def _deeper(depth: int) -> int:
    if depth < 1:
        raise Unfit(f"nested deeper than {_DEPTH} levels, or containing itself; write references or flatter data")
    return depth - 1

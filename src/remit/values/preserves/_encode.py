"""Values to the binary syntax of Preserves.

Preserves binary syntax, *Encoding* and *Canonical form*. Pieces are gathered as text in which each character stands for
one byte (Latin-1), as `remit.values._encode` does; its order by character is the order by byte that canonical form needs.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter, length_hint
from typing import Any, Final

from remit.values._data import Reference, Symbol
from remit.values._limits import INTEGER_DIGITS
from remit.values._model import Tagged
from remit.values._passable import MOST, Unfit, unfit
from remit.values._plain import has_copier, plain_copy
from remit.values._record import Recorded
from remit.values.preserves._annotated import Annotated, Embedded
from remit.values.preserves._containers import Compound, Map, Set
from remit.values.preserves._forms import SPECIAL, arrived, spelled

__all__ = ["EmbeddedEncoder", "canonical", "encode", "written"]

EmbeddedEncoder = Callable[[Any], Any]

_DEPTH: Final = 64  # Limits.depth, so that what is written here is read with the default limits
_PACK: Final = struct.Struct(">d").pack
_SHORT: Final = 256
_LEAST: Final = -128
_CACHED: Final = 1024  # entries, about what the labels and names of a large program come to
_CACHED_SIZE: Final = 64  # characters of one
_SYMBOLS: Final[dict[str, str]] = {}  # name to encoded form; shared by all, so bounded by the two numbers above
_KEYS: Final[dict[str, str]] = {}  # the same for strings that are keys
_LABELS: Final[
    dict[str, str]
] = {}  # the same for the labels of records that need no second look, with the record's tag
_FIRST: Final = itemgetter(0)


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
    if 0 <= value < 0x8000:
        return f"\xb0\x02{chr(value >> 8)}{chr(value & 255)}"
    if not -MOST < value < MOST:
        raise Unfit(f"an int of more than {INTEGER_DIGITS} digits cannot be written; write it as bytes")
    size = ((value if value >= 0 else ~value).bit_length() >> 3) + 1
    return "\xb0" + _size(size) + value.to_bytes(size, "big", signed=True).decode("latin-1")


_STRING: Final = ["\xb1" + _size(size) for size in range(_SHORT)]  # what stands before a string of so many bytes
_SMALL: Final = [  # by the number itself: negative ones count from the end
    *("\xb0\0", *[f"\xb0\1{chr(number)}" for number in range(1, 128)]),
    *[f"\xb0\2\0{chr(number)}" for number in range(128, 256)],
    *[f"\xb0\1{chr(number)}" for number in range(128, 256)],
]


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
        out.append(_SMALL[value] if _LEAST <= value < _SHORT else _integer(value))
    elif kind is Symbol:
        out.append(_SYMBOLS.get(value.name) or _symbol(value.name))
    elif depth < 1:
        raise Unfit(f"nested deeper than {_DEPTH} levels, or containing itself; write references or flatter data")
    elif kind is Tagged:
        _write_tagged(value, out, form, depth - 1)
    elif kind is list or kind is tuple:
        out.append("\xb5")
        _write_items(value, out, form, depth - 1)
        out.append("\x84")
    elif kind is dict:
        _write_dict(value, out, form, depth - 1)
    elif kind is bool:
        out.append("\x81" if value else "\x80")
    elif kind is bytes:
        out.append(f"\xb2{_size(len(value))}{value.decode('latin-1')}")
    elif kind is float:
        out.append("\x87\x08" + _PACK(value).decode("latin-1"))
    else:
        (_WRITERS.get(kind) or _writer(value, kind))(value, out, form, depth - 1)


def _write_items(items: Sequence[Any], out: list[str], form: _Form, depth: int) -> None:
    rest = iter(items)
    try:
        for item in rest:
            kind = type(item)
            if kind is str:
                text: str = item
                size = len(text)
                if size < _SHORT and text.isascii():
                    out.append(_STRING[size])
                    out.append(text)
                else:
                    out.append(_wide("\xb1", text))
            elif kind is int and _LEAST <= item < _SHORT:
                out.append(_SMALL[item])
            else:
                _write(item, out, form, depth)
    except Unfit as error:
        error.path.append(f"[{len(items) - length_hint(rest) - 1}]")
        raise


def _write_dict(value: dict[Any, Any], out: list[str], form: _Form, depth: int) -> None:
    """A dict of Python's: its keys have to be strings, since it finds `True` under `1`."""
    name: Any = None
    if form.sort:
        for name in value:
            if type(name) is not str:
                error = _bad_key(name)
                error.path.append(f"[{name!r}]")
                raise error
        _write_sorted(value.items(), out, form, depth)
        return
    out.append("\xb7")
    try:
        for name, item in value.items():
            if type(name) is not str:
                raise _bad_key(name)
            out.append(_KEYS.get(name) or _key(name))
            kind = type(item)
            if kind is str and len(item) < _SHORT and item.isascii():
                out.append(_STRING[len(item)])
                out.append(item)
            else:
                _write(item, out, form, depth)
    except Unfit as error:
        error.path.append(f"[{name!r}]")
        raise
    out.append("\x84")


def _bad_key(name: object) -> Unfit:
    return Unfit(f"a dict with a key that is a {type(name).__name__} cannot be written; make it a preserves.Map")


def _write_map(value: Map, out: list[str], form: _Form, depth: int) -> None:
    if form.sort:
        _write_sorted(value.entries, out, form, depth)
        return
    name: Any = None
    out.append("\xb7")
    try:
        for name, item in value.entries:
            _write(name, out, form, depth)
            _write(item, out, form, depth)
    except Unfit as error:
        error.path.append(f"[{name!r}]")
        raise
    out.append("\x84")


def _write_sorted(entries: Iterable[tuple[Any, Any]], out: list[str], form: _Form, depth: int) -> None:
    """A dictionary in canonical order: that of its keys' canonical bytes."""
    pieces: list[tuple[str, Any, Any]] = []
    name: Any = None
    try:
        for name, item in entries:
            pieces.append((_apart(name, form, depth), name, item))  # the name that failed
        pieces.sort(key=_FIRST)
        out.append("\xb7")
        for key, name, item in pieces:
            if form.annotations:
                _write(name, out, form, depth)
            else:
                out.append(key)
            _write(item, out, form, depth)
    except Unfit as error:
        error.path.append(f"[{name!r}]")
        raise
    out.append("\x84")


def _write_set(value: Set, out: list[str], form: _Form, depth: int) -> None:
    members: Sequence[Any] = value.members
    if form.sort:
        members = [member for _, member in sorted([(_apart(each, form, depth), each) for each in members], key=_FIRST)]
    out.append("\xb6")
    _write_items(members, out, form, depth)
    out.append("\x84")


def _apart(value: Any, form: _Form, depth: int) -> str:
    """The canonical encoding of a part on its own."""
    piece: list[str] = []
    _write(value, piece, _Form(form.embedded, True, False), depth)
    return "".join(piece)


def _write_tagged(value: Tagged, out: list[str], form: _Form, depth: int) -> None:
    label = _LABELS.get(value.tag)
    if label is not None and type(value.value) is list:
        out.append(label)
        _write_items(value.value, out, form, depth)
        out.append("\x84")
    else:
        _write_spelled(value, out, form, depth)


def _write_recorded(value: Recorded, out: list[str], form: _Form, depth: int) -> None:
    label = _LABELS.get(value.__record_label__)
    if label is not None:
        out.append(label)
        _write_items(value.__record_values__(), out, form, depth)
        out.append("\x84")
    else:
        _write_spelled(value, out, form, depth)


def _write_spelled(value: Any, out: list[str], form: _Form, depth: int) -> None:
    """What is written as a record, whichever that is."""
    found = arrived(value)
    if found is not value:
        _write(found, out, form, depth)
        return
    record = spelled(value)
    assert record is not None
    label, fields = record
    if label.name not in SPECIAL:
        _keep(_LABELS, label.name, "\xb4" + _wide("\xb3", label.name))
    out.append("\xb4")
    _write(label, out, form, depth)
    _write_items(fields, out, form, depth)
    out.append("\x84")


def _write_compound(value: Compound, out: list[str], form: _Form, depth: int) -> None:
    out.append("\xb4")
    try:
        _write(value.label, out, form, depth)
    except Unfit as error:
        error.path.append(".label")
        raise
    _write_items(value.fields, out, form, depth)
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


def _write_copy(value: Any, out: list[str], form: _Form, depth: int) -> None:
    _write(plain_copy(value), out, form, depth)


def _writer(value: Any, kind: type) -> Writer:
    """What writes the values of a class that is not listed; found once for each class."""
    found: Writer
    if issubclass(kind, Recorded):
        found = _write_recorded
    elif issubclass(kind, Reference):
        found = _write_embedded
    elif spelled(value) is not None:
        found = _write_spelled
    elif has_copier(kind):
        found = _write_copy
    elif kind is set or kind is frozenset:
        raise Unfit(f"a {kind.__name__} cannot be written: it finds True under 1; make it a preserves.Set")
    else:
        raise unfit(value)
    _WRITERS[kind] = found
    return found


Writer = Callable[[Any, list[str], _Form, int], None]

_WRITERS: Final[dict[type, Writer]] = {
    Set: _write_set,
    Map: _write_map,
    Compound: _write_compound,
    Annotated: _write_annotated,
    Embedded: _write_embedded,
}


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
    return _keep(_SYMBOLS, name, _wide("\xb3", name))


def _key(name: str) -> str:
    return _keep(_KEYS, name, _wide("\xb1", name))


def _keep(cache: dict[str, str], name: str, encoded: str) -> str:
    if len(name) <= _CACHED_SIZE:
        if len(cache) >= _CACHED:
            cache.clear()
        cache[name] = encoded
    return encoded

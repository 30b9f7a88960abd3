"""Values to canonical Syrup: one encoding for each value, over which signatures are made.

OCapN draft specification *Model*, and Syrup. Pieces are gathered as text in which each character stands for one byte
(Latin-1), since short strings are formatted faster than bytes; its order by character is the order by byte that canonical
structs need.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from typing import Any, Final

from remit.errors import Broken
from remit.values._data import Null, Reference, Symbol, is_text
from remit.values._limits import INTEGER_DIGITS
from remit.values._locator import Locator, SturdyRef
from remit.values._model import Record, Tagged
from remit.values._passable import MOST, Unfit, bad_key, unfit
from remit.values._plain import has_copier, plain_copy
from remit.values._record import Recorded
from remit.values._same import NAN, error_text

__all__ = ["canonical_order", "encode"]

ReferenceEncoder = Callable[[Reference], bytes]

_DEPTH: Final = 60  # below Limits.depth, since the records of a leaf (a sturdyref is three) come on top
_PACK: Final = struct.Struct(">d").pack
_NAN: Final = "D" + NAN.decode("latin-1")
_SHORT: Final = 256
_STRING: Final = [f'{size}"' for size in range(_SHORT)]  # what stands before a string of so many bytes
_SYMBOL: Final = [f"{size}'" for size in range(_SHORT)]
_WHOLE: Final = [f"{number}+" for number in range(_SHORT)]
_SHAPES: Final[dict[tuple[str, ...], list[tuple[str, str]]]] = {}  # bounded by the two numbers below
_SHAPES_KEPT: Final = 512  # about what the structs and keyword arguments of a large program come to
_SHAPE_SIZE: Final = 512  # characters of one, its keys together


def encode(value: object, reference: ReferenceEncoder | None = None) -> bytes:
    """The canonical Syrup bytes of a passable value, or of a raw `Record` with such values in it.

    `reference` gives the bytes, themselves canonical Syrup, that stand for a reference; without it references are
    refused. Raises `NotPassable` naming the path of the part that cannot be encoded.
    """
    out: list[str] = []
    try:
        _write(value, out, reference, _DEPTH)
    except Unfit as error:
        raise error.refusal("value") from None
    return "".join(out).encode("latin-1")


def canonical_order(encoded: Iterable[bytes]) -> list[bytes]:
    """Encoded keys in the order that canonical form wants: byte by byte, length prefix and type mark included."""
    return sorted(encoded)


def _write(value: Any, out: list[str], reference: ReferenceEncoder | None, depth: int) -> None:
    kind = type(value)
    if kind is str:
        text: str = value
        size = len(text)
        if size < _SHORT and text.isascii():
            out.append(_STRING[size])
            out.append(text)
        else:
            out.append(_wide(text, '"'))
    elif kind is int:
        if 0 <= value < _SHORT:
            out.append(_WHOLE[value])
        else:
            out.append(f"{value}+" if 0 <= value < MOST else _integer(value))
    elif kind is Symbol:
        name: str = value.name
        size = len(name)
        if size < _SHORT and name.isascii():
            out.append(_SYMBOL[size])
            out.append(name)
        else:
            out.append(_wide(name, "'"))
    elif kind is list or kind is tuple:
        out.append("[")
        _write_items(value, out, reference, _deeper(depth))
        out.append("]")
    elif kind is dict:
        _write_struct(value, out, reference, _deeper(depth))
    elif kind is bool:
        out.append("t" if value else "f")
    elif value is None:
        out.append("<4'void>")
    elif kind is bytes:
        out.append(f"{len(value)}:{value.decode('latin-1')}")
    elif kind is float:
        out.append(_NAN if math.isnan(value) else "D" + _PACK(value).decode("latin-1"))
    elif kind is Record:
        _write_record(value, out, reference, _deeper(depth))
    else:
        _write_other(value, out, reference, depth)


def _write_items(items: Iterable[Any], out: list[str], reference: ReferenceEncoder | None, depth: int) -> None:
    i = 0
    try:
        for item in items:
            _write(item, out, reference, depth)
            i += 1
    except Unfit as error:
        error.path.append(f"[{i}]")
        raise


def _write_struct(value: dict[Any, Any], out: list[str], reference: ReferenceEncoder | None, depth: int) -> None:
    shape = _shape(value)
    name = ""  # the field that failed
    out.append("{")
    try:
        for encoded, name in shape:
            out.append(encoded)
            _write(value[name], out, reference, depth)
    except Unfit as error:
        error.path.append(f"[{name!r}]")
        raise
    out.append("}")


def _shape(value: dict[Any, Any]) -> list[tuple[str, str]]:
    """The keys in canonical order, each behind what is written for it. Most structs have the keys of an earlier one."""
    for name in value:
        if type(name) is not str:  # it may be equal to a str that has passed
            raise _bad_key(name)
    names: tuple[str, ...] = tuple(value)
    known = _SHAPES.get(names)
    return known if known is not None else _new_shape(names)


def _new_shape(names: tuple[str, ...]) -> list[tuple[str, str]]:
    shape: list[tuple[str, str]] = []
    size = 0
    for name in names:
        if not is_text(name):
            raise _bad_key(name)
        encoded = _wide(name, '"')
        shape.append((encoded, name))
        size += len(encoded)
    shape.sort()
    if size <= _SHAPE_SIZE:
        if len(_SHAPES) >= _SHAPES_KEPT:
            _SHAPES.clear()
        _SHAPES[names] = shape
    return shape


def _bad_key(name: object) -> Unfit:
    error = bad_key(name)
    error.path.append(f"[{name!r}]")
    return error


def _write_record(value: Record, out: list[str], reference: ReferenceEncoder | None, depth: int) -> None:
    out.append("<")
    _write(value.label, out, reference, depth)
    try:
        _write_items(value.fields, out, reference, depth)
    except Unfit as error:
        error.path.append(".fields")
        raise
    out.append(">")


def _write_other(value: Any, out: list[str], reference: ReferenceEncoder | None, depth: int) -> None:
    """The rarer kinds, each by what stands for it."""
    if isinstance(value, Reference):
        if reference is None:
            raise Unfit("a reference cannot be encoded here, without a session that knows its peer")
        out.append(reference(value).decode("latin-1"))
    elif isinstance(value, Recorded):
        _write_recorded(value, out, reference, _deeper(_deeper(depth)))
    elif type(value) is Tagged:
        _write_tagged(value, out, reference, _deeper(depth))
    elif type(value) is Null:
        out.append("<4'null>")
    elif isinstance(value, Broken):
        out.append("<10'desc:error" + _wide(error_text(value), '"') + ">")
    elif type(value) is Locator:
        out.append(_peer(value))
    elif type(value) is SturdyRef:
        out.append(f"<15'ocapn-sturdyref{_peer(value.locator)}{len(value.swiss)}:{value.swiss.decode('latin-1')}>")
    elif has_copier(type(value)):
        _write(plain_copy(value), out, reference, depth)
    else:
        raise unfit(value)


def _write_tagged(value: Tagged, out: list[str], reference: ReferenceEncoder | None, depth: int) -> None:
    out.append("<11'desc:tagged" + _wide(value.tag, "'"))
    try:
        _write(value.value, out, reference, depth)
    except Unfit as error:
        error.path.append(".value")
        raise
    out.append(">")


def _write_recorded(value: Recorded, out: list[str], reference: ReferenceEncoder | None, depth: int) -> None:
    out.append("<11'desc:tagged" + _wide(value.__record_label__, "'") + "[")
    name = ""
    try:
        for name, item in zip(  # noqa: B007  # the field that failed
            value.__record_fields__, value.__record_values__(), strict=True
        ):
            _write(item, out, reference, depth)
    except Unfit as error:
        error.path.append(f".{name}")
        raise
    out.append("]>")


def _peer(locator: Locator) -> str:
    transport, designator = _wide(locator.transport, "'"), _wide(locator.designator, '"')
    hints = "f"
    if locator._given:
        pairs = sorted((_wide(name, '"'), _wide(hint, '"')) for name, hint in locator.hints.items())
        hints = "{" + "".join(name + hint for name, hint in pairs) + "}"
    return f"<10'ocapn-peer{transport}{designator}{hints}>"


def _wide(text: str, mark: str) -> str:
    """A string or symbol of any characters."""
    try:
        return f"{len(data := text.encode())}{mark}" + data.decode("latin-1")
    except UnicodeEncodeError:
        raise Unfit(
            "a str with lone surrogates cannot pass; decode bytes with errors='strict', or pass the bytes"
        ) from None


def _integer(value: int) -> str:
    if not -MOST < value < MOST:
        raise Unfit(f"an int of more than {INTEGER_DIGITS} digits cannot pass; pass it as bytes")
    return f"{-value}-"


def _deeper(depth: int) -> int:
    if depth < 1:
        raise Unfit(f"nested deeper than {_DEPTH} levels, or containing itself; pass references or flatter data")
    return depth - 1

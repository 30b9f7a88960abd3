"""Canonical Syrup to values; any other spelling of a value is refused.

One loop with its own stack, so that nesting costs no Python stack, and one end mark behind the data, so that reading
one byte ahead never needs a check. Nothing is allocated for a length before the bytes are known to be there.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from typing import Any, Final

from remit.errors import DecodeError, LimitExceeded, ProtocolError, Truncated
from remit.values._data import Symbol
from remit.values._limits import DEFAULT_LIMITS, Limits
from remit.values._records import model_record
from remit.values._same import NAN

__all__ = ["RecordMaker", "decode"]

RecordMaker = Callable[[Any, list[Any]], Any]

_UNPACK: Final = struct.Struct(">d").unpack
_DIGITS: Final = re.compile(rb"[0-9]*")
_SYMBOLS: Final[dict[bytes, Symbol]] = {}  # text to symbol; shared by all sessions, so bounded by the two numbers below
_KEYS: Final[dict[bytes, str]] = {}  # encoded struct key to key; the same
_LENGTH_DIGITS: Final = 18
_HINTS: Final = {
    b"F": ": OCapN has no float32",
    b"#": ": OCapN has no sets",
    b" ": ": canonical form has no whitespace",
    b"\n": ": canonical form has no whitespace",
    b"l": ": this is the older, bencode-like form",
    b"d": ": this is the older, bencode-like form",
    b"i": ": this is the older, bencode-like form",
}
_CACHED: Final = 1024  # entries, about what the method and field names of a large program come to
_CACHED_BYTES: Final = 64  # of one entry


def decode(
    data: bytes | bytearray | memoryview, *, limits: Limits = DEFAULT_LIMITS, record: RecordMaker = model_record
) -> Any:
    """The value that these bytes, all of them, are the canonical encoding of.

    `record(label, fields)` is called for each Syrup record as it closes and gives its value; a plain `ProtocolError`
    that it raises becomes a `DecodeError` with the offset. Raises `Truncated` where the bytes end too early,
    `LimitExceeded` where a limit is passed and `DecodeError` for everything else.
    """
    whole = data if type(data) is bytes else bytes(data)
    if len(whole) > limits.frame:
        raise LimitExceeded(f"a message of {len(whole)} bytes is longer than Limits.frame, {limits.frame}")
    return _decode(whole + b"\0", limits, record)


def _decode(data: bytes, limits: Limits, record: RecordMaker) -> Any:
    """The value in `data`, which ends with one byte that is not the message's and begins no value."""
    size = len(data) - 1
    items: list[Any] = []  # of the list or record being read
    fields: dict[str, Any] | None = None  # the struct being read instead
    key, last = "", b""  # its current key, and that key's encoded bytes
    at = start = count = 0
    close = -1  # the byte that ends the container; none at the top
    stack: list[tuple[list[Any], dict[str, Any] | None, str, bytes, int, int]] = []
    value: Any
    while True:
        c = data[at]
        if fields is not None and c != 125:
            key, last, at = _key(data, at, last)
            c = data[at]
        if 48 <= c <= 57:
            n, end = c - 48, at + 1
            c = data[end]
            if 48 <= c <= 57:
                n, end = _number(data, at, limits.integer_digits)
                c = data[end]
            at, end = end + 1, end + 1 + n
            if c == 43:
                value, end = n, at
            elif end > size or c not in b"\"':":
                value, end = _negative(data, at, n), at
            elif c == 34:
                value = _text(data[at:end], at)
            elif c == 39:
                raw = data[at:end]
                value = _SYMBOLS.get(raw) or _symbol(raw, at)
            else:
                value = data[at:end]
            at = end
        elif c in {91, 123, 60}:
            if len(stack) >= limits.depth:
                raise LimitExceeded(f"nested deeper than Limits.depth, {limits.depth} (at byte {at})")
            stack.append((items, fields, key, last, close, start))
            items, fields, last, close, start, at = [], ({} if c == 123 else None), b"", c + 2, at, at + 1
            continue
        elif c == close:
            count = _counted(count + len(items if fields is None else fields), limits, at)
            value = items if c == 93 else fields if c == 125 else _record(items, start, record)
            items, fields, key, last, close, start = stack.pop()
            at += 1
        else:
            value, at = _atom(data, at)
        if fields is not None:
            fields[key] = value
        elif stack:
            items.append(value)
        else:
            return _finished(value, at, size)


def _key(data: bytes, at: int, last: bytes) -> tuple[str, bytes, int]:
    """A struct's key, its encoded form and the offset of its value; keys have to come in ascending encoded order."""
    n = data[at] - 48
    begin = at + 1
    if not 0 <= n <= 9:
        raise _unexpected(data, at, "a struct's key, a string,")
    if 48 <= data[begin] <= 57:
        n, begin = _number(data, at, _LENGTH_DIGITS)
    end = begin + 1 + n
    if data[begin] != 34:
        raise _unexpected(data, begin, "the \" of a struct's key, which is a string,")
    if end > len(data) - 1:
        raise _cut(data, begin + 1, n)
    encoded = data[at:end]
    if encoded <= last:
        raise DecodeError("a struct's keys are not in ascending order of their encoded bytes, or one comes twice", at)
    if data[end] == 125:
        raise DecodeError("a struct's key has no value", end)
    return _KEYS.get(encoded) or _new_key(encoded, begin + 1 - at, begin + 1), encoded, end


def _new_key(encoded: bytes, skip: int, at: int) -> str:
    key = _text(encoded[skip:], at)
    if len(encoded) <= _CACHED_BYTES:
        if len(_KEYS) >= _CACHED:
            _KEYS.clear()  # rather than keep what a hostile peer may have filled it with
        _KEYS[encoded] = key
    return key


def _symbol(raw: bytes, at: int) -> Symbol:
    symbol = Symbol(_text(raw, at))
    if len(raw) <= _CACHED_BYTES:
        if len(_SYMBOLS) >= _CACHED:
            _SYMBOLS.clear()
        _SYMBOLS[raw] = symbol
    return symbol


def _text(raw: bytes, at: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("a string or symbol is not UTF-8", at + error.start) from None


def _number(data: bytes, at: int, digits: int) -> tuple[int, int]:
    """An integer or length of two digits or more, and the offset behind it."""
    match = _DIGITS.match(data, at)
    assert match is not None
    end = match.end()
    if data[at] == 48:
        raise DecodeError("a number begins with 0", at)
    if end - at > digits:
        raise LimitExceeded(f"a number of more digits than Limits.integer_digits, {digits} (at byte {at})")
    try:
        return int(data[at:end]), end
    except ValueError:  # sys.set_int_max_str_digits: this process converts fewer digits than the limit allows
        raise LimitExceeded(f"a number of {end - at} digits is more than Python converts here (at byte {at})") from None


def _negative(data: bytes, at: int, n: int) -> int:
    """A number whose mark, before `at`, is neither + nor that of a text whose bytes are all there."""
    mark = data[at - 1]
    if mark == 45 and n:
        return -n
    if mark == 45:
        raise DecodeError("minus zero is not an integer", at - 1)
    if mark in b"\"':":
        raise _cut(data, at, n)
    raise _unexpected(data, at - 1, "one of + - : \" ' after a number")


def _atom(data: bytes, at: int) -> tuple[Any, int]:
    """A boolean or a float, and the offset behind it."""
    c = data[at]
    if c in {116, 102}:
        return c == 116, at + 1
    if c != 68:
        raise _unexpected(data, at, "a value")
    packed = data[at + 1 : at + 9]
    if at + 9 > len(data) - 1:
        raise _cut(data, at + 1, 8)
    number: float = _UNPACK(packed)[0]
    if math.isnan(number) and packed != NAN:
        raise DecodeError("a NaN that is not the canonical one, 7ff8000000000000", at)
    return number, at + 9


def _record(items: list[Any], start: int, record: RecordMaker) -> Any:
    if not items:
        raise DecodeError("a record has no label", start)
    try:
        return record(items[0], items[1:])
    except ProtocolError as error:
        if type(error) is ProtocolError:
            raise DecodeError(str(error), start) from None
        raise


def _counted(count: int, limits: Limits, at: int) -> int:
    if count > limits.items:
        raise LimitExceeded(f"more values than Limits.items, {limits.items} (at byte {at})")
    return count


def _finished(value: Any, at: int, size: int) -> Any:
    if at != size:
        raise DecodeError("bytes follow after the end of the value", at)
    return value


def _cut(data: bytes, at: int, n: int) -> Truncated:
    return Truncated(f"{n} bytes were announced and {len(data) - 1 - at} are there", at)


def _unexpected(data: bytes, at: int, wanted: str) -> DecodeError:
    """The error for a byte that cannot stand here, with a word on the spellings that other decoders accept."""
    if at >= len(data) - 1:
        return Truncated(f"the bytes end where {wanted} should stand", at)
    hint = _HINTS.get(data[at : at + 1], "")
    return DecodeError(f"the byte {data[at : at + 1]!r} stands where {wanted} should{hint}", at)

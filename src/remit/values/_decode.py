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

_UNPACK: Final = struct.Struct(">d").unpack_from
_DIGITS: Final = re.compile(rb"[0-9]*")
_SYMBOLS: Final[dict[bytes, Symbol]] = {}  # text to symbol; shared by all sessions, so bounded by the two numbers below
_KEYS: Final[dict[str, str]] = {}  # a struct's key to what orders it; the same
_QUICK: Final = 10**9  # up to about here, adding up digits takes less time than int()
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
    size, depth, most = len(data) - 1, limits.depth, limits.items
    text = data.decode("latin-1") if data.isascii() else ""  # of most messages: a slice of it is a string already
    stack: list[tuple[list[Any], int, int]] = []  # for each open container: `items` and `close` outside, and its start
    items: list[Any] = []  # of the container being read; a struct's keys and values alternate
    close = -1  # the byte that ends it; none at the top
    at = count = 0
    while True:
        c = data[at]
        if 48 <= c <= 57:
            n, begin = c - 48, at + 2
            c = data[at + 1]
            while 48 <= c <= 57 and 0 < n < _QUICK:
                n, c, begin = n * 10 + c - 48, data[begin], begin + 1
            if 48 <= c <= 57:
                n, begin = _number(data, at, limits.integer_digits)
                c = data[begin - 1]
            at = begin
            if c == 43:
                items.append(n)
            elif c == 45 or begin + n > size:
                items.append(_negative(data, begin, n))
            else:
                at = begin + n
                if c == 34:
                    items.append(text[begin:at] if text else _text(data[begin:at], begin))
                elif c == 39:
                    items.append(_SYMBOLS.get(data[begin:at]) or _symbol(data[begin:at], begin))
                else:
                    items.append(data[begin:at] if c == 58 else _negative(data, begin, n))
        elif c == close:
            count += len(items)
            if count > most:
                raise LimitExceeded(f"more values than Limits.items, {most} (at byte {at})")
            inner = items
            items, close, start = stack.pop()
            items.append(inner if c == 93 else _struct(inner, start) if c == 125 else _record(inner, start, record))
            at += 1
        elif c in {91, 123, 60}:
            stack.append((items, close, at))
            if len(stack) > depth:
                raise LimitExceeded(f"nested deeper than Limits.depth, {depth} (at byte {at})")
            items, close, at = [], c + 2, at + 1
            continue
        else:
            items.append(c == 116 if c in {116, 102} else _float(data, at))
            at += 9 if c == 68 else 1
        if close < 0:
            return _finished(items[0], at, size)


def _struct(items: list[Any], start: int) -> dict[str, Any]:
    """The struct of these alternating keys and values; the keys have to come in ascending order of their encoded bytes."""
    if len(items) & 1:
        raise DecodeError("the last key of a struct has no value", start)
    fields: dict[str, Any] = {}
    last = ""
    parts = iter(items)
    for key, value in zip(parts, parts):  # noqa: B905  # even, says the check above
        if type(key) is not str:
            raise DecodeError(f"the keys of a struct are strings, and here is a {type(key).__name__}", start)
        encoded = _KEYS.get(key) or _new_key(key)
        if encoded <= last:
            raise DecodeError("the keys of a struct do not ascend by their encoded bytes, or one comes twice", start)
        last = encoded
        fields[key] = value
    return fields


def _new_key(key: str) -> str:
    """The encoded form of a struct's key, as text that sorts as its bytes do."""
    raw = key.encode()
    encoded = f'{len(raw)}"' + raw.decode("latin-1")
    if len(raw) <= _CACHED_BYTES:
        if len(_KEYS) >= _CACHED:
            _KEYS.clear()  # rather than keep what a hostile peer may have filled it with
        _KEYS[key] = encoded
    return encoded


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
    """An integer or length of two digits or more, and the offset behind its mark."""
    match = _DIGITS.match(data, at)
    assert match is not None
    end = match.end()
    if data[at] == 48:
        raise DecodeError("a number begins with 0", at)
    if end - at > digits:
        raise LimitExceeded(f"a number of more digits than Limits.integer_digits, {digits} (at byte {at})")
    try:
        return int(data[at:end]), end + 1
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


def _float(data: bytes, at: int) -> float:
    if data[at] != 68:
        raise _unexpected(data, at, "a value")
    if at + 9 > len(data) - 1:
        raise _cut(data, at + 1, 8)
    number: float = _UNPACK(data, at + 1)[0]
    if math.isnan(number) and data[at + 1 : at + 9] != NAN:
        raise DecodeError("a NaN that is not the canonical one, 7ff8000000000000", at)
    return number


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

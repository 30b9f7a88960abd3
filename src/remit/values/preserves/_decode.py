"""The binary syntax of Preserves to values.

Preserves binary syntax, *Encoding*. One loop with its own stack, so that nesting costs no Python stack. That the bytes
end is seen where one is read behind them, and otherwise only where a value is given away. Nothing is allocated for a length
before the bytes are known to be there. What has a shorter form, or a member or key twice, is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from remit.errors import DecodeError, LimitExceeded, ProtocolError, Truncated
from remit.values._data import Symbol
from remit.values._limits import DEFAULT_LIMITS, Limits
from remit.values._model import NATIVE, Blank, Tagged
from remit.values._record import CLASSES, tagged
from remit.values.preserves._annotated import Annotated, made_embedded
from remit.values.preserves._records import (
    LABELLED,
    LABELS,
    NAMES,
    Foreign,
    Wrong,
    closed_dictionary,
    closed_record,
    closed_set,
)

__all__ = ["ANNOTATED", "ANNOTATION", "EMBEDDING", "EmbeddedDecoder", "decode", "decode_at"]

EmbeddedDecoder = Callable[[Any], Any]

# What is open in the stack: the tag of a compound value, or one of these, which hold one value; all of them are smaller.
EMBEDDING: Final = 0x86
ANNOTATION: Final = 0x85
ANNOTATED: Final = 0x83  # behind its first annotation
_TOP: Final = 0

_INTEGER: Final = int.from_bytes
_UNPACK: Final = struct.Struct(">d").unpack_from
_SYMBOLS: Final[
    dict[str, Symbol]
] = {}  # bytes, as Latin-1, to symbol; shared by all sessions, so bounded by the two numbers below
_CACHED: Final = 1024  # entries, about what the labels and names of a large program come to
_CACHED_BYTES: Final = 64  # of one entry
_LONGEST: Final = 56  # bits of a length: more than any memory holds
_DIGIT_BITS: Final = 3.3219280948873626  # log2(10)


def decode(
    data: bytes | bytearray | memoryview,
    *,
    limits: Limits = DEFAULT_LIMITS,
    embedded: EmbeddedDecoder | None = None,
    annotations: bool = False,
) -> Any:
    """The value that these bytes, all of them, encode.

    `embedded` makes of each embedded value what the program wants instead, such as a reference; a plain `ProtocolError`
    that it raises becomes a `DecodeError` with the offset. Without it there is an `Embedded`. Annotations are dropped, or
    kept as `Annotated`. Raises `Truncated` where the bytes end too early, `LimitExceeded` where a limit is passed and
    `DecodeError` for everything else.
    """
    whole = data if type(data) is bytes else bytes(data)
    size = len(whole)
    if size > limits.frame:
        raise LimitExceeded(f"a value of {size} bytes is longer than Limits.frame, {limits.frame}")
    value, at = decode_at(whole, whole.decode("latin-1"), 0, limits, embedded, annotations)
    if at != size:
        raise DecodeError("bytes follow after the end of the value", at)
    return value


def decode_at(
    data: bytes, text: str, at: int, limits: Limits, embedded: EmbeddedDecoder | None, annotations: bool
) -> tuple[Any, int]:
    """The value that begins at this offset, and the offset behind it. `text` is the same bytes as Latin-1."""
    size, depth, most = len(data), limits.depth, limits.items
    many = size > most  # otherwise there are no bytes for so many values
    quick = (
        limits.integer_digits // 3
    )  # bytes of an integer that need no second look: of each come less than three digits
    symbols, labels, names, classes = _SYMBOLS, LABELS[0], NAMES[0], CLASSES
    native = NATIVE
    made: Any
    stack: list[tuple[list[Any], int, int]] = []  # for each that is open: `items` and `tag` outside, and its start
    items: list[Any] = []  # of what is being read; a dictionary's keys and values alternate
    tag = _TOP
    begin = start = count = 0
    try:
        while True:
            c = data[at]
            if c > 0xAF:
                if c == 0xB1:
                    n, begin = data[at + 1], at + 2
                    if n > 127:
                        n, begin = _length(data, at + 1)
                    at = begin + n
                    items.append(data[begin:at].decode())
                elif c == 0xB4:
                    stack.append((items, tag, at))
                    if len(stack) > depth:
                        raise LimitExceeded(f"nested deeper than Limits.depth, {depth} (at byte {at})")
                    items = []
                    begin = at + 1
                    end = at + 3 + data[at + 2]
                    tag = labels.get(text[begin:end], 0xB4)
                    at = begin if tag == 0xB4 else end
                    continue
                elif c == 0xB0:
                    n = data[at + 1]
                    if n == 1 and 0 < (first := data[at + 2]) < 128:
                        items.append(first)
                        at += 3
                    elif n == 2 and 0 < (first := data[at + 2]) < 128:
                        items.append(first << 8 | data[at + 3])
                        at += 4
                    elif not n:
                        items.append(0)
                        at += 2
                    else:
                        begin = at + 2
                        if n > 127:
                            n, begin = _length(data, at + 1)
                        at = begin + n
                        if n <= quick and 0 < data[begin] < 255:
                            items.append(_INTEGER(data[begin:at], "big", signed=True))
                        else:
                            items.append(_integer(data, begin, n, limits))
                elif c == 0xB3:
                    n, begin = data[at + 1], at + 2
                    if n > 127:
                        n, begin = _length(data, at + 1)
                    at = begin + n
                    items.append(symbols.get(text[begin:at]) or _symbol(data[begin:at]))
                elif 0xB5 <= c <= 0xB7:
                    stack.append((items, tag, at))
                    if len(stack) > depth:
                        raise LimitExceeded(f"nested deeper than Limits.depth, {depth} (at byte {at})")
                    items, tag, at = [], c, at + 1
                    continue
                else:
                    value, at = _other(data, at)
                    items.append(value)
            elif c == 0x84 and tag > EMBEDDING:
                if many:
                    count += len(items)
                    if count > most:
                        raise LimitExceeded(f"more values than Limits.items, {most} (at byte {at})")
                inner, closed = items, tag
                items, tag, start = stack.pop()
                at += 1
                if closed >= LABELLED:
                    name = names[closed]
                    if name in classes:
                        items.append(tagged(name, inner))
                    elif native:
                        items.append(Tagged(name, inner))
                    else:
                        made = Blank()
                        made.tag = name
                        made.value = inner
                        made.__class__ = Tagged
                        items.append(made)
                elif closed == 0xB5:
                    items.append(inner)
                elif closed == 0xB7:
                    items.append(closed_dictionary(inner))
                else:
                    items.append(closed_record(inner) if closed == 0xB4 else closed_set(inner))
            elif 0x80 <= c <= 0x81:
                items.append(c == 0x81)
                at += 1
            elif c == 0x87 and at + 10 <= size and data[at + 1] == 8:
                items.append(_UNPACK(data, at + 2)[0])
                at += 10
            elif ANNOTATION <= c <= EMBEDDING:
                stack.append((items, tag, at))
                if len(stack) > depth:
                    raise LimitExceeded(f"nested deeper than Limits.depth, {depth} (at byte {at})")
                items, tag, at = [], c, at + 1
                continue
            else:
                value, at = _other(data, at)
                items.append(value)
            if tag < 0xB4:
                if at > size:
                    break
                while tag == EMBEDDING:
                    value = items[0]
                    items, tag, start = stack.pop()
                    items.append(made_embedded(value) if embedded is None else _embedded(value, start, embedded))
                if _TOP < tag < EMBEDDING:
                    items, tag = _single(items, tag, stack, embedded, annotations)
                if tag == _TOP and items:
                    return items[0], at
    except UnicodeDecodeError as error:
        if at <= size:
            raise DecodeError("a string or symbol is not UTF-8", begin + error.start) from None
    except IndexError:  # the one way in which the end is seen
        if data[at:] == b"\xb4\x84":
            raise DecodeError("a record has no label", at) from None
    except Wrong as error:
        raise DecodeError(str(error), start) from None
    except Foreign as error:
        raise error.cause from None
    raise _cut(at, begin, size)


def _cut(at: int, begin: int, size: int) -> Truncated:
    """The error for bytes that end too early, where reading is at this offset, and last began to at the other."""
    if at > size >= begin:
        return Truncated(f"{at - begin} bytes were announced and {size - begin} are there", begin)
    return Truncated("the bytes end where a value should stand" if at == size else "the bytes end inside a value", size)


def _single(
    items: list[Any],
    tag: int,
    stack: list[tuple[list[Any], int, int]],
    embedded: EmbeddedDecoder | None,
    annotations: bool,
) -> tuple[list[Any], int]:
    """What is open once a value has ended inside of what holds one value, and of all that ends with it."""
    while EMBEDDING >= tag > _TOP:
        value = items.pop()
        outer, above, start = stack.pop()
        if tag == ANNOTATION:
            if above == ANNOTATED:
                outer.append(value)
                return outer, above
            stack.append((outer, above, start))
            return [value], ANNOTATED
        if tag == EMBEDDING:
            value = made_embedded(value) if embedded is None else _embedded(value, start, embedded)
        elif annotations:
            value = Annotated(items, value)
        outer.append(value)
        items, tag = outer, above
    return items, tag


def _embedded(value: Any, start: int, embedded: EmbeddedDecoder) -> Any:
    try:
        return embedded(value)
    except ProtocolError as error:
        if type(error) is ProtocolError:
            raise DecodeError(str(error), start) from None
        raise
    except (IndexError, UnicodeDecodeError) as error:  # which would say something of the bytes
        raise Foreign(error) from None


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A length, and the offset behind it: seven bits in each byte, the lowest first."""
    n = shift = 0
    begin = at
    while data[at] > 127:
        n |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if shift > _LONGEST:
            raise LimitExceeded(f"a length above what any limit allows (at byte {begin})")
    if shift and not data[at]:
        raise DecodeError("a length is not written in the fewest bytes", begin)
    return n | data[at] << shift, at + 1


def _symbol(raw: bytes) -> Symbol:
    symbol = Symbol(raw.decode())
    if len(raw) <= _CACHED_BYTES:
        if len(_SYMBOLS) >= _CACHED:
            _SYMBOLS.clear()  # rather than keep what a hostile peer may have filled it with
        _SYMBOLS[raw.decode("latin-1")] = symbol
    return symbol


def _integer(data: bytes, begin: int, n: int, limits: Limits) -> int:
    """An integer of so many bytes: two's complement, in the fewest bytes, which is none for zero."""
    if not n:
        return 0
    first, second = data[begin], data[begin + n - 1]  # the last one: for its being there
    if n == 1:
        if not first:
            raise DecodeError("zero is not written in the fewest bytes, which is none", begin)
        return first if first < 128 else first - 256
    second = data[begin + 1]
    if (first == 0 and second < 128) or (first == 255 and second > 127):
        raise DecodeError("an integer is not written in the fewest bytes", begin)
    if (n - 1) * 8 > limits.integer_digits * _DIGIT_BITS + 8:
        raise LimitExceeded(
            f"an integer of more digits than Limits.integer_digits, {limits.integer_digits} (at byte {begin})"
        )
    return int.from_bytes(data[begin : begin + n], "big", signed=True)


def _other(data: bytes, at: int) -> tuple[Any, int]:
    """The byte string or double at this offset, and the offset behind it; or the error for what begins no value."""
    c = data[at]
    if c == 0xB2:
        n, begin = _length(data, at + 1)
        if begin + n > len(data):
            raise _cut(begin + n, begin, len(data))
        return data[begin : begin + n], begin + n
    if c != 0x87:
        wrong = "an end that closes nothing" if c == 0x84 else f"the byte {data[at : at + 1]!r}, which begins no value"
        raise DecodeError(f"here is {wrong}", at)
    if data[at + 1] != 8:
        raise DecodeError("a double is of 8 bytes; singles were withdrawn", at + 1)
    if at + 10 > len(data):
        raise Truncated("the bytes end inside a double", len(data))
    return _UNPACK(data, at + 2)[0], at + 10

"""Where messages begin and end in a stream of bytes, found without building them.

Two framings. Raw: Syrup values back to back, as `tcp-testing-only` has them. Prefixed: `<decimal length>:<bytes>`, as
Remit's own netlayers have them, and as the OCapN group has decided for stream netlayers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from remit.errors import DecodeError, LimitExceeded, ProtocolError
from remit.values._limits import DEFAULT_LIMITS, Limits

__all__ = ["Framer", "LengthFramer", "framed", "framed_together"]

_DIGITS: Final = re.compile(rb"[0-9]*")
_CLOSED: Final = frozenset(b"]}>")
_SIZED: Final = frozenset(b":\"'")  # behind the length of bytes, a string, a symbol
_MARKS: Final = _SIZED | frozenset(b"+-")
_LENGTH_DIGITS: Final = 18


def framed(message: bytes) -> bytes:
    """The message with its length before it, for a `LengthFramer` at the other end."""
    return b"%d:%b" % (len(message), message)


def framed_together(messages: Sequence[bytes]) -> bytes:
    """The messages one after the other, each with its length before it."""
    return b"".join([b"%d:%b" % (len(message), message) for message in messages])


class Framer:
    """Finds the borders of Syrup values that stand back to back, however the stream is cut. Ends with its connection.

    It checks nesting and sizes as far as borders need it; whether a message is well-formed, `decode` says. After an error
    nothing more can be found: every later `feed` raises the same error again.
    """

    __slots__ = ("_at", "_begin", "_buffer", "_closers", "_digits", "_error", "_limits")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._begin = 0  # of the message that is not complete
        self._at = 0  # where reading goes on: behind the buffer's end when bytes are to be skipped
        self._error: ProtocolError | None = None
        self._closers = bytearray()  # of what is open, innermost last
        self._digits = 0  # of the number that ends at `_at`

    @property
    def pending(self) -> int:
        """Bytes of a message that is not complete; other than 0 at the stream's end, the peer was cut off."""
        return len(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """The messages that these bytes complete, in order. Raises `ProtocolError` for what can become none.

        Messages that the same call completed before the error are lost with it: the session ends anyway.
        """
        if self._error is not None:
            raise self._error
        self._buffer += data
        found: list[bytes] = []
        try:
            while self._scan():
                found.append(bytes(memoryview(self._buffer)[self._begin : self._at]))
                self._begin = self._at
        except ProtocolError as error:
            self._error = self._first(error)
            self._buffer.clear()
            raise self._error from None
        del self._buffer[: self._begin]
        self._at -= self._begin
        self._begin = 0
        return found

    def _first(self, error: ProtocolError) -> ProtocolError:
        """What is wrong first, however the stream was cut: a byte that stands behind the limit would not have been looked at, had it come later."""
        if isinstance(error, DecodeError) and error.offset > self._limits.frame:
            return self._too_long()
        return error

    def _too_long(self) -> LimitExceeded:
        return LimitExceeded(f"a message is longer than Limits.frame, {self._limits.frame} bytes")

    def _scan(self) -> bool:
        """Read on; whether a message ends at `_at` now, all of it in the buffer."""
        buffer, closers, at = self._buffer, self._closers, self._at
        size = len(buffer)
        whole = self._begin < at and not closers and not self._digits  # but for last bytes that had not come
        while at < size and not whole:
            c = buffer[at]
            if 48 <= c <= 57 or self._digits:
                at = self._number(buffer, at, size)
            elif c in {91, 123, 60}:
                at += 1
                closers.append(c + 2)
                if len(closers) > self._limits.depth:
                    raise LimitExceeded(f"nested deeper than Limits.depth, {self._limits.depth}")
            elif closers and c == closers[-1]:
                at += 1
                del closers[-1]
            else:
                at += self._atom(c, at)
            whole = not closers and not self._digits
        self._at = at
        if at - self._begin > self._limits.frame:
            raise self._too_long()
        return self._begin < at <= size and not closers and not self._digits

    def _number(self, buffer: bytearray, at: int, size: int) -> int:
        """Read digits and what they announce; the offset behind, which is where the bytes end if they do before the mark."""
        if not self._digits and at + 1 < size and buffer[at + 1] in _MARKS:
            return at + 2 + (buffer[at] - 48 if buffer[at + 1] in _SIZED else 0)
        match = _DIGITS.match(buffer, at)
        assert match is not None
        end = match.end()
        self._digits += end - at
        if self._digits > self._limits.integer_digits:
            raise LimitExceeded(f"a number of more digits than Limits.integer_digits, {self._limits.integer_digits}")
        if end == size:
            return end
        if buffer[end] not in _MARKS:
            raise DecodeError(f"the byte {bytes(buffer[end : end + 1])!r} stands behind a number", end - self._begin)
        digits, self._digits = self._digits, 0
        return end + 1 + (_length(buffer[end - digits : end]) if buffer[end] in _SIZED else 0)

    def _atom(self, c: int, at: int) -> int:
        """How long the boolean or float is that begins with this byte."""
        if c not in {68, 116, 102}:
            wrong = "closes what is not open" if c in _CLOSED else "begins no value"
            raise DecodeError(f"the byte {bytes([c])!r} {wrong}", at - self._begin)
        return 9 if c == 68 else 1


def _length(digits: bytearray) -> int:
    return int(digits) if len(digits) < _LENGTH_DIGITS else 10**_LENGTH_DIGITS  # above every limit in any case


class LengthFramer:
    """Finds the messages in a stream of `<decimal length>:<bytes>`, cut anywhere; without the lengths.

    It belongs to one connection and ends with it. What stands whole in the bytes of one read is taken from there;
    the buffer holds only the message, or the length, that has not come whole. Errors as in `Framer`.
    """

    __slots__ = ("_buffer", "_error", "_length", "_limits", "_most")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._length = -1  # of the message in the buffer; below 0 while its digits come
        self._most = len(str(limits.frame))  # digits
        self._error: ProtocolError | None = None

    @property
    def pending(self) -> int:
        """As in `Framer`; 1 where a length has come, and nothing of what it announces."""
        return len(self._buffer) or int(self._length >= 0)

    def feed(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """As in `Framer`."""
        if self._error is not None:
            raise self._error
        found: list[bytes] = []
        try:
            rest = self._joined(bytes(data), found)
            if rest:
                self._cut(rest, found)
        except ProtocolError as error:
            self._error = error
            self._buffer.clear()
            raise
        return found

    def _joined(self, data: bytes, found: list[bytes]) -> bytes:
        """Bring what was begun to its end; what is left of the bytes begins with a length, or with a part of one."""
        buffer, length = self._buffer, self._length
        if length < 0:
            if buffer:
                data = bytes(buffer) + data
                buffer.clear()
            return data
        missing = length - len(buffer)
        if missing > len(data):
            buffer += data
            return b""
        found.append(bytes(buffer + data[:missing]) if buffer else data[:missing])
        buffer.clear()
        self._length = -1
        return data[missing:]

    def _cut(self, data: bytes, found: list[bytes]) -> None:
        """Take the messages that these bytes begin with; the first that is not whole goes to the buffer."""
        start, size, frame = 0, len(data), self._limits.frame
        while start < size:
            length, at = data[start] - 48, start + 1
            if 0 < length < 10:
                while at < size and 48 <= data[at] <= 57 and length <= frame:
                    length = length * 10 + data[at] - 48
                    at += 1
            if at >= size or data[at] != 58 or not 0 <= length <= frame:
                self._check(data, start)
                self._buffer += data[start:]
                return
            begin = at + 1
            start = begin + length
            if start > size:
                self._length = length
                self._buffer += data[begin:]
                return
            found.append(data[begin:start])

    def _check(self, data: bytes, start: int) -> None:
        """Refuse what is not the beginning of a length."""
        match = _DIGITS.match(data, start, start + self._most + 1)
        assert match is not None
        end, count = match.end(), match.end() - start
        if count > self._most or (data[end : end + 1] == b":" and int(data[start:end] or b"0") > self._limits.frame):
            raise LimitExceeded(f"a message is longer than Limits.frame, {self._limits.frame} bytes")
        if end < len(data):
            raise DecodeError("a message does not begin with its length in decimal digits and a colon", 0)

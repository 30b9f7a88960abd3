"""Where messages begin and end in a stream of bytes, found without building them.

Two framings. Raw: Syrup values back to back, as `tcp-testing-only` has them. Prefixed: `<decimal length>:<bytes>`, as
Remit's own netlayers have them, and as the OCapN group has decided for stream netlayers.
"""

from __future__ import annotations

import re
from typing import Final

from remit.errors import DecodeError, LimitExceeded, ProtocolError
from remit.values._limits import DEFAULT_LIMITS, Limits

__all__ = ["Framer", "LengthFramer", "framed"]

_DIGITS: Final = re.compile(rb"[0-9]*")
_LENGTH: Final = re.compile(rb"(0|[1-9][0-9]{0,5}):")  # of most messages
_CLOSED: Final = frozenset(b"]}>")
_SIZED: Final = frozenset(b":\"'")  # behind the length of bytes, a string, a symbol
_MARKS: Final = _SIZED | frozenset(b"+-")
_LENGTH_DIGITS: Final = 18


def framed(message: bytes) -> bytes:
    """The message with its length before it, for a `LengthFramer` at the other end."""
    return b"%d:%b" % (len(message), message)


class _Stream:
    """Bytes of one peer, cut anywhere. It belongs to one connection and ends with it.

    After an error nothing more can be found: every later `feed` raises the same error again.
    """

    __slots__ = ("_at", "_begin", "_buffer", "_error", "_limits")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._begin = 0  # of the message that is not complete
        self._at = 0  # where reading goes on: behind the buffer's end when bytes are to be skipped
        self._error: ProtocolError | None = None

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
                self._take(found)
        except ProtocolError as error:
            self._error = error
            self._buffer.clear()
            raise
        del self._buffer[: self._begin]
        self._at -= self._begin
        self._begin = 0
        return found

    def _take(self, found: list[bytes]) -> None:
        found.append(bytes(memoryview(self._buffer)[self._begin : self._at]))
        self._begin = self._at

    def _scan(self) -> bool:
        """Read on; whether a message ends at `_at` now, all of it in the buffer."""
        raise NotImplementedError(type(self).__qualname__)


class Framer(_Stream):
    """Finds the borders of Syrup values that stand back to back.

    It checks nesting and sizes as far as borders need it; whether a message is well-formed, `decode` says.
    """

    __slots__ = ("_closers", "_digits")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._closers = bytearray()  # of what is open, innermost last
        self._digits = 0  # of the number that ends at `_at`

    def _scan(self) -> bool:
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
            raise LimitExceeded(f"a message is longer than Limits.frame, {self._limits.frame} bytes")
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


class LengthFramer(_Stream):
    """Finds the messages in a stream of `<decimal length>:<bytes>`; without the lengths."""

    __slots__ = ("_length", "_most")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._length = -1  # of the message being read; below 0 while its digits come
        self._most = len(str(limits.frame))  # digits

    @property
    def pending(self) -> int:
        """As for every stream; 1 where a length has come, and nothing of what it announces."""
        return len(self._buffer) or int(self._length >= 0)

    def _scan(self) -> bool:
        if self._length < 0 and not self._prefix():
            return False
        return self._at <= len(self._buffer)

    def _take(self, found: list[bytes]) -> None:
        super()._take(found)
        self._length = -1

    def _prefix(self) -> bool:
        """Read a length, and step over the bytes that it announces; False where it is not complete."""
        buffer = self._buffer
        if self._begin == len(buffer):
            return False
        usual = _LENGTH.match(buffer, self._begin)
        if usual is not None:
            length = int(usual[1])
            if length <= self._limits.frame:
                self._length = length
                self._begin = usual.end()
                self._at = self._begin + length
                return True
        return self._other_prefix()

    def _other_prefix(self) -> bool:
        """The same for long lengths, for those of which a part has not come, and for what is none."""
        buffer, most = self._buffer, self._most
        match = _DIGITS.match(buffer, self._begin, self._begin + most + 1)
        assert match is not None
        end, count = match.end(), match.end() - self._begin
        if count > most:
            raise LimitExceeded(f"a message is longer than Limits.frame, {self._limits.frame} bytes")
        if end == len(buffer):
            return False
        if buffer[end] != 58 or not count or (count > 1 and buffer[self._begin] == 48):
            raise DecodeError("a message does not begin with its length in decimal digits and a colon", 0)
        self._length = int(buffer[self._begin : end])
        if self._length > self._limits.frame:
            raise LimitExceeded(f"a message of {self._length} bytes is longer than Limits.frame, {self._limits.frame}")
        self._begin = end + 1
        self._at = self._begin + self._length
        return True

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
_OPEN: Final = b"[{<"
_CLOSED: Final = b"]}>"
_SIZED: Final = b":\"'"


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

    def _bounded(self, end: int) -> None:
        if end - self._begin > self._limits.frame:
            raise LimitExceeded(f"a message is longer than Limits.frame, {self._limits.frame} bytes")


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
        buffer, size = self._buffer, len(self._buffer)
        if self._begin < self._at and not self._closers and not self._digits:
            return self._at <= size  # a value outside of any container, whose last bytes had not come
        while self._at < size:
            c = buffer[self._at]
            if 48 <= c <= 57 or self._digits:
                if not self._number(buffer):
                    return False
            elif c in _OPEN:
                self._open(c)
                continue
            elif c in _CLOSED:
                self._close(c)
            else:
                self._atom(c)
            self._bounded(self._at)
            if not self._closers:
                break
        else:
            self._bounded(self._at)
        return self._begin < self._at <= size and not self._closers and not self._digits

    def _number(self, buffer: bytearray) -> bool:
        """Read digits, and what the number announces; False where the bytes end before its mark."""
        match = _DIGITS.match(buffer, self._at)
        assert match is not None
        self._digits += match.end() - self._at
        self._at = match.end()
        if self._digits > self._limits.integer_digits:
            raise LimitExceeded(f"a number of more digits than Limits.integer_digits, {self._limits.integer_digits}")
        if self._at == len(buffer):
            self._bounded(self._at)
            return False
        mark = buffer[self._at]
        if mark in _SIZED:
            self._skip(int(buffer[self._at - self._digits : self._at]) if self._digits < 19 else self._limits.frame)
        elif mark not in b"+-":
            raise DecodeError(f"the byte {bytes([mark])!r} stands behind a number", self._at - self._begin)
        self._at += 1
        self._digits = 0
        return True

    def _skip(self, length: int) -> None:
        self._bounded(self._at + 1 + length)
        self._at += length

    def _open(self, c: int) -> None:
        if len(self._closers) >= self._limits.depth:
            raise LimitExceeded(f"nested deeper than Limits.depth, {self._limits.depth}")
        self._closers.append(c + 2)
        self._at += 1

    def _close(self, c: int) -> None:
        if not self._closers or self._closers.pop() != c:
            raise DecodeError(f"the byte {bytes([c])!r} closes what is not open", self._at - self._begin)
        self._at += 1

    def _atom(self, c: int) -> None:
        if c == 68:
            self._at += 9
        elif c in {116, 102}:
            self._at += 1
        else:
            raise DecodeError(f"the byte {bytes([c])!r} begins no value", self._at - self._begin)


class LengthFramer(_Stream):
    """Finds the messages in a stream of `<decimal length>:<bytes>`; without the lengths."""

    __slots__ = ("_length",)

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(limits)
        self._length = -1  # of the message being read; below 0 while its digits come

    def _scan(self) -> bool:
        if self._length < 0 and not self._prefix():
            return False
        return self._at <= len(self._buffer)

    def _take(self, found: list[bytes]) -> None:
        super()._take(found)
        self._length = -1

    def _prefix(self) -> bool:
        """Read a length, and step over the bytes that it announces; False where it is not complete."""
        buffer, most = self._buffer, len(str(self._limits.frame))
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

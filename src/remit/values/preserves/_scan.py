"""Where a value ends in a stream of bytes that has not all come, found without building it, in linear time however it is cut.

Only borders are found here, and limits kept; whether the value is well-formed, the decoder or parser says of the whole.
"""

from __future__ import annotations

import re
from typing import Final

from remit.errors import DecodeError, LimitExceeded
from remit.values._limits import Limits

__all__ = ["BinaryScanner", "TextScanner"]

# What is open: a compound value, or one of these, which hold one value (see `_decode`).
_EMBEDDING: Final = 0x86
_ANNOTATION: Final = 0x85
_ANNOTATED: Final = 0x83
_COMPOUND: Final = 0xB4

_LONGEST: Final = 9  # bytes of a length

# Within a text: between tokens, and in the midst of one.
_BETWEEN: Final = 0
_TOKEN: Final = 1
_HASH: Final = 2
_HASH_X: Final = 3
_COMMENT: Final = 4
_BASE64: Final = 5
_QUOTED: Final = 6

_BARE: Final = re.compile(rb"[A-Za-z0-9~!$%^&*?_=+\-/.|\x80-\xff]*")
_GAP: Final = re.compile(rb"[ \t\r\n,:]*")
_LINE: Final = re.compile(rb"[^\r\n]*")
_BODY: Final = re.compile(rb"[^\]]*")
_STRING: Final = re.compile(rb'[^"\\]*')
_NAME: Final = re.compile(rb"[^'\\]*")


class _Scanner:
    """What both have: what is open, and how far the value was read."""

    __slots__ = ("_limits", "_open", "at")

    def __init__(self, limits: Limits) -> None:
        self.at = 0  # how far the buffer has been read; behind its end where bytes are to be skipped
        self._limits = limits
        self._open = bytearray()

    def _begin(self, what: int) -> None:
        if what == _ANNOTATION and self._open and self._open[-1] == _ANNOTATED:
            self._open[-1] = what
            return
        self._open.append(what)
        if len(self._open) > self._limits.depth:
            raise LimitExceeded(f"nested deeper than Limits.depth, {self._limits.depth}")

    def _ended(self) -> bool:
        """A value has ended: whether that was the whole."""
        inside = self._open
        while inside and inside[-1] != _COMPOUND:
            if inside[-1] == _ANNOTATION:
                inside[-1] = _ANNOTATED
                return False
            inside.pop()
        return not inside

    def _close(self) -> None:
        """End the innermost compound value; what is unfinished in it, the parser complains about."""
        while self._open and self._open.pop() != _COMPOUND:
            pass

    def _bounded(self, begin: int) -> None:
        if self.at - begin > self._limits.frame:
            raise LimitExceeded(f"a value is longer than Limits.frame, {self._limits.frame} bytes")


class BinaryScanner(_Scanner):
    """Finds the end of one binary value."""

    __slots__ = ("_whole",)

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._whole = False

    def scan(self, buffer: bytearray) -> bool:
        """Read on; whether the value, which begins with the buffer, ends at `at`, and is there."""
        size = len(buffer)
        at = self.at
        while at < size and not self._whole:
            c = buffer[at]
            if 0xB0 <= c <= 0xB3:
                end = _behind_length(buffer, at + 1, size)
                if end < 0:
                    break
                at = end
                self._whole = self._ended()
            elif c == 0x84:
                if not self._open or self._open[-1] != _COMPOUND:
                    raise DecodeError("here is an end that closes nothing", at)
                self._open.pop()
                at += 1
                self._whole = self._ended()
            elif 0xB4 <= c <= 0xB7:
                self._begin(_COMPOUND)
                at += 1
            elif c in {_EMBEDDING, _ANNOTATION}:
                self._begin(c)
                at += 1
            elif c in {0x80, 0x81, 0x87}:
                at += 10 if c == 0x87 else 1
                self._whole = self._ended()
            else:
                raise DecodeError(f"here is the byte {bytes([c])!r}, which begins no value", at)
            if at - self._limits.frame > 0:
                break
        self.at = at
        self._bounded(0)
        return self._whole and at <= size


def _behind_length(buffer: bytearray, at: int, size: int) -> int:
    """The offset behind the bytes whose length stands here; -1 where the length is not all there."""
    n = shift = 0
    begin = at
    while at < size:
        c = buffer[at]
        at += 1
        n |= (c & 127) << shift
        if c < 128:
            return at + n
        shift += 7
        if at - begin >= _LONGEST:
            raise LimitExceeded("a length above what any limit allows")
    return -1


class TextScanner(_Scanner):
    """Finds the end of one value of text syntax, as UTF-8."""

    __slots__ = ("_quote", "_state")

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._state = _BETWEEN
        self._quote = 0

    def scan(self, buffer: bytearray) -> bool:
        """Read on; whether the value, which begins with the buffer, ends at `at`. What cannot be a value ends, too."""
        size = len(buffer)
        while self.at < size:
            whole = self._between(buffer) if self._state == _BETWEEN else self._inside(buffer, size)
            self._bounded(0)
            if whole:
                return True
        return False

    def finish(self) -> bool:
        """Whether the end of the stream ends the value: that of a number or symbol without quotes."""
        return self._state == _TOKEN and self._ended()

    def _between(self, buffer: bytearray) -> bool:
        """Read one token's first bytes, or what stands between two tokens."""
        at = self.at
        c = buffer[at]
        self.at = at + 1
        if c in b"[{<":
            self._begin(_COMPOUND)
        elif c in b"]}>":
            self._close()
            return self._ended()
        elif c in {0x22, 0x27}:
            self._state, self._quote = _QUOTED, c
        elif c == 0x23:
            self._state = _HASH
        elif c == 0x40:
            self._begin(_ANNOTATION)
        elif c in b" \t\r\n" or (c in b",:" and self._open):
            self.at = _end(_GAP, buffer, at)
        elif _end(_BARE, buffer, at) > at:
            self._state, self.at = _TOKEN, at
        else:
            return True  # what begins no value: the parser says so
        return False

    def _inside(self, buffer: bytearray, size: int) -> bool:
        """Read on in the midst of a token."""
        state, at = self._state, self.at
        if state == _HASH:
            return self._hash(buffer, at)
        if state == _HASH_X:
            self.at = at + 1
            if buffer[at] == 0x22:
                self._state, self._quote = _QUOTED, 0x22
            return buffer[at] != 0x22 and not (buffer[at] == 0x64 and buffer[at - 1] == 0x78)
        if state == _COMMENT:
            self.at = _end(_LINE, buffer, at)
            return self.at < size and self._ended_with(_BETWEEN, 0)
        if state == _BASE64:
            self.at = _end(_BODY, buffer, at)
            return self.at < size and self._ended_with(_BETWEEN, 1)
        if state == _TOKEN:
            self.at = _end(_BARE, buffer, at)
            return self.at < size and self._ended_with(_BETWEEN, 0)
        return self._quoted(buffer, at, size)

    def _quoted(self, buffer: bytearray, at: int, size: int) -> bool:
        at = _end(_STRING if self._quote == 0x22 else _NAME, buffer, at)
        self.at = at
        if at < size and buffer[at] == self._quote:
            return self._ended_with(_BETWEEN, 1)
        if at < size:  # a backslash: the byte behind it ends nothing, whether it has come or not
            self.at = at + 2
        return False

    def _hash(self, buffer: bytearray, at: int) -> bool:
        c = buffer[at]
        self.at = at + 1
        self._state = _BETWEEN
        if c == 0x7B:
            self._begin(_COMPOUND)
        elif c == 0x3A:
            self._begin(_EMBEDDING)
        elif c in b" \t!":
            self._begin(_ANNOTATION)
            self._state = _COMMENT
        elif c in b"\r\n":
            self._begin(_ANNOTATION)
            return self._ended()
        elif c == 0x22:
            self._state, self._quote = _QUOTED, c
        elif c == 0x5B:
            self._state = _BASE64
        elif c == 0x78:
            self._state = _HASH_X
        elif c in b"tf":
            self._state = _TOKEN
        else:
            return True
        return False

    def _ended_with(self, state: int, size: int) -> bool:
        self.at += size
        self._state = state
        return self._ended()


def _end(pattern: re.Pattern[bytes], buffer: bytearray, at: int) -> int:
    match = pattern.match(buffer, at)
    assert match is not None
    return match.end()

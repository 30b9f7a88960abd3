"""Values out of a stream of bytes, binary and text mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from remit.errors import DecodeError, LimitExceeded, ProtocolError, Truncated
from remit.values._limits import DEFAULT_LIMITS, Limits
from remit.values.preserves._decode import decode, decode_at
from remit.values.preserves._parse import Parser
from remit.values.preserves._scan import BinaryScanner, TextScanner

__all__ = ["Reader"]

_SPACE: Final = b" \t\r\n"
_EMBEDDED: Final = b"\x86"


class Reader:
    """Reads the values of a stream, one after the other, however it is cut. Belongs to one connection and ends with it.

    The first byte of each value says whether it is binary (0x80 and above) or text (Syndicate Protocol, *Transport*);
    whitespace may stand before each. `syntax` is "binary" or "text", as the value read last was. A text value that is a
    number or symbol without quotes ends with what follows it, a newline for instance. Annotations are dropped.

    `limits` bounds each value, and so the bytes that wait for the rest of one. `embedded` is called once for each embedded
    value, when all of the value around it has come. After an error every later call raises the same error again.
    """

    __slots__ = ("_buffer", "_embedded", "_error", "_limits", "_scanner", "syntax")

    def __init__(self, limits: Limits = DEFAULT_LIMITS, *, embedded: Callable[[Any], Any] | None = None) -> None:
        self.syntax = "binary"
        self._limits = limits
        self._embedded = embedded
        self._buffer = bytearray()  # of the value that is not complete, and what follows
        self._scanner: BinaryScanner | TextScanner | None = None  # reading it
        self._error: ProtocolError | None = None

    @property
    def pending(self) -> int:
        """Bytes of a value that is not complete; other than 0 at the stream's end, the peer was cut off."""
        return len(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> list[Any]:
        """The values that these bytes complete, in order. Raises what `read` raises, and then gives none."""
        return list(self.read(data))

    def read(self, data: bytes | bytearray | memoryview) -> Iterator[Any]:
        """The same values one by one, as each is read: `syntax` is that of each, and what comes before an error is not lost.

        It has to be iterated to its end before the next call. Raises `DecodeError` or `LimitExceeded` for what can become
        no value, with offsets (for text line and column) from the value's first byte.
        """
        if self._error is not None:
            raise self._error
        self._buffer += data
        try:
            yield from self._values()
        except ProtocolError as error:
            self._error = error
            self._buffer = bytearray()  # a view of the old one may still be held by the error
            raise

    def end(self) -> list[Any]:
        """The stream has ended: the value that this completes, if any. Raises `Truncated` where one was cut off."""
        if self._error is not None:
            raise self._error
        if not self._buffer:
            return []
        if isinstance(self._scanner, TextScanner) and self._scanner.finish():
            value = self._parsed(len(self._buffer))
            self._buffer.clear()
            return [value]
        self._error = Truncated("the stream ends inside a value", len(self._buffer))
        raise self._error

    def _values(self) -> Iterator[Any]:
        buffer = self._buffer
        while buffer:
            if self._scanner is None:
                if buffer[0] in _SPACE:
                    del buffer[: len(buffer) - len(buffer.lstrip(_SPACE))]
                    continue
                if buffer[0] >= 0x80 and (self._embedded is None or _EMBEDDED not in buffer):
                    yield from self._direct()
                    if not buffer or buffer[0] < 0x80:
                        continue
                self._scanner = BinaryScanner(self._limits) if buffer[0] >= 0x80 else TextScanner(self._limits)
            if not self._scanner.scan(buffer):
                return
            end = self._scanner.at
            value = self._decoded(end) if isinstance(self._scanner, BinaryScanner) else self._parsed(end)
            del buffer[:end]
            self._scanner = None
            yield value

    def _direct(self) -> Iterator[Any]:
        """Binary values straight from the buffer, until one is not all there or is none, or a text begins.

        What is none is left to the scanner: so it is told at the same byte, however the stream was cut.
        """
        data = bytes(self._buffer)
        text, at, size = data.decode("latin-1"), 0, len(data)
        try:
            while at < size and data[at] >= 0x80:
                value, end = decode_at(data, text, at, self._limits, None, False)
                if end - at > self._limits.frame:
                    raise LimitExceeded(f"a value is longer than Limits.frame, {self._limits.frame} bytes")
                at = end
                self.syntax = "binary"
                yield value
        except ProtocolError:
            pass
        finally:
            del self._buffer[:at]

    def _decoded(self, end: int) -> Any:
        self.syntax = "binary"
        return decode(memoryview(self._buffer)[:end], limits=self._limits, embedded=self._embedded)

    def _parsed(self, end: int) -> Any:
        self.syntax = "text"
        raw = bytes(memoryview(self._buffer)[:end])
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise DecodeError("a text is not UTF-8", error.start) from None
        parser = Parser(text, self._limits, self._embedded, False, False)
        value = parser.value()
        if parser.at != len(text):
            raise DecodeError("text follows inside of a value", parser.at)
        return value

"""Messages over one WebSocket connection (RFC 6455), by the `websockets` library's protocol without I/O.

One binary message is one CapTP message, in one frame or in several. Nothing is compressed. Text messages are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.errors import DecodeError, LimitExceeded, LinkLost, ProtocolError

if TYPE_CHECKING:
    import asyncio

    from remit.values import Limits

__all__ = ["UNREAD", "Frames", "reason_of"]

UNREAD: Final = 256 * 1024
"""Bytes that may wait to be written to a peer before its pings are answered no more: it is not reading the answers."""
_ORDERLY: Final = (1000, 1001, 1005)
"""Close codes of an orderly end: done, going away, none given (RFC 6455, section 7.4.1)."""
_UNACCEPTABLE: Final = 1003


class Frames:
    """Writes messages as frames and finds them again: `Framing`'s two halves, for one connection. It ends with it.

    `protocol` is the library's, client or server. `events` are those that the opening handshake takes: a request, or a response.
    """

    __slots__ = ("_early", "_limits", "_part", "_pipe", "_protocol", "_unparsed", "events")

    def __init__(self, protocol: Any, limits: Limits) -> None:
        self._protocol = protocol
        self._limits = limits
        self._part: bytearray | None = None  # of a message in several frames
        self._early: list[bytes] = []  # came with the end of the hello
        self._unparsed = 0
        self.events: list[Any] = []
        self._pipe: asyncio.Transport | None = None

    def attach(self, pipe: asyncio.Transport) -> None:
        """From now on pongs and the answer to a close are written here; before, the hello sends them with its own."""
        self._pipe = pipe

    def frame(self, message: bytes) -> bytes:
        """The message in one binary frame; nothing once the peer has said that it is over."""
        if self._protocol.state.name != "OPEN":
            return b""
        self._protocol.send_binary(message)
        return b"".join(self._protocol.data_to_send())

    def farewell(self) -> bytes:
        """The frame that says that this side is done."""
        if self._protocol.state.name != "OPEN":
            return b""
        self._protocol.send_close(1000)
        return b"".join(self._protocol.data_to_send())

    @property
    def pending(self) -> int:
        """Bytes of a message that is not complete, or messages that came before anybody asked for them."""
        return len(self._early) or self._unparsed or int(self._part is not None)

    def keep(self, messages: list[bytes]) -> None:
        """These have come already, and are for the first `feed` of the next owner."""
        self._early = messages

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete. Raises `ProtocolError`, and `LinkLost` when the peer ends it for a fault."""
        messages, self._early = self._early, []
        if data:
            self._unparsed += len(data)
            self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            self._take(event, messages)
        self._reply()
        error = self._protocol.parser_exc
        if error is not None:
            raise _fault(error, self._limits)
        return messages

    def _take(self, event: Any, messages: list[bytes]) -> None:
        opcode = getattr(event, "opcode", None)
        if opcode is None:
            self.events.append(event)
            self._unparsed = len(self._protocol.reader.buffer)
            return
        self._unparsed = max(0, self._unparsed - _size(len(event.data), masked=self._protocol.side.name == "SERVER"))
        name = opcode.name
        if name == "BINARY" and event.fin:
            messages.append(bytes(event.data))
        elif name == "BINARY":
            self._part = bytearray(event.data)
        elif name == "CONT":
            assert self._part is not None  # the library sees to the order of frames
            self._part += event.data
            if event.fin:
                messages.append(bytes(self._part))
                self._part = None
        elif name == "TEXT":
            self._protocol.fail(_UNACCEPTABLE, "binary messages only")
            self._reply()
            raise DecodeError("the peer sent a text message; CapTP's are binary", 0)
        elif name == "CLOSE":
            self._closed()

    def _closed(self) -> None:
        self._unparsed = 0
        close = self._protocol.close_rcvd
        if close is not None and close.code not in _ORDERLY:
            self._reply()
            raise LinkLost(f"the peer ended the connection: {reason_of(close.code, close.reason)}")

    @property
    def over(self) -> bool:
        """Whether the peer has said that it is done."""
        return self._protocol.close_rcvd is not None

    def _reply(self) -> None:
        """Send pongs, and the answer to a close."""
        pipe = self._pipe
        if pipe is None or pipe.is_closing():
            return
        answers = b"".join(self._protocol.data_to_send())
        if answers and (self.over or pipe.get_write_buffer_size() < UNREAD):
            pipe.write(answers)
        if self.over:
            pipe.close()


def reason_of(code: int, text: str) -> str:
    """A close code and its text, in words."""
    return f"code {int(code)}{f', {text[:100]}' if text else ''}"


def _fault(error: Exception, limits: Limits) -> ProtocolError:
    if type(error).__name__ == "PayloadTooBig":
        return LimitExceeded(f"a message is longer than Limits.frame, {limits.frame} bytes")
    return DecodeError(f"these are no WebSocket frames: {str(error)[:200]}", 0)


def _size(length: int, *, masked: bool) -> int:
    """The bytes of a frame around so many."""
    return 2 + (0 if length < 126 else 2 if length < 65536 else 8) + 4 * masked + length

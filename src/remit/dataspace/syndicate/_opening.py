"""One port for everybody: by its first byte a connection speaks Syndicate, or HTTP, which may become a WebSocket.

    [ < # or 0x80 and above    packets, in text or binary
    anything else              HTTP/1.1: an upgrade to a WebSocket, whose binary messages are packets; any other request gets an answer

(Syndicate Protocol, Transports; RFC 6455 and RFC 9112.)
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

from remit.errors import ProtocolError
from remit.net import Frames
from remit.values import Limits, printable

__all__ = ["Answer", "Opening", "Request", "is_syndicate", "nothing_here"]

HEAD: Final = 16_384
"""Bytes of a request's head; proxies add headers."""


class Request(NamedTuple):
    """The head of an HTTP request; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]


class Answer(NamedTuple):
    """What to answer: a status, a plain text, and further headers."""

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()


Respond = Callable[[Request], Answer]

_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    501: "Not Implemented",
    503: "Service Unavailable",
}


def nothing_here(request: Request) -> Answer:
    """The answer where nobody serves HTTP: a pointer to what this is."""
    return Answer(
        503,
        "This port speaks the Syndicate protocol: connect with it directly, or by a WebSocket. No web pages are served here.\n",
    )


def is_syndicate(first: int) -> bool:
    """Whether a packet may begin with this byte."""
    return first >= 0x80 or first in b"[<#"


class Opening:
    """Looks at the first bytes of a connection (`remit.net.Proof`). Nobody proves anything: `peer` stays None.

    `frames` is what writes and finds WebSocket messages; None for bare packets.
    """

    def __init__(self, limits: Limits, respond: Respond = nothing_here) -> None:
        self.peer: bytes | None = None
        self.frames: Frames | None = None
        self.done = False
        self.rest = b""
        self.farewell = b""
        self._limits = limits
        self._respond = respond
        self._got = b""

    def start(self) -> bytes:
        """The dialler speaks first."""
        return b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the peer; what to send back. Raises `ProtocolError`: hang up, after `farewell`."""
        self._got += data
        if is_syndicate(self._got[0]):
            self.done = True
            self.rest = self._got
            return b""
        head, ended, _ = self._got.partition(b"\r\n\r\n")
        if not ended:
            if len(self._got) > HEAD:
                self._refuse(
                    Answer(400, "The head of this request is too long.\n"), "the head of an HTTP request is too long"
                )
            return b""
        request = _parsed(head)
        if request is None:
            self._refuse(
                Answer(400, "This is no HTTP request.\n"), f"it speaks neither Syndicate nor HTTP: {head[:40]!r}"
            )
        elif request.headers.get("upgrade", "").lower() == "websocket":
            return self._upgrade()
        else:
            self._refuse(self._respond(request), f"answered {request.method} {printable(request.target[:100])}")
        return b""

    def _upgrade(self) -> bytes:
        if find_spec("websockets") is None:
            self._refuse(
                Answer(501, "WebSockets need remit[websocket] here.\n"),
                "a WebSocket needs the extra: pip install 'remit[websocket]'",
            )
        from websockets.server import ServerProtocol

        protocol = ServerProtocol(max_size=self._limits.frame)
        self.frames = Frames(protocol, self._limits)
        early = self.frames.feed(self._got)
        for event in self.frames.events:
            protocol.send_response(protocol.accept(event))
        self.frames.events.clear()
        reply = b"".join(protocol.data_to_send())
        if protocol.handshake_exc is not None:
            self.farewell = reply
            raise ProtocolError(f"it opens no WebSocket here: {str(protocol.handshake_exc)[:200]}")
        self.done = True
        self.frames.keep(early)
        return reply

    def _refuse(self, answer: Answer, why: str) -> None:
        body = answer.text.encode()
        lines = [
            f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'See Body')}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in answer.headers),
        ]
        self.farewell = "\r\n".join([*lines, "", ""]).encode() + body
        raise ProtocolError(why)


def _parsed(head: bytes) -> Request | None:
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip():
            return None
        headers[name.lower()] = value.strip()
    return Request(words[0], words[1], headers)


class Calling:
    """The dialler's end of a WebSocket (`remit.net.Proof`): the request, and its answer."""

    def __init__(self, uri: Any, limits: Limits) -> None:
        from websockets.client import ClientProtocol

        self.peer: bytes | None = None
        self.done = False
        self.rest = b""
        self.farewell = b""
        self._protocol = ClientProtocol(uri, max_size=limits.frame)
        self.frames = Frames(self._protocol, limits)

    def start(self) -> bytes:
        """The HTTP request."""
        self._protocol.send_request(self._protocol.connect())
        return b"".join(self._protocol.data_to_send())

    def feed(self, data: bytes) -> bytes:
        """Take the answer. Raises `ProtocolError` where it is no WebSocket."""
        early = self.frames.feed(data)
        error = self._protocol.handshake_exc
        if error is not None:
            raise ProtocolError(f"the other end opens no WebSocket here: {str(error)[:200]}")
        if self.frames.events:
            self.frames.events.clear()
            self.frames.keep(early)
            self.done = True
        return b""

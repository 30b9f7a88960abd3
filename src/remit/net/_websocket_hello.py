"""From a fresh byte stream to a proved WebSocket peer: the HTTP upgrade, then a hello or a challenge in binary messages.

    dialler   greeting ──► 101 Switching Protocols ──► hello of our own kind, or a challenge ──► proved
    acceptor  request  ──► 101 ──► by the first message: `remit hello …`, `<init:peer-auth …>`, or 64 bytes

Pure but for randomness, which is an argument: bytes in, bytes out, as `Hello` is, whose part it plays in a `Handshake`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.errors import ProtocolError, RemitError, Truncated
from remit.net._websocket_auth import answer_to, check_answer, is_challenge

if TYPE_CHECKING:
    from remit.net._hello import Hello
    from remit.net._identity import NodeKey
    from remit.net._websocket_frames import Frames

__all__ = ["UPGRADE", "Acceptance", "Challenging", "Greeting"]

UPGRADE: Final = 16_384
"""Bytes that may come before a peer is proved: a request and some hundred bytes of hello; proxies add headers."""


class Opening:
    """What both ends share. `peer` is the proved key, `kin` whether the other end is a node of our own kind."""

    def __init__(self, protocol: Any, frames: Frames) -> None:
        self.protocol = protocol
        self.frames = frames
        self.peer: bytes | None = None
        self.kin = False
        self.done = False
        self.rest = b""  # what came early waits in `frames`
        self.farewell = b""
        self._got = 0

    def start(self) -> bytes:
        """What to send when the connection opens."""
        return b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the peer; what to send back. Raises `ProtocolError` or `PeerUnproven`: hang up."""
        self._got += len(data)
        try:
            return self._feed(data)
        except RemitError:
            self.farewell = self._written() or self._refusal()
            raise

    def _feed(self, data: bytes) -> bytes:
        messages = self.frames.feed(data)
        reply = b"".join([self._opened(event) for event in self._taken()])
        error = self.protocol.handshake_exc
        if error is not None:
            raise ProtocolError(f"the other end opens no WebSocket here: {str(error)[:200]}")
        while messages and not self.done:
            reply += self._message(messages.pop(0))
        if self.done:
            self.frames.keep(messages)
        elif self._got > UPGRADE:
            raise ProtocolError(f"more than {UPGRADE} bytes came before the peer was proved")
        elif self.frames.over:
            raise Truncated("the other end closed the WebSocket before it was proved", 0)
        return reply

    def _taken(self) -> list[Any]:
        events = list(self.frames.events)
        self.frames.events.clear()
        return events

    def _opened(self, event: Any) -> bytes:
        """The other end's half of the HTTP upgrade has come."""
        raise NotImplementedError

    def _message(self, message: bytes) -> bytes:
        """One message before the peer is proved."""
        raise NotImplementedError

    def _greeted(self, hello: Hello, message: bytes) -> bytes:
        """One message of the signed hello."""
        if not message:
            raise ProtocolError("an empty message stands where the hello is expected")
        reply = hello.feed(message)
        if hello.rest:
            raise ProtocolError("there are bytes behind the hello in its message")
        self.peer = hello.peer
        self.done = hello.done
        return self.frames.frame(reply) if reply else b""

    def _written(self) -> bytes:
        return b"".join(self.protocol.data_to_send())

    def _refusal(self) -> bytes:
        if self.protocol.state.name != "OPEN":
            return b""
        self.protocol.fail(1008, "the hello failed")
        return self._written()


class Acceptance(Opening):
    """The acceptor's end. Anybody may come: a node of our own kind proves its key, a foreign peer proves nothing.

    `hello` is this end of the signed hello; `foreign` says whether others than our own kind are answered.
    """

    def __init__(self, protocol: Any, frames: Frames, key: NodeKey, hello: Hello, *, foreign: bool) -> None:
        super().__init__(protocol, frames)
        self._key = key
        self._hello = hello
        self._foreign = foreign

    def _opened(self, event: Any) -> bytes:
        if self.protocol.eof_sent:
            raise ProtocolError("the other end closed the WebSocket before it was open")
        response = self.protocol.accept(event)
        self.protocol.send_response(response)
        if response.status_code != 101:
            raise ProtocolError(f"it asked for no WebSocket: answered with HTTP {response.status_code}")
        return self._written()

    def _message(self, message: bytes) -> bytes:
        if self._foreign and not self.kin and is_challenge(message):
            self.done = True
            return self.frames.frame(answer_to(message, self._key))
        self.kin = True
        return self._greeted(self._hello, message)


class Dialling(Opening):
    """What the two ways of dialling share: the HTTP request, and its answer."""

    def start(self) -> bytes:
        """The HTTP request."""
        self.protocol.send_request(self.protocol.connect())
        return self._written()

    def _opened(self, event: Any) -> bytes:
        return self.frames.frame(self._first())

    def _first(self) -> bytes:
        """Our first message."""
        raise NotImplementedError


class Greeting(Dialling):
    """The dialler's end with a node of our own kind: the signed hello, message by message."""

    def __init__(self, protocol: Any, frames: Frames, hello: Hello) -> None:
        super().__init__(protocol, frames)
        self._hello = hello
        self.kin = True

    def _first(self) -> bytes:
        return self._hello.start()

    def _message(self, message: bytes) -> bytes:
        return self._greeted(self._hello, message)


class Challenging(Dialling):
    """The dialler's end with a foreign peer: `sent` challenges it, and its answer must be the expected key's."""

    def __init__(self, protocol: Any, frames: Frames, sent: bytes, expected: bytes) -> None:
        super().__init__(protocol, frames)
        self._sent = sent
        self._expected = expected

    def _first(self) -> bytes:
        return self._sent

    def _message(self, message: bytes) -> bytes:
        check_answer(self._sent, message, self._expected)
        self.peer = self._expected
        self.done = True
        return b""

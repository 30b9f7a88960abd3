"""One end of a session inside of Noise: a session of its own, whose packets are messages between two entities, encrypted.

    initiator C ──<initiator #:C>, handshake──► responder B        each message is bytes, or a sequence of them: fragments
                ◄──────── handshake ──────────                     then each carries one packet, and perhaps padding (#f)

(Syndicate Protocol, Noise.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from remit.dataspace.syndicate._door import Door
from remit.dataspace.syndicate._session import Session
from remit.errors import Broken, LimitExceeded, ProtocolError, Refused
from remit.vat import ROOT, Context, Ref

if TYPE_CHECKING:
    from remit.dataspace.syndicate._home import Home
    from remit.dataspace.syndicate._noise import Handshake
    from remit.values import Limits

__all__ = ["NoiseEnd", "NoiseHome"]

FRAGMENT: Final = 65535 - 16
"""Bytes of a packet in one Noise message. (The Noise Protocol Framework, section 3.)"""


class NoiseHome(Protocol):
    """A home (`Home`) that also flushes sessions which are on no channel."""

    def add(self, end: Any) -> None:
        """A session has begun: `end.session`, `end.flush()`, `end.session_ended(cause)`, `end.beat(seconds)`."""


class NoiseEnd:
    """Owned by what has made it (a bind, a walk); ends by `end`, by a fault, or with the session inside.

    `opened` is told when the handshake is done, `failed` why it never will be.
    """

    def __init__(
        self,
        home: Any,
        handshake: Handshake,
        initial: Ref[Any] | None,
        *,
        limits: Limits,
        opened: Callable[[Session], None],
        over: Callable[[Broken], None],
    ) -> None:
        self.handshake = handshake
        self.session = Session(home, initial, name="noise", limits=limits)
        self.peer: Door | None = None
        self.limits = limits
        self._home: Home = home
        self._opened = opened
        self._over = over
        home.add(self)

    def speak_first(self, before: list[Any]) -> None:
        """The initiator's first message, in one turn with what comes before it."""
        self._send([*before, ["message", self.handshake.write()]], ROOT)

    def heard(self, message: Any, context: Context) -> None:
        """One message of the peer's entity."""
        if self.session.state != "open":
            return
        try:
            if self.handshake.done:
                self._packet(message, context)
            else:
                self._shake_hands(message)
        except ProtocolError as error:
            self.end(Refused(str(error)))

    def _shake_hands(self, message: Any) -> None:
        if type(message) is not bytes:
            raise ProtocolError("a handshake message of Noise is bytes")
        self.handshake.read(message)
        if not self.handshake.done:
            self._send([["message", self.handshake.write()]], ROOT)
        self._opened(self.session)

    def _packet(self, message: Any, context: Context) -> None:
        fragments = message if type(message) is list else [message]
        cipher = self.handshake.receive
        assert cipher is not None
        if not all(type(fragment) is bytes for fragment in fragments):
            raise ProtocolError("a message inside of Noise is bytes, or a sequence of them")
        if sum(map(len, fragments)) > self.limits.frame + 16 * len(fragments):
            raise LimitExceeded(f"a packet inside of Noise is longer than {self.limits.frame} bytes")
        session = self.session
        session.context = context
        try:
            session.received(b"".join([cipher.decrypt(fragment) for fragment in fragments]))
        finally:
            session.context = ROOT

    def flush(self) -> None:
        """Send what the session inside has to say, each packet by itself."""
        packets = self.session.take()
        cipher = self.handshake.send
        if packets and cipher is not None:
            self._send([["message", _fragments(cipher.encrypt, packet)] for packet in packets], ROOT)

    def _send(self, events: list[Any], context: Context) -> None:
        if self.peer is not None:
            self.peer.turn(events, context)

    def end(self, cause: Broken) -> None:
        """End the session inside."""
        self.session.end(cause)

    def session_ended(self, cause: Broken) -> None:
        """The session inside is over."""
        self.flush()
        self._over(cause)

    def beat(self, seconds: float) -> None:
        """The connection outside is looked after by itself."""


def _fragments(encrypt: Callable[[bytes], bytes], packet: bytes) -> Any:
    if len(packet) <= FRAGMENT:
        return encrypt(packet)
    return [encrypt(packet[start : start + FRAGMENT]) for start in range(0, len(packet), FRAGMENT)]

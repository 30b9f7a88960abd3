"""What a transport is: whole messages between two ends, and which key the other end has proved.

A transport knows keys, not sessions. It moves bytes and judges nothing that is inside them.

Life of a channel, the same on every netlayer:

- `Netlayer.dial` or an accepted connection makes it, after both ends have proved their keys (where the netlayer
  proves any). At that moment the function that was given to `dial` or `listen` is called with the channel, and
  the `Receiver` that it returns hears of everything from then on. `received` may run before `dial` has returned.
- `received` is called once for each message, in the order sent, never while the channel is paused, and never
  after `closed`.
- `closed` is called once. Its cause is None when the stream ended at a message border (or was ended by our own
  `close` or `abort`), `Truncated` when it ended inside a message, `LimitExceeded` or `DecodeError` when the peer's
  bytes broke the framing, `LinkLost` when the operating system reported a broken connection, and whatever
  `received` raised when it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from remit.values import Locator

__all__ = ["Channel", "Netlayer", "Receiver"]


class Channel(Protocol):
    """One open connection. Owned by whoever dialled or accepted it; ends by `close`, `abort` or the peer.

    Used only from the thread of its event loop. None of the methods blocks or raises for a broken connection:
    that is told once, by `Receiver.closed`.
    """

    @property
    def transport(self) -> str:
        """The netlayer that made it: "tls", "unix", "memory", "websocket" or "tcp-testing-only"."""

    @property
    def peer(self) -> bytes | None:
        """The raw Ed25519 public key that the other end has proved; None on a netlayer that proves none."""

    @property
    def uid(self) -> int | None:
        """The user id of the process at the other end, told by the kernel (`unix` only)."""

    @property
    def kin(self) -> bool:
        """Whether the other end is a node of our own kind: it has proved its key by the signed hello. Foreign peers know this node
        by the locator of the netlayer, and not by its canonical one.
        """

    @property
    def congested(self) -> bool:
        """Whether more is waiting to be sent than is good (above the high-water mark, 64 KiB by default).

        Nothing is refused or lost while it is true, but every further message costs memory until the peer reads:
        stop taking on work for this peer, best by `pause`. `Receiver.congested` tells when it changes.
        """

    def send(self, messages: Sequence[bytes]) -> None:
        """Send these messages, in order, in one write. After `close`, `abort` or the peer's end they are dropped."""

    def pause(self) -> None:
        """Stop `Receiver.received`, from now on, and stop reading the connection, so that the peer is slowed down."""

    def resume(self) -> None:
        """Undo `pause`. What is already here is delivered first, soon, not inside this call."""

    def hand_over(self, receiver: Receiver) -> None:
        """From now on another receiver hears what comes; nothing more does before `resume`. For use inside `received`."""

    def close(self) -> None:
        """Send what is waiting, then end. Nothing is received any more. Ends at the latest after the netlayer's limit."""

    def abort(self) -> None:
        """End now; what is waiting to be sent may be lost."""


class Receiver(Protocol):
    """Given by whoever wants the messages of one channel. What it raises ends the channel with that cause."""

    def received(self, message: bytes) -> None:
        """One whole message."""

    def closed(self, cause: Exception | None) -> None:
        """The channel is over; called once, last. None is an orderly end (the module says more)."""

    def congested(self, yes: bool) -> None:
        """`Channel.congested` has changed: true, stop producing; false, go on."""


class Netlayer(Protocol):
    """One way for nodes to reach each other. Made by the node, which closes it; used from one event loop."""

    @property
    def transport(self) -> str:
        """Its name, which is also the name of its hint in a locator."""

    async def listen(self, accept: Callable[[Channel], Receiver]) -> dict[str, str]:
        """Take connections from now on; the hints under which others find them. Raises `Conflict` or `Refused`."""

    async def dial(self, locator: Locator, receive: Callable[[Channel], Receiver]) -> Channel:
        """Connect to the node that the locator names, by its hint for this netlayer.

        Raises `Unreachable` (nothing was sent: it can be tried again), `PeerUnproven` (somebody else answers
        there) or `ProtocolError` (the other end does not speak this protocol).
        """

    async def close(self) -> None:
        """Take no more connections and end those there are, orderly and within the limit."""

"""What a session needs of the node it belongs to; the only way by which time, randomness and other peers reach it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from remit.errors import Broken
from remit.values import Locator
from remit.vat import Context, Message, Ref, Vat

if TYPE_CHECKING:
    from remit.captp._session import Session


class Tracer(Protocol):
    """Whoever decides which messages are followed."""

    def came(self, message: Message, named: tuple[str, str] | None, peer: str) -> Context:
        """The context for a message that has come; its own if it is not followed.

        `named`: trace and message id by which the peer has named it. `peer`: the peer's designator.
        """


class Home(Protocol):
    """The node, as its sessions see it."""

    tracer: Tracer | None
    """None while nothing is followed."""

    vat: Vat
    """Waits for the answers of messages that come from no vat, and owns what sessions import."""

    def greet(self, session: Session, location: Locator) -> str | None:
        """The peer's hello was good; a text refuses the session (it is aborted with it)."""

    def ended(self, session: Session, cause: Broken) -> None:
        """The session is over, for whatever reason; called once."""

    def fetch(self, session: Session, swiss: bytes) -> Ref[Any]:
        """The object (or the promise of it) that this swiss number stands for, for this peer."""

    def session_to(self, location: Locator, then: Callable[[Session | Broken], None]) -> None:
        """Find or make a session with the peer at this location, and say so (perhaps at once)."""

    def session_by_id(self, session_id: bytes) -> Session | None:
        """The live session with this id."""

    def token(self) -> bytes:
        """32 random bytes: a gift id."""

    def reach(self, ref: Ref[Any]) -> Ref[Any]:
        """What a reference that is neither ours nor a session's stands for now: a far reference, a promise of one, or itself."""

    def output(self, session: Session) -> None:
        """The session has messages to send: call its `take()` when convenient. Called once until it does."""

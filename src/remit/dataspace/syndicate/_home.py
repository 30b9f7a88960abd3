"""What a session needs of the process it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from remit.dataspace.syndicate._session import Session
    from remit.errors import Broken
    from remit.vat import Vat

__all__ = ["Home"]


class Home(Protocol):
    """Whoever made the session, as it sees it."""

    vat: Vat
    """Where inert and attenuated objects live, and who waits for what entities answer."""

    def output(self, session: Session) -> None:
        """The session has packets to send: call its `take()` when convenient. Called once until it does."""

    def ended(self, session: Session, cause: Broken) -> None:
        """The session is over, for whatever reason; called once."""

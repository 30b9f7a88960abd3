"""Results that the peer waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import LimitExceeded
from remit.vat import Failed, Pledge, Promise, Prompt, Ref, final

if TYPE_CHECKING:
    from remit.captp._outgoing import Outgoing
    from remit.errors import Broken


class Answering(Prompt):
    """A promise of ours whose result the peer has asked for; holds the peer's resolver until it is told.

    The resolver is an import (`ref`), or known by nothing but its position. Raises `LimitExceeded`.
    """

    __slots__ = ("position", "ref", "session")

    def __init__(self, session: Outgoing, position: int, ref: Ref[Any] | None) -> None:
        self.session = session
        self.position = position
        self.ref = ref
        if session.owed >= session.most_owed:
            self.position = -1
            raise LimitExceeded(f"more than {session.most_owed} results are owed in one session")
        session.owed += 1

    def settled(self, promise: Promise[Any]) -> None:
        """Tell the peer, once the promise's vat lets results out."""
        pledge: Pledge = promise
        vat = pledge._vat
        if vat._keeper is None:
            end: Pledge = pledge
            if isinstance(pledge._value, Pledge):
                end = final(promise)
            self.session.notify(self.position, end._value)
            self._let_go()
        else:
            vat._leave(self.tell, promise)

    def tell(self, promise: Promise[Any]) -> None:
        """Write the settlement."""
        end: Pledge = final(promise)
        self.session.notify(self.position, end._value)
        self._let_go()

    def lost(self, why: Broken) -> None:
        """The promise's vat stopped before it had kept the result."""
        self.session.notify(self.position, Failed(why))
        self._let_go()

    def _let_go(self) -> None:
        position, self.position = self.position, -1
        session, ref = self.session, self.ref
        self.ref = None
        if session.state != "ended":
            session.owed -= 1
            if ref is None:
                session.imports.give(position)

    def __del__(self) -> None:
        """Nobody will ever tell it: the peer hears of it by what is given back."""
        if self.position >= 0:
            self._let_go()

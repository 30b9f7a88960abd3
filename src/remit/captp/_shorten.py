"""Shortening a promise's path without overtaking: what was sent the long way must have arrived before what goes the short way.

Messages to a question go ahead to where its result will be. When the result turns out to be elsewhere, later messages would
take another way. So a flush is sent after them, and later ones wait until it is answered. (Not part of OCapN's drafts:
only nodes of our own kind are sent one.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.vat import PENDING, Message, Pledge, Promise, Vat

if TYPE_CHECKING:
    from remit.captp._outgoing import Outgoing

FLUSH: Final = "op:flush"
"""Selector of the message that goes ahead of a shortened path; any target answers it, if only by breaking."""


class Flush(Message):
    """A message that only has to arrive: it is answered when its turn comes, without one of the object's."""

    __slots__ = ()
    only_arrives: ClassVar[bool] = True

    def run(self, vat: Vat) -> None:
        """All earlier messages from the same sender have had their turns, or have gone on through a gate: so does this."""
        behind = self.target._behind()
        if behind is not None and (behind._link is not None or behind._vat is not vat or behind._behind() is not None):
            behind._route(self, vat)
            return
        self.finish()
        if self.promise is not None:
            self.promise._settle(None, vat)


class Flushed:
    """Waits for the answer of a flush: the shortened promise may then be used."""

    __slots__ = ("answer", "promise", "session", "value")

    def __init__(self, session: Outgoing, promise: Promise[Any], answer: int, value: Any) -> None:
        self.session = session
        self.promise = promise
        self.answer = answer
        self.value = value

    def settled(self, promise: Promise[Any]) -> None:  # fulfilled or broken, it has been there
        """All messages that went ahead have arrived."""
        if self.answer:
            self.session._gc_answers.append(self.answer)
        self.promise._settle(self.value, None)


def link_promise(promise: Promise[Any], link: Outgoing, handle: int) -> None:
    """From now on messages to this promise go ahead to where its result will be; those that wait go first."""
    pledge: Pledge = promise
    if pledge._value is not PENDING:
        return
    pledge._link = link
    pledge._at = handle
    pending = pledge._pending
    if pending is None:
        return
    pledge._pending = None
    for waiter in pending:
        if isinstance(waiter, Message):
            Pledge._pass(pledge, waiter, None)
        else:
            Pledge._add(pledge, waiter)

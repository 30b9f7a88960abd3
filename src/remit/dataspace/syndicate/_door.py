"""One source's door to one entity, which may have one source or several.

An object of several sources (a dataspace, a gatekeeper) is opened first, so that this source's handles are its own, and nobody else can retract
what it has said; what answers no `open` is told directly. Until that is known, events wait here. (docs/shapes.md, dataspace.)
"""

from __future__ import annotations

from typing import Any

from remit.dataspace.syndicate._entity import post_turn
from remit.errors import NoSuchMethod
from remit.vat import ROOT, Context, Failed, Message, Promise, Ref, Vat

__all__ = ["Door"]


class Door:
    """Owned by the source; ends by `close`. `vat` waits for the way in; `name` says for people who comes."""

    __slots__ = ("_closed", "_left", "_name", "_opening", "_party", "_vat", "_waiting", "ref")

    def __init__(self, vat: Vat, ref: Ref[Any], name: str = "") -> None:
        self.ref = ref
        self._vat = vat
        self._name = name
        self._party: Ref[Any] | None = None
        self._opening = False
        self._closed = False
        self._left: list[int] = []  # what was asserted, when it is closed before it is open
        self._waiting: list[tuple[list[Any], Context]] = []

    def turn(self, events: list[Any], context: Context) -> None:
        """What one turn of the source has to say."""
        party = self._party
        if party is None and not self._opening:
            self._open()
            party = self._party
        if party is not None:
            post_turn(party, events, context)
            return
        if context.account is not None:
            context.account.borrow()
        self._waiting.append((events, context))

    def close(self, live: list[int]) -> None:
        """The source says no more: what it still asserts (`live`, its handles) is withdrawn."""
        self._closed = True
        if self._opening:
            self._left = live
            return  # it is closed once it is open
        party, self._party = self._party, None
        if party is None:
            return
        if party is not self.ref:
            party._route(Message(party, "close", (), None, None, ROOT, True), None)
        elif live:
            post_turn(party, [["retract", handle] for handle in live])

    def _open(self) -> None:
        ref = self.ref
        if type(ref)._straight and "open" not in ref._at._remit_.methods:
            self._party = ref  # an object of a vat here, of one source
            return
        self._opening = True
        promise: Promise[Any] = Promise(self._vat)
        promise._wait(self)
        ref._route(Message(ref, "open", (), {"name": self._name}, promise, ROOT, True), None)

    def settled(self, promise: Promise[Any]) -> None:
        """The way in is known (`remit.vat.Waiter`): tell the object what has waited for it."""
        value = promise._value
        self._opening = False
        if isinstance(value, Ref):
            self._party = value
        elif isinstance(value, Failed) and isinstance(value.error, NoSuchMethod):
            self._party = self.ref
        waiting, self._waiting = self._waiting, []
        for events, context in waiting:
            if self._party is not None:
                post_turn(self._party, events, context)
            if context.account is not None:
                context.account.repay()
        if self._closed:
            self.close(self._left)

"""What we have asked the peer, and it has not answered."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from remit.captp._resolver import ResolverRef
from remit.vat import Promise, Ref

if TYPE_CHECKING:
    from remit.captp._outgoing import Outgoing


class Question:
    """A promise that the peer is to settle. In the table of exports it stands for its resolver.

    `answer` is its answer position, 0 for a promise of the peer's that we listen to. `count` is as for every export: its
    resolver is written once. `pipelined` counts messages sent to the answer ahead of its result.
    """

    __slots__ = ("_resolver", "answer", "count", "pipelined", "promise", "session")

    def __init__(self, session: Outgoing, promise: Promise[Any], answer: int) -> None:
        self.session = session
        self.promise = promise
        self.answer = answer
        self.count = 1
        self.pipelined = 0
        self._resolver: weakref.ref[ResolverRef] | None = None  # weak, since it holds its question

    @property
    def ref(self) -> Ref[Any]:
        """The resolver as others see it: made only where the peer does more with it than to answer."""
        known = None if self._resolver is None else self._resolver()
        if known is None:
            known = ResolverRef(self.promise._vat, self)
            self._resolver = weakref.ref(known)
        return known

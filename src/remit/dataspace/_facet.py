"""Facets: the scopes of an object's conversations, and the parts that end with them.

    facet ──stop──► facets inside it stop ──► its stop actions run ──► its assertions and subscriptions are withdrawn
       └──a turn of its own raises──► the same

A facet belongs to one object. Its bookkeeping is undone with the turn that changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from remit.errors import Broken
from remit.vat import Context, Ref, current

if TYPE_CHECKING:
    from remit.dataspace._conversation import Conversation

__all__ = ["Facet", "Part"]


class Part(Protocol):
    """What ends with its facet: an assertion, a subscription, a dataflow, a facet inside it."""

    def end(self) -> None:
        """The facet stops; in a turn. It is not among its parts any more."""


class Facet:
    """One scope; made by `facet()`, by `during`, or by an object's first conversation. Its object owns it; it ends when it stops.

    `with it:` begins more in it. `alive` says whether it has not stopped; what is begun in one that has stopped is withdrawn at once.
    """

    _remit_handle_: ClassVar[bool] = True  # see `remit.vat.on`
    __slots__ = ("_around", "_inside", "_outside", "alive", "conversation", "parent", "parts", "state", "stops")

    def __init__(self, conversation: Conversation, parent: Facet | None, *, state: bool = False) -> None:
        self.conversation = conversation
        self.parent = parent
        self.state = state  # of a state machine: the next `once` ends it
        self.alive: bool = parent is None or parent.alive
        self.parts: dict[Part, None] = {}
        self.stops: list[Callable[[], Any]] = []
        self._outside: list[Context] = []
        self._around: Context | None = (
            None  # of the turn that was in it last, which most often is of the same cause as the next one
        )
        self._inside: Context | None = None
        if parent is not None and self.alive:
            parent.keep(self)

    def stop(self) -> None:
        """End it, with all that was begun in it. A second time does nothing."""
        if not self.alive:
            return
        self.conversation.begin()
        if self.parent is not None:
            self.parent.drop(self)
        self.end()

    def on_stop(self, function: Callable[[], Any]) -> None:
        """Run this when the facet stops, before its assertions are withdrawn. What it begins belongs to the facet around."""
        self.conversation.begin()
        self.stops.append(function)
        self.conversation.journal.note(self.stops.pop)

    def keep(self, part: Part) -> None:
        """From now on this ends with the facet."""
        self.parts[part] = None
        self.conversation.journal.note(self.parts.pop, part, None)

    def drop(self, part: Part) -> None:
        """This has ended by itself."""
        if part in self.parts:
            del self.parts[part]
            self.conversation.journal.note(self._put_back, part)

    def _put_back(self, part: Part) -> None:
        self.parts[part] = None

    def end(self) -> None:
        """Stop; whoever had it as a part has it no more."""
        conversation = self.conversation
        self.alive = False
        parts, self.parts = self.parts, {}
        stops, self.stops = self.stops, []
        conversation.journal.note(self._revive, parts, stops)
        for part in parts:
            if isinstance(part, Facet):
                part.end()
        around = self.parent if self.parent is not None else self
        for function in stops:
            conversation.run(around, function, (), "a stop action")
        for part in parts:
            if not isinstance(part, Facet):
                part.end()

    def _revive(self, parts: dict[Part, None], stops: list[Callable[[], Any]]) -> None:
        self.alive = True
        self.parts = parts
        self.stops = stops

    def failed(self, error: Broken, target: Ref[Any]) -> None:
        """A turn that belongs to this facet raised and was undone (`remit.vat.Facet`). What others do for it is theirs."""
        if target is self.conversation.object():
            self.conversation.later(self.stop)

    def __enter__(self) -> Facet:
        turn = current("a facet")
        self._outside.append(turn.context)
        turn.context = self.context(turn.context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        current("a facet").context = self._outside.pop()
        if kind is not None:
            self.stop()

    def context(self, around: Context) -> Context:
        """The context of what is done in this facet, with the account and the trace of what is around."""
        if around.facet is self:
            return around
        if self._around is not around or self._inside is None:
            self._around = around
            self._inside = Context(around.account, around.trace, around.cause, self)
        return self._inside

    def __repr__(self) -> str:
        return f"<facet of {self.conversation.object()!r}: {len(self.parts)} parts{'' if self.alive else ', stopped'}>"

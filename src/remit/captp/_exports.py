"""What a session has given to its peer, by position.

    exports    position → reference, with the number of times it was written to the wire. Freed when the peer
               has given back as many (op:gc-exports). Position 0 is the bootstrap object, for ever.
    resolvers  live among the exports: one for each question whose answer we want

Positions are never used again within a session, so a late op:gc-exports can never free somebody else's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import NoSuchMethod, NotPassable, ProtocolError
from remit.values import Symbol
from remit.vat import Message, Promise, Ref, Vat, failed

if TYPE_CHECKING:
    from remit.captp._outgoing import Outgoing


class Export:
    """One thing that the peer may address; `count` times written and not yet given back."""

    __slots__ = ("count", "ref")

    def __init__(self, ref: Ref[Any]) -> None:
        self.ref = ref
        self.count = 1


class ResolverRef(Ref[Any]):
    """The exported end of one question: `fulfill` and `break` settle its promise, without a turn of any vat.

    `pipelined` counts messages sent to the answer ahead of its result.
    """

    __slots__ = ("answer", "pipelined", "promise")

    def __init__(self, session: Outgoing, promise: Promise[Any], answer: int | None) -> None:
        super().__init__(promise._vat, session)
        self.promise = promise
        self.answer = answer
        self.pipelined = 0

    def _route(self, message: Message, sender: Vat | None) -> None:
        """Take `[fulfill value]` or `[break reason]`; whatever else is a mistake of the peer's."""
        args = message.args
        selector = message.selector
        if selector is None and args and isinstance(args[0], Symbol):
            selector, args = args[0].name, args[1:]
        value = args[0] if args else None
        if selector == "fulfill":
            self._at._resolved(self, value)
        elif selector == "break":
            self._at._resolved(self, failed(value))
        else:
            message.fail(NoSuchMethod("a resolver answers fulfill and break"), sender)
            return
        message.finish()

    def __repr__(self) -> str:
        return "<resolver of a question>"


class Exports:
    """The export table of one session; the session owns it, and it ends empty but for the bootstrap."""

    __slots__ = ("_next", "by_position", "by_ref", "limit", "written")

    def __init__(self, bootstrap: Ref[Any], limit: int) -> None:
        self.by_position: dict[int, Export] = {0: Export(bootstrap)}
        self.by_ref: dict[Ref[Any], int] = {}
        self.limit = limit
        self.written: list[int] = []  # the positions in the message that is being written
        self._next = 1

    def add(self, ref: Ref[Any]) -> int:
        """The position for one more writing of this reference to the wire."""
        position = self.by_ref.get(ref)
        if position is not None:
            self.by_position[position].count += 1
        else:
            position = self.resolver(ref)
            self.by_ref[ref] = position
        self.written.append(position)
        return position

    def unwrite(self) -> None:
        """The message that was being written is not sent."""
        for position in self.written:
            self.give_back(position, 1)
        self.written.clear()

    def resolver(self, ref: Ref[Any]) -> int:
        """A position for something that is written once only."""
        if len(self.by_position) > self.limit:
            raise NotPassable(f"{self.limit} references are out in this session already; the peer must give some back")
        position = self._next
        self._next += 1
        self.by_position[position] = Export(ref)
        return position

    def get(self, position: int) -> Ref[Any]:
        """What the peer addresses."""
        export = self.by_position.get(position)
        if export is None:
            raise ProtocolError(f"no export at position {position}")
        return export.ref

    def give_back(self, position: int, delta: int) -> Ref[Any] | None:
        """The peer has forgotten `delta` of the times that it received this position; what is free then."""
        export = self.by_position.get(position)
        if export is None or position == 0 or delta < 0:
            if position < 0 or delta < 0 or position >= self._next:
                raise ProtocolError(f"op:gc-exports for position {position}, delta {delta}")
            return None
        export.count -= delta
        if export.count < 0:
            raise ProtocolError(f"position {position} was given back more often than it was sent")
        if export.count > 0:
            return None
        del self.by_position[position]
        if self.by_ref.get(export.ref) == position:  # a resolver may have a second position, as an argument
            del self.by_ref[export.ref]
        return export.ref

    def faults(self) -> list[str]:
        """What contradicts the invariants."""
        found = [f"export {p} has count {e.count}" for p, e in self.by_position.items() if p and e.count <= 0]
        found += [f"export {p} was never given out" for p in self.by_position if not 0 <= p < self._next]
        found += [
            f"index of {r!r} is wrong"
            for r, p in self.by_ref.items()
            if self.by_position.get(p) is None or self.by_position[p].ref is not r
        ]
        found += [
            f"export {p} is not in the index"
            for p, e in self.by_position.items()
            if p and question_of(e) is None and self.by_ref.get(e.ref) != p
        ]
        return found


def question_of(entry: Export) -> ResolverRef | None:
    """The question whose resolver stands at this place of the table; None for what others hold, too."""
    return entry.ref if isinstance(entry.ref, ResolverRef) else None

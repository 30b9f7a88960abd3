"""What a session has given to its peer, by position.

    exports    position → reference, with the number of times it was written to the wire. Freed when the peer
               has given back as many (op:gc-exports). Position 0 is the bootstrap object, for ever.
    questions  stand among the exports as they are: the peer addresses their resolvers, which are written once

Positions are never used again within a session, so a late op:gc-exports can never free somebody else's.
"""

from __future__ import annotations

from typing import Any

from remit.captp._question import Question
from remit.errors import NotPassable, ProtocolError
from remit.vat import Ref


class Export:
    """One thing that the peer may address; `count` times written and not yet given back."""

    __slots__ = ("count", "ref")

    def __init__(self, ref: Ref[Any]) -> None:
        self.ref = ref
        self.count = 1


class Exports:
    """The export table of one session; the session owns it, and it ends empty but for the bootstrap."""

    __slots__ = ("_next", "by_position", "by_ref", "limit", "written")

    def __init__(self, bootstrap: Ref[Any], limit: int) -> None:
        self.by_position: dict[int, Export | Question] = {0: Export(bootstrap)}
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
            position = self.put(Export(ref))
            self.by_ref[ref] = position
        self.written.append(position)
        return position

    def unwrite(self) -> None:
        """The message that was being written is not sent."""
        for position in self.written:
            self.give_back(position, 1)
        self.written.clear()

    def put(self, entry: Export | Question) -> int:
        """A position for a new entry: a question, of which nobody else knows, or what is not in the table yet."""
        if len(self.by_position) > self.limit:
            raise NotPassable(f"{self.limit} references are out in this session already; the peer must give some back")
        position = self._next
        self._next += 1
        self.by_position[position] = entry
        return position

    def get(self, position: int) -> Ref[Any]:
        """What the peer addresses."""
        export = self.by_position.get(position)
        if export is None:
            raise ProtocolError(f"no export at position {position}")
        return export.ref

    def give_back(self, position: int, delta: int) -> Export | Question | None:
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
        if type(export) is Export:
            del self.by_ref[export.ref]
        return export

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


def question_of(entry: Export | Question) -> Question | None:
    """The question that stands at this place of the table; None for what others hold, too."""
    return entry if isinstance(entry, Question) else None

"""What a session's peer has given to us, by position.

    entry   a weak reference to our `Far` (or `Promise`) and the number of times it was received. When the last strong
            reference goes, the count is given back (op:gc-exports) at the next output.
    A resolver that comes with a call is no entry: nothing but its position is needed (`Answering`). Once told, it is
    given back as often as it came, which is once.

Acyclic only, as the protocol is: cycles across peers are not found. (OCapN draft specification *CapTP*, garbage collection.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.captp._import import Import
from remit.errors import LimitExceeded
from remit.vat import Far, Link, Promise, Ref, Vat


class Imports:
    """The import table of one session; the session owns it."""

    __slots__ = ("_dropped", "_link", "_vat", "by_position", "given_back", "limit", "wake")

    def __init__(self, vat: Vat, link: Link, limit: int, wake: Callable[[], None]) -> None:
        self.by_position: dict[int, Import] = {}
        self.given_back: dict[int, int] = {}
        self.limit = limit
        self.wake = wake  # there is something to give back
        self._vat = vat
        self._link = link
        self._dropped: Any = self._forget  # one bound method for all entries

    def receive(self, position: int, *, promise: bool) -> Ref[Any]:
        """Our reference for a position that came once more."""
        entry = self.by_position.get(position)
        if entry is not None:
            known = entry()
            if known is not None:
                entry.count += 1
                return known
            self._forget(entry)
        if len(self.by_position) >= self.limit:
            raise LimitExceeded(f"more than {self.limit} live references in one session")
        made: Ref[Any] = Promise(self._vat, position, self._link) if promise else Far(self._vat, position, self._link)
        entry = Import(made, self._dropped)
        entry.position = position
        entry.count = 1
        self.by_position[position] = entry
        return made

    def give(self, position: int) -> None:
        """What came once, and is no entry, is needed no more."""
        self.given_back[position] = self.given_back.get(position, 0) + 1
        self.wake()

    def _forget(self, entry: Import) -> None:
        position, count = entry.position, entry.count
        entry.count = 0
        # A later entry may have taken the position; each gives back its own count.
        if self.by_position.get(position) is entry:
            del self.by_position[position]  # the entry may be gone from here on: whoever calls this does not hold it
        elif count == 0:
            return
        self.given_back[position] = self.given_back.get(position, 0) + count
        self.wake()

    def take_given_back(self) -> dict[int, int]:
        """The positions to give back, with their counts; forgets them."""
        taken, self.given_back = self.given_back, {}
        return taken

    def live(self) -> list[Ref[Any]]:
        """The references that somebody still holds."""
        return [ref for ref in (entry() for entry in self.by_position.values()) if ref is not None]

    def faults(self) -> list[str]:
        """What contradicts the invariants."""
        found = [
            f"import {p} has count {e.count}" for p, e in self.by_position.items() if e.count <= 0 or e.position != p
        ]
        found += [f"{count} of import {p} are to be given back" for p, count in self.given_back.items() if count <= 0]
        return found

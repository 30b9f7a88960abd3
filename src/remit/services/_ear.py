"""Listening to a dataspace without facets: for objects that keep a table of what is there.

An `Ear` is the observer of one pattern; it tells its owner `heard(what, present, captures)` for what comes and goes, `said(what, captures)` for
messages. A `Mouth` is the owner's way in, with a handle for each thing that it asserts.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from remit.dataspace import Observe, pattern
from remit.values import key
from remit.vat import Ref, actor, call, field, spawn, tell, this

__all__ = ["Ear", "Mouth"]


@actor(kind="remit.services.ear", version=1)
class Ear:
    """The observer of one pattern; owned by `owner`, whose object is in the same vat."""

    owner: Ref[Any]
    what: str
    there: dict[int, Any] = field(factory=dict)

    def turn(self, events: list[Any]) -> None:
        """What the dataspace says of the pattern (docs/shapes.md, *dataspace*)."""
        owner = call(self.owner)
        for event in events:
            if event[0] == "assert":
                self.there[event[1]] = event[2]
                owner.heard(self.what, True, event[2])
            elif event[0] == "retract":
                if event[1] in self.there:
                    owner.heard(self.what, False, self.there.pop(event[1]))
            elif event[0] == "message":
                owner.said(self.what, event[1])
            elif event[0] == "sync":
                tell(event[1]).turn([["message", True]])


class Mouth:
    """What an object asserts in a dataspace, by what it is: the same thing once. Used in turns; what is said leaves by `flush`.

    Owned by the object, which calls `open` in a turn first. `closed` withdraws everything.
    """

    __slots__ = ("_events", "_handles", "_next", "_party")

    def __init__(self) -> None:
        self._party: Ref[Any] | None = None
        self._handles: dict[Hashable, int] = {}
        self._next = 1
        self._events: list[Any] = []

    def open(self, space: Ref[Any], name: str) -> None:
        """Take part, in this object's name."""
        self._party = space.open(this(), name=name)

    def listen(self, what: str, written: Any) -> None:
        """Hear of what matches: see `Ear`."""
        self.say(Observe(pattern(written), spawn(Ear, this(), what)))

    def say(self, value: Any) -> None:
        """Assert it, if it is not."""
        mark = key(value)
        if mark not in self._handles:
            self._handles[mark] = self._next
            self._events.append(["assert", self._next, value])
            self._next += 1

    def unsay(self, value: Any) -> None:
        """Withdraw it, if it is asserted."""
        handle = self._handles.pop(key(value), None)
        if handle is not None:
            self._events.append(["retract", handle])

    def put(self, value: Any, yes: bool) -> None:
        """One or the other."""
        (self.say if yes else self.unsay)(value)

    def message(self, value: Any) -> None:
        """Send it as a message."""
        self._events.append(["message", value])

    def sync(self, ref: Ref[Any]) -> None:
        """Have `ref` told when all before has been handled."""
        self._events.append(["sync", ref])

    def flush(self) -> None:
        """Say all that has gathered, as one turn."""
        if self._events and self._party is not None:
            events, self._events = self._events, []
            tell(self._party).turn(events)

    def close(self) -> None:
        """Withdraw everything, for good."""
        if self._party is not None:
            tell(self._party).close()
            self._party = None

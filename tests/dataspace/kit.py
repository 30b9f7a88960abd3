"""What the tests of dataspaces share: records, an entity that notes what it is told, and an object whose conversations a test writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.dataspace import Dataspace, Observe, pattern
from remit.values import record
from remit.vat import Ref, Vat, actor
from tests.vat.kit import settle

__all__ = ["Ear", "Party", "Person", "Present", "Says", "Space", "person"]


@record("tests.present")
class Present:
    name: Any


@record("tests.says")
class Says:
    who: Any
    what: Any


@actor(kind="tests.ear")
class Ear:
    """An entity that keeps what it is told, by turns."""

    turns: list[Any] = []

    def turn(self, events: list[Any]) -> None:
        self.turns.append(events)

    def read(self) -> list[Any]:
        return self.turns


class Party:
    """A party of a space, driven by hand: `put(value)` gives a handle."""

    def __init__(self, vat: Vat, ref: Ref[Any]) -> None:
        self.vat = vat
        self.ref = ref
        self.handles = 0

    def turn(self, *events: list[Any]) -> None:
        settle(self.ref.turn(list(events)), self.vat)

    def put(self, value: Any) -> int:
        self.handles += 1
        self.turn(["assert", self.handles, value])
        return self.handles

    def retract(self, handle: int) -> None:
        self.turn(["retract", handle])

    def message(self, value: Any) -> None:
        self.turn(["message", value])

    def observe(self, wanted: Any, ear: Any = None) -> Listening:
        ear = ear or self.vat.spawn(Ear)
        return Listening(self, ear, self.put(Observe(pattern(wanted), ear)))

    def close(self) -> None:
        settle(self.ref.close(), self.vat)


class Listening:
    """One subscription of a party, and what its entity was told."""

    def __init__(self, party: Party, ear: Any, handle: int) -> None:
        self.party = party
        self.ear = ear
        self.handle = handle

    def turns(self) -> list[Any]:
        """What it was told, by turns."""
        return list(self.ear._at.turns)

    def events(self) -> list[Any]:
        """What it was told since the last look, without handles."""
        live: dict[int, Any] = {}
        found = []
        for event in (event for turn in self.turns() for event in turn):
            if event[0] == "assert":
                live[event[1]] = event[2]
                found.append(("+", event[2]))
            elif event[0] == "retract":
                found.append(("-", live.pop(event[1])))
            else:
                found.append(("!", event[1]))
        start, self._read = getattr(self, "_read", 0), len(found)
        return found[start:]

    def live(self) -> list[Any]:
        """What it has been told of and not withdrawn."""
        live: dict[int, Any] = {}
        for event in (event for turn in self.turns() for event in turn):
            if event[0] == "assert":
                assert event[1] not in live, "a handle was used twice"
                live[event[1]] = event[2]
            elif event[0] == "retract":
                del live[event[1]]
        return list(live.values())

    def stop(self) -> None:
        self.party.retract(self.handle)


class Space:
    """A dataspace in a vat that is driven by hand."""

    def __init__(self, **fields: Any) -> None:
        self.vat = Vat("space")
        self.ref = self.vat.spawn(Dataspace, **fields)

    def party(self, *args: Any, **kwargs: Any) -> Party:
        return Party(self.vat, settle(self.ref.open(*args, **kwargs), self.vat))

    def query(self, wanted: Any) -> list[Any]:
        found: list[Any] = settle(self.ref.query(pattern(wanted)), self.vat)
        return found

    def size(self) -> int:
        return int(settle(self.ref.size(), self.vat))


@actor(kind="tests.person")
class Person:
    """An object whose turns the test writes: `do(n)` runs the n-th function of `acts` with it."""

    space: Any
    log: list[Any] = []

    def do(self, at: int) -> None:
        self.__dict__["acts"][at](self)


class Acting:
    """A person and the functions that it is to run."""

    def __init__(self, vat: Vat, space: Any) -> None:
        self.vat = vat
        self.ref = vat.spawn(Person, space)
        self.acts: list[Callable[[Any], Any]] = []
        object.__setattr__(self.ref._at, "acts", self.acts)

    def act(self, function: Callable[[Any], Any]) -> None:
        """Run a function as a turn of the person, and all that follows from it."""
        self.acts.append(function)
        settle(self.ref.do(len(self.acts) - 1), self.vat)

    @property
    def log(self) -> list[Any]:
        return list(self.ref._at.log)


def person(space: Space) -> Acting:
    """A person in the space's vat."""
    return Acting(space.vat, space.ref)

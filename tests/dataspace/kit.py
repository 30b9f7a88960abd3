"""What the tests of dataspaces share: records, an entity that notes what it is told, and an object whose conversations a test writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.dataspace import Dataspace, Observe, pattern
from remit.testing import World
from remit.values import record
from remit.vat import PENDING, Ref, Vat, actor, resolved
from tests.vat.kit import settle

__all__ = ["KINDS", "Acting", "Ear", "OtherNode", "OtherVat", "Party", "Person", "Present", "Says", "Space", "person"]


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
    """A party of a space, driven by hand: `put(value)` asserts it and gives its handle."""

    def __init__(self, space: Space, ref: Ref[Any]) -> None:
        self.space = space
        self.ref = ref
        self.handles = 0

    def turn(self, *events: list[Any]) -> None:
        self.space.settle(self.ref.turn(list(events)))

    def put(self, value: Any) -> int:
        self.handles += 1
        self.turn(["assert", self.handles, value])
        return self.handles

    def retract(self, handle: int) -> None:
        self.turn(["retract", handle])

    def message(self, value: Any) -> None:
        self.turn(["message", value])

    def observe(self, wanted: Any, ear: Any = None) -> Listening:
        ear = ear or self.space.vat.spawn(Ear)
        return Listening(self, ear, self.put(Observe(pattern(wanted), ear)))

    def close(self) -> None:
        self.space.settle(self.ref.close())


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


class Faults:
    """The recorder of a test's vats: what has failed there, in words."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def failed(self, vat: Any, error: Exception, broken: Any, where: str) -> None:
        self.words.append(f"{type(error).__name__}: {error} in {where}")


class Space:
    """A dataspace in a vat that is driven by hand; persons are in the same vat."""

    def __init__(self, **fields: Any) -> None:
        self.faults = Faults()
        self.vat = Vat("space", recorder=self.faults)
        self.ref = self.vat.spawn(Dataspace, **fields)

    def settle(self, promise: Any) -> Any:
        """Run everything until nothing moves; what the promise became."""
        return settle(promise, self.vat)

    def home(self) -> tuple[Vat, Any]:
        """A vat for a person, and the dataspace as it is reached from there."""
        return self.vat, self.ref

    def party(self, *args: Any, **kwargs: Any) -> Party:
        return Party(self, self.settle(self.ref.open(*args, **kwargs)))

    def query(self, wanted: Any) -> list[Any]:
        found: list[Any] = self.settle(self.ref.query(pattern(wanted)))
        return found

    def size(self) -> int:
        return int(self.settle(self.ref.size()))


class OtherVat(Space):
    """Persons are in another vat of the process."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.other = Vat("person", recorder=self.faults)

    def settle(self, promise: Any) -> Any:
        return settle(promise, self.vat, self.other)

    def home(self) -> tuple[Vat, Any]:
        return self.other, self.ref


class OtherNode(Space):
    """Persons are on another node, and every message between the two is delivered by hand."""

    def __init__(self, **fields: Any) -> None:
        self.faults = Faults()
        self.world = World()
        here, there = self.world.node("space"), self.world.node("person")
        self.vat, self.there = here.vat, there
        here.vat._recorder = there.vat._recorder = self.faults
        self.ref = self.vat.spawn(Dataspace, **fields)
        here.objects[b"space"] = self.ref
        self.session = self.world.connect(there, here)
        self.world.settle()
        promise = there.remote(self.session, b"space")
        self.world.settle()
        self.far = resolved(promise)

    def settle(self, promise: Any) -> Any:
        self.world.settle()
        value = resolved(promise)
        assert value is not PENDING, "the promise has no result, and nothing is left to do"
        return value

    def home(self) -> tuple[Vat, Any]:
        return self.there.vat, self.far


@actor(kind="tests.person")
class Person:
    """An object whose turns the test writes: `do(n)` runs the n-th function of `acts` with it."""

    space: Any
    log: list[Any] = []

    def do(self, at: int) -> None:
        self.__dict__["acts"][at](self)


class Acting:
    """A person and the functions that it is to run."""

    def __init__(self, space: Space) -> None:
        self.space = space
        vat, ref = space.home()
        self.ref = vat.spawn(Person, ref)
        self.acts: list[Callable[[Any], Any]] = []
        object.__setattr__(self.ref._at, "acts", self.acts)

    def act(self, function: Callable[[Any], Any]) -> None:
        """Run a function as a turn of the person, and all that follows from it."""
        self.acts.append(function)
        self.space.settle(self.ref.do(len(self.acts) - 1))

    @property
    def log(self) -> list[Any]:
        return list(self.ref._at.log)


def person(space: Space) -> Acting:
    """A person where the space has its home for them."""
    return Acting(space)


KINDS: dict[str, Callable[[], Space]] = {"near": Space, "another vat": OtherVat, "another node": OtherNode}
"""Where an object can be that converses with a dataspace: facets are the same everywhere."""

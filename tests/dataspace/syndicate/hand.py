"""Two Syndicate sessions in one process, driven by hand: every packet is delivered by the test. And entities that only take notes."""

from __future__ import annotations

from collections import deque
from typing import Any

from remit.dataspace.syndicate import Session
from remit.errors import Broken
from remit.values import preserves
from remit.vat import Ref, Vat, actor, spawn, tell


@actor(kind="test.syndicate.notes")
class Notes:
    """An entity of one source: it writes down what it hears, and answers syncs."""

    heard: list

    def turn(self, events: list) -> None:
        self.heard.append(events)
        for event in events:
            if event[0] == "sync":
                tell(event[1]).turn([["message", True]])

    def all(self) -> list:
        return [event for events in self.heard for event in events]


@actor(kind="test.syndicate.party")
class Party:
    place: Any
    name: str
    heard: list

    def turn(self, events: list) -> None:
        self.heard.append(events)
        tell(self.place).note(self.name, events)

    def close(self) -> None:
        tell(self.place).note(self.name, [["close"]])


@actor(kind="test.syndicate.place")
class Place:
    """An entity of several sources."""

    heard: list
    opened: int = 0

    def open(self, owner: Any = None, grace: float = 0.0, name: str = "") -> Any:
        from remit.vat import this

        self.opened += 1
        return spawn(Party, this(), f"{name}{self.opened}", [])

    def note(self, name: str, events: list) -> None:
        self.heard.append([name, *events])


class Home:
    def __init__(self, name: str) -> None:
        self.vat = Vat(name)
        self.dirty: list[Session] = []
        self.causes: list[Broken] = []
        self.ends: dict[Session, Any] = {}

    def output(self, session: Session) -> None:
        self.dirty.append(session)

    def ended(self, session: Session, cause: Broken) -> None:
        self.causes.append(cause)
        if session in self.ends:
            self.ends.pop(session).session_ended(cause)

    def add(self, end: Any) -> None:
        self.ends[end.session] = end

    def notes(self) -> Ref[Any]:
        return self.vat.spawn(Notes, [])

    def place(self) -> Ref[Any]:
        return self.vat.spawn(Place, [])

    def hear(self, ref: Any) -> list:
        """What an entity has heard, turn by turn."""
        return list(ref._at.heard)


class Pair:
    """Sessions a and b; b gives `place` for free (a fresh `Place` unless one is given)."""

    def __init__(self, initial: Any = None, **options: Any) -> None:
        self.a, self.b = Home("a"), Home("b")
        self.place = initial(self.b) if initial is not None else self.b.place()
        self.near = Session(self.a, name="b", **options)
        self.far = Session(self.b, self.place, name="a")
        self.to_far: deque[bytes] = deque()
        self.to_near: deque[bytes] = deque()
        self.space = self.near.root
        self.later: Any = None

    def run(self) -> bool:
        moved = self.a.vat.run() + self.b.vat.run()
        for home, session, pipe in ((self.a, self.near, self.to_far), (self.b, self.far, self.to_near)):
            dirty, home.dirty = home.dirty, []
            for one in dirty:
                if one is session:
                    packets = session.take()
                    pipe.extend(packets)
                    moved += len(packets)
                elif one in home.ends:
                    home.ends[one].flush()
                    moved += 1
        return moved > 0

    def quiet(self) -> None:
        while self.run():
            pass

    def say(self, ref: Any, *events: list) -> None:
        tell(ref).turn(list(events))
        self.quiet()

    def deliver(self, to: str) -> Any:
        """Deliver the next packet to "near" or "far"; gives it as a value."""
        self.quiet()
        pipe, session = (self.to_far, self.far) if to == "far" else (self.to_near, self.near)
        data = pipe.popleft()
        session.received(data)
        self.quiet()
        return shown(data)

    def settle(self) -> None:
        self.quiet()
        while self.to_far or self.to_near:
            self.deliver("far" if self.to_far else "near")

    def check(self) -> None:
        """No invariant is broken."""
        assert self.near.faults() == [], self.near.dump()
        assert self.far.faults() == [], self.far.dump()

    def end(self) -> None:
        """All is withdrawn: the tables are empty."""
        self.settle()
        self.check()
        assert self.near.left() == [], self.near.dump()
        assert self.far.left() == [], self.far.dump()


def shown(data: bytes) -> str:
    """A packet as text."""
    if data[0] < 0x80:
        return data.decode().strip()
    return preserves.text(preserves.decode(data))


def wire(text: str) -> bytes:
    """The binary form of a packet that is written as text."""
    return preserves.encode(preserves.parse(text))

"""A reference to a far object that outlives the connections by which it is reached.

    away ──found(object)──► there ──lost()──► away …      ended, for good, by end(cause)

What is asserted through it is remembered, and asserted again each time that the object is found. Messages and syncs that come while it is away
wait, up to a bound; a sync that was not answered is asked again. A message that was on its way when a connection
broke may have been handled or not: it is not sent twice.
"""

from __future__ import annotations

from typing import Any, Final

from remit.dataspace.syndicate._door import Door
from remit.dataspace.syndicate._entity import EntityLink, Way, post_turn
from remit.errors import Broken
from remit.vat import ROOT, Context, Ref, Vat

__all__ = ["Standing"]

WAITING: Final = 10_000
"""Messages and syncs of one source that wait for the object; the oldest are dropped."""


class Standing(EntityLink):
    """Owned by whoever reconnects. `reference` is what others hold; `dropped` counts messages for which there was no room."""

    def __init__(self, vat: Vat, name: str) -> None:
        super().__init__(vat)
        self.name = name
        self.target: Ref[Any] | None = None
        self.cause: Broken | None = None
        self.dropped = 0
        self._ways: set[StandingWay] = set()  # those with something to say again
        self.space = self.reference(StandingWay(self, name))

    def found(self, target: Ref[Any]) -> None:
        """It is reached by this reference now: assert everything there."""
        self.lost()
        if self.cause is None:
            self.target = target
            for way in list(self._ways):
                way.resume()

    def lost(self) -> None:
        """It is not reached now. What was asserted there has been withdrawn with the connection."""
        self.target = None
        for way in self._ways:
            way.door = None

    def end(self, cause: Broken) -> None:
        """Nobody will look for it any more."""
        if self.cause is None:
            for way in list(self._ways):
                way.close()
            self.lost()
            self.cause = cause
            self._ways.clear()
            self.tell_severed(cause)

    def over(self) -> Broken | None:
        return self.cause

    def note(self, way: StandingWay, wanted: bool) -> None:
        """Whether this way has something that has to be said again."""
        if wanted and self.cause is None:
            self._ways.add(way)
        elif not wanted:
            self._ways.discard(way)

    def __repr__(self) -> str:
        state = "over" if self.cause is not None else "away" if self.target is None else "there"
        return f"<{self.name}, {state}>"


class StandingWay(Way):
    """One source's way to the object, wherever that is."""

    __slots__ = ("_asked", "_live", "_name", "_standing", "_waiting", "door")

    def __init__(self, standing: Standing, name: str) -> None:
        self._standing = standing
        self._name = name
        self._live: dict[int, Any] = {}
        self._asked: dict[SyncWatch, None] = {}  # syncs that were not answered
        self._waiting: list[list[Any]] = []
        self.door: Door | None = None

    def turn(self, events: list[Any], context: Context) -> None:
        """Remember what has to be said again, and say it if the object is there."""
        standing = self._standing
        if standing.cause is not None:
            return
        door = self.door
        if door is not None and len(events) == 1 and events[0][0] == "message":
            door.turn(events, context)  # it is there: nothing of this has to be said again
            return
        there = standing.target is not None
        said = [self._note(event, there) for event in events]
        standing.note(self, True)
        if standing.target is not None:
            if self.door is None:
                self.door = Door(standing.vat, standing.target, self._name)
            self.door.turn(said, context)

    def _note(self, event: list[Any], there: bool) -> list[Any]:
        kind = event[0]
        if kind == "assert":
            self._live[event[1]] = event[2]
        elif kind == "retract":
            self._live.pop(event[1], None)
        elif kind == "sync":
            watch = SyncWatch(self, event[1])
            self._asked[watch] = None
            event = ["sync", self._standing.reference(watch)]
        elif not there:
            self._wait(event)
        return event

    def _wait(self, event: list[Any]) -> None:
        self._waiting.append(event)
        if len(self._waiting) > WAITING:
            del self._waiting[0]
            self._standing.dropped += 1

    def resume(self) -> None:
        """The object is there again: say everything in one turn."""
        standing = self._standing
        assert standing.target is not None
        events: list[Any] = [["assert", handle, value] for handle, value in self._live.items()]
        events += self._waiting
        events += [["sync", standing.reference(watch)] for watch in self._asked]
        self._waiting = []
        self.door = Door(standing.vat, standing.target, self._name)
        if events:
            self.door.turn(events, ROOT)

    def answered(self, watch: SyncWatch) -> None:
        """A sync has its answer."""
        self._asked.pop(watch, None)

    def open(self, name: str) -> Ref[Any]:
        """A way for another source."""
        if self._standing.cause is not None:
            raise self._standing.cause.copy()
        return self._standing.reference(StandingWay(self._standing, name or self._name))

    def close(self) -> None:
        """Withdraw everything."""
        live, self._live = list(self._live), {}
        self._asked.clear()
        self._waiting.clear()
        if self.door is not None:
            self.door.close(live)
            self.door = None
        self._standing.note(self, False)


class SyncWatch(Way):
    """Hears the answer to a sync, and passes it on."""

    __slots__ = ("_peer", "_way")

    def __init__(self, way: StandingWay, peer: Ref[Any]) -> None:
        self._way = way
        self._peer: Ref[Any] | None = peer

    def turn(self, events: list[Any], context: Context) -> None:
        """The answer."""
        peer, self._peer = self._peer, None
        if peer is not None:
            self._way.answered(self)
            post_turn(peer, [["message", True]], context)

    def open(self, name: str) -> Ref[Any]:
        """There is one answer, whoever gives it."""
        return self._way._standing.reference(self)

"""Remit's variants of conversations in one dataspace, against its public interface: entities that are told, and facets of objects."""

from __future__ import annotations

import time
from typing import Any, ClassVar

from remit.dataspace import Dataspace, Observe, bind, message, on_message, pattern
from remit.values import record
from remit.vat import Promise, Ref, Vat, actor, resolved, tell

from .pubsub import BURST, FAN, PATTERNS, room

HEARD = [0]
"""How many events all observers have heard. No field, whose change would be a part of the handler's own cost."""


@record("bench.tick")
class Tick:
    room: Any
    value: Any


@actor(kind="bench.ear")
class Ear:
    def turn(self, events: list[Any]) -> None:
        HEARD[0] += len(events)


@actor(kind="bench.speaker")
class Speaker:
    """Says so many messages from here on, in one turn of its own."""

    party: Any

    def say(self, start: int, count: int) -> None:
        tell(self.party).turn([["message", Tick(room(at), at)] for at in range(start, start + count)])


@actor(kind="bench.talker")
class Talker:
    """The same as a conversation."""

    space: Any

    def say(self, start: int, count: int) -> None:
        for at in range(start, start + count):
            message(self.space, Tick(room(at), at))


@actor(kind="bench.listener")
class Listener:
    """Listens to one pattern, or to the events of one room."""

    space: Any

    def listen(self, at: int | None) -> None:
        on_message(self.space, _wanted(at), _heard)


def _heard(*captures: Any) -> None:
    HEARD[0] += 1


def _wanted(at: int | None) -> Any:
    return Tick(room=bind(), value=bind()) if at is None else Tick(room=at, value=bind())


class Entities:
    """A party that speaks, and entities that are told."""

    info: ClassVar = {"latency": 20_000, "fanout": 100_000, "select": 20_000}

    def measure(self, what: str, n: int) -> float:
        vat = Vat("bench")
        space = vat.spawn(Dataspace)
        speaker = self._begin(vat, space, {"latency": 1, "fanout": FAN, "select": PATTERNS}[what], what == "select")
        step = 1 if what == "latency" else BURST
        events = n // FAN if what == "fanout" else n
        HEARD[0] = 0
        began = time.perf_counter()
        for start in range(0, events, step):
            speaker.say(start, step)
            vat.run()
        took = time.perf_counter() - began
        assert HEARD[0] == (events * FAN if what == "fanout" else events)
        return took / n * 1e6 if what == "latency" else HEARD[0] / took

    def _begin(self, vat: Vat, space: Ref[Any], observers: int, rooms: bool) -> Ref[Any]:
        party = _now(vat, space.open())
        wanted = [pattern(_wanted(at if rooms else None)) for at in range(observers)]
        _now(vat, party.turn([["assert", at, Observe(each, vat.spawn(Ear))] for at, each in enumerate(wanted)]))
        return vat.spawn(Speaker, party)


class Facets(Entities):
    """An object that says messages, and objects with handlers."""

    info: ClassVar = {"latency": 10_000, "fanout": 50_000, "select": 10_000}

    def _begin(self, vat: Vat, space: Ref[Any], observers: int, rooms: bool) -> Ref[Any]:
        for at in range(observers):
            _now(vat, vat.spawn(Listener, space).listen(at if rooms else None))
        return vat.spawn(Talker, space)


def _now(vat: Vat, promise: Promise[Any]) -> Any:
    vat.run()
    return resolved(promise)

"""The dataspace as an object, and the parties who take part: what others send messages to."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Final

from remit.dataspace._leash import Watch, watch
from remit.dataspace._looks import AssertionView, Debt, ObserverView, PartyView, assertions, observers, parties
from remit.dataspace._pace import Slow
from remit.dataspace._source import Source, closed
from remit.dataspace._space import MOST, Space
from remit.errors import BadArgument, Misuse
from remit.lib import read_clock
from remit.vat import Ref, actor, on, reads, spawn

__all__ = ["Dataspace", "Party"]

_put = object.__setattr__
KEY: Final = 16
"""Characters or bytes of a key, at least: 128 bits, if they are random bytes."""


class Way:
    """What a party does: its source, and who holds it."""

    __slots__ = ("__weakref__", "grace", "held", "lost", "source", "space", "timer", "watch")

    def __init__(self, space: Space, name: str, grace: float, timer: Any) -> None:
        self.space = space
        self.source = space.open(name)
        self.source.way = self
        self.grace = grace
        self.timer = timer
        self.watch: Watch | None = None
        self.lost = False  # its owner is gone, and its grace period runs
        self.held = 0  # how many owners there have been: only the last one's loss counts

    def say(self, events: Any) -> None:
        """See `Party.turn`."""
        self.space.turn(self.source, events)

    def close(self) -> None:
        """See `Party.close`."""
        self._watch(None)
        self.space.close(self.source)

    def _watch(self, watch: Watch | None) -> None:
        """Watch this from now on, and not what was watched before."""
        if self.watch is not None:
            self.watch.end()
        self.space.journal.begin()
        self.space.journal.note(setattr, self, "watch", self.watch)
        self.watch = watch

    def hold(self, owner: Any) -> None:
        """See `Party.renew`."""
        if not self.source.open:
            raise closed(self.source)
        journal = self.space.journal
        journal.begin()
        journal.note(setattr, self, "held", self.held)
        self.held += 1
        self._mark(False)
        self._watch(watch(owner, _on_loss(weakref.ref(self), self.held)) if isinstance(owner, Ref) else None)

    def _mark(self, lost: bool) -> None:
        self.space.journal.begin()
        self.space.journal.note(setattr, self, "lost", self.lost)
        self.lost = lost

    def _severed(self, number: int) -> None:
        """The link to the owner of this number is lost."""
        if number != self.held:
            return
        if not self.grace:
            self.close()
            return
        self._mark(True)

        def late(_: Any) -> None:
            if number == self.held:
                self.close()

        on(self.timer.after(self.grace), late, late)


def _on_loss(way: weakref.ref[Way], number: int) -> Callable[[Any], None]:
    """Weak: a link does not keep a party of which nothing stands."""

    def lost(_: Any) -> None:
        found = way()
        if found is not None:
            found._severed(number)

    return lost


@actor(kind="remit.dataspace", version=1)
class Dataspace:
    """A place where assertions are published, observed and withdrawn. It forgets what a party said that is gone.

    `timer` is a device with `after(seconds)` (`remit.lib.Timer`), needed for grace periods only. `most`: assertions that one party may have standing. What is asserted lives as long as
    the object is in memory: in a durable vat it comes back empty, since those who had asserted anything begin anew, too.
    """

    timer: Any = None
    most: int = MOST

    def open(self, owner: Any = None, grace: float = 0.0, name: str = "", key: Any = None) -> Ref[Party]:
        """A way in for one source, whose handles are its own.

        `owner` is a reference of the source's: when its link is lost, what the party has asserted is withdrawn, after `grace` seconds unless
        the party was renewed. Without one, only `close` ends it. `name` is for people. `key` is a secret (str or bytes, 16 at least): whoever
        opens with the same key while the party is open gets it again, renewed.
        """
        if key is not None and (type(key) not in (str, bytes) or len(key) < KEY):
            raise BadArgument(f"a key is a secret str or bytes of at least {KEY}: it finds a party again")
        known = None if key is None else self._space().keyed.get(key)
        if known is not None:
            known.way.hold(owner)
            return self._party(known)
        if grace < 0 or (grace and self.timer is None):
            raise BadArgument(
                f"a grace period of {grace} s needs a dataspace with a timer, and is not below 0: give Dataspace(timer=…), or none"
            )
        way = Way(self._space(), name, grace, self.timer)
        way.hold(owner)
        if key is not None:
            self._space().remember(way.source, key)
        return self._party(way.source)

    def _now(self) -> float:
        """The time, where the timer tells it."""
        try:
            return read_clock(self.timer)
        except Misuse:
            return 0.0

    def _party(self, source: Source) -> Ref[Party]:
        """The party of a source, made again where nobody held it any more."""
        party = None if source.party is None else source.party()
        if party is None:
            party = spawn(Party)
            _put(party._at, "_source", source.way)
            source.party = weakref.ref(party)
        return party

    @reads
    def query(self, pattern: Any) -> list[list[Any]]:
        """The distinct captures of what is there now and matches a pattern, as an observer would get them."""
        return self._space().query(pattern)

    @reads
    def size(self) -> int:
        """How many distinct assertions there are."""
        return len(self._space().bag)

    @reads
    def parties(self) -> list[PartyView]:
        """Everybody who takes part."""
        return parties(self._space())

    @reads
    def assertions(self, most: int = 1000) -> list[AssertionView]:
        """The first so many distinct assertions, with who has made them."""
        return assertions(self._space(), most)

    @reads
    def observers(self) -> list[ObserverView]:
        """Every observation, with how far its observer keeps up."""
        return observers(self._space())

    def trace(self, entity: Ref[Any]) -> None:
        """From now on send this entity a `Trace` of each turn, as a message, until `untrace` or its link is lost."""
        behaviour = getattr(entity, "_at", None)
        if isinstance(behaviour, Party) and behaviour._way().space is self._space():
            raise BadArgument(
                "a dataspace that is told of its own turns would never come to an end: trace it to somebody else"
            )
        self._space().trace(entity)

    def untrace(self, entity: Ref[Any]) -> None:
        """Send it no more."""
        self._space().untrace(entity)

    @reads
    def debts(self) -> list[Debt]:
        """What waits for observers that do not keep up: who said it, who observes, events and bytes."""
        return self._space().debts()

    def _space(self) -> Space:
        space: Space | None = self.__dict__.get("_heart")
        if space is None:
            space = Space()
            space.most, space.clock = self.most, self._now
            _put(self, "_heart", space)
        return space


@actor(kind="remit.party", version=1, passing=True)
class Party:
    """One source's way into a dataspace. Whoever has it may speak and withdraw for that source, and nothing else."""

    def turn(self, events: list[Any]) -> None:
        """What one turn of the source has to say (docs/shapes.md, *dataspace*). All of it happens, or nothing."""
        self._way().say(events)

    def close(self) -> None:
        """Withdraw all that was asserted here, for good."""
        self._way().close()

    def pace(self, observer: Ref[Any], policy: str = "wait", most: int = 1000) -> None:
        """What becomes of events for an observer that does not keep up (`Slow`). Said before it is asserted that it observes."""
        self._way().space.pace(observer, Slow(policy, most))

    def renew(self, owner: Any = None) -> None:
        """From now on this reference stands for the source; within the grace period nothing was withdrawn. Raises when it is closed."""
        self._way().hold(owner)

    def _way(self) -> Way:
        way: Way | None = self.__dict__.get("_source")
        if way is None:
            raise BadArgument("this party is of an earlier run: open another one at the dataspace")
        return way

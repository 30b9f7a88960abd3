"""The dataspace as an object, and the parties who take part: what others send messages to."""

from __future__ import annotations

from typing import Any

from remit.dataspace._space import Space
from remit.errors import BadArgument
from remit.vat import Ref, actor, on, on_sever, reads, spawn

__all__ = ["Dataspace", "Party"]

_put = object.__setattr__


class Way:
    """What a party does: its source, and who holds it."""

    __slots__ = ("grace", "held", "source", "space", "timer")

    def __init__(self, space: Space, name: str, grace: float, timer: Any) -> None:
        self.space = space
        self.source = space.open(name)
        self.grace = grace
        self.timer = timer
        self.held = 0  # how many owners there have been: only the last one's loss counts

    def say(self, events: Any) -> None:
        """See `Party.turn`."""
        self.space.turn(self.source, events)

    def close(self) -> None:
        """See `Party.close`."""
        self.space.close(self.source)

    def hold(self, owner: Any) -> None:
        """See `Party.renew`."""
        if not self.source.open:
            raise BadArgument("this party is closed: open another one at the dataspace")
        journal = self.space.journal
        journal.begin()
        journal.note(setattr, self, "held", self.held)
        self.held += 1
        if isinstance(owner, Ref):
            leash = spawn(Leash, self.held)
            _put(leash._at, "_way", self)
            on_sever(owner, leash)

    def severed(self, number: int) -> None:
        """The link to the owner of this number is lost."""
        if number != self.held:
            return
        if not self.grace:
            self.close()
            return

        def late(_: Any) -> None:
            if number == self.held:
                self.close()

        on(self.timer.after(self.grace), late, late)


@actor(kind="remit.dataspace", version=1)
class Dataspace:
    """A place where assertions are published, observed and withdrawn. It forgets what a party said that is gone.

    `timer` is a device with `after(seconds)` (`remit.lib.Timer`), needed for grace periods only. What is asserted lives as long as
    the object is in memory: in a durable vat it comes back empty, since those who had asserted anything begin anew, too.
    """

    timer: Any = None

    def open(self, owner: Any = None, grace: float = 0.0, name: str = "") -> Ref[Party]:
        """A way in for one source, whose handles are its own.

        `owner` is a reference of the source's: when its link is lost, what the party has asserted is withdrawn, after `grace` seconds unless
        the party was renewed. Without one, only `close` ends it. `name` is for people.
        """
        if grace < 0 or (grace and self.timer is None):
            raise BadArgument(
                f"a grace period of {grace} s needs a dataspace with a timer, and is not below 0: give Dataspace(timer=…), or none"
            )
        way = Way(self._space(), name, grace, self.timer)
        party = spawn(Party)
        _put(party._at, "_source", way)
        way.hold(owner)
        return party

    @reads
    def query(self, pattern: Any) -> list[list[Any]]:
        """The distinct captures of what is there now and matches a pattern, as an observer would get them."""
        return self._space().query(pattern)

    @reads
    def size(self) -> int:
        """How many distinct assertions there are."""
        return len(self._space().bag)

    def _space(self) -> Space:
        space: Space | None = self.__dict__.get("_heart")
        if space is None:
            space = Space()
            _put(self, "_heart", space)
        return space


@actor(kind="remit.party", version=1)
class Party:
    """One source's way into a dataspace. Whoever has it may speak and withdraw for that source, and nothing else."""

    def turn(self, events: list[Any]) -> None:
        """What one turn of the source has to say (docs/shapes.md, *dataspace*). All of it happens, or nothing."""
        self._way().say(events)

    def close(self) -> None:
        """Withdraw all that was asserted here, for good."""
        self._way().close()

    def renew(self, owner: Any = None) -> None:
        """From now on this reference stands for the source; within the grace period nothing was withdrawn. Raises when it is closed."""
        self._way().hold(owner)

    def _way(self) -> Way:
        way: Way | None = self.__dict__.get("_source")
        if way is None:
            raise BadArgument("this party is of an earlier run: open another one at the dataspace")
        return way


@actor(kind="remit.leash", version=1)
class Leash:
    """Hears that the link to a party's owner was lost."""

    number: int

    def __call__(self, broken: Any) -> None:
        self.__dict__["_way"].severed(self.number)

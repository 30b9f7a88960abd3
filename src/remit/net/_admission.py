"""How much strangers may hold before they have proved a key, and how many may come in at all.

A connection that nobody has authenticated is a *guest*. Guests are bounded in number, in memory and in time:

    silent ---- first bytes ----> waiting ---- a place is free ----> shaking hands ---- join (proved) ----> member
       |                             |                                     |
       +-----------------------------+----- time is up, or turned out -----+

- A silent guest costs a descriptor and about a kilobyte: no buffers, no task, no TLS state.
- Only so many guests shake hands at once. That bounds memory: TLS in asyncio takes about 300 KiB for each connection.
- Every guest is ended when its time is up: it has so long until its handshake begins, and so long for the handshake.
- When there are too many guests, the one that has been silent longest makes room for the new one. Refusing the new
  one instead would let a few hundred idle connections keep everybody out; an honest dialler speaks at once.
- Places are shared out by *source* (an IPv4 address, an IPv6 network of 64 bits, a user): the source with most guests makes
  room for one that has fewer, if need be by one that is shaking hands; so a flood keeps out its own source at most.
- Where nobody proves a key, guests stay; of those, too, one that is of no use makes room.
- Anybody can make a key and prove it, so members are bounded in number, too. When there are too many, the one that came
  first among those that are of no use makes room: whoever takes the channels says which are.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from remit.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["Admission", "Guest"]


PRESSED: Final = 2.0
"""Seconds of a handshake after which it gives its place to others that wait; two round trips by way of a satellite take 1.2."""


class Admission:
    """Bounds on the unauthenticated connections of one listener. Owned by its netlayer.

    `connections`: how many guests there may be. `handshakes`: how many of them may shake hands at once (300 KiB each
    with TLS). `seconds`: from the moment a connection is accepted until its handshake must have begun.
    `handshake_seconds`: from then until its key must be proved; the shorter it is, the less can stalled handshakes
    keep others waiting. `members`: how many accepted connections there may be that have proved a key.
    """

    __slots__ = (
        "_busy",
        "_guests",
        "_members",
        "_of",
        "_shaking",
        "_waiting",
        "connections",
        "handshake_seconds",
        "handshakes",
        "joined",
        "members",
        "refused",
        "seconds",
    )

    refused: int
    """How many were ended because there were too many or their time was up."""
    joined: int
    """How many accepted connections there are now that have proved a key."""

    def __init__(
        self,
        *,
        connections: int = 256,
        handshakes: int = 32,
        members: int = 1000,
        seconds: float = 10.0,
        handshake_seconds: float = 5.0,
    ) -> None:
        if min(connections, handshakes, members) < 1 or min(seconds, handshake_seconds) <= 0:
            raise Misuse("Admission takes at least one connection, handshake and member, and more than 0 seconds")
        self.connections = connections
        self.handshakes = handshakes
        self.members = members
        self.seconds = seconds
        self.handshake_seconds = handshake_seconds
        self.refused = 0
        self.joined = 0
        self._guests: dict[Guest, None] = {}  # in the order of their coming
        self._members: dict[Guest, None] = {}
        self._waiting: dict[Guest, None] = {}
        self._of: Counter[Hashable] = Counter()  # guests by source
        self._shaking: Counter[Hashable] = Counter()  # those of them that shake hands
        self._busy = 0

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, end: Callable[[str], None], source: Hashable = None) -> Guest | None:
        """A new guest from `source`, or None when there is no room. `end(reason)` is called if it is turned out; it must hang up."""
        if len(self._guests) >= self.connections:
            self.refused += 1
            victim = self._who_makes_room(source)
            if victim is None:
                return None
            victim._turn_out(f"{self.connections} connections have proved no key, and this one {victim._stage_told()}")
        guest = Guest(self, end, source)
        self._guests[guest] = None
        self._of[source] += 1
        return guest

    def end_all(self, reason: str) -> None:
        """Turn every guest out."""
        for guest in list(self._guests):
            guest._turn_out(reason)

    def _who_makes_room(self, source: Hashable) -> Guest | None:
        """The one that was silent longest, of the source with most guests; of that of the newcomer, if it has as many."""
        crowd, most = max(self._of.items(), key=lambda item: (item[1], item[0] == source))
        own = self._of[source]
        silent = (guest for guest in self._guests if guest._stage == "silent" and self._of[guest.source] == most)
        found = next((guest for guest in silent if crowd != source or guest.source == source), None)
        if found is None and most > own + 1:
            found = self._first(crowd, "waiting") or self._first(crowd, "shaking")
        if found is None:
            found = self._first_spare(crowd)
        return found

    def _first_spare(self, source: Hashable) -> Guest | None:
        """One of the source that stays without a proof, and that nobody would miss."""
        staying = (guest for guest in self._guests if guest.source == source and guest._stage == "staying")
        return next((guest for guest in staying if guest._spare is not None and guest._spare()), None)

    def _first(self, source: Hashable, stage: str) -> Guest | None:
        return next((guest for guest in self._guests if guest.source == source and guest._stage == stage), None)

    def _give_places(self) -> None:
        """Places go to those whose source has fewest; the source with most gives one up for one that has two fewer."""
        while self._waiting:
            following = min(self._waiting, key=lambda guest: self._shaking[guest.source])
            if self._busy >= self.handshakes:
                victim = self._who_gives_a_place(following.source)
                if victim is None:
                    return
                self.refused += 1
                victim._turn_out("others wait to shake hands, and it took longer, or its source has more places")
                continue  # its place may have been given already
            following._start()

    def _who_gives_a_place(self, source: Hashable) -> Guest | None:
        """One of the source with most handshakes, where that has two more; else the first, if it had time enough."""
        crowd, most = max(self._shaking.items(), key=lambda item: item[1])
        if most > self._shaking[source] + 1:
            return self._first(crowd, "shaking")
        slow = asyncio.get_running_loop().time() - PRESSED
        return next((guest for guest in self._guests if guest._stage == "shaking" and guest._began < slow), None)

    def _room_for_a_member(self) -> bool:
        """Whether there is room for one more, if need be by ending one that is of no use."""
        if self.joined < self.members:
            return True
        self.refused += 1
        spare = next((guest for guest in self._members if guest._spare is not None and guest._spare()), None)
        if spare is None:
            return False
        spare._turn_out("others came, and it had nothing of this node's")
        return self.joined < self.members


class Guest:
    """One connection that has proved nothing yet, or has since. It ends with `leave`, or by being turned out."""

    __slots__ = ("_admission", "_began", "_end", "_go", "_spare", "_stage", "_timer", "source")

    def __init__(self, admission: Admission, end: Callable[[str], None], source: Hashable) -> None:
        self._admission = admission
        self._end = end
        self._go: Callable[[], None] | None = None
        self._spare: Callable[[], bool] | None = None
        self._stage = "silent"
        self._began = 0.0
        self.source = source
        self._timer = self._clock(admission.seconds)

    def spoke(self, go: Callable[[], None]) -> None:
        """It has sent its first bytes: `go` is called once it may shake hands, at once if there is a place."""
        self._go = go
        self._stage = "waiting"
        self._admission._waiting[self] = None
        self._admission._give_places()

    def stay(self) -> None:
        """It will never prove a key and need not: it counts until it leaves, without a time limit or a place."""
        self._timer.cancel()
        self._set_stage("staying")

    def join(self) -> bool:
        """It has proved its key and is a guest no longer; False, and it has left, if there are too many members."""
        self.leave()
        if not self._admission._room_for_a_member():
            return False
        self._admission.joined += 1
        self._admission._members[self] = None
        self._set_stage("member")
        return True

    def settle(self, end: Callable[[str], None], spare: Callable[[], bool] | None) -> None:
        """A member has its channel: `end(reason)` ends it, and `spare()` says whether nobody would miss it. None: somebody would."""
        self._end = end
        self._spare = spare

    def leave(self) -> None:
        """It is gone. May be called again."""
        self._timer.cancel()
        if self._admission._guests.pop(self, self) is None:
            self._admission._of -= Counter([self.source])
        self._set_stage("gone")

    def _start(self) -> None:
        admission = self._admission
        del admission._waiting[self]
        self._stage = "shaking"
        self._began = asyncio.get_running_loop().time()
        self._timer.cancel()
        self._timer = self._clock(admission.handshake_seconds)
        admission._busy += 1
        admission._shaking[self.source] += 1
        if self._go is not None:
            self._go()

    def _set_stage(self, stage: str) -> None:
        admission = self._admission
        before, self._stage = self._stage, stage
        if before == "waiting":
            del admission._waiting[self]
        elif before == "shaking":
            admission._busy -= 1
            admission._shaking -= Counter([self.source])
            admission._give_places()
        elif before == "member":
            admission.joined -= 1
            del admission._members[self]

    def _stage_told(self) -> str:
        told = {"silent": "was silent longest", "waiting": "waited longest for a handshake", "staying": "used nothing"}
        return told.get(self._stage, "was shaking hands longest")

    def _clock(self, seconds: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self._time_is_up, seconds)

    def _time_is_up(self, seconds: float) -> None:
        self._admission.refused += 1
        self._turn_out(f"it was {self._stage} for {seconds:g} s")

    def _turn_out(self, reason: str) -> None:
        self.leave()
        self._end(reason)

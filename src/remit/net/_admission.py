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
- Anybody can make a key and prove it, so members are bounded in number, too. Who among them is worth having is not
  known here; whoever takes the channels may end those that have nothing to do with this node.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from remit.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Admission", "Guest"]


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
        self._waiting: deque[Guest] = deque()
        self._busy = 0

    def __len__(self) -> int:
        return len(self._guests)

    def enter(self, end: Callable[[str], None]) -> Guest | None:
        """A new guest, or None when there is no room. `end(reason)` is called if it is turned out; it must hang up."""
        if len(self._guests) >= self.connections:
            self.refused += 1
            victim = self._longest_silent()
            if victim is None:
                return None
            victim._turn_out(
                f"{self.connections} connections are waiting to prove a key, and this one was silent longest"
            )
        guest = Guest(self, end)
        self._guests[guest] = None
        return guest

    def end_all(self, reason: str) -> None:
        """Turn every guest out."""
        for guest in list(self._guests):
            guest._turn_out(reason)

    def _longest_silent(self) -> Guest | None:
        return next((guest for guest in self._guests if guest._stage == "silent"), None)

    def _free_place(self) -> None:
        self._busy -= 1
        while self._waiting and self._busy < self.handshakes:
            self._waiting.popleft()._start()


class Guest:
    """One connection that has proved nothing yet. It ends with `leave`, or by being turned out."""

    __slots__ = ("_admission", "_end", "_go", "_stage", "_timer")

    def __init__(self, admission: Admission, end: Callable[[str], None]) -> None:
        self._admission = admission
        self._end = end
        self._go: Callable[[], None] | None = None
        self._stage = "silent"
        self._timer = self._clock(admission.seconds)

    def spoke(self, go: Callable[[], None]) -> None:
        """It has sent its first bytes: `go` is called once it may shake hands, at once if there is a place."""
        self._go = go
        if self._admission._busy < self._admission.handshakes:
            self._start()
        else:
            self._stage = "waiting"
            self._admission._waiting.append(self)

    def stay(self) -> None:
        """It will never prove a key and need not: it counts until it leaves, without a time limit or a place."""
        self._timer.cancel()
        self._set_stage("staying")

    def join(self) -> bool:
        """It has proved its key and is a guest no longer; False, and it has left, if there are too many members."""
        self.leave()
        if self._admission.joined >= self._admission.members:
            self._admission.refused += 1
            return False
        self._admission.joined += 1
        self._set_stage("member")
        return True

    def leave(self) -> None:
        """It is gone. May be called again."""
        self._timer.cancel()
        self._admission._guests.pop(self, None)
        self._set_stage("gone")

    def _start(self) -> None:
        self._stage = "shaking"
        self._timer.cancel()
        self._timer = self._clock(self._admission.handshake_seconds)
        self._admission._busy += 1
        if self._go is not None:
            self._go()

    def _set_stage(self, stage: str) -> None:
        before, self._stage = self._stage, stage
        if before == "waiting":
            self._admission._waiting.remove(self)
        elif before == "shaking":
            self._admission._free_place()
        elif before == "member":
            self._admission.joined -= 1

    def _clock(self, seconds: float) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self._time_is_up, seconds)

    def _time_is_up(self, seconds: float) -> None:
        self._admission.refused += 1
        self._turn_out(f"it was {self._stage} for {seconds:g} s")

    def _turn_out(self, reason: str) -> None:
        self.leave()
        self._end(reason)

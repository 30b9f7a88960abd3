"""The lock of a ledger: a row that says who holds it, and that its holder has to renew.

    free ──take──► held ──release, unlock──► free
                    │ beat: renewed, unless it has expired
                    └── dead on this host, expired, or its shown id is given ──take──► held by another, with a higher fence

The fence rises with each taking and never falls. Whoever holds the lock shows fence and id at every write, in the write's own transaction:
a holder that was paused for longer than its lock lasts cannot write any more, whether or not another one has come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import Conflict, Missing
from remit.ledger._holder import dead
from remit.values import record

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["Lock", "beat", "check", "held", "release", "take", "unlock"]

_HELD = "SELECT id, fence, owner, purpose, since, beat, expiry, place FROM lock"
_TAKE = "INSERT OR REPLACE INTO lock (one, id, fence, owner, purpose, since, beat, expiry, place) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"


@record("remit.ledger.lock")
class Lock:
    """Who holds a ledger (`owner`: user@host pid), for what, and since when; `beat` is when it was last heard of, in seconds since the epoch.

    It lasts for `expiry` seconds after each beat. `place` says for programs which process it is.
    """

    id: str
    fence: int
    owner: str
    purpose: str
    since: float
    beat: float
    expiry: float
    place: str

    def expired(self, now: float) -> bool:
        """Whether it has not been renewed in time. A clock that was set back by more than it lasts ends it, too."""
        return abs(now - self.beat) > self.expiry

    def text(self, now: float) -> str:
        """It for people."""
        doing = f" for {self.purpose}" if self.purpose else ""
        return f"{self.owner}{doing}, since {_ago(now - self.since)} ago, last heard of {_ago(now - self.beat)} ago"


def held(connection: Connection) -> Lock | None:
    """The lock as it is now."""
    row = connection.execute(_HELD).fetchone()
    return None if row is None else Lock(*row)


def take(connection: Connection, wish: Lock, steal: str) -> Lock:
    """Take the lock, in a transaction of the caller's; gives the wish with its fence.

    Raises `Conflict` while another one holds it, unless that one is dead or has expired, or `steal` is its id.
    """
    there = held(connection)
    if there is not None and there.id != steal and not there.expired(wish.since) and not dead(there.place):
        raise Conflict(
            f"the state is locked by {there.text(wish.since)}. Wait until that has ended; "
            f"if it hangs, end it, or take its lock from it: remit unlock {there.id}"
        )
    if steal and (there is None or there.id != steal):
        raise _not_shown(there, steal, wish.since)
    fence = 1 + connection.execute("SELECT value FROM meta WHERE name = 'fence'").fetchone()[0]
    taken: Lock = wish.__replace__(fence=fence)  # type: ignore[attr-defined]  # @record adds it
    connection.execute("UPDATE meta SET value = ? WHERE name = 'fence'", [fence])
    values: list[Any] = [getattr(taken, name) for name in Lock.__record_fields__]  # type: ignore[attr-defined]  # @record adds it
    connection.execute(_TAKE, values)
    return taken


def check(connection: Connection, mine: Lock, now: float) -> None:
    """Raise `Conflict` unless this lock is still held and has not expired; in the transaction of the write that it is for."""
    there = held(connection)
    if there is None or (there.id, there.fence) != (mine.id, mine.fence):
        taker = "was taken away, and is free now" if there is None else f"was taken over by {there.text(now)}"
        raise Conflict(
            f"this run may not go on: its lock {mine.id} {taker}. What it had begun is noted; see: remit plan"
        )
    if there.expired(now):
        raise Conflict(
            f"this run may not go on: it stood still for {_ago(now - there.beat)}, and its lock lasts for {_ago(there.expiry)}. "
            "What it had begun is noted; run it again"
        )


def beat(connection: Connection, mine: Lock, now: float) -> None:
    """Renew it. Raises as `check` does; what has expired is not renewed."""
    check(connection, mine, now)
    connection.execute("UPDATE lock SET beat = ?", [now])


def release(connection: Connection, mine: Lock) -> None:
    """Let go of it, if it is still held."""
    connection.execute("DELETE FROM lock WHERE id = ? AND fence = ?", [mine.id, mine.fence])


def unlock(connection: Connection, id: str, now: float) -> Lock:
    """Take the lock with this id away from its holder, who can write no more; gives what it was."""
    there = held(connection)
    if there is None or there.id != id:
        raise _not_shown(there, id, now)
    connection.execute("DELETE FROM lock")
    return there


def _not_shown(there: Lock | None, id: str, now: float) -> Conflict | Missing:
    if there is None:
        return Missing(f"there is no lock {id[:40]!r}: nobody holds the state")
    return Conflict(
        f"there is no lock {id[:40]!r} any more: the state is locked by {there.text(now)}, with lock {there.id}"
    )


def _ago(seconds: float) -> str:
    """A time in seconds for people."""
    seconds = max(0.0, seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

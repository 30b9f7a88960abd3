"""Who pays for what a peer causes: the account of one session, and when its channel is not read.

    debt     messages of the peer under way, and all that they have caused: queued, suspended, held until kept, waiting for
             a link, with a device, or written to another peer that does not read
    held     bytes of its large messages, until all that they have caused is done
    unread   bytes written to the peer since it stopped reading them

Above a limit the channel is not read; below half of it, it is again. What is under way may itself wait for something that this
peer has sent and that is not read yet: an answer, or the call that opens a door for the others. So where nothing at all gets done for
a `TICK`, the room is doubled and more is read, up to `MOST` times. With that, and nothing done for `STUCK` seconds, the session ends.

The limits are those of one session among few; where there are many, each has a share of them (`_pool.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.net._pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.net._channel import Channel

__all__ = ["SessionAccount"]

HIGH: Final = 2000
"""Messages of one peer under way at which its channel is no longer read; a few milliseconds of work."""
LOW: Final = HIGH // 2
BYTES: Final = 4 << 20
"""Bytes of its large messages at which it is no longer read: a few of the longest that there may be (`Limits.frame`)."""
MOST: Final = 32
"""How often the room may be doubled in all: 64,000 messages and 128 MiB."""
TICK: Final = 0.05
"""Seconds without anything done after which more is read: longer than most commits, not noticed by people."""
STUCK: Final = 60.0
"""Seconds without anything done after which a peer that has filled all its room is given up: longer than any call waits for a link."""
BACKLOG: Final = 16 << 20
"""Bytes that one peer may leave unread, past the channel's own mark, before it is no longer listened to."""
UNREAD: Final = 4 * BACKLOG
"""Bytes unread at which a peer is given up that has not read any of it since."""


class SessionAccount:
    """What one peer's messages cost now. Owned by the connection.

    `later(seconds, call)` calls somebody back; `give_up(reason)` ends the session. The channel is paused also while the peer leaves
    unread what we write: past `BACKLOG`, since two nodes that each first waited for the other to read would wait for ever.
    `relieve` is the way out of that one. `pool`: of all sessions that share this process' memory; without one it is alone.
    """

    __slots__ = (
        "_give_up",
        "_later",
        "_over",
        "_relieved",
        "_seen",
        "_since",
        "_ticking",
        "channel",
        "debt",
        "held",
        "paused",
        "pool",
        "room",
        "unread",
    )

    def __init__(
        self,
        channel: Channel,
        later: Callable[[float, Callable[[], None]], Any],
        give_up: Callable[[str], None],
        pool: Pool | None = None,
    ) -> None:
        self.channel = channel
        self.pool = Pool() if pool is None else pool
        self.pool.join()
        self.debt = 0
        self.held = 0
        self.unread = 0  # bytes written since the channel became congested, or since we listened again in spite of it
        self.room = 1
        self.paused = False
        self._relieved = 0  # bytes unread before that
        self._later = later
        self._give_up = give_up
        self._ticking = False
        self._seen = (0, 0)  # debt and held at the last tick
        self._since = 0.0  # seconds without either getting less, with all the room there is
        self._over = False

    # --- what messages do (remit.vat.Account) ---------------------------------------------------------

    def borrow(self) -> None:
        """One more message of this peer is under way."""
        self.debt += 1
        if self.debt >= HIGH * self.pool.share * self.room and not self.paused:
            self._pause()

    def repay(self) -> None:
        """One message less."""
        self.debt -= 1
        if self.paused:
            self._may_resume()

    def loan(self, size: int) -> Loan:
        """An account for one large message of so many bytes, and all that it causes."""
        return Loan(self, size)

    def hold(self, size: int) -> None:
        """So many bytes more are kept in memory for this peer."""
        self.held += size
        if self.held >= BYTES * self.pool.share * self.room and not self.paused:
            self._pause()

    def release(self, size: int) -> None:
        """So many bytes less."""
        self.held -= size
        if self.paused:
            self._may_resume()

    # --- what the peer leaves unread ------------------------------------------------------------------

    def wrote(self, size: int) -> None:
        """So many bytes were given to the channel."""
        if not self.channel.congested:
            return
        self.unread += size
        if self.unread > BACKLOG * self.pool.share and not self.paused:
            self._pause()

    def congestion(self, yes: bool) -> None:
        """The channel's buffer is above its high-water mark, or the peer has read enough of it."""
        if not yes:
            self.unread = self._relieved = 0
            self._may_resume()

    def relieve(self) -> None:
        """Nothing was heard of the peer for long: take its messages again, up to another `BACKLOG` of answers."""
        self._relieved += self.unread
        self.unread = 0
        if self._relieved > UNREAD * self.pool.share:
            self._give_up(f"it has left {self._relieved >> 20} MiB unread")
        self._may_resume()

    # --- the channel ----------------------------------------------------------------------------------

    @property
    def owes(self) -> bool:
        """Whether it is for what the peer owes that it is not read."""
        room = self.room * self.pool.share
        return self.paused and (self.debt > room * LOW or self.held > room * BYTES / 2)

    def close(self) -> None:
        """The session is over; what is still under way is repaid, and nobody looks any more."""
        if not self._over:
            self._over = True
            self.pool.leave(self.room - 1)

    def _pause(self) -> None:
        self.paused = True
        self.channel.pause()
        if not self._ticking and not self._over:
            self._ticking = True
            self._look_again()

    def _may_resume(self) -> None:
        if self.paused and not self.owes and self.unread <= BACKLOG * self.pool.share:
            self.paused = False
            self.channel.resume()

    def _look_again(self) -> None:
        self._seen = (self.debt, self.held)
        self._later(TICK, self._tick)

    def _tick(self) -> None:
        """While the peer is not read for what it owes: read more if none of that got less since the last tick.

        And until the room is as it was, once that is so.
        """
        if self._over:
            return
        if not self.owes:
            self._since = 0.0
            if self.debt <= LOW * self.pool.share and self.held <= BYTES * self.pool.share / 2 and self.room > 1:
                self.pool.shrink(self.room - 1)
                self.room = 1
            if self.room == 1:
                self._ticking = False
                return
        elif self.debt < self._seen[0] or self.held < self._seen[1]:
            self._since = 0.0
        elif self.room < MOST and self.pool.grow(self.room):
            self.room *= 2
            self._may_resume()
        else:
            self._since += TICK
            if self._since >= STUCK:
                self._ticking = False
                self._give_up(f"{self.debt} calls of its were under way, and none was done for {STUCK:g} s")
                return
        self._look_again()

    def __repr__(self) -> str:
        state = "not read now" if self.paused else "read"
        return f"<account: {self.debt} under way, {self.held} bytes held, {self.unread} unread, {state}>"


class Loan:
    """The account of one large message: its bytes are owed until all that it has caused is done."""

    __slots__ = ("_account", "_size", "_under_way")

    def __init__(self, account: SessionAccount, size: int) -> None:
        self._account = account
        self._size = size
        self._under_way = 0

    def borrow(self) -> None:
        """One more message of this cause is under way."""
        self._under_way += 1
        if self._under_way == 1:
            self._account.hold(self._size)
        self._account.borrow()

    def repay(self) -> None:
        """One message less."""
        self._under_way -= 1
        if self._under_way == 0:
            self._account.release(self._size)
        self._account.repay()

    def loan(self, size: int) -> Loan:
        """A message that came inside of another: there is none."""
        return Loan(self._account, size)

    def hold(self, size: int) -> None:
        """As the session's."""
        self._account.hold(size)

    def release(self, size: int) -> None:
        """As the session's."""
        self._account.release(size)

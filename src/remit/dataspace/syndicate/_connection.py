"""One channel and the session on it: bytes to the session, its packets to the channel, and who pays.

Each packet of the peer's borrows from its account until all the work that it caused is done, in turns and in bytes; past the limit its
channel is not read (docs/decisions/011-flow-control.md).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from remit.dataspace.syndicate._session import LARGE, Session
from remit.errors import LinkLost
from remit.net import SessionAccount
from remit.vat import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.dataspace.syndicate._address import Address
    from remit.dataspace.syndicate._hub import Hub
    from remit.errors import Broken
    from remit.net import Channel
    from remit.values import Limits
    from remit.vat import Ref

__all__ = ["Connection"]

ALONE: Final = 0.002
"""Seconds that the packets of one read may take: enough that what came together is answered together."""
SHARED: Final = 0.0002
"""The same where peers alternate: a few packets."""
RECENT: Final = 1.0
"""Seconds for which peers count as alternating after they did."""


class Connection:
    """The receiver of one channel (`remit.net.Receiver`). Made when a channel opens; ends with the channel or the session.

    `initial`: what the peer gets for free. `gone` is told when it is over, and why.
    """

    def __init__(
        self,
        hub: Hub,
        channel: Channel,
        initial: Ref[Any] | None,
        *,
        name: str,
        limits: Limits,
        gone: Callable[[Connection, Broken], None] | None = None,
        credit: bool = False,
    ) -> None:
        self.hub = hub
        self.channel = channel
        self.account = SessionAccount(channel, asyncio.get_running_loop().call_later, self._overdrawn, hub.pool)
        self.usual = Context(account=self.account)
        self.heard = time.monotonic()
        self.address: Address | None = None  # that was dialled
        self._gone = gone
        self.session = Session(hub, initial, name=name, limits=limits, context=self.usual, credit=credit)
        hub.add(self)

    def received(self, data: bytes) -> None:
        """Bytes of the peer."""
        self.heard = time.monotonic()
        session = self.session
        if len(data) > LARGE:
            session.context = Context(account=self.account.loan(len(data)))
        try:
            session.received(data)
        finally:
            session.context = self.usual

    def together(self, work: Callable[[], None]) -> None:
        """All packets of one read: the vat runs when the last has been received, and its answers leave in one write."""
        driver = self.hub.vat._driver
        if driver is None:
            work()
        else:
            driver.gather(work)

    def share(self) -> float:
        """How many seconds the packets of one read may take before the loop goes round; little where others were heard just now."""
        hub, now = self.hub, time.perf_counter()
        if hub.heard_last is not self:
            if hub.heard_last is not None:  # the first peer of all alternates with nobody
                hub.alternated = now
            hub.heard_last = self
        return SHARED if now - hub.alternated < RECENT else ALONE

    def closed(self, cause: Exception | None) -> None:
        """The channel is over, and so is the session."""
        self.account.close()
        self.session.end(
            LinkLost("the peer closed the connection" if cause is None else f"the connection was lost: {cause}")
        )

    def congested(self, yes: bool) -> None:
        """The channel's buffer is above (or again below) its high-water mark."""
        self.account.congestion(yes)
        self.session.congested(yes)

    def spare(self) -> bool:
        """Whether the peer has been given nothing but the free object: it may be a stranger that only takes up room."""
        return len(self.session.exports.by_oid) <= 1

    def flush(self) -> None:
        """Give the channel what the session has to send."""
        packets = self.session.take()
        if packets:
            self.channel.send(packets)
            self.account.wrote(sum(map(len, packets)))

    def beat(self, seconds: float) -> None:
        """Some time has passed."""
        if not self.account.owes and time.monotonic() - self.heard > seconds:
            self.account.relieve()

    def session_ended(self, cause: Broken) -> None:
        """The session is over: what it has still to say (why) is sent, and then the channel ends."""
        self.flush()
        self.channel.close()
        if self._gone is not None:
            self._gone(self, cause)

    def close(self, reason: str) -> None:
        """End the session and the channel, from this side, in order: it is no error."""
        self.session.end(LinkLost(reason))

    def _overdrawn(self, reason: str) -> None:
        """The peer has taken all the room that one may have, and nothing of it gets done."""
        self.session.abort(f"too much for one session: {reason}")

    def __repr__(self) -> str:
        return f"<connection of {self.session!r}, {self.account!r}>"

"""One channel and the session on it: bytes to the engine, its output to the channel, and who pays.

account    each message borrows until all the work it caused is done: see `_account.py`
share      what one read may take before others have their turn; less where several peers are heard at once
heartbeat  after a silence something is sent that every peer answers; no answer within the limit, and it is dead
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from remit.captp import Session
from remit.errors import LinkLost
from remit.net._account import SessionAccount
from remit.net._bulk import OPENING
from remit.net._identity import NodeKey, designator_of, proves
from remit.vat import Context, Message, Promise

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.errors import Broken
    from remit.net._channel import Channel
    from remit.net._node import Node

__all__ = ["Connection"]

PATIENCE: Final = 64
"""References and answers that may wait to be given back while there is other output; each costs its peer some 100 bytes."""
ALONE: Final = 0.002
"""Seconds that the messages of one read may take: some hundred calls, so that what came together is answered together."""
SHARED: Final = 0.00003
"""The same where peers alternate: a few calls, less than their round trip."""
RECENT: Final = 1.0
"""Seconds for which peers count as alternating after they did."""
PROBE: Final = "ping"
"""What no bootstrap object knows, so that each answers, if only with an error, and nothing is done."""


class Connection:
    """The receiver of one channel. Made by the node when a channel opens; ends with the channel or the session."""

    __slots__ = ("accepted", "account", "announced", "channel", "gathering", "heard", "node", "probing", "session")

    def __init__(self, node: Node, channel: Channel, *, initiator: bool) -> None:
        self.node = node
        self.channel = channel
        self.account = SessionAccount(channel, asyncio.get_running_loop().call_later, self._overdrawn, node.pool)
        self.accepted = not initiator
        self.announced = False
        self.gathering = False
        self.probing = False
        self.heard = node.loop_time()
        self.session = Session(
            node,
            NodeKey.generate(),
            proves,
            node.location(channel.transport, kin=channel.kin),
            initiator=initiator,
            proved=None if channel.peer is None else designator_of(channel.peer),
            dialect=node.dialect,
            limits=node.limits,
            context=Context(account=self.account),
        )
        self.session.patience = PATIENCE

    def received(self, message: bytes) -> None:
        """One whole message from the peer."""
        if not self.gathering:
            self._hear()
        if not self.announced and self.accepted and message.startswith(OPENING):
            self.node.not_a_session(self, message)
            return
        self.session.received(message)
        if not self.announced and self.session.state != "greeting":
            self.announced = True
            self.node.announce(self.session)

    def together(self, work: Callable[[], None]) -> None:
        """All messages of one read: the vat runs when the last has been received, and its answers leave in one write."""
        self._hear()
        self.gathering = True  # the clock is asked once for all of them
        try:
            driver = self.node.vat._driver
            if driver is None:
                work()
            else:
                driver.gather(work)
        finally:
            self.gathering = False

    def _hear(self) -> None:
        """The peer is alive."""
        self.heard = self.node.loop_time()
        self.probing = False

    def share(self) -> float:
        """How many seconds the messages of one read may take before the loop goes round; the rest waits for the next time.

        Little where another peer was heard a moment ago: it should not wait for long behind this one.
        """
        node, now = self.node, time.perf_counter()
        if node.heard_last is not self:
            if node.heard_last is not None:  # the first peer of all alternates with nobody
                node.alternated = now
            node.heard_last = self
        return SHARED if now - node.alternated < RECENT else ALONE

    def closed(self, cause: Exception | None) -> None:
        """The channel is over, and so is the session."""
        self.account.close()
        why = "the peer closed the connection" if cause is None else f"the connection was lost: {cause}"
        self.session.end(LinkLost(why))

    def congested(self, yes: bool) -> None:
        """The channel's buffer is above (or again below) its high-water mark."""
        self.account.congestion(yes)
        self.session.congested(yes)

    def flush(self) -> None:
        """Give the channel what the session has to send."""
        messages = self.session.take()
        if messages:
            self.channel.send(messages)
            self.account.wrote(sum(map(len, messages)))

    def spare(self) -> bool:
        """Whether the peer has been given nothing of this node's: it may be a stranger that only takes up room."""
        return not self.session.gave()

    def debt(self) -> dict[str, Any]:
        """What the peer owes for now: see `Network.debts`."""
        account, location = self.account, self.session.remote_location
        return {
            "peer": "" if location is None else location.designator,
            "transport": self.channel.transport,
            "messages": account.debt,
            "bytes": account.held,
            "unread": account.unread,
            "paused": account.paused,
        }

    def beat(self, heartbeat: float) -> None:
        """Some time has passed: probe a peer that is silent for so many seconds, give up one that stays so."""
        account = self.account
        silent = self.node.loop_time() - self.heard
        if account.owes:
            self.heard = self.node.loop_time()  # it is we who do not listen
        elif silent > 2 * heartbeat:
            self.give_up(LinkLost(f"the peer was silent for {silent:.3g} s"))
        elif silent > heartbeat:
            account.relieve()
            self.probe()

    def probe(self) -> None:
        """Send what every peer answers, if only with an error, to see whether it is there."""
        if self.probing or self.session.state != "open":
            return
        self.probing = True
        answer: Promise[None] = Promise(self.node.vat)
        bootstrap = self.session.remote_bootstrap
        self.session.deliver(0, Message(bootstrap, PROBE, (), None, answer, self.session.context))

    def _overdrawn(self, reason: str) -> None:
        """The peer has taken all the room that one may have, and nothing of it gets done."""
        self.session.abort(f"too much for one session: {reason}")

    def give_up(self, why: Broken) -> None:
        """The peer does not answer: end both, now."""
        self.session.end(why)
        self.channel.abort()

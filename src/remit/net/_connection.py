"""One channel and the session on it: bytes to the engine, its output to the channel, and who pays.

account    each message borrows until all the work it caused is done; above `HIGH` the channel is not read, below
           `LOW` it is again
heartbeat  after a silence something is sent that every peer answers; no answer within the limit, and it is dead
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from remit.captp import Session
from remit.errors import LinkLost
from remit.net._identity import NodeKey, designator_of, proves
from remit.vat import Context, Message, Promise

if TYPE_CHECKING:
    from remit.errors import Broken
    from remit.net._channel import Channel
    from remit.net._node import Node

__all__ = ["Connection"]

HIGH: Final = 2000
"""Messages of one peer under way at which its channel is no longer read; a few milliseconds of work."""
LOW: Final = 1000
PATIENCE: Final = 64
"""References and answers that may wait to be given back while there is other output; each costs its peer some 100 bytes."""
PROBE: Final = "op:flush"


class SessionAccount:
    """What one peer's messages cost now. Owned by the connection."""

    __slots__ = ("channel", "congested", "debt", "paused")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.debt = 0
        self.paused = False
        self.congested = False

    def borrow(self) -> None:
        """One more message of this peer is under way."""
        self.debt += 1
        if self.debt >= HIGH and not self.paused:
            self.paused = True
            self.channel.pause()

    def repay(self) -> None:
        """One message less."""
        self.debt -= 1
        if self.paused and self.debt <= LOW and not self.congested:
            self.paused = False
            self.channel.resume()

    def congestion(self, yes: bool) -> None:
        """The peer reads slower than we write: take no more of its work until it has caught up."""
        self.congested = yes
        if yes and not self.paused:
            self.paused = True
            self.channel.pause()
        elif not yes and self.paused and self.debt <= LOW:
            self.paused = False
            self.channel.resume()


class Connection:
    """The receiver of one channel. Made by the node when a channel opens; ends with the channel or the session."""

    __slots__ = ("account", "announced", "channel", "heard", "node", "probing", "session")

    def __init__(self, node: Node, channel: Channel, *, initiator: bool) -> None:
        self.node = node
        self.channel = channel
        self.account = SessionAccount(channel)
        self.announced = False
        self.probing = False
        self.heard = node.loop_time()
        self.session = Session(
            node,
            NodeKey.generate(),
            proves,
            node.location(channel.transport),
            initiator=initiator,
            proved=None if channel.peer is None else designator_of(channel.peer),
            dialect=node.dialect,
            limits=node.limits,
            context=Context(account=self.account),
        )
        self.session.patience = PATIENCE

    def received(self, message: bytes) -> None:
        """One whole message from the peer."""
        self.heard = self.node.loop_time()
        self.probing = False
        self.session.received(message)
        if not self.announced and self.session.state != "greeting":
            self.announced = True
            self.node.announce(self.session)

    def closed(self, cause: Exception | None) -> None:
        """The channel is over, and so is the session."""
        why = "the peer closed the connection" if cause is None else f"the connection was lost: {cause}"
        self.session.end(LinkLost(why))

    def congested(self, yes: bool) -> None:
        """The channel's buffer is above (or again below) its high-water mark."""
        self.account.congestion(yes)

    def flush(self) -> None:
        """Give the channel what the session has to send."""
        messages = self.session.take()
        if messages:
            self.channel.send(messages)

    def probe(self) -> None:
        """Send what every peer answers, if only with an error, to see whether it is there."""
        if self.probing or self.session.state != "open":
            return
        self.probing = True
        answer: Promise[None] = Promise(self.node.vat)
        bootstrap = self.session.remote_bootstrap
        self.session.deliver(0, Message(bootstrap, PROBE, (), None, answer, self.session.context))

    def give_up(self, why: Broken) -> None:
        """The peer does not answer: end both, now."""
        self.session.end(why)
        self.channel.abort()

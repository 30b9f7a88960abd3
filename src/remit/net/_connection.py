"""One channel and the session on it: bytes to the engine, its output to the channel, and who pays.

account    each message borrows until all the work it caused is done; above `HIGH` the channel is not read, below
           `LOW` it is again. What the peer leaves unread counts, too
heartbeat  after a silence something is sent that every peer answers; no answer within the limit, and it is dead
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from remit.captp import Session
from remit.errors import LinkLost
from remit.net._identity import NodeKey, designator_of, proves
from remit.vat import Context, Message, Promise

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.errors import Broken
    from remit.net._channel import Channel
    from remit.net._node import Node

__all__ = ["Connection"]

HIGH: Final = 2000
"""Messages of one peer under way at which its channel is no longer read; a few milliseconds of work."""
LOW: Final = 1000
PATIENCE: Final = 64
"""References and answers that may wait to be given back while there is other output; each costs its peer some 100 bytes."""
BACKLOG: Final = 16 << 20
"""Bytes that one peer may leave unread, past the channel's own mark, before it is no longer listened to."""
PROBE: Final = "ping"
"""What no bootstrap object knows, so that each answers, if only with an error, and nothing is done."""


class SessionAccount:
    """What one peer's messages cost now. Owned by the connection.

    The channel is paused while the debt is high, and while the peer leaves unread what we write: past `BACKLOG`, since two
    nodes that each first waited for the other to read would wait for ever. `relieve` is the way out of that one.
    """

    __slots__ = ("channel", "debt", "paused", "unread")

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.debt = 0
        self.paused = False
        self.unread = 0  # bytes written since the channel became congested

    def borrow(self) -> None:
        """One more message of this peer is under way."""
        self.debt += 1
        if self.debt >= HIGH and not self.paused:
            self._pause()

    def repay(self) -> None:
        """One message less."""
        self.debt -= 1
        if self.paused and self.debt <= LOW and self.unread <= BACKLOG:
            self._resume()

    def wrote(self, size: int) -> None:
        """So many bytes were given to the channel."""
        if self.channel.congested:
            self.unread += size
            if self.unread > BACKLOG and not self.paused:
                self._pause()

    def congestion(self, yes: bool) -> None:
        """The channel's buffer is above its high-water mark, or the peer has read enough of it."""
        if not yes:
            self.relieve()

    def relieve(self) -> None:
        """Take the peer's messages again, up to another `BACKLOG` of answers."""
        self.unread = 0
        if self.paused and self.debt <= LOW:
            self._resume()

    def _pause(self) -> None:
        self.paused = True
        self.channel.pause()

    def _resume(self) -> None:
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
        self.heard = self.node.loop_time()
        self.probing = False
        self.session.received(message)
        if not self.announced and self.session.state != "greeting":
            self.announced = True
            self.node.announce(self.session)

    def together(self, work: Callable[[], None]) -> None:
        """All messages of one read: the vat runs when the last has been received, and its answers leave in one write."""
        driver = self.node.vat._driver
        if driver is None:
            work()
        else:
            driver.gather(work)

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
            self.account.wrote(sum(map(len, messages)))

    def spare(self) -> bool:
        """Whether the peer has been given nothing of this node's: it may be a stranger that only takes up room."""
        return not self.session.gave()

    def beat(self, heartbeat: float) -> None:
        """Some time has passed: probe a peer that is silent for so many seconds, give up one that stays so."""
        account = self.account
        silent = self.node.loop_time() - self.heard
        if account.paused and account.debt > LOW:
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

    def give_up(self, why: Broken) -> None:
        """The peer does not answer: end both, now."""
        self.session.end(why)
        self.channel.abort()

"""A node's bulk streams: tickets for those that are expected, and dialling others."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from remit.errors import Broken, LinkLost, PeerUnproven, ProtocolError, Refused, Unreachable
from remit.net._bulk import OPENING, TICKET, Bulk
from remit.net._dial import PREFERENCE
from remit.net._identity import designator_of

if TYPE_CHECKING:
    from remit.net._channel import Channel
    from remit.net._node import Node
    from remit.values import Locator

__all__ = ["Bulks"]

_log = logging.getLogger("remit.net")

EXPIRES: Final = 60.0
"""Seconds in which a ticket must be used: a dial by way of every hint, with time to spare."""
MOST: Final = 10_000
"""Tickets that are out at one time; the oldest makes room."""
PATIENCE: Final = 4
"""Beats of a node (half its heartbeat each) for which a peer may be silent that has been told to speak."""


class Expected:
    """One ticket: who may use it, and who takes the stream."""

    __slots__ = ("only", "take", "timer")

    def __init__(self, only: bytes, take: Callable[[Bulk], None], timer: asyncio.TimerHandle) -> None:
        self.only = only
        self.take = take
        self.timer = timer


class _Attempt:
    """One dial: what is made of the channel, and what the other end says to the ticket."""

    __slots__ = ("_bulks", "_ticket", "answer", "bulk")

    def __init__(self, bulks: Bulks, ticket: bytes) -> None:
        self._bulks = bulks
        self._ticket = ticket
        self.bulk: Bulk | None = None
        self.answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

    def begin(self, channel: Channel) -> Bulk:
        self.bulk = self._bulks.made(channel, self._answered)
        channel.send([OPENING + self._ticket])
        return self.bulk

    def give_up(self) -> None:
        if self.bulk is not None:
            self.bulk.channel.abort()

    def _answered(self, why: str | None) -> None:
        if not self.answer.done():
            self.answer.set_result(why)


class Bulks:
    """Owned by its node, and over with it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._expected: dict[bytes, Expected] = {}  # by the ticket's digest
        self._open: set[Bulk] = set()

    # --- expecting ----------------------------------------------------------------------------------

    def expect(self, only: bytes, take: Callable[[Bulk], None], seconds: float = EXPIRES) -> bytes:
        """A ticket for one stream from the node with this key. `take` gets it: at once, not read yet, and owns it."""
        ticket = os.urandom(TICKET)
        digest = sha256(ticket).digest()
        timer = asyncio.get_running_loop().call_later(seconds, self._expected.pop, digest, None)
        if len(self._expected) >= MOST:
            self._expected.pop(next(iter(self._expected))).timer.cancel()
        self._expected[digest] = Expected(only, take, timer)
        return ticket

    def forget(self, ticket: bytes) -> None:
        """Nobody is expected with this ticket any more."""
        expected = self._expected.pop(sha256(ticket).digest(), None)
        if expected is not None:
            expected.timer.cancel()

    def arrived(self, channel: Channel, opening: bytes) -> None:
        """A peer has begun with this opening: hand its channel to whoever expects it, or end it."""
        bulk = self.made(channel, None)
        channel.hand_over(bulk)
        digest = sha256(opening[len(OPENING) :]).digest()
        expected = self._expected.get(digest)
        if expected is None or channel.peer is None or not hmac.compare_digest(expected.only, channel.peer):
            # A ticket in other hands stays good in the right ones.
            _log.warning("a bulk stream of node %s was refused: its ticket is not good", _shown(channel.peer))
            bulk.cut("the ticket is not good: it was used, has expired, or is another node's")
            return
        del self._expected[digest]
        expected.timer.cancel()
        bulk.say(b"ok")
        expected.take(bulk)

    # --- dialling -----------------------------------------------------------------------------------

    async def dial(self, location: Locator, ticket: bytes) -> Bulk:
        """A stream to the node of this locator, which expects the ticket. It is not read yet, and the caller's.

        Raises `Unreachable` where no hint leads there, the guide's included; `Refused` where the ticket is not good.
        """
        failures: list[str] = []
        tried: list[dict[str, str]] = []
        async for found in self._ways(location, failures):
            if dict(found.hints) not in tried:
                tried.append(dict(found.hints))
                bulk = await self._try(found, ticket, failures)
                if bulk is not None:
                    return bulk
        raise Unreachable(f"node {location.designator[:12]} cannot be reached for a bulk stream: {'; '.join(failures)}")

    async def _ways(self, location: Locator, failures: list[str]) -> AsyncIterator[Locator]:
        """Where the node may be: the newest hints known, those given, those of its guide."""
        node = self._node
        yield node.addresses.find(location)
        yield location
        if node.guide is not None:
            try:
                address = await node.within(node.heartbeat, node.guide(location.designator))
                if address is not None:
                    node.addresses.learn(address)
            except Broken as error:
                failures.append(f"its guide: {error.message}")
            yield node.addresses.find(location)

    async def _try(self, location: Locator, ticket: bytes, failures: list[str]) -> Bulk | None:
        node = self._node
        for transport in PREFERENCE:
            if transport not in location.hints or transport not in node.netlayers:
                continue
            attempt = _Attempt(self, ticket)
            try:
                await node.netlayers[transport].dial(location, attempt.begin)
                why = await node.within(node.heartbeat, attempt.answer)
            except (Broken, ProtocolError, PeerUnproven) as error:
                failures.append(f"{transport}: {error}")
                attempt.give_up()
                continue
            if why is not None:
                raise Refused(f"node {location.designator[:12]} refuses the bulk stream: {why}")
            return attempt.bulk
        if not failures:
            failures.append("no hint fits a netlayer of this node")
        return None

    def made(self, channel: Channel, answered: Callable[[str | None], None] | None) -> Bulk:
        """A stream on a fresh channel, which ends with this node."""
        if self._node.closed:
            raise LinkLost("this node is closing")
        bulk = Bulk(channel, self._open.discard, answered)
        self._open.add(bulk)
        return bulk

    # --- the node's heart ---------------------------------------------------------------------------

    def beat(self) -> None:
        """Called by the node every half heartbeat."""
        for bulk in list(self._open):
            bulk.beat(PATIENCE)

    def close(self) -> None:
        """The node is closing."""
        for expected in self._expected.values():
            expected.timer.cancel()
        self._expected.clear()
        for bulk in list(self._open):
            bulk.end("the node is closing")


def _shown(key: bytes | None) -> str:
    return "(unproven)" if key is None else designator_of(key)[:12]

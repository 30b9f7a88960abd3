"""Making a session with a peer: every hint in turn, then the address that its guide knows now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from remit.captp import CROSSED, Session
from remit.errors import Broken, LinkLost, PeerUnproven, ProtocolError, Unreachable
from remit.values import Locator

if TYPE_CHECKING:
    from remit.net._node import Node

__all__ = ["Dial"]

PREFERENCE: Final = ("memory", "unix", "tls", "websocket")
"""In which order hints are tried: the nearer way first."""
GREETING: Final = 10.0
"""Seconds that a peer has for its op:start-session once the channel is open."""


class Dial:
    """One attempt to reach one peer; `waiting` hears of its outcome. Made and ended by the node.

    `also` are locators of the same peer from others who wait: the one that it was begun with may be a stranger's, and lead nowhere.
    """

    __slots__ = ("also", "location", "node", "waiting")

    def __init__(self, node: Node, location: Locator) -> None:
        self.node = node
        self.location = location
        self.also: list[Locator] = []
        self.waiting: list[Callable[[Session | Broken], None]] = []

    async def run(self) -> Session:
        """The open session, by the newest hints known, then by the guide's. Raises `Unreachable` naming every attempt."""
        failures: list[str] = []
        tried = self.node.addresses.find(self.location)
        session = await self._try(tried, failures)
        if session is None:
            session = await self._try_others(tried, failures)
        if session is None and await self._ask_guide(failures):
            newest = self.node.addresses.find(self.location)
            if dict(newest.hints) != dict(tried.hints):
                session = await self._try(newest, failures)
        if session is None:  # who came while the guide was asked
            session = await self._try_others(tried, failures)
        if session is None:
            session = self.node.meeting.find(self.location)
        if session is None:
            raise Unreachable(f"node {self.location.designator[:12]} cannot be reached: {'; '.join(failures)}")
        return session

    async def _try_others(self, tried: Locator, failures: list[str]) -> Session | None:
        """By the hints of others who want the same peer, each once."""
        while self.also:
            other = self.also.pop(0)
            if dict(other.hints) != dict(tried.hints):
                session = await self._try(other, failures)
                if session is not None:
                    return session
        return None

    async def _ask_guide(self, failures: list[str]) -> bool:
        """Learn the node's current address from whoever knows; whether there was anything to learn."""
        if self.node.guide is None:
            return False
        try:
            address = await self.node.within(GREETING, self.node.guide(self.location.designator))
            if address is not None:
                self.node.addresses.learn(address)
        except Broken as error:
            # Refused, too: that nobody shows the way is no word of the object's owner.
            failures.append(f"its guide: {error.message}")
            return False
        if address is None:
            failures.append("its guide does not know it")
        return address is not None

    async def _try(self, locator: Locator, failures: list[str]) -> Session | None:
        transports = self._transports(locator)
        if not transports:
            hints, netlayers = (", ".join(sorted(names)) or "none" for names in (locator.hints, self.node.netlayers))
            failures.append(f"no hint fits a netlayer (its hints: {hints}; this node's netlayers: {netlayers})")
        for transport in transports:
            try:
                return await self._connect(transport, locator)
            except (Broken, ProtocolError, PeerUnproven) as error:
                failures.append(f"{transport}: {error.message if isinstance(error, Broken) else error}")
                survivor = self.node.meeting.find(self.location)
                if survivor is not None:
                    return survivor
        return None

    def _transports(self, locator: Locator) -> list[str]:
        if locator.transport in self.node.netlayers:
            return [locator.transport]
        return [name for name in PREFERENCE if name in locator.hints and name in self.node.netlayers]

    async def _connect(self, transport: str, locator: Locator) -> Session:
        made: list[Session] = []

        def receive(channel: object) -> object:
            connection = self.node.dialled(self.location, channel)  # type: ignore[arg-type]  # a Channel
            made.append(connection.session)
            return connection

        await self.node.netlayers[transport].dial(locator, receive)  # type: ignore[arg-type]  # a Receiver
        return await self._greeted(made[0])

    async def _greeted(self, session: Session) -> Session:
        """Wait for the peer's hello: a connection counts only from then on."""
        future: asyncio.Future[Session | Broken] = asyncio.get_running_loop().create_future()
        self.node.when_announced(session, lambda outcome: None if future.done() else future.set_result(outcome))
        try:
            outcome = await self.node.within(GREETING, future)
        except Unreachable:
            session.abort("no op:start-session in time")
            raise
        if isinstance(outcome, Broken):
            if CROSSED in outcome.message:
                return await self._survivor(outcome)
            raise outcome.copy()
        return outcome

    async def _survivor(self, crossed: Broken) -> Session:
        """Both sides dialled at once, and the peer's connection is the one that lives: wait for its hello."""
        deadline = self.node.loop_time() + GREETING
        while self.node.loop_time() < deadline:
            session = self.node.meeting.find(self.location)
            if session is not None:
                return session
            await asyncio.sleep(0.01)
        raise LinkLost(f"{crossed.message}, but the peer's own connection never came")

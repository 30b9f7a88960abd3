"""The provider's end of tunnels: for each edge the joints that lead to its server, and what they may carry.

    ticket ──the grantee's node comes with it──► arriving ──the server answers──► joined ──ended, or cut──► gone

Nothing listens for it: streams come by the node's own listener. What is wanted of an edge is kept by whoever keeps its account; this is what is open
now, and ends with the process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from remit.errors import NotAllowed, RemitError, Unreachable
from remit.lib import Attenuation, Metered
from remit.net import Bulk, End, Joint, Meter, Node, SignedAddress

__all__ = ["Exit", "Exits", "Way"]

_log = logging.getLogger("remit.tunnels")

ANSWER: Final = 10.0
"""Seconds for the server to take a connection; those on the machine do at once or not at all."""

CONNECTIONS: Final = 200
"""At once, of an edge that says nothing else: a listener has room for 1000, and one grantee must not take it all."""
TICKETS: Final = 256
"""Of one edge that are out; the oldest is worth nothing when there are more."""

Way = Callable[[], Awaitable[End]]
"""Makes a connection to the server of one edge. Raises `Unreachable`."""


class Exit:
    """What leads out for one edge: its limits, and the joints that are open. Ends by `close`."""

    def __init__(self, name: str, way: Way, attenuation: Attenuation, spent: int) -> None:
        limits = attenuation if isinstance(attenuation, Metered) else Metered()
        self.name = name
        self.way = way
        self.meter = Meter(limits.bytes, spent)
        self.most = CONNECTIONS if limits.connections is None else limits.connections
        self.used: float | None = None
        self.tickets: deque[bytes] = deque()
        self.over = ""
        self._joints: set[Joint] = set()
        self._arriving: set[Bulk] = set()
        self._works: set[asyncio.Task[None]] = set()
        self._end: asyncio.TimerHandle | None = None
        if attenuation.until is not None:
            left = max(0.0, attenuation.until - time.time())
            self._end = asyncio.get_running_loop().call_later(left, self.close, "its time is over")

    @property
    def connections(self) -> int:
        """How many there are now, those that are on their way to the server included."""
        return len(self._joints) + len(self._arriving)

    def check(self) -> None:
        """Raise what stands in the way of one more connection."""
        if self.over:
            raise NotAllowed(f"{self.name}: {self.over}")
        if self.connections >= self.most:
            self._say("refused", self._too_many())
            raise NotAllowed(f"{self.name}: {self._too_many()}")
        if self.meter.most is not None and self.meter.spent >= self.meter.most:
            self._say("refused", "its bytes are spent")
            raise NotAllowed(f"{self.name}: the limit of {self.meter.most} bytes is spent")

    def arrived(self, bulk: Bulk) -> None:
        """A stream of the grantee's is there: lead it to the server."""
        try:
            self.check()
        except NotAllowed as error:
            bulk.end(error.message)
            return
        self._arriving.add(bulk)
        work = asyncio.get_running_loop().create_task(self._lead(bulk))
        self._works.add(work)
        work.add_done_callback(self._works.discard)

    async def _lead(self, bulk: Bulk) -> None:
        try:
            async with asyncio.timeout(ANSWER):
                server = await self.way()
        except (RemitError, OSError, TimeoutError) as error:
            self._say("broken", f"the server does not answer: {str(error) or 'in time'}")
            bulk.end("the server does not answer")
            return
        except asyncio.CancelledError:
            bulk.end(self.over)
            raise
        finally:
            self._arriving.discard(bulk)
        if self.over:
            server.end(self.over)
            bulk.end(self.over)
            return
        self.used = time.time()
        joint = Joint(server, bulk, self.meter, self._ended)
        if not joint.over:
            self._joints.add(joint)

    def _ended(self, joint: Joint, why: str | None) -> None:
        self._joints.discard(joint)
        self.used = time.time()
        if why is not None:
            self._say("ended", why)

    def close(self, reason: str) -> None:
        """Cut all that is open, now; nothing gets through any more."""
        if self.over:
            return
        self.over = reason
        if self._end is not None:
            self._end.cancel()
        for joint in list(self._joints):
            joint.close(reason)
        for work in list(self._works):
            work.cancel()

    def _too_many(self) -> str:
        return f"the limit of {self.most} connections at once is reached"

    def _say(self, what: str, why: str) -> None:
        _log.info("tunnel of %s: a connection was %s: %s", self.name, what, why)


class Exits:
    """The exits of a machine, by edge. Owned by its agent, which attaches the node once there is one."""

    def __init__(self) -> None:
        self._node: Node | None = None
        self._exits: dict[str, Exit] = {}

    def attach(self, node: Node) -> None:
        """The node by whose listener streams come."""
        self._node = node

    @property
    def node(self) -> Node:
        """The machine's node."""
        if self._node is None:
            raise Unreachable("this machine has no node yet")
        return self._node

    def open(self, edge: str, name: str, way: Way, attenuation: Attenuation, spent: int) -> Exit:
        """The exit of an edge, made where there is none. `spent`: bytes that earlier runs have counted."""
        there = self._exits.get(edge)
        if there is None or there.over:
            there = self._exits[edge] = Exit(name, way, attenuation, spent)
        return there

    def ticket(self, exit: Exit, key: bytes) -> bytes:
        """A ticket for one connection of the node with this key. Raises `NotAllowed` where there may be none."""
        exit.check()
        ticket = self.node.bulks.expect(key, exit.arrived)
        exit.tickets.append(ticket)
        if len(exit.tickets) > TICKETS:
            self.node.bulks.forget(exit.tickets.popleft())
        return ticket

    async def meet(self, exit: Exit, ticket: bytes, address: SignedAddress) -> None:
        """Go to a grantee that cannot come: it expects the ticket at this address."""
        exit.check()
        self.node.addresses.learn(address)
        exit.arrived(await self.node.bulks.dial(address.locator(), ticket))

    def find(self, edge: str) -> Exit | None:
        """What there is for an edge."""
        return self._exits.get(edge)

    def close(self, edge: str, reason: str) -> bool:
        """End an edge's exit, with all that is open; whether there was one."""
        found = self._exits.pop(edge, None)
        if found is not None:
            found.close(reason)
            for ticket in found.tickets:
                self.node.bulks.forget(ticket)
        return found is not None

    def close_all(self) -> None:
        """The agent ends."""
        for edge in list(self._exits):
            self.close(edge, "the machine's agent has ended")

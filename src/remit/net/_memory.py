"""The `memory` netlayer: nodes of one process and one event loop, for tests and demonstrations.

What passes is what passes elsewhere: whole messages, in order, to a peer whose key is known for certain. How they
travel is the network's business: `MemoryNetwork` delivers soon and loses nothing; a subclass may delay, hold back,
and break links.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, ClassVar

from remit.errors import Conflict, LinkLost, Misuse, PeerUnproven, RemitError, Unreachable
from remit.net._address import hint
from remit.net._identity import designator_of, public_of
from remit.net._memory_channel import Journey, MemoryChannel, join
from remit.values import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.net._channel import Channel, Receiver
    from remit.net._identity import NodeKey
    from remit.values import Limits, Locator

__all__ = ["MemoryNetlayer", "MemoryNetwork"]

_log = logging.getLogger("remit.net")


class MemoryNetwork:
    """What connects the memory netlayers of one process; owned by whoever runs the test.

    Subclasses say how things travel by overriding `reach` and `carry`; names are those that the netlayers were given.
    """

    def __init__(self) -> None:
        self._listening: dict[str, MemoryNetlayer] = {}
        self._channels: dict[MemoryChannel, None] = {}

    async def reach(self, source: str, target: str) -> None:
        """Called for each dial before the other end hears of it. It may wait, or raise `Unreachable`."""
        await asyncio.sleep(0)

    def carry(self, journey: Journey) -> None:
        """Called for everything that is sent: have `journey.arrive()` called sometime, or never.

        The channel keeps the order whatever the order of arrival: what arrives early waits for what was sent before it.
        """
        asyncio.get_running_loop().call_soon(journey.arrive)

    def sever(self, first: str, second: str) -> None:
        """Break every open channel between these two: both ends hear of a `LinkLost`, and what was on its way is lost."""
        for channel in list(self._channels):
            if (channel.here, channel.there) in ((first, second), (second, first)):
                channel.lose(LinkLost(f"the link between {first} and {second} broke"))

    def _connect(self, dialler: MemoryNetlayer, acceptor: MemoryNetlayer) -> tuple[MemoryChannel, MemoryChannel]:
        ends = join(self.carry, dialler._end(acceptor), acceptor._end(dialler), self._forget)
        self._channels.update(dict.fromkeys(ends))
        return ends

    def _forget(self, channel: MemoryChannel) -> None:
        self._channels.pop(channel, None)


class MemoryNetlayer:
    """One node's place in a `MemoryNetwork`. `name` is its hint there, by default its designator."""

    transport: ClassVar[str] = "memory"

    def __init__(
        self, network: MemoryNetwork, key: NodeKey, name: str | None = None, *, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.name = key.designator if name is None else name
        self._network = network
        self._key = key
        self._limits = limits
        self._accept: Callable[[Channel], Receiver] | None = None
        self._closed = False

    async def listen(self, accept: Callable[[Channel], Receiver]) -> dict[str, str]:
        if self._closed or self._accept is not None:
            raise Misuse(f"this memory netlayer {'is closed' if self._closed else 'listens already'}")
        if self.name in self._network._listening:
            raise Conflict(f"cannot listen on memory {self.name}: another node of this network listens there")
        self._network._listening[self.name] = self
        self._accept = accept
        return {"memory": self.name}

    async def dial(self, locator: Locator, receive: Callable[[Channel], Receiver]) -> Channel:
        expected, name = public_of(locator.designator), hint(locator, "memory")
        if self._closed:
            raise Unreachable(f"cannot dial memory {name}: this memory netlayer is closed")
        await self._network.reach(self.name, name)
        found = self._network._listening.get(name)
        if found is None or found._accept is None:
            raise Unreachable(f"memory {name}: nobody listens there now")
        if found._key.public != expected:
            raise PeerUnproven(
                f"dialling memory {name}: expected node {designator_of(expected)}, "
                f"but node {found._key.designator} answered: the address is stale, or somebody else sits there"
            )
        ours, theirs = self._network._connect(self, found)
        ours.open(receive)
        asyncio.get_running_loop().call_soon(found._admit, theirs)
        return ours

    async def close(self) -> None:
        self._closed = True
        if self._network._listening.get(self.name) is self:
            del self._network._listening[self.name]
        ours = [channel for channel in self._network._channels if channel.here == self.name]
        for channel in ours:
            channel.close()
        for channel in ours:
            await channel.wait_closed()

    def _admit(self, channel: MemoryChannel) -> None:
        assert self._accept is not None
        try:
            channel.open(self._accept)
        except RemitError as error:
            _log.info("memory %s: refused: %s", channel.there, error)

    def _end(self, other: MemoryNetlayer) -> MemoryChannel:
        return MemoryChannel(other._key.public, here=self.name, there=other.name, frame=self._limits.frame)

    def __repr__(self) -> str:
        return f"<MemoryNetlayer {self.name}>"

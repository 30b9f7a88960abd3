"""The parties of the storm that are processes: made quickly by a fork server that has loaded all of this, and killed at random moments."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from remit.dataspace import bind, during, publish
from remit.dataspace.syndicate import connect
from remit.net import Node, NodeKey, dialling
from remit.values import SturdyRef, record
from remit.vat import Vat, actor

__all__ = ["Noise", "Party", "captp_party", "syndicate_party"]


@record("party")
class Party:
    """`<party kind number>`: this party lives."""

    kind: str
    number: int


@record("noise")
class Noise:
    """More that a party says."""

    number: int
    what: Any


@actor(kind="storm.guest")
class Guest:
    """Says that it is there, says more, and listens."""

    space: Any
    kind: str
    number: int

    def enter(self) -> None:
        """Begin."""
        publish(self.space, Party(self.kind, self.number))
        for what in range(self.number % 5):
            publish(self.space, Noise(self.number, what))
        if self.number % 3 == 0:
            during(self.space, Party(bind(), bind()), self._met)

    def _met(self, kind: str, number: int) -> None:
        if number % 7 == 0:
            publish(self.space, Noise(self.number, [kind, number]))


def syndicate_party(route: str, number: int) -> None:
    """A client of the Syndicate protocol, until it is killed."""

    async def main() -> None:
        async with Vat("party") as vat, connect(route, vat=vat) as space:
            await vat.spawn(Guest, space, "syndicate", number).enter()
            await asyncio.Event().wait()

    asyncio.run(main())


def captp_party(uri: str, number: int) -> None:
    """A node of its own, until it is killed."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            key = NodeKey.generate()
            vat = await stack.enter_async_context(Vat("party"))
            node = await stack.enter_async_context(Node(key, vat))
            for netlayer in dialling(key):
                node.use(netlayer)
            space = await node.fetch_from(SturdyRef.parse(uri))
            await vat.spawn(Guest, space, "captp", number).enter()
            await asyncio.Event().wait()

    asyncio.run(main())

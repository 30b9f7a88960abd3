"""What the tests of nodes share: nodes that meet somewhere, objects that they offer, raw peers."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager

from remit.net import (
    MemoryNetlayer,
    MemoryNetwork,
    Network,
    Node,
    NodeKey,
    TlsNetlayer,
    UnixNetlayer,
    WebSocketNetlayer,
)
from remit.vat import Vat, actor, promise
from tests.net.kit import DEADLINE

KINDS = ("memory", "unix", "tls", "websocket")


class Place:
    """Where nodes meet: one netlayer of one kind for each node."""

    def __init__(self, kind="memory", folder="", network=None):
        self.kind = kind
        self.folder = str(folder)
        self.network = network or MemoryNetwork()
        self._made = 0

    def netlayer(self, key, **options):
        self._made += 1
        if self.kind == "memory":
            return MemoryNetlayer(
                self.network, key, options.pop("name", f"{key.designator[:8]}-{self._made}"), **options
            )
        if self.kind == "unix":
            return UnixNetlayer(key, os.path.join(self.folder, f"{self._made}.sock"), **options)
        return (TlsNetlayer if self.kind == "tls" else WebSocketNetlayer)(key, **options)

    @asynccontextmanager
    async def node(self, name="node", key=None, *, listen=True, vat=None, layer=None, **options):
        key = key or NodeKey.generate()
        async with vat or Vat(name) as vat, Node(key, vat, **options) as node:
            netlayer = self.netlayer(key, **(layer or {}))
            if listen:
                await node.listen(netlayer)
            else:
                node.use(netlayer)
            yield node


async def offer(node, ref, **how):
    """A sturdyref of an object of this node."""
    return await Network(node).sturdy(ref, **how)


async def until(condition, seconds=DEADLINE):
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


@actor(kind="test.node.door")
class Door:
    """Keeps calls waiting until it is opened."""

    waiting: object = None
    resolver: object = None
    knocks: int = 0

    def knock(self):
        self.knocks += 1
        if self.waiting is None:
            self.waiting, self.resolver = promise()
        return self.waiting

    async def wait(self):
        """The same as a method that is under way until then."""
        return await self.knock()

    def open(self, value=None):
        self.resolver.fulfill(value)

    def count(self):
        return self.knocks


@actor(kind="test.node.gate")
class Gate:
    """Says who came."""

    def admit(self, peer):
        return peer


@actor(kind="test.node.caller")
class Caller:
    """Calls from inside a vat."""

    async def ask(self, other, by):
        return await other.increment(by)

    def tell_many(self, other, many):
        for i in range(many):
            other.note(i)

"""What the tests of the `websocket` netlayer share: foreign peers, by the library's own client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect as foreign_client

from remit.net import NodeKey
from remit.values import Locator, Record, Symbol, encode
from tests.net.kit import DEADLINE, Acceptor, Recorder

CHALLENGE = encode(Record(Symbol("init:peer-auth"), [b"r" * 32]))
OLD = b"o" * 64


def foreign(designator, url):
    return Locator("websocket", designator, {"url": url})


async def listening(kit, make=Recorder, **options):
    """A netlayer that listens: its key, its URL, and who takes its channels."""
    key, acceptor = NodeKey.generate(), Acceptor(make)
    hints = await kit.netlayer(key, **options).listen(acceptor)
    return key, hints["websocket"], acceptor


async def soon(work):
    async with asyncio.timeout(DEADLINE):
        return await work


@asynccontextmanager
async def proved(url):
    """A foreign client that has had the acceptor prove its key."""
    async with foreign_client(url, compression=None) as client:
        await client.send(CHALLENGE)
        await soon(client.recv())
        yield client

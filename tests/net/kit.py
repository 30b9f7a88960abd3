"""What the netlayer tests share: a receiver that remembers, and one kit for each netlayer."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from contextlib import asynccontextmanager

from remit.net import (
    MemoryNetlayer,
    MemoryNetwork,
    NodeKey,
    TcpTestingNetlayer,
    TlsNetlayer,
    UnixNetlayer,
    WebSocketNetlayer,
)
from remit.values import Locator, framed

DEADLINE = 15  # seconds that any wait in these tests may take
RUNNERS = {"asyncio": asyncio.run}
if importlib.util.find_spec("uvloop"):
    import uvloop

    RUNNERS["uvloop"] = uvloop.run


class Recorder:
    """A receiver that keeps what it hears; `until` waits for a condition over it."""

    def __init__(self, channel=None):
        self.channel = channel
        self.messages = []
        self.closings = []
        self.congestions = []
        self._changed = asyncio.Event()

    def received(self, message):
        self.messages.append(message)
        self._changed.set()

    def closed(self, cause):
        self.closings.append(cause)
        self._changed.set()

    def congested(self, yes):
        self.congestions.append(yes)
        self._changed.set()

    async def until(self, condition):
        """Wait until condition(self) holds; TimeoutError after the deadline."""
        async with asyncio.timeout(DEADLINE):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()

    async def until_closed(self):
        await self.until(lambda self: self.closings)
        return self.closings[0]


class Acceptor:
    """Accepts every channel, each with a `Recorder` (or what `make` makes)."""

    def __init__(self, make=Recorder):
        self.recorders = []
        self._make = make
        self._come = asyncio.Event()

    def __call__(self, channel):
        recorder = self._make(channel)
        self.recorders.append(recorder)
        self._come.set()
        return recorder

    async def first(self):
        async with asyncio.timeout(DEADLINE):
            await self._come.wait()
        return self.recorders[0]


class Kit:
    """Makes the netlayers of one kind, and closes them at the end."""

    name: str
    proves = True
    begins = b"remit hello 001\n"  # how a dialler's first bytes begin (on `tls`, inside it)

    def __init__(self, folder):
        self.folder = folder
        self.made = []

    def keep(self, netlayer):
        self.made.append(netlayer)
        return netlayer

    async def close(self):
        for netlayer in self.made:
            await netlayer.close()

    def message(self, data):
        """A message with this content that the netlayer's framing can carry."""
        return data

    def locator(self, key, hints):
        return Locator("remit", key.designator, hints)


class MemoryKit(Kit):
    name = "memory"

    def __init__(self, folder):
        super().__init__(folder)
        self.network = MemoryNetwork()

    def netlayer(self, key, **options):
        options.pop("close_seconds", None), options.pop("admission", None), options.pop("dial_seconds", None)
        return self.keep(MemoryNetlayer(self.network, key, **options))


class UnixKit(Kit):
    name = "unix"

    def netlayer(self, key, **options):
        return self.keep(UnixNetlayer(key, os.path.join(self.folder, f"{len(self.made)}.sock"), **options))


class TlsKit(Kit):
    name = "tls"

    def netlayer(self, key, **options):
        return self.keep(TlsNetlayer(key, **options))


class WebSocketKit(Kit):
    name = "websocket"
    begins = b"GET / HTTP/1.1\r\n"

    def netlayer(self, key, **options):
        return self.keep(WebSocketNetlayer(key, **options))


class TcpKit(Kit):
    name = "tcp-testing-only"
    proves = False

    def netlayer(self, key, **options):
        return self.keep(TcpTestingNetlayer(**options))

    def message(self, data):
        return b"<7'message" + framed(data) + b">"  # a record around it, as a byte array of Syrup

    def locator(self, key, hints):
        return Locator("tcp-testing-only", "a-peer", hints)


KITS = {kit.name: kit for kit in (MemoryKit, UnixKit, TlsKit, WebSocketKit, TcpKit)}


@asynccontextmanager
async def opened(kit_class, folder):
    """A kit whose netlayers are closed at the end, within the deadline."""
    kit = kit_class(str(folder))
    try:
        yield kit
    finally:
        async with asyncio.timeout(DEADLINE):
            await kit.close()


class Pair:
    """Two ends of one connection: `near` and `far` are the recorders, each with its `channel`."""

    def __init__(self, near, far, dialler_key, acceptor_key):
        self.near, self.far = near, far
        self.dialler_key, self.acceptor_key = dialler_key, acceptor_key


async def connect(kit, *, make=Recorder, first=b"hi", **options):
    """A connected pair, after the dialler's first message (an unproven acceptor hears of nobody before it)."""
    dialler_key, acceptor_key = NodeKey.generate(), NodeKey.generate()
    acceptor = Acceptor(make)
    hints = await kit.netlayer(acceptor_key, **options).listen(acceptor)
    near = []
    netlayer = kit.netlayer(dialler_key, **options)
    channel = await netlayer.dial(
        kit.locator(acceptor_key, hints), lambda channel: near.append(make(channel)) or near[0]
    )
    assert channel is near[0].channel
    channel.send([kit.message(first)])
    far = await acceptor.first()
    await far.until(lambda far: far.messages)
    far.messages.clear()
    return Pair(near[0], far, dialler_key, acceptor_key)

"""Joints between ordinary connections: a relay of two sockets, on every event loop that there is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from remit.net import Joint, Meter, SocketEnd
from tests.net.kit import RUNNERS

PATIENCE = 10.0


class Relay:
    """A listener whose connections are joined to a server's, when the test says so."""

    def __init__(self, serve: Callable[[Any, Any], Awaitable[None]]) -> None:
        self.serve = serve
        self.ends: asyncio.Queue[SocketEnd] = asyncio.Queue()
        self.over: asyncio.Queue[str | None] = asyncio.Queue()
        self.joint: Joint | None = None

    async def __aenter__(self) -> Relay:
        loop = asyncio.get_running_loop()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.listening = await loop.create_server(lambda: SocketEnd(self.ends.put_nowait), "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in (self.server, self.listening):
            server.close()
            await server.wait_closed()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.listening.sockets[0].getsockname()[:2])

    async def join(self, meter: Meter | None = None) -> Joint:
        loop = asyncio.get_running_loop()
        near = await self.ends.get()
        _, far = await loop.create_connection(SocketEnd, *self.server.sockets[0].getsockname()[:2])
        self.joint = Joint(near, far, meter or Meter(), lambda _, why: self.over.put_nowait(why))
        return self.joint


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write(b"bye")
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture(params=list(RUNNERS))
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[Relay], Awaitable[None]]], None]:
    """Runs a conversation with a relay before an echo."""

    def runner(work: Callable[[Relay], Awaitable[None]]) -> None:
        async def main() -> None:
            async with asyncio.timeout(PATIENCE), Relay(echo) as relay:
                await work(relay)

        RUNNERS[request.param](main())

    return runner


def test_nothing_that_comes_early_is_lost(run: Any) -> None:
    """What a program sends before its connection leads anywhere, its end included, goes on when it does."""

    async def work(relay: Relay) -> None:
        reader, writer = await relay.connect()
        writer.write(b"early" * 100_000)
        writer.write_eof()
        for _ in range(20):
            await asyncio.sleep(0.005)
        await relay.join()
        assert await reader.read() == b"early" * 100_000 + b"bye"
        assert await relay.over.get() is None
        writer.close()

    run(work)


def test_a_program_that_is_gone_is_noticed(run: Any) -> None:
    """Also one that went before its connection led anywhere."""

    async def work(relay: Relay) -> None:
        _, writer = await relay.connect()
        writer.write(b"x")
        await writer.drain()
        writer.transport.abort()
        joint = await relay.join()
        await relay.over.get()
        assert joint.over

    run(work)


def test_who_is_cut_sees_no_end(run: Any) -> None:
    """A cut connection is reset, so that nobody takes a part for the whole."""

    async def work(relay: Relay) -> None:
        reader, writer = await relay.connect()
        joint = await relay.join()
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        joint.close("revoked")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert await relay.over.get() == "revoked"
        writer.close()

    run(work)


def test_a_reader_that_sleeps_stops_the_writer(run: Any) -> None:
    """What waits in between stays bounded, and arrives when it is read."""

    async def work(relay: Relay) -> None:
        meter = Meter()
        reader, writer = await relay.connect()
        await relay.join(meter)
        block = bytes(1 << 20)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 200:
                writer.write(block)
                sent += 1
                async with asyncio.timeout(0.3):
                    await writer.drain()
        assert meter.spent < 100 << 20
        whole = 0
        writer.write_eof()
        while data := await reader.read(1 << 20):
            whole += len(data)
        assert whole == (sent << 20) + 3
        writer.close()

    run(work)

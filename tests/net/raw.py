"""Bare connections for hostile tests: what an attacker can write without this project's code."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from remit.net._address import split_address
from remit.net._tls import client_context
from tests.net.kit import DEADLINE


class Raw:
    """One bare connection to a netlayer."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def write(self, data):
        self.writer.write(data)

    async def read(self, size):
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readexactly(size)

    async def until_ended(self):
        """Everything that still comes before the other end hangs up, in whatever way."""
        async with asyncio.timeout(DEADLINE):
            got = b""
            try:
                while data := await self.reader.read(65536):
                    got += data
            except OSError:
                pass
            return got


@asynccontextmanager
async def raw(hints, *, tls=False):
    """A bare connection to where these hints lead, with TLS around it or without."""
    if "unix" in hints:
        streams = await asyncio.open_unix_connection(hints["unix"])
    else:
        if "websocket" in hints:
            hints = {"tls": hints["websocket"].partition("://")[2]}
        host, port = split_address(hints["tls"]) if "tls" in hints else (hints["host"], int(hints["port"]))
        streams = await asyncio.open_connection(host, port, ssl=client_context() if tls else None)
    connection = Raw(*streams)
    try:
        yield connection
    finally:
        await end((), [connection.writer])


@asynccontextmanager
async def serving(handle, context=None):
    """A bare server on loopback that hands each connection to `handle(reader, writer)`; the hints that lead to it."""
    tasks, writers = set(), []

    async def serve(reader, writer):
        writers.append(writer)
        tasks.add(asyncio.current_task())
        await handle(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield {"tls": f"127.0.0.1:{server.sockets[0].getsockname()[1]}"}
    finally:
        server.close()
        await end(tasks, writers)


def relay(dial, context=None):
    """A bare server that passes every connection on, byte for byte, to what `dial()` connects to."""

    async def handle(reader, writer):
        there_reader, there_writer = await dial()
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

    return serving(handle, context)


async def end(tasks, writers):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for writer in writers:
        writer.transport.abort()
    for writer in writers:
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.transport.abort()

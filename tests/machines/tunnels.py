"""For tests of tunnels: a town whose machine db has a server that speaks no CapTP, and programs of the machine app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from remit.credentials import Secret
from remit.errors import Unreachable
from remit.lib import Attenuation
from remit.machines import read_binding
from tests.machines.crashtown import CrashTown, MachinePlace
from tests.machines.test_relay import Split

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Walls(Split):
    """The same, and who cannot dial whom in one direction only."""

    def __init__(self) -> None:
        super().__init__()
        self.one_way: set[tuple[str, str]] = set()

    async def reach(self, source: str, target: str) -> None:
        if (source, target) in self.one_way:
            raise Unreachable(f"{source} cannot dial {target}")
        await super().reach(source, target)


class Echo:
    """A server on a loopback port that says `hello`, then what it hears, until it hears the end; then `bye`."""

    def __init__(self) -> None:
        self.connections: set[asyncio.StreamWriter] = set()
        self.ended = 0
        self.port = 0

    async def __aenter__(self) -> Echo:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in list(self.connections):
            writer.transport.abort()
        await until(lambda: not self.connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        try:
            writer.write(b"hello\n")
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            writer.write(b"bye\n")
            await writer.drain()
            self.ended += 1
        except OSError:
            pass
        finally:
            writer.close()
            self.connections.discard(writer)


class TunnelTown:
    """The town, with `db.raw` a tunnel to the server."""

    def __init__(self, town: CrashTown, wires: Walls, server: Echo) -> None:
        self.town = town
        self.wires = wires
        self.server = server

    async def bind(self, attenuation: Attenuation | None = None, name: str = "raw") -> dict[str, Any]:
        edge: dict[str, Any] = await self.town.boss.bind(f"app.{name}", "db.raw", attenuation)
        return edge

    def place(self, name: str) -> MachinePlace:
        found = self.town.places[name]
        assert isinstance(found, MachinePlace)
        return found

    @property
    def root(self) -> Path:
        return self.place("app").directory / "bindings"

    def entries(self, name: str = "raw") -> dict[str, str]:
        return read_binding(self.root, name)

    async def connect(self, name: str = "raw") -> Streams:
        """As a program of app does."""
        texts = self.entries(name)
        if "path" in texts:
            return await asyncio.open_unix_connection(texts["path"])
        return await asyncio.open_connection(texts["host"], int(texts["port"]))

    async def talking(self, name: str = "raw") -> Streams:
        """The same, and the server has said hello."""
        reader, writer = await self.connect(name)
        assert await reader.readline() == b"hello\n"
        return reader, writer


def in_tunnel_town(work: Callable[[TunnelTown], Awaitable[None]], *, apart: bool = False, seconds: float = 20) -> None:
    """Run a conversation in such a town; `apart`: its machines do not reach each other."""

    async def main() -> None:
        async with asyncio.timeout(seconds), tunnel_town(apart) as made:
            await work(made)
            assert made.town.failures == []

    asyncio.run(main())


@asynccontextmanager
async def tunnel_town(apart: bool) -> AsyncIterator[TunnelTown]:
    town = CrashTown()
    town.wires = wires = Walls()
    if not apart:
        wires.apart.clear()
    async with town, Echo() as server:
        for name in ("db", "app"):
            await town.boss.create_machine(name, "fake")
        while not all(machine["state"] == "active" for machine in await town.boss.list_machines()):
            await asyncio.sleep(0.005)
        await town.boss.offer("db.raw", "tcp", "", "", [Secret(f"127.0.0.1:{server.port}")])
        yield TunnelTown(town, wires, server)


async def until(what: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until this holds; fails at the deadline."""
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.002)


async def over(reader: asyncio.StreamReader, seconds: float = 1.0) -> None:
    """Wait until a connection is over, by an end or a reset."""
    async with asyncio.timeout(seconds):
        with suppress(OSError):
            while await reader.read(1 << 16):
                pass

"""The device `tcp`: sockets by number, for the service of that name.

number = await device.connect(host, port) ; await device.listen(host, port, gate)      gate(number) for each that comes in
data = await device.read(number)          at most 64 KiB; b"" at the end
device.write(number, data) ; .eof(number) ; .close(number) ; .unlisten(gate)
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from remit.errors import BadArgument, Unreachable
from remit.vat import Ref, tell

__all__ = ["TcpSockets"]

_READ: Final = 64 * 1024
_MOST: Final = 1000  # connections at a time


class TcpSockets:
    """Owned by the vat whose device it is; `end` closes everything."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._listeners: dict[Ref[Any], asyncio.Server] = {}
        self._count = 0

    async def connect(self, host: Any, port: Any) -> int:
        """Connect; the number of the socket."""
        try:
            reader, writer = await asyncio.open_connection(_text(host), _port(port), limit=_READ)
        except OSError as error:
            raise Unreachable(f"cannot connect to {host}:{port}: {error.strerror or error}") from None
        return self._keep(reader, writer)

    async def listen(self, host: Any, port: Any, gate: Ref[Any]) -> int:
        """Listen; the port that it is."""

        def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(self._open) >= _MOST:
                writer.close()
                return
            tell(gate)(self._keep(reader, writer))

        try:
            server = await asyncio.start_server(come, _text(host), _port(port), limit=_READ)
        except OSError as error:
            raise Unreachable(f"cannot listen at {host}:{port}: {error.strerror or error}") from None
        self._listeners[gate] = server
        found: int = server.sockets[0].getsockname()[1]
        return found

    def _keep(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        self._count += 1
        self._open[self._count] = (reader, writer)
        return self._count

    async def read(self, number: int) -> bytes:
        """What has come, at most 64 KiB; waits for something."""
        there = self._open.get(number)
        if there is None:
            return b""
        try:
            return await there[0].read(_READ)
        except OSError:
            return b""

    async def write(self, number: int, data: bytes) -> None:
        """Send, when there is room."""
        there = self._open.get(number)
        if there is not None:
            with suppress(OSError):
                there[1].write(data)
                await there[1].drain()

    def eof(self, number: int) -> None:
        """Send no more."""
        there = self._open.get(number)
        if there is not None:
            with suppress(OSError, RuntimeError):
                there[1].write_eof()

    def close(self, number: int) -> None:
        """End a connection."""
        there = self._open.pop(number, None)
        if there is not None:
            there[1].close()

    def unlisten(self, gate: Ref[Any]) -> None:
        """Take no more connections there; those that there are go on."""
        server = self._listeners.pop(gate, None)
        if server is not None:
            server.close()

    async def end(self) -> None:
        """Close everything."""
        for gate in list(self._listeners):
            self.unlisten(gate)
        writers = [writer for _, writer in self._open.values()]
        for number in list(self._open):
            self.close(number)
        for writer in writers:
            with suppress(OSError):
                await writer.wait_closed()


def _text(host: Any) -> str:
    if not isinstance(host, str):
        raise BadArgument(f"a host is text, not {host!r:.60}")
    return host


def _port(port: Any) -> int:
    if type(port) is not int or not 0 <= port < 65536:
        raise BadArgument(f"a port is a number from 0 to 65535, not {port!r:.60}")
    return port

"""Where a server is, as seen from its own machine: what a tunnel leads to."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import Any

from remit.errors import BadArgument, Unreachable
from remit.net import End, SocketEnd

__all__ = ["Place", "is_local"]


class Place:
    """A unix path, or host and port. `text` is `/path`, `unix:/path`, `host:port`, `tcp:host:port` or a port of this machine."""

    __slots__ = ("host", "path", "port")

    def __init__(self, text: str) -> None:
        self.path = self.host = ""
        self.port = 0
        if text.startswith(("unix:", "/")):
            self.path = text.removeprefix("unix:").removeprefix("//")
            if not self.path.startswith("/") or "\0" in self.path:
                raise BadArgument("a target's unix path is absolute: /run/service.sock")
            return
        host, _, port = text.removeprefix("tcp:").removeprefix("//").rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536 or any(c.isspace() for c in host):
            raise BadArgument("a target is host:port or /path/of/a.socket on the machine that offers it")
        self.host, self.port = host or "127.0.0.1", int(port)

    async def connect(self) -> End:
        """A connection to it, that is not read yet. Raises `Unreachable`."""
        loop = asyncio.get_running_loop()
        try:
            made: Any
            if self.path:
                _, made = await loop.create_unix_connection(SocketEnd, self.path)
            else:
                _, made = await loop.create_connection(SocketEnd, self.host, self.port)
        except OSError as error:
            raise Unreachable(f"nothing answers at {self}: {error.strerror or error}") from None
        end: End = made
        return end

    def __str__(self) -> str:
        return self.path or f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def is_local(host: str) -> bool:
    """Whether only programs of the same machine reach a server there: a unix path, or a loopback address."""
    if host.startswith("/") or host in ("", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

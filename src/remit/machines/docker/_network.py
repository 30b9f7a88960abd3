"""The network of one boss's containers: a bridge with a small subnet of its own, on which this host is the gateway.

The subnet is said and not left to the Engine, whose own pools end after 29 networks. It follows from the owner, so that a network that was removed and is made
again has the same one; where it is taken, the next candidate is tried.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Final

from remit.errors import ProviderError
from remit.machines.docker._engine import Engine, EngineError
from remit.machines.docker._options import HostOptions

__all__ = ["Bridge"]

CANDIDATES: Final = 32
ROUTES: Final = Path("/proc/net/route")
OVERLAP: Final = ("overlaps", "already in use", "is not available")


class Bridge:
    """The network of this owner's provider at one Engine. Of `host` count `subnet` (the only candidate, if there is one) and `internal`."""

    def __init__(self, engine: Engine, owner: str, provider: str, host: HostOptions) -> None:
        self.name = f"remit-{owner[:16]}" + ("" if provider == "docker" else f"-{provider}")
        self.lock = asyncio.Lock()  # held by whoever counts on it from now until a container is on it
        self._engine = engine
        self._owner = owner
        self._subnet = host.subnet
        self._internal = host.internal

    async def gateway(self) -> str:
        """This host's address on it; it is made if need be. With the lock held."""
        found = await self._engine.find(f"/networks/{self.name}")
        if found is None:
            await self._make()
            found = await self._engine.get(f"/networks/{self.name}")
        if found["Labels"].get("remit.owner") != self._owner:
            raise ProviderError(
                f"the Docker network {self.name} is not of this boss, and was left alone: remove or rename it"
            )
        config = found["IPAM"]["Config"][0]
        if self._subnet and config["Subnet"] != self._subnet or found["Internal"] != self._internal:
            raise ProviderError(
                f"the Docker network {self.name} has subnet {config['Subnet']}{' and is internal' if found['Internal'] else ''}, and remit.toml says "
                "otherwise: destroy the machines that are on it first (the network goes with the last one), or let remit.toml say the same"
            )
        return str(config["Gateway"])

    async def leave(self) -> None:
        """Remove it unless somebody is on it. With the lock held."""
        found = await self._engine.find(f"/networks/{self.name}")
        if found is None or found["Labels"].get("remit.owner") != self._owner:
            return
        try:
            await self._engine.delete(f"/networks/{self.name}")
        except EngineError as error:
            if error.status not in (403, 409):  # somebody is
                raise

    async def _make(self) -> None:
        refused: EngineError | None = None
        for subnet in self._candidates():
            try:
                await self._engine.post("/networks/create", self._wish(subnet))
            except EngineError as error:
                if error.status == 409:  # of that name, from whoever asked at the same time
                    return
                if not any(word in str(error) for word in OVERLAP):
                    raise
                refused = error
            else:
                return
        raise ProviderError(
            f'no subnet is free for the machines\' network; name one in remit.toml: [providers.NAME] subnet = "…" ({refused})'
        )

    def _wish(self, subnet: IPv4Network | IPv6Network) -> dict[str, Any]:
        return {
            "Name": self.name,
            "CheckDuplicate": True,
            "Driver": "bridge",
            "Internal": self._internal,
            "Labels": {"remit.owner": self._owner},
            "IPAM": {"Config": [{"Subnet": str(subnet), "Gateway": str(subnet[1])}]},
        }

    def _candidates(self) -> Iterator[IPv4Network | IPv6Network]:
        if self._subnet:
            yield ip_network(self._subnet)
            return
        routes = _routes()
        for number in range(CANDIDATES):
            one, two = sha256(f"{self.name} {self._owner} {number}".encode()).digest()[:2]
            subnet = IPv4Network(f"10.{64 + one % 128}.{two}.0/24")
            if not any(subnet.overlaps(route) for route in routes):
                yield subnet


def _routes() -> list[IPv4Network]:
    """Where this host has a way to already, other than the way to everywhere: the Engine asks only its own networks."""
    try:
        rows = [line.split() for line in ROUTES.read_text().splitlines()[1:]]
    except OSError:
        return []
    found = [IPv4Network((_address(row[1]), str(_address(row[7])))) for row in rows if len(row) > 7]
    return [route for route in found if route.prefixlen > 0]


def _address(column: str) -> IPv4Address:
    """proc_pid_net(5): route has addresses as hexadecimal numbers in the byte order of the host."""
    return IPv4Address(int(column, 16).to_bytes(4, sys.byteorder))

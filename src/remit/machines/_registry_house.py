"""The registry that a boss is besides: the directory of its machines, and of the servers that run on them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from remit.dataspace import KINDS
from remit.ensemble import REGISTRY_CLASSES, REGISTRY_ROOTS, OpenRegistry, ServerEntry
from remit.machines._ensembled import BOSS, Place
from remit.machines._household import Household
from remit.machines._rekeying import successions_of
from remit.values import SturdyRef
from remit.vat import Ref

__all__ = ["REGISTRY_KINDS", "REGISTRY_ROOT", "RegistryHouse"]

REGISTRY_KINDS: Final[tuple[type, ...]] = (*KINDS, *REGISTRY_CLASSES)
REGISTRY_ROOT: Final = REGISTRY_ROOTS
_log = logging.getLogger("remit.machines")


_PAGE: Final = 500  # entries of one answer


class RegistryHouse(Place):
    """The device `ensemble` of a boss. Owned by its process, which has it `living` while it reigns."""

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self._registry: Ref[Any] | None = None

    @asynccontextmanager
    async def living(self, house: Household) -> AsyncIterator[None]:
        """Be the registry, and a server in it."""
        opened = OpenRegistry(house.durable, house.node, self.home.make())
        await opened.begin([each.old for each in successions_of(house.directory)])
        self._registry = opened.registry
        server = self.open(house, BOSS, [BOSS, "registry"], {})
        opened.serve_with(server)
        server.name(BOSS, house.durable.root("boss"))
        try:
            yield
        finally:
            await self.close()

    async def cookie(self) -> SturdyRef:
        """The way in, with all addresses that the boss has."""
        house = await self._whole()  # machines that said hello at once are not sent away without it
        return SturdyRef(house.node.address().locator(), self.home.cookie().swiss)

    async def claim(self, name: str, key: bytes) -> bool:
        """The name of a machine is the id of that machine's key, unless another server is there under it; whether it is."""
        claimed: bool = await (await self._known()).claim(self.home.id_of(name).text, key)
        if not claimed:
            _log.error("machine %s is not in the directory: another server is there under this id", name)
        return claimed

    async def entries(self, domain: str, after: str) -> list[dict[str, Any]]:
        """Some of the servers that are there, by their whole ids, those behind `after`: as plain data, which no reference is in."""
        found: list[ServerEntry] = await (await self._known()).entries(domain, after, _PAGE)
        return [_view(entry) for entry in found]

    async def entry(self, id: str) -> ServerEntry:
        """The server with this id. Raises `Missing`."""
        found: ServerEntry = await (await self._known()).lookup(self.home.id_of(id).text)
        return found

    async def _known(self) -> Ref[Any]:
        await self._whole()
        assert self._registry is not None
        return self._registry


def _view(entry: ServerEntry) -> dict[str, Any]:
    """One server, for people. Of what it says of itself only what is plain."""
    info = {name: each for name, each in entry.info.items() if type(each) in (str, int, float, bool)}
    hints = {name: each for name, each in entry.address.hints.items() if type(each) is str}
    return {
        "id": entry.id,
        "roles": list(entry.roles),
        "addresses": hints,
        "key": entry.key,
        "since": entry.since,
        "info": info,
    }

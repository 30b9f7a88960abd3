"""The device `accounts`: the drivers of services that do not speak CapTP, for the objects that keep these services."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from remit.credentials import Credential, Description, Driver, Held, Owner, Secret, find_driver
from remit.errors import BadArgument, Missing
from remit.machines._accounts import Accounts
from remit.machines._exits import Exits
from remit.vat import Ref, Vat

__all__ = ["AccountDesk"]

STEPS: Final = frozenset({"grant", "recall", "retire", "revoke", "observe", "remembers", "compare"})
WAYS: Final = frozenset({"through", "open", "meet"})  # of those that are reached by a tunnel


class AccountDesk:
    """Owned by the agent. `others` are driver classes by kind, besides those that come with Remit."""

    def __init__(self, others: Mapping[str, Any] | None = None, exits: Exits | None = None) -> None:
        self._others = dict(others or {})
        self.exits = exits or Exits()
        self._drivers: dict[tuple[str, str], Driver] = {}
        self._known: dict[tuple[str, str], Credential] = {}  # the newest of each edge, by tag and edge; in memory only

    def describe(self, kind: str) -> dict[str, Any] | None:
        """What an offer says of a service of this kind; None where no driver has it. `rules` is None: the service enforces."""
        found = find_driver(kind, self._others)
        if found is None:
            return None
        what: Description = found(Owner(Secret("-"), "none", bytes(16))).describe()
        supports = sorted({*what.supports, "until"})
        return {"kind": what.interface, "supports": supports, "methods": sorted(what.methods), "rules": None}

    async def make(self, vat: Vat, kind: str, arguments: list[Any]) -> Ref[Accounts]:
        """The object that keeps such a service; the service has been asked whether the owner's connection is of use."""
        if len(arguments) != 1 or type(arguments[0]) is not Secret:
            raise BadArgument(
                f"a service of kind {kind} is offered with its owner's connection as a secret: remit offer … --kind {kind} --owner FILE"
            )
        tag, key = os.urandom(4).hex(), os.urandom(32)
        try:
            await self._driver(kind, arguments[0], tag, key).check()
        finally:
            await self._forget(kind, tag)
        return vat.spawn(Accounts, kind, arguments[0], tag, key)

    async def ask(self, service: list[Any], step: str, arguments: list[Any]) -> Any:
        """One step of a driver, for the service with this kind, connection, tag and key."""
        if step not in STEPS | WAYS:
            raise Missing(f"drivers have no step {step!r}")
        driver = self._driver(*service)
        if step in WAYS:
            return await self._way(driver, service[2], step, arguments)
        if step in ("grant", "recall"):  # the latter need not ask the service, if we know
            edge, attenuation, until, generation = arguments
            known = self._known.get((service[2], edge))
            if step == "recall" and (known is None or known.generation != generation):
                await self._refuse_gone(driver, edge, generation)
            if step == "grant" or known is None or known.generation != generation:
                known = await driver.grant(edge, attenuation, until=until, generation=generation)
                self._known[service[2], edge] = known
            return known
        if step == "remembers":
            return await self._remembers(driver, *arguments)
        if step == "compare":
            return await driver.compare(*arguments) if hasattr(driver, "compare") else ""
        if step == "revoke":
            self._known.pop((service[2], arguments[0]), None)
            self.exits.close(f"{service[2]}/{arguments[0]}", "the edge was revoked")
        answer = await getattr(driver, step)(*arguments)
        return [self._counted(service[2], held) for held in answer] if step == "observe" else answer

    async def _remembers(self, driver: Any, edge: str, generation: int) -> bool:
        """See `Comparing.remembers`."""
        return bool(await driver.remembers(edge, generation)) if hasattr(driver, "remembers") else True

    async def _refuse_gone(self, driver: Driver, edge: str, generation: int) -> None:
        """After a start of the agent: what was dropped at the service meanwhile does not come back because somebody asks for its credential."""
        if await self._remembers(driver, edge, generation):
            found = {held.edge: held.generations for held in await driver.observe()}
            if generation not in found.get(edge, ()):
                raise Missing(
                    f"the account of edge {edge} is gone at its service, and nobody here has removed it: see remit drift"
                )

    async def _way(self, driver: Any, tag: str, step: str, arguments: list[Any]) -> Any:
        """What there is to do about the tunnel of an edge."""
        if not hasattr(driver, "through"):
            if step == "through":
                return arguments[0]
            raise BadArgument(f"services of kind {driver.kind} are not reached by tunnels")
        if step == "through":
            return driver.through(arguments[0]) or arguments[0]
        edge, attenuation, spent, *rest = arguments
        way = partial(driver.connect, edge, attenuation)
        exit = self.exits.open(f"{tag}/{edge}", f"edge {edge}", way, attenuation, spent)
        if step == "meet":
            await self.exits.meet(exit, *rest)
            return None
        return [Secret(self.exits.ticket(exit, *rest).hex()), self.exits.node.address()]

    def _counted(self, tag: str, held: Held) -> Held:
        """What the driver sees of an edge, and what its tunnel has to do with it."""
        exit = self.exits.find(f"{tag}/{held.edge}")
        if exit is None:
            return held
        used = max((each for each in (held.used, exit.used) if each is not None), default=None)
        return Held(held.edge, held.generations, max(held.sessions, exit.connections), used, exit.meter.spent)

    async def close(self) -> None:
        """Let go of all services."""
        self.exits.close_all()
        for kind, tag in list(self._drivers):
            await self._forget(kind, tag)

    def _driver(self, kind: str, connection: Secret, tag: str, key: bytes) -> Driver:
        there = self._drivers.get((kind, tag))
        if there is None:
            found = find_driver(kind, self._others)
            if found is None:
                raise Missing(f"this machine's agent has no driver for services of kind {kind!r} any more")
            there = self._drivers[kind, tag] = found(Owner(connection, tag, key))
        return there

    async def _forget(self, kind: str, tag: str) -> None:
        driver = self._drivers.pop((kind, tag), None)
        if driver is not None:
            await driver.close()

"""The device `accounts`: the drivers of services that do not speak CapTP, for the objects that keep these services."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from remit.credentials import Credential, Description, Driver, Owner, Secret, find_driver
from remit.errors import BadArgument, Missing
from remit.machines._accounts import Accounts
from remit.vat import Ref, Vat

__all__ = ["AccountDesk"]

STEPS: Final = frozenset({"grant", "recall", "retire", "revoke", "observe"})


class AccountDesk:
    """Owned by the agent. `others` are driver classes by kind, besides those that come with Remit."""

    def __init__(self, others: Mapping[str, Any] | None = None) -> None:
        self._others = dict(others or {})
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
        if step not in STEPS:
            raise Missing(f"drivers have no step {step!r}")
        driver = self._driver(*service)
        if step in ("grant", "recall"):  # the latter need not ask the service, if we know
            edge, attenuation, until, generation = arguments
            known = self._known.get((service[2], edge))
            if step == "grant" or known is None or known.generation != generation:
                known = await driver.grant(edge, attenuation, until=until, generation=generation)
                self._known[service[2], edge] = known
            return known
        if step == "revoke":
            self._known.pop((service[2], arguments[0]), None)
        return await getattr(driver, step)(*arguments)

    async def close(self) -> None:
        """Let go of all services."""
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

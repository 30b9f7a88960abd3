"""The services of a machine, as its agent runs them: the device `services` of the hob's vat.

STATE/services/     what is kept of them: logs, what operators want, the warden (`remit.services`)
STATE/services.d/   files that describe them, unless the agent was told of another directory

They are loaded when there is something to run, or somebody asks: an idle machine pays nothing for them. What a service offers
(`ServiceObject`) is an offer of the machine while the service is ready.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from remit.errors import BadArgument, RemitError, Unreachable
from remit.vat import Ref

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from remit.ensemble.supervisor import Desk
    from remit.services import Services

__all__ = ["FOR_GOOD", "KEEP", "RoomDesk", "ServiceRoom"]

KEEP: Final = "keep-services"
"""The file in the state directory by which an agent that is told to stop leaves its services to the next one."""
SUPERVISION: Final = "supervision"  # in the state directory: what is kept of servers that the machine runs
FOR_GOOD: Final = "for good"
"""Its text, where there will be no next one; else it is empty."""
HANDOVER: Final = 900.0
"""Seconds that services wait for the next agent: time to find that one is no good, and to go back to what was."""
_log = logging.getLogger("remit.machines")
_LOOK: Final = 2.0  # seconds between looks for files, while there are none
_RETRY: Final = 5.0  # seconds until services are begun again that could not be
_PATIENCE: Final = 15.0  # seconds that a question waits for them
_VERBS: Final = frozenset({"list", "start", "stop", "restart", "why", "logs", "check", "signal"})


class ServiceRoom:
    """Owned by the agent, which runs `live` for as long as it lives."""

    def __init__(self, state: Path, files: str = "") -> None:
        self.state = state / "services"
        self.files = Path(files) if files else state / "services.d"
        self._hob_file = state
        self._wanted = asyncio.Event()
        self._services: Services | None = None
        self._there = asyncio.Event()
        self._desk: Desk | None = None
        self.audit: Callable[[str, str, str], Any] | None = None  # who writes down what is ordered
        self._trouble = ""

    async def live(self, hob: Ref[Any]) -> None:
        """Run what there is to run, from when there is something; until cancelled, which ends all services."""
        (self._hob_file / KEEP).unlink(missing_ok=True)  # for an agent that ended in another way
        while not self._wanted.is_set() and not self._something():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._wanted.wait()
        while True:
            try:
                await self._one_life(hob)
            except (RemitError, OSError) as error:
                self._trouble = str(error)
                _log.error("services cannot be run: %s; trying again in %g s", error, _RETRY)
            await asyncio.sleep(_RETRY)

    def _something(self) -> bool:
        state, supervision = self._hob_file, self._hob_file / SUPERVISION
        marks = [self.state / "operator.pr", self.state / "warden.sock", state / "ensemble" / "config.toml"]
        marks += [supervision / "roster.json", supervision / "updates.json"]
        if any(mark.exists() for mark in marks):
            return True
        return self.files.is_dir() and any(
            name.endswith((".pr", ".toml")) for _, _, names in os.walk(self.files) for name in names
        )

    async def _one_life(self, hob: Ref[Any]) -> None:
        from remit.machines._service_offers import ServiceOffers  # loads what only machines with services need
        from remit.services import Services

        environment = {"REMIT_HOB": str(self._hob_file), "REMIT_PYTHON": sys.executable}
        try:
            async with Services(self.state, environment=environment, keep=self._keep) as services:
                self.files.mkdir(mode=0o700, parents=True, exist_ok=True)
                await services.vat.spawn(ServiceOffers, services.space, hob).begin()
                watcher = await services.watch(self.files)
                async with self._supervision(services) as self._desk:
                    self._services = services
                    self._there.set()
                    await watcher.over()
        finally:
            self._services = self._desk = None
            self._there.clear()

    def _supervision(self, services: Services) -> AbstractAsyncContextManager[Desk]:
        """The servers that this machine is to run, beside the services of its files."""
        from remit.ensemble.supervisor import supervision

        def audit(who: str, part: str, what: str) -> Any:
            if self.audit is None:
                raise Unreachable("this machine's agent is only just starting: try again")
            return self.audit(who, part, what)

        home = self._hob_file / "ensemble"
        state = self._hob_file / SUPERVISION
        return supervision(services, state, home, [home / "config.toml"], audit, _log.error)

    def _keep(self) -> float:
        """How long the services go on when the agent ends: whoever has it end for another one says so, each time anew."""
        word = self._hob_file / KEEP
        try:
            said = word.read_text().strip()
        except FileNotFoundError:
            return 0.0
        word.unlink(missing_ok=True)
        return math.inf if said == FOR_GOOD else HANDOVER

    # --- what it is asked -----------------------------------------------------------------------------

    async def ask(self, verb: str, arguments: list[Any]) -> Any:
        """One question or order of an operator: list, start, stop, restart, why, logs, check, signal, running. Plain data."""
        if verb == "running":
            return await self._running()
        if verb not in _VERBS:
            raise BadArgument(f"{verb!r} is nothing that services can be asked; there are: {', '.join(sorted(_VERBS))}")
        services, _ = await self._running_now()
        return await getattr(self, f"_{verb}")(services, *arguments)

    async def desk(self) -> Desk:
        """Who takes orders about servers that this machine runs; services are begun for it."""
        return (await self._running_now())[1]

    async def _running_now(self) -> tuple[Services, Desk]:
        self._wanted.set()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._there.wait()
        except TimeoutError:
            raise Unreachable(
                f"the services of this machine do not run: {self._trouble or 'they are being started'}"
            ) from None
        assert self._services is not None and self._desk is not None
        return self._services, self._desk

    async def _running(self) -> list[str]:
        """The services with a process, as people read them. Nothing is begun for the question's sake."""
        rows = [] if self._services is None else await self._services.listing()
        return [str(row["name"]) for row in rows if any(each["pid"] for each in row["processes"])]

    async def _list(self, services: Services) -> Any:
        faults = [fault.at(place) for each in services.watchers for place, fault in each.faults.items()]
        return {"services": await services.listing(), "faults": faults, "files": str(self.files)}

    async def _start(self, services: Services, name: str) -> Any:
        return await services.start(name)

    async def _stop(self, services: Services, name: str) -> Any:
        return await services.stop(name)

    async def _restart(self, services: Services, name: str) -> Any:
        return await services.restart(name)

    async def _signal(self, services: Services, name: str, number: int) -> Any:
        return await services.signal(name, number)

    async def _why(self, services: Services, name: str) -> Any:
        return [
            {"service": each.service, "text": each.text, "remedy": each.remedy} for each in await services.why(name)
        ]

    async def _logs(self, services: Services, name: str, lines: int = 100) -> Any:
        return await services.log(name, min(max(1, lines), 10_000))

    async def _check(self, services: Services) -> Any:
        from remit.services import check_directory

        return await asyncio.to_thread(check_directory, self.files)


class RoomDesk:
    """The device `supervision` of a machine: the desk of its supervisor, which is there once somebody wants it."""

    def __init__(self, room: ServiceRoom) -> None:
        self._room = room

    async def ask(self, who: str, order: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        """See `Desk.ask`."""
        return await (await self._room.desk()).ask(who, order, arguments, options)

    async def follow(self, what: str, name: str, sink: Ref[Any], lines: int = 50) -> int:
        """See `Desk.follow`."""
        return (await self._room.desk()).follow(what, name, sink, lines)

    async def unfollow(self, number: int) -> None:
        """See `Desk.unfollow`."""
        (await self._room.desk()).unfollow(number)

"""All services of one machine: a dataspace, the manager, daemons and their processes, in a vat of their own.

    async with Services(directory) as services:
        await services.watch("/etc/my-services")       a directory of files, changed live
        await services.start("web")                    as an operator: kept over restarts
        print(await services.why("web"))

DIRECTORY/      0700
    operator.pr     what operators want and hold
    logs/           one for each daemon
    warden.*        the process that is the parent of all services
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from remit.dataspace import Dataspace
from remit.durable import open_state_dir
from remit.errors import BadArgument, Broken, DecodeError, Missing
from remit.lib import Timer
from remit.services._daemons import Daemons, log_name
from remit.services._exec import EXEC_LOG, Execs
from remit.services._kernel import Kernel
from remit.services._kernel_records import Device, Interface
from remit.services._kernel_watch import KernelWatch
from remit.services._logbook import MESSAGES, Logbook, Pages
from remit.services._manager import Manager
from remit.services._modules import Module, services_of
from remit.services._processes import Processes
from remit.services._records import Daemon, HoldService, RequireService, RestartService
from remit.services._tcp_sockets import TcpSockets
from remit.services._watcher import Watcher
from remit.services._why import Reason, spelt
from remit.values import as_record
from remit.values.preserves import parse, parse_all, text
from remit.vat import Ref, Vat

__all__ = ["Services"]

_SHUT: Final = 2.5  # seconds for services to stop in order; then all that are left are stopped at once
_LOOK: Final = 0.02  # seconds between looks at what is stopping
_SETTLE: Final = 5.0  # seconds after which what nobody has taken over of an earlier supervisor is stopped


class Services:
    """Owned by the supervisor's process, such as a machine's agent. Leaving it ends all services; being killed leaves them to the next one.

    `environment` is what all processes get besides. `keep` is asked at the end: for how many seconds the services are to go on, for the next one to take over (`Processes.close`). `space` is the dataspace, in which anything may be asserted; `processes` is the device, by default one in the directory.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        processes: Any = None,
        environment: Mapping[str, str] | None = None,
        linger: float = 10.0,
        settle: float = _SETTLE,
        keep: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.directory = Path(directory).absolute()
        self.processes: Any = processes or Processes(self.directory, linger=linger, environment=environment)
        self._settle = settle
        self._keep = keep
        self._kept = 0.0
        self._stack = AsyncExitStack()
        self._said: dict[str, int] = {}
        self._next = 1
        self._tasks: list[asyncio.Task[Any]] = []
        self.watchers: list[Watcher] = []
        self._modules: list[Ref[Module]] = []

    async def __aenter__(self) -> Services:
        open_state_dir(self.directory)
        try:
            await self.processes.open()
            self._stack.push_async_callback(self._close)
            self.vat = await self._stack.enter_async_context(Vat("services"))
            timer = self.vat.device("timer", Timer(time.time, asyncio.sleep))
            device = self.vat.device("processes", self.processes)
            sockets = TcpSockets()
            self.vat.device("tcp", sockets)
            self._stack.push_async_callback(sockets.end)
            self.space: Ref[Dataspace] = self.vat.spawn(Dataspace, timer)
            self.manager: Ref[Manager] = self.vat.spawn(Manager, self.space, timer)
            self.log_space: Ref[Dataspace] = self.vat.spawn(Dataspace, timer)
            logs = str(self.directory / "logs")
            pages = Pages(f"{logs}/{MESSAGES}.log")
            self._stack.callback(pages.close)
            logbook = self.vat.spawn(Logbook, self.log_space, self.vat.device("pages", pages), device)
            await logbook.begin()
            self.daemons: Ref[Daemons] = self.vat.spawn(Daemons, self.space, device, timer, logs, logbook)
            await self.vat.spawn(Execs, self.space, timer).begin()
            watch = self.vat.spawn(KernelWatch, self.space, *self._kernel())
            await watch.begin()
            await self.daemons.begin()
            await self.manager.begin()
            self._operator = await self.space.open(name="operators")
            await self._remember()
        except BaseException:
            await self._stack.aclose()
            raise
        self._tasks.append(asyncio.ensure_future(self._settled()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._kept = self._keep()
        if self._kept:
            await self._stack.aclose()
            return
        with suppress(TimeoutError, Broken):
            async with asyncio.timeout(_SHUT):
                await self.manager.shut()
                while any(
                    {"started", "ready"} & set(row["states"]) and row["processes"] for row in await self.listing()
                ):
                    await asyncio.sleep(_LOOK)
        await self._stack.aclose()

    async def _close(self) -> None:
        await (self.processes.close(keep=self._kept) if self._kept else self.processes.close())

    def _kernel(self) -> tuple[Ref[Any], Ref[Any]]:
        """The devices by which the network and all devices are followed; nothing is before somebody wants to know."""
        return self.vat.device("network", Kernel()), self.vat.device("devices", Kernel(["*"]))

    async def _settled(self) -> None:
        await asyncio.sleep(self._settle)
        await self.processes.settled()

    async def offer(self, *functions: Any) -> None:
        """Have these functions (or those of modules) run as services: see `remit.services.service`."""
        for function in services_of(functions):
            module = self.vat.spawn(Module, self.space, self.vat.devices["timer"])
            object.__setattr__(module._at, "_function", function)
            await module.begin()
            self._modules.append(module)

    async def watch(self, directory: str | os.PathLike[str]) -> Watcher:
        """Have the files of a directory in force, from now on and as they change (docs/services.md). What is there is, on return."""
        env = {"config": self.space, "log": self.log_space}
        watcher = Watcher(self.vat, directory, env)
        task = asyncio.ensure_future(watcher.run())
        self._tasks.append(task)
        loaded = asyncio.ensure_future(watcher.loaded.wait())
        await asyncio.wait([task, loaded], return_when=asyncio.FIRST_COMPLETED)
        loaded.cancel()
        if task.done():
            await task  # raises what has ended it
        self.watchers.append(watcher)
        return watcher

    # --- operators ----------------------------------------------------------------------------------

    async def start(self, name: str) -> Any:
        """Want a service, and let go of it if it was held. Its name in full. Raises `Missing` for one that nobody has spoken of."""
        service = await self.find(name)
        await self._say(HoldService(service), False)
        await self._say(RequireService(service), True)
        self._write()
        return service

    async def stop(self, name: str) -> Any:
        """Hold a service, and want it no longer: what needs it stops first, and none of them starts before `start`."""
        service = await self.find(name)
        await self._say(RequireService(service), False)
        await self._say(HoldService(service), True)
        self._write()
        return service

    async def restart(self, name: str) -> Any:
        """Stop it and start it again: the processes of a daemon; of any other, whatever runs it, and what needs it first.

        Raises `BadArgument` for what cannot be restarted.
        """
        service = await self.find(name)
        if as_record(service, Interface, Device) is not None:
            raise BadArgument(f"{spelt(service)} is the kernel's: there is nothing of it to restart")
        await self._operator.turn([["message", RestartService(service)]])
        return service

    async def signal(self, name: str, number: int) -> int:
        """Send a signal to a service's processes; how many got it. Raises `Missing` where none runs."""
        daemon = as_record(await self.find(name), Daemon)
        sent: int = 0 if daemon is None else await self.daemons.signal(daemon.id, number)
        if not sent:
            raise Missing(f"no process of service {name!r} runs that could get a signal")
        return sent

    async def listing(self) -> list[dict[str, Any]]:
        """All services as rows for people: see `Manager.listing`."""
        rows: list[dict[str, Any]] = await self.manager.listing()
        return rows

    async def why(self, name: str) -> list[Reason]:
        """Why a service is not up: the chain of what it waits for, down to the cause."""
        chain: list[Reason] = await self.manager.why(name)
        return chain

    async def find(self, name: str) -> Any:
        """The name that is meant: in full, or the inside of a daemon's or milestone's."""
        found: list[Any] = await self.manager.find(name)
        if found:
            return found[0]
        if name.startswith("<"):  # one that was not spoken of yet, written in full
            with suppress(DecodeError):
                return parse(name)
        raise Missing(f"no service {name!r}{await self.manager.nearest(name)} (see: remit service list)")

    async def log(self, name: str = "", lines: int = 100) -> list[str]:
        """The last lines of a service's log; without a name, of what was said in the dataspace of logs; "exec": of what was run on demand."""
        logs = self.directory / "logs"
        if not name:
            return await asyncio.to_thread(_tail, logs / f"{MESSAGES}.log", lines, "the dataspace of logs")
        try:
            service = await self.find(name)
        except Missing:
            if name != "exec" or not (logs / f"{EXEC_LOG}.log").exists():
                raise
            return await asyncio.to_thread(_tail, logs / f"{EXEC_LOG}.log", lines, name)
        path = logs / f"{log_name(service)}.log"
        return await asyncio.to_thread(_tail, path, lines, spelt(service))

    def log_file(self, daemon: Any) -> Path:
        """Where the output of the daemon with this id is written; the file need not be there."""
        return self.directory / "logs" / f"{log_name(Daemon(daemon))}.log"

    async def _say(self, value: Any, yes: bool) -> None:
        mark = text(value)
        if yes and mark not in self._said:
            self._said[mark] = self._next
            self._next += 1
            await self._operator.turn([["assert", self._said[mark], value]])
        elif not yes and mark in self._said:
            await self._operator.turn([["retract", self._said.pop(mark)]])

    def _write(self) -> None:
        draft = self.directory / "operator.pr.new"
        draft.write_text("".join(f"{line}\n" for line in sorted(self._said)))
        draft.replace(self.directory / "operator.pr")

    async def _remember(self) -> None:
        try:
            written = (self.directory / "operator.pr").read_text()
        except FileNotFoundError:
            return
        for value in parse_all(written):
            if as_record(value, HoldService, RequireService) is not None:
                await self._say(value, True)


def _tail(path: Path, lines: int, name: str) -> list[str]:
    """The last lines of a log, over the borders of its files."""
    found: list[str] = []
    number = 0
    while len(found) < lines:
        place = Path(f"{path}.{number}") if number else path
        if not place.exists():
            if not number:
                raise Missing(f"{name} has no log: it is no daemon, or nothing was written yet")
            break
        found = place.read_text(errors="replace").splitlines()[-(lines - len(found)) :] + found
        number += 1
    return found

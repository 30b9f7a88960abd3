"""A dataspace with manager and daemons, and a device whose processes do what the test says. Time is virtual."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from remit import Symbol, Tagged, Vat
from remit.dataspace import Dataspace
from remit.lib import Timer
from remit.services import Daemon, Manager
from remit.services._daemons import Daemons
from remit.testing import run_virtual
from remit.vat import Ref, tell


class FakeProcesses:
    """Every process is started at once; how it goes on is told by the test. `log` has what was asked for."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.running: dict[str, tuple[str, Ref[Any]]] = {}
        self.slow_to_stop = 0.0
        self._count = 0

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def run(self, key: str, spec: dict[str, Any], watcher: Ref[Any], protocol: str, space: Any) -> dict[str, Any]:
        self._count += 1
        id, name = f"run{self._count}", spec["argv"][-1]
        self.log.append(f"+{name}")
        self.running[id] = (name, watcher)
        return {"id": id, "now": self._now(), "events": [["started", {"pid": self._count, "now": self._now()}]]}

    async def stop(self, id: str, signal: Any = None, timeout: Any = None) -> None:
        await asyncio.sleep(self.slow_to_stop)
        self._end(id, {"signal": 15})

    async def reachable(self, address: str, seconds: float) -> bool:
        await asyncio.sleep(0.5)
        return True

    def _end(self, id: str, end: dict[str, Any]) -> None:
        if id in self.running:
            name, watcher = self.running.pop(id)
            self.log.append(f"-{name}")
            tell(watcher)(id, "gone", {"end": end, "now": self._now()})

    def ids(self, name: str) -> list[str]:
        return [id for id, (each, _) in self.running.items() if each == name]

    def exit(self, name: str, code: int = 0) -> None:
        for id in self.ids(name):
            self._end(id, {"code": code})

    def say(self, name: str, kind: str, **details: Any) -> None:
        for id in self.ids(name):
            tell(self.running[id][1])(id, kind, details)


class Stage:
    """What a test has in hands."""

    def __init__(self, vat: Vat, space: Ref[Any], manager: Ref[Any], processes: FakeProcesses, party: Ref[Any]) -> None:
        self.vat, self.space, self.manager, self.processes, self.party = vat, space, manager, processes, party
        self.handles: dict[int, int] = {}
        self.count = 0

    async def say(self, *values: Any) -> list[int]:
        """Assert these in one turn; their handles."""
        handles = list(range(self.count + 1, self.count + len(values) + 1))
        self.count += len(values)
        await self.party.turn([["assert", handle, value] for handle, value in zip(handles, values, strict=True)])
        await self.quiet()
        return handles

    async def unsay(self, *handles: int) -> None:
        await self.party.turn([["retract", handle] for handle in handles])
        await self.quiet()

    async def quiet(self, seconds: float = 0.01) -> None:
        """Let everything happen that happens at once, and this much time pass."""
        await asyncio.sleep(seconds)

    async def states(self, name: Any) -> set[str]:
        rows = await self.manager.listing()
        return {state for row in rows if row["name"] == name for state in row["states"]}


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    loop = asyncio.get_running_loop()
    async with Vat("services") as vat:
        processes = FakeProcesses()
        timer = vat.device("timer", Timer(loop.time, asyncio.sleep))
        space = vat.spawn(Dataspace, timer)
        manager = vat.spawn(Manager, space, timer)
        daemons = vat.spawn(Daemons, space, vat.device("processes", processes), timer)
        await daemons.begin()
        await manager.begin()
        yield Stage(vat, space, manager, processes, await space.open(name="test"))


def daemon(id: str, **config: Any) -> Any:
    """`<daemon id {…}>`: its one word is its id, unless `word` says otherwise."""
    word = config.pop("word", id)
    return Tagged("daemon", [Symbol(id), {"argv": ["run", word], **config}])


def named(id: str) -> Daemon:
    return Daemon(Symbol(id))


def on_stage(work: Callable[[Stage], Awaitable[None]]) -> None:
    async def main() -> None:
        async with stage() as here:
            await work(here)

    run_virtual(main)

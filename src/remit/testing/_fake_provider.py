"""A provider that makes nothing but entries, and fails in every way that a real one can."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

from remit.errors import ProviderError
from remit.machines import Observed

__all__ = ["FakeMachine", "FakeProvider"]

How = Literal["before", "half", "lost", "hang"]


class FakeMachine:
    """One machine as the fake provider keeps it."""

    def __init__(self, id: str, name: str, user_data: dict[str, Any]) -> None:
        self.id = id
        self.name = name
        self.user_data = user_data
        self.address = b""
        self.running = False
        self.starts = 0


class FakeProvider:
    """A `Provider` in memory, for tests. `launch(machine)` is awaited whenever a machine starts, `halt(machine)` when it ends.

    `fail(step, how)` makes the next call of that step go wrong: "before" anything is done, "half" way (a machine is made and not
    started, or ended and not removed), "lost" (all is done and the answer is an error), or "hang" (never answers, with the work done).
    `calls` lists what was asked, as (step, machine id).
    """

    def __init__(
        self,
        launch: Callable[[FakeMachine], Awaitable[None]] | None = None,
        halt: Callable[[FakeMachine], Awaitable[None]] | None = None,
    ) -> None:
        self.machines: dict[str, FakeMachine] = {}
        self.calls: list[tuple[str, str]] = []
        self._launch = launch
        self._halt = halt
        self._faults: dict[str, How] = {}

    def fail(self, step: str, how: How) -> None:
        """Let the next call of this step go wrong."""
        self._faults[step] = how

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """See `Provider.create`. Takes the option `size` only."""
        fault = self._begin("create", id)
        if options.keys() - {"size"}:
            raise ProviderError(f"the fake provider has no option {', '.join(sorted(options.keys() - {'size'}))}")
        machine = self.machines.setdefault(id, FakeMachine(id, name, user_data))
        machine.user_data = user_data
        if fault == "half":
            raise ProviderError(f"machine {name} was made, and did not start")
        await self._run(machine)
        await self._end(fault, "create", id)

    async def start(self, id: str, address: bytes) -> None:
        """See `Provider.start`."""
        fault = self._begin("start", id)
        if id not in self.machines:
            raise ProviderError(f"machine {id} is not here")
        self.machines[id].address = address
        if fault == "half":
            raise ProviderError(f"machine {id} did not start")
        await self._run(self.machines[id])
        await self._end(fault, "start", id)

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`."""
        fault = self._begin("destroy", id)
        machine = self.machines.get(id)
        if machine is not None:
            if machine.running and self._halt is not None:
                await self._halt(machine)
            machine.running = False
        if fault == "half":
            raise ProviderError(f"machine {id} has ended, and was not removed")
        self.machines.pop(id, None)
        await self._end(fault, "destroy", id)

    async def list(self) -> Sequence[Observed]:
        """See `Provider.list`."""
        self._begin("list", "")
        return [self._look(id) for id in sorted(self.machines)]

    async def observe(self, id: str) -> Observed:
        """See `Provider.observe`."""
        self._begin("observe", id)
        return self._look(id)

    def _look(self, id: str) -> Observed:
        machine = self.machines.get(id)
        if machine is None:
            return Observed(id)
        return Observed(id, machine.name, "running" if machine.running else "made")

    def _begin(self, step: str, id: str) -> How | None:
        self.calls.append((step, id))
        fault = self._faults.pop(step, None)
        if fault == "before":
            raise ProviderError(f"the fake provider was told to fail at {step}")
        return fault

    async def _run(self, machine: FakeMachine) -> None:
        if machine.running:
            return
        machine.running = True
        machine.starts += 1
        if self._launch is not None:
            await self._launch(machine)

    async def _end(self, fault: How | None, step: str, id: str) -> None:
        if fault == "lost":
            raise ProviderError(f"the answer to {step} {id} was lost")
        if fault == "hang":
            await asyncio.Event().wait()

"""The target `in-process`: all personas in this process, for trying things out and for looking at them in a debugger.

Nothing keeps them apart but convention: a component that digs for others with Python's own means finds them. What crosses an edge is copied, checked and refused as on every target, by the same
code (`_held.py`, `_gate.py`). A call runs in a task of its own, which goes on where its caller is cancelled, as a call that has left does; in step mode it is made directly, so that a debugger steps
from the caller into the server.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final

from remit.app._app import App
from remit.app._epoch import RUNTIME, in_epoch
from remit.app._graph import AppGraph, compute
from remit.app._persona import Host, Persona
from remit.app.components import run_words
from remit.app.targets._target import Target
from remit.errors import Unreachable
from remit.graph import levels

__all__ = ["InProcess", "InProcessTarget"]

_log: Final = logging.getLogger("remit.app")
_AGAIN: Final = (
    1.0,
    10.0,
)  # seconds before a worker is started again: at first, and at most; and how long it has to last to count as well


class InProcess:
    """A running application. `async with InProcess(app) as running: await running.finished()`. Owned by who enters it; leaving it stops every component.

    `step`: calls are made directly, in the caller's task. `directory`: where what is kept is, None for in memory. `now` and `sleep` are the clock's.
    """

    def __init__(
        self,
        app: App,
        *,
        step: bool = False,
        directory: Path | None = None,
        say: Callable[[str], Any] = str,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self.app = app
        self.step = step
        self.graph: AppGraph = compute(app)
        self._say = say
        self._sleep = sleep
        self.personas: dict[str, Persona] = {}
        self._ready: dict[str, None] = {}  # in the order in which they came up
        self._gates: dict[str, Persona] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._calls: set[asyncio.Task[Any]] = set()
        self.failed: dict[str, BaseException] = {}
        for node in self.graph.nodes:
            if node.spec["hosted"]:
                host = Host(node.id, node.name, directory and directory / node.name, {"target": "in-process"}, now)
                persona = self.personas[node.id] = Persona(app.declarations[node.id], self, host)
                self._gates.update(dict.fromkeys(persona.gates, persona))

    async def __aenter__(self) -> InProcess:
        order = levels(self.graph.as_graph().nodes)
        try:
            for id in sorted(self.personas, key=lambda id: (order[id], id)):
                self._say(f"starting {id} …")
                await self.personas[id].start()
                self._ready[id] = None
        except BaseException:
            await self._stop()
            raise
        self._say("")
        for id, persona in self.personas.items():
            if self.graph.by_id[id].spec.get("runs"):
                self._workers[id] = asyncio.create_task(self._working(persona), name=id)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def finished(self) -> None:
        """Until all workers are done: nobody else is there who could ask for anything."""
        await asyncio.gather(*self._workers.values())

    async def run_command(self, id: str, words: list[str], say: Callable[[str], Any] = print) -> int:
        """Run a command with the words of a command line; its exit code."""
        persona = self.personas[id]
        with in_epoch(RUNTIME, id):
            return await run_words(persona.body.spec(), persona.body.run, words, say)

    # --- calls (`Wiring`) ------------------------------------------------------------------------------

    async def call(self, edge: str, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of one persona to another, by the edge's gate."""
        persona = self._gates[edge]
        if persona.id not in self._ready:
            raise Unreachable(f"{persona.id} does not run: nothing was sent")
        if self.step:
            return await persona.gates[edge].call(method, args, kwargs)
        task = asyncio.create_task(persona.gates[edge].call(method, args, kwargs), name=f"{edge}.{method}")
        self._calls.add(task)
        task.add_done_callback(self._over)
        return await asyncio.shield(task)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()  # of a call that nobody waits for any more; its log has it

    # --- workers ---------------------------------------------------------------------------------------

    async def _working(self, persona: Persona) -> None:
        restart = self.graph.by_id[persona.id].spec["restart"]
        wait = _AGAIN[0]
        while True:
            begun = persona.host.now()
            try:
                await persona.work(self._sleep_well)
                self.failed.pop(persona.id, None)
                if restart != "always":
                    return
            except Exception as error:  # noqa: BLE001  # what a worker raises is its end, and no other's
                self.failed[persona.id] = error
                _log.error("worker %s failed", persona.id, exc_info=error)
                if restart == "never":
                    return
            if persona.host.now() - begun >= _AGAIN[1]:
                wait = _AGAIN[0]
            self._say(f"{persona.id} is started again in {wait:g} s")
            await self._sleep(wait)
            wait = min(wait * 2, _AGAIN[1])

    async def _sleep_well(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _stop(self) -> None:
        tasks = [*self._workers.values(), *self._calls]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for id in reversed(list(self._ready)):
            del self._ready[id]
            try:
                await self.personas[id].stop()
            except Exception as error:  # noqa: BLE001  # the others are stopped, too
                _log.error("%s does not stop", id, exc_info=error)


class InProcessTarget(Target):
    """For commands: it has only `up`, which is the application."""

    name: ClassVar[str] = "in-process"
    foreground: ClassVar[bool] = True

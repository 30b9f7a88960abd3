"""One component at run time, in whatever process: its body, and the gates of the edges that lead to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from remit.app._app import App
from remit.app._component import Declaration, body_of
from remit.app._epoch import RUNTIME, in_epoch
from remit.app._gate import Gate
from remit.app._held import Caller, Wiring
from remit.errors import Missing

__all__ = ["Host", "Persona", "declaration_of"]

HEALTH: Final = 5.0
"""Seconds between two looks at a worker's health."""
ILL: Final = 3
"""Looks after which one that is not well is ended, to be started again."""


class Host:
    """What a target offers a component where it runs. `directory` is for what it keeps, None where nothing is kept; `settings` is what its target says of this component; `gates` are
    those of the edges that lead to it, by their ids.
    """

    def __init__(
        self, id: str, name: str, directory: Path | None, settings: dict[str, Any], now: Callable[[], float]
    ) -> None:
        self.id = id
        self.name = name
        self.directory = directory
        self.settings = settings
        self.now = now
        self.gates: dict[str, Gate] = {}


class Persona:
    """Owned by who runs the component. `start` it, have its gates answer, `run` it if it is a worker, `stop` it."""

    def __init__(self, declaration: Declaration, wiring: Wiring, host: Host) -> None:
        self.id = str(declaration.id)
        self.declaration = declaration
        spec = declaration.component.spec()
        self.runs: bool = spec.get("runs", False)
        self.restart: str = spec.get("restart", "always")
        self.host = host
        self.body = body_of(declaration, lambda edge: edge.target.component.client(Caller(edge, wiring)))
        leading = (edge for each in declaration.id.app.declarations.values() for edge in each.edges.values())
        self.gates = {edge.id: Gate(edge, self.body, host.now) for edge in leading if edge.target is declaration}
        host.gates = self.gates

    async def start(self) -> None:
        """Open what it needs; then it is ready."""
        with in_epoch(RUNTIME, self.id):
            await self.body.start(self.host)

    async def run(self) -> None:
        """What it does by itself, until that is done."""
        with in_epoch(RUNTIME, self.id):
            await self.body.run()

    async def health(self) -> None:
        """Raises what is wrong with it."""
        with in_epoch(RUNTIME, self.id):
            await self.body.health()

    async def ill(self, sleep: Callable[[float], Awaitable[Any]]) -> None:
        """Look at its health for as long as it runs; raises what is wrong with it, when it has been so for a while."""
        bad = 0
        while True:
            await sleep(HEALTH)
            try:
                await self.health()
                bad = 0
            except Exception:
                bad += 1
                if bad >= ILL:
                    raise

    async def work(self, sleep: Callable[[float], Awaitable[Any]]) -> None:
        """What it does by itself, until that is done, fails, or it is not well."""
        tasks = [asyncio.ensure_future(each) for each in (self.run(), self.ill(sleep))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Close what it has opened."""
        with in_epoch(RUNTIME, self.id):
            await self.body.stop()


def declaration_of(app: App, id: str) -> Declaration:
    """The component with this id, in full or without the application's name. Raises `Missing` with those that there are."""
    found = app.declarations.get(id) or app.declarations.get(f"{app.name}/{id}")
    if found is None:
        raise Missing(f"{app.name} has no component {id!r}; it has: {', '.join(app.declarations) or 'none'}")
    return found

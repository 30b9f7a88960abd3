"""Remit's variant of services: a tree of daemons in a dataspace, the warden of their processes being there already."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from remit import Symbol, Tagged, actor, tell
from remit.dataspace import Observe, bind, pattern
from remit.services import READY, Daemon, DependsOn, RequireService, Services, ServiceState

from .services import script

PATIENCE = 60.0  # seconds for all of them


class Rings:
    """Says that all are there."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    def ring(self) -> None:
        self._event.set()


@actor(kind="bench.counter")
class Counter:
    """Counts the services that are ready."""

    left: int
    bell: Any

    def turn(self, events: list[Any]) -> None:
        self.left -= sum(1 if event[0] == "assert" else -1 for event in events)
        if self.left == 0:
            tell(self.bell).ring()


class Tree:
    """Each service needs the one above it in a binary tree."""

    def start(self, n: int) -> Sequence[float]:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            return asyncio.run(self._start(n, folder))

    async def _start(self, n: int, folder: str) -> Sequence[float]:
        async with asyncio.timeout(PATIENCE), Services(folder) as services:
            party = await services.space.open()
            names = [Daemon(Symbol(f"s{i}")) for i in range(n)]
            said = [Tagged("daemon", [Symbol(f"s{i}"), {"argv": script(3), "ready": "fd"}]) for i in range(n)]
            said += [DependsOn(names[i], ServiceState(names[(i - 1) // 2], READY)) for i in range(1, n)]
            said += [RequireService(name) for name in names]
            done = asyncio.Event()
            counter = services.vat.spawn(Counter, n, services.vat.device("done", Rings(done)))
            watch = Observe(pattern(ServiceState(Daemon(bind()), READY)), counter)
            await party.turn([["assert", 3 * n, watch]])
            began = time.perf_counter()
            await party.turn([["assert", handle, value] for handle, value in enumerate(said)])
            await done.wait()
            return [(time.perf_counter() - began) * 1e3]

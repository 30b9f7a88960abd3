"""Remit's variant of services: a tree of daemons in a dataspace, the warden of their processes being there already."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence

from remit import Symbol, Tagged
from remit.dataspace import bind
from remit.services import READY, Daemon, DependsOn, RequireService, Services, ServiceState

from .services import script

PATIENCE = 60.0  # seconds for all of them


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
            began = time.perf_counter()
            await party.turn([["assert", handle, value] for handle, value in enumerate(said)])
            while len(await services.space.query(ServiceState(Daemon(bind()), READY))) < n:
                await asyncio.sleep(0.002)
            return [(time.perf_counter() - began) * 1e3]

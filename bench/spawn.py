"""What an object costs to make and to keep, each sort in a fresh process."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import once
from ._queue import Counter, QueueActor

TABLES = (
    Table("spawn", "Make an object and reach it", "us/object", "lower"),
    Table("spawn_memory", "Resident memory of an object", "bytes/object", "lower"),
)
BASELINE = "asyncio queue"
COUNT = 100_000


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Ledger:
    """Time and resident memory from its making to `cost`, for each of n objects."""

    def __init__(self, n: int) -> None:
        gc.collect()
        self.n, self.before, self.began = n, resident(), time.perf_counter()

    def cost(self) -> list[float]:
        took = time.perf_counter() - self.began
        gc.collect()
        return [took / self.n * 1e6, (resident() - self.before) / self.n]


class Plain:
    def spawn(self, n: int) -> Sequence[float]:
        ledger = Ledger(n)
        keep = [Counter() for _ in range(n)]
        keep[-1].increment()
        return ledger.cost()


class Queues:
    def spawn(self, n: int) -> Sequence[float]:
        async def main() -> Sequence[float]:
            ledger = Ledger(n)
            keep = [QueueActor(Counter()) for _ in range(n)]
            await keep[-1].ask("increment")
            return ledger.cost()

        return asyncio.run(main())


def _remit() -> Any:
    from . import _remit

    return _remit.Spawner()


PEERS: dict[str, Callable[[], Any]] = {"plain object (limit)": Plain, BASELINE: Queues, "Remit": _remit}


def _measure(name: str, n: int) -> Measure:
    return lambda: once("spawn", name, "spawn", n)


def experiments(options: Options) -> Iterator[Experiment]:
    n = max(100, int(COUNT * options.scale))
    yield Experiment(TABLES, BASELINE, {name: _measure(name, n) for name in both(PEERS)}, ("remit",), warm=False)

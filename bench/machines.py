"""What a machine costs: from the wish for one to its being there, and the memory of its idle agent."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ._harness import Experiment, Measure, Options, Table
from ._peer import Process, peers, wanted

CREATE = Table("machine", "A machine, from the wish for it to its being there", "ms", "lower")
TWENTY = Table("machines_20", "20 machines at once, from the wish for them to their all being there", "ms", "lower")
MEMORY = Table("hob_memory", "Resident memory of an idle process", "MiB", "lower")
CHILD, MODULES = "a bare Python child", "import asyncio, ssl, sqlite3"
MANY = 20
CHILDREN, MACHINES = f"{MANY} bare Python children", f"{MANY} machines create to active"
ACTIVE, HOB = "machine create to active", "a hob, idle"


def resident(process: int) -> float:
    """MiB of a process that are in memory."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _children(count: int) -> list[float]:
    """Milliseconds until so many children, started one right after the other, have all said their first word."""
    began = time.perf_counter()
    children = [Process(sys.executable, "-c", "print('ready', flush=True); input()") for _ in range(count)]
    for child in children:
        child.line("ready", 30)
    took = time.perf_counter() - began
    for child in children:
        child.stop()
    return [took * 1e3]


def _modules() -> list[float]:
    child = Process(sys.executable, "-c", f"{MODULES}; print('ready', flush=True); input()")
    try:
        child.line("ready", 30)
        return [resident(child.pid)]
    finally:
        child.stop()


def _remit() -> Any:
    from ._remit_machines import Machines

    return Machines()


PEERS: dict[str, Callable[[], Any]] = {"Remit": _remit}


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted([ACTIVE, MACHINES, HOB], [CREATE.key, TWENTY.key, MEMORY.key], "", options)
    with peers("machines", ["Remit"] if names else []) as (started, skipped):
        create: dict[str, Measure] = {CHILD: lambda: _children(1)}
        twenty: dict[str, Measure] = {CHILDREN: lambda: _children(MANY)}
        memory: dict[str, Measure] = {MODULES: _modules}
        for peer in started.values():
            create[ACTIVE] = lambda peer=peer: [peer.ask("create", 1)]  # type: ignore[misc]
            twenty[MACHINES] = lambda peer=peer: [peer.ask("create", MANY)]  # type: ignore[misc]
            memory[HOB] = lambda peer=peer: [peer.ask("memory")]  # type: ignore[misc]
        yield Experiment((CREATE,), CHILD, create, ("remit",), skipped)
        yield Experiment((TWENTY,), CHILDREN, twenty, ("remit",), skipped, warm=False)
        yield Experiment((MEMORY,), MODULES, memory, ("remit",), skipped)

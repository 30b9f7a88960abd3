"""A boss with 10,000 machines: what its process needs for each, and what it takes to be told of all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

from ._harness import Experiment, Measure, Options, Table
from ._peer import peers, wanted
from .startup import BASELINE, process

STATUS = Table("fleet_status", "Asking a boss about 10,000 machines, the whole command", "ms", "lower")
MEMORY = Table("fleet_memory", "Resident memory of a boss's process for each machine", "kB", "lower")
MACHINES = 10_000
FIRST = 200  # machines that are there before anything counts: what a boss needs once is not a machine's
SHORT, LONG = "remit status", "remit status --json"
KNOWN = "a machine in session"


def _remit() -> Any:
    from ._remit_fleet import Fleet

    return Fleet()


PEERS: dict[str, Callable[[], Any]] = {"Remit": _remit}


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted([SHORT, LONG, KNOWN], [STATUS.key, MEMORY.key], "", options)
    with peers("fleet", ["Remit"] if names else [], timeout=300) as (started, skipped):
        status: dict[str, Measure] = {BASELINE: process(sys.executable, "-c", "pass")}
        memory: dict[str, Measure] = {}
        for peer in started.values():
            count = max(2, int(MACHINES * options.scale))
            first = min(FIRST, count // 2)
            peer.ask("grow", first)
            each = peer.ask("grow", count - first) * 2**20 / 1000 / (count - first)
            memory[KNOWN] = lambda each=each: [each]  # type: ignore[misc]  # there is one fleet, which is not made again
            status[SHORT] = lambda peer=peer: peer.ask("status")  # type: ignore[misc]
            status[LONG] = lambda peer=peer: peer.ask("status", "--json")  # type: ignore[misc]
        yield Experiment((MEMORY,), KNOWN, memory, ("remit",), skipped, warm=False)
        yield Experiment((STATUS,), BASELINE, status, ("remit",), skipped)

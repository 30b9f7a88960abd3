"""Starting services that depend on each other, beside starting the same processes in a plain loop.

Each process says that it is ready by a newline on a descriptor, and waits. In the tree each service needs the one above it, so it is started when
that is ready; the loop starts all of them and then waits for all.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import once

TABLE = Table("services", "Start 200 services of a tree, until all are ready", "ms", "lower")
BASELINE = "a plain loop"
COUNT = 200


def script(descriptor: int) -> list[str]:
    return ["sh", "-c", f"echo >&{descriptor}; exec sleep 1000"]


class Loop:
    """`subprocess.Popen`, one after the other."""

    def start(self, n: int) -> list[float]:
        began = time.perf_counter()
        children, pipes = [], []
        for _ in range(n):
            ours, theirs = os.pipe()
            children.append(subprocess.Popen(script(1), stdin=subprocess.DEVNULL, stdout=theirs))
            os.close(theirs)
            pipes.append(ours)
        for pipe in pipes:
            assert os.read(pipe, 1) == b"\n"
            os.close(pipe)
        took = time.perf_counter() - began
        for child in children:
            child.kill()
        for child in children:
            child.wait()
        return [took * 1e3]


def _remit() -> Any:
    from ._remit_services import Tree

    return Tree()


PEERS: dict[str, Callable[[], Any]] = {BASELINE: Loop, "Remit": _remit}


def _measure(name: str, n: int) -> Measure:
    return lambda: once("services", name, "start", n)


def experiments(options: Options) -> Iterator[Experiment]:
    n = max(10, int(COUNT * options.scale))
    yield Experiment((TABLE,), BASELINE, {name: _measure(name, n) for name in both(PEERS)}, ("remit",), warm=False)

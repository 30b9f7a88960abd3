"""A world of files, which outlives the processes that apply plans to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from remit.graph import Actual, Done, Graph, Late, Plan, Seen, Step, apply, canonical, part_of, plan
from remit.ledger import SqliteLedger
from tests.graph.kit import KINDS, graph, link, machine, offer, run

FIRST = graph(machine("db"), offer("db/main"), machine("app"), link("app/db", "db/main"))
SECOND = graph(
    *(machine("store"), offer("store/main"), machine("web", "docker"), link("web/db", "store/main")),
    moved=[["db", "store"]],
)


class FileWorld:
    """Each thing is a file; what was ever made is written down beside them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.made = directory.parent / "made"

    def actual(self) -> Actual:
        return Actual([Seen(part_of(json.loads(path.read_text())), "shop", path.name) for path in self.files()])

    def files(self) -> list[Path]:
        return sorted(self.directory.iterdir())

    def find(self, key: str) -> Path | None:
        return next((path for path in self.files() if part_of(json.loads(path.read_text())).key == key), None)

    async def together(self, works: Sequence[Any]) -> Sequence[Any]:
        return [await work() for work in works]

    async def alive(self) -> bool:
        return True

    async def settle(self) -> Sequence[Late]:
        return []

    async def do(self, step: Step) -> Done:
        there = self.find(step.was) or self.find(step.key)
        if step.after is None:
            if there is not None and step.action == "remove":
                there.unlink()
            return Done()
        if there is None:
            there = self.directory / f"thing-{len(self.made.read_text().splitlines()) if self.made.exists() else 0}"
            with self.made.open("a") as file:
                file.write(f"{step.key}\n")
        fresh = self.directory.parent / "fresh"
        fresh.write_text(canonical(step.after))
        fresh.replace(there)
        return Done(there.name)


def up(ledger: SqliteLedger, world: FileWorld, wanted: Graph) -> Plan:
    """Plan and apply; gives the plan."""
    with ledger.locked("up") as journal:
        made = plan(wanted, ledger.known(), world.actual(), KINDS)
        run(apply(made, journal, world))
    return made


@contextmanager
def child(script: str, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that runs `script`, with a pipe for stdout; killed on leaving, if it still runs."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()

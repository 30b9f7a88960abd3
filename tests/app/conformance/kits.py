"""How each target is tried: a kit for each, which brings a program up, gives what its components have written, and takes it down.

A target of another module adds a kit to `KITS`; the suite runs on each that this machine can run.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.credentials import servers

PROGRAMS = Path(__file__).parent / "programs"
REMIT = [sys.executable, "-m", "remit.cli"]


def remit(
    *words: str | Path, timeout: float = 60, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `remit` with these words."""
    done = subprocess.run(
        [*REMIT, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


class Running(Protocol):
    """A program that is up on a target."""

    def written(self, id: str, until: str) -> list[str]:
        """The lines that a component has written, up to the first that is `until`."""


class Kit(Protocol):
    """One target."""

    name: str
    differs: frozenset[str]
    """Cases of the probe that come out otherwise, for a reason that docs/applications.md gives."""

    def lacks(self) -> str:
        """Why this machine cannot run it, "" if it can."""

    def running(self, program: Path, directory: Path) -> contextmanager[Running]:
        """The program, up as long as this lasts; the directory is the test's own."""


class InProcessKit:
    """All components in one process, which ends when its workers are done."""

    name = "in-process"
    differs: frozenset[str] = frozenset()

    def __init__(self, *options: str) -> None:
        self.options = options

    def lacks(self) -> str:
        return ""

    @contextmanager
    def running(self, program: Path, directory: Path) -> Iterator[Running]:
        done = remit("up", program, *self.options)
        yield Written(done.stdout)


class Written:
    """What is known to have been written, by whoever."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()

    def written(self, id: str, until: str) -> list[str]:
        return self.lines[: self.lines.index(until)]


class StepKit(InProcessKit):
    """The same in step mode, in which calls are made directly."""

    name = "in-process, step"
    differs = frozenset({"cancelled"})  # the call is made in the caller's task, and is cancelled with it


class ProcessesKit:
    """A process for each component."""

    name = "processes"
    differs: frozenset[str] = frozenset()

    def lacks(self) -> str:
        return ""

    @contextmanager
    def running(self, program: Path, directory: Path) -> Iterator[Running]:
        copy = directory / program.name
        copy.write_bytes(program.read_bytes())
        remit("up", copy, "--target", "processes", "--yes")
        try:
            yield Logged(copy)
        finally:
            remit("down", copy, "--yes", "--data")


class PostgresKit(ProcessesKit):
    """The same, with stores in a PostgreSQL, to which each holder of a store goes by itself."""

    name = "processes, postgres"

    def lacks(self) -> str:
        return "" if program_of("initdb") else "PostgreSQL is not installed"

    @contextmanager
    def running(self, program: Path, directory: Path) -> Iterator[Running]:
        copy = directory / program.name
        copy.write_bytes(program.read_bytes())
        with servers.postgres() as server:
            connection = directory / "postgres"
            connection.write_text(f"postgresql://boss:{servers.OWNER_PASSWORD}@127.0.0.1:{server.port}/postgres\n")
            connection.chmod(0o600)
            remit("up", copy, "--target", "processes", "--set", f"postgres={connection}", "--yes")
            try:
                yield Logged(copy)
            finally:
                remit("down", copy, "--yes", "--data")


def program_of(name: str) -> bool:
    """Whether a program of PostgreSQL is installed, and the package that speaks with it."""
    there = shutil.which(name) is not None or any(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return there and importlib.util.find_spec("psycopg") is not None


class Logged:
    """A program whose components' logs are read by command."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def command(self, name: str, *words: str) -> str:
        """What a command of the application says."""
        return remit("exec", self.program, name, *words).stdout.strip()

    def written(self, id: str, until: str) -> list[str]:
        command = [*REMIT, "logs", str(self.program), id, "--follow", "--json"]
        lines: list[str] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            timer = threading.Timer(30, process.kill)
            timer.start()
            assert process.stdout is not None
            for line in process.stdout:
                text = json.loads(line)["text"]
                if text == until:
                    process.terminate()
                    break
                lines.append(text)
            else:
                raise AssertionError(f"{id} never said {until!r}: {lines}")
            timer.cancel()
        return lines


KITS: dict[str, Callable[[], Kit]] = {
    "in-process": InProcessKit,
    "step": lambda: StepKit("--step"),
    "processes": ProcessesKit,
    "processes, postgres": PostgresKit,
}


def all_kits() -> dict[str, Callable[[], Kit]]:
    """Those of this module, and those of containers."""
    from tests.app.conformance.container_kits import CONTAINER_KITS  # which use this module

    return {**KITS, **CONTAINER_KITS}

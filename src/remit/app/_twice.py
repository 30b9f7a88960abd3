"""Computing a program's graph a second time, in a process of its own whose hashes differ, while the first goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from remit.app._app import App
from remit.app._graph import AppGraph, compare, compute, twice
from remit.app._load import load_program
from remit.errors import BadArgument, Conflict

__all__ = ["Second", "graph_of", "read_program"]

PATIENCE = 60.0
"""Seconds for a start-up."""


class Second:
    """The second computation, under way from the start; `check` waits for it."""

    def __init__(self, path: Path) -> None:
        environment = dict(os.environ)
        seed = environment.get("PYTHONHASHSEED", "random")
        environment["PYTHONHASHSEED"] = "random" if seed == "random" else str((int(seed) + 1) % 4294967295)
        command = [sys.executable, "-P", "-m", "remit.app", "graph", str(path.absolute())]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )

    def check(self, graph: AppGraph) -> None:
        """Raises `Conflict` with a diff where it gives another graph."""
        try:
            out, words = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.end()
            raise Conflict(
                f"the start-up takes more than {PATIENCE:g} s when it is done a second time: it should make components, and no more"
            ) from None
        if self._process.returncode:
            raise Conflict(f"the start-up, done a second time, fails: {words.decode(errors='replace').strip()}")
        compare(graph.canonical(), out.decode())

    def end(self) -> None:
        """Nobody waits for it."""
        self._process.kill()
        self._process.communicate()


def read_program(path: str | Path) -> tuple[App, AppGraph]:
    """A program's application and its graph, computed twice and compared."""
    path = Path(path)
    second = Second(path) if path.is_file() else None
    try:
        app = load_program(path)
        graph = compute(app)
    except BaseException:
        if second is not None:
            second.end()
        raise
    assert second is not None
    second.check(graph)
    return app, graph


def graph_of(program: str | Path | Callable[[], App | None]) -> AppGraph:
    """The graph of a program's file, or of the application that a function makes; computed twice and compared.

    Raises `Conflict` with a diff where the two differ, and what `load_program` raises.
    """
    if isinstance(program, str | Path):
        return read_program(program)[1]
    if not callable(program):
        raise BadArgument(f"a program is a file, or a function that makes an application, not {program!r:.60}")
    return twice(program)

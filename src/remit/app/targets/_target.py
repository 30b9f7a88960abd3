"""What a target is: where an application is deployed. It works from the graph alone; only personas run the program."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from remit.app._graph import AppGraph
from remit.errors import BadArgument
from remit.graph import Actual, Graph, Kind, World

__all__ = ["LogLine", "Place", "Problem", "Row", "Target", "TargetWorld", "held_commands", "unsupported"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a target cannot have an application: which component or edge, what is wrong, and what to do. Found before anything is made."""

    id: str
    text: str

    def __str__(self) -> str:
        return f"{self.id}: {self.text}"


@dataclass(frozen=True, slots=True)
class Row:
    """How one component is: `state` is "ready", "starting", "waiting", "failed", "done", "stopped" or "missing"; `text` says why, and what to do."""

    id: str
    kind: str
    state: str
    text: str = ""
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of what a component has written."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target keeps what it knows of one application: the program's file, a state directory of its own (0700, made when needed), how to tell of progress,
    and seconds to wait for things to come up. `options` are the target's own, as given on the command line.
    """

    program: Path
    state: Path
    say: Callable[[str], Any] = str
    patience: float = 30.0
    options: dict[str, str] = field(default_factory=dict)


class TargetWorld(World, Protocol):
    """The world of a target's plans (`remit.graph.World`)."""

    async def observe(self) -> Actual:
        """What there is of this application."""


class Target:
    """Base of targets. Made for one command, with the place; what it does not do it refuses, in the words of `unsupported`."""

    name: ClassVar[str] = ""
    kinds: ClassVar[Sequence[Kind]] = ()
    """Which changes mean making something anew, for the planner."""
    foreground: ClassVar[bool] = False
    """Whether `up` is the application itself, which ends with it (`run`)."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def check(self, graph: AppGraph) -> list[Problem]:
        """What it lacks for this application, of everything; nothing has been made yet."""
        return []

    def build(self, graph: AppGraph, directory: Path) -> list[Path]:
        """Write what deploys the application into a directory; the files that were written."""
        raise unsupported(self, "build")

    def declared(self, graph: AppGraph) -> Graph:
        """The graph that is planned: with what this target has to know besides."""
        return graph.as_graph()

    def world(self, graph: AppGraph) -> TargetWorld:
        """For `plan`, `up` and `down`. `graph` has the names of the ledger; what is removed is not in it."""
        raise unsupported(self, "up")

    async def status(self, graph: AppGraph) -> list[Row]:
        """How each component is, and how what is left of others is."""
        raise unsupported(self, "status")

    def logs(self, graph: AppGraph, ids: Sequence[str], *, follow: bool, lines: int) -> AsyncIterator[LogLine]:
        """What components have written: the last lines of each, and with `follow` what comes, until nobody asks any more."""
        raise unsupported(self, "logs")

    async def run_command(self, graph: AppGraph, id: str, words: Sequence[str]) -> int:
        """Run a command of the application; its exit code."""
        raise unsupported(self, "exec")


def unsupported(target: Target, verb: str) -> BadArgument:
    """The error of a target for what it does not do."""
    return BadArgument(f"the target {target.name} has no {verb}")


def held_commands(graph: AppGraph) -> list[Problem]:
    """The problems of a target on which a command is a process for as long as it takes, and nobody is there to be called."""
    commands = {node.id for node in graph.nodes if node.kind == "command"}
    return [
        Problem(
            edge.source,
            f"holds the command {edge.target}, which runs only while somebody has asked for it; have both of them call a method of a component that runs",
        )
        for edge in graph.edges
        if edge.target in commands
    ]

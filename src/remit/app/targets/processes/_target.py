"""The target `processes`, as commands use it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from remit.app._graph import AppGraph
from remit.app.targets._code import snapshot
from remit.app.targets._target import LogLine, Place, Problem, Row, Target
from remit.app.targets.processes._http import http_places, http_problems
from remit.app.targets.processes._layout import Layout, read
from remit.app.targets.processes._logs import read_logs
from remit.app.targets.processes._stores import store_problems, store_settings
from remit.app.targets.processes._supervisor import ask
from remit.app.targets.processes._world import ProcessesWorld
from remit.errors import Missing, Unreachable
from remit.graph import Graph

__all__ = ["ProcessesTarget"]

KINDS: Final = {"guest", "worker", "api", "store", "queue", "job", "command"}


class ProcessesTarget(Target):
    """One process for each component, on this machine. Needs nothing but Python; what stores keep is in SQLite files, or in a PostgreSQL: `--set postgres=FILE`, a file of mode
    0600 with the address of its owner, which is remembered.
    """

    name: ClassVar[str] = "processes"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.layout = Layout(place.state)
        self._copied: tuple[str, Path] | None = None
        self._settings: dict[str, Any] = {"store": store_settings(self.layout, place.options)}

    def check(self, graph: AppGraph) -> list[Problem]:
        return [
            *store_problems(self.layout, graph, self._settings["store"]),
            *http_problems(graph, http_places(self.layout, self.place.options, graph.app)),
            *self._unknown(graph),
        ]

    def _unknown(self, graph: AppGraph) -> list[Problem]:
        return [
            Problem(node.id, f"the target processes knows no component of kind {node.kind!r}")
            for node in graph.nodes
            if node.kind not in KINDS
        ]

    def _copy(self) -> tuple[str, Path]:
        """The program's copy, made once for each command: all that it does is about the same version."""
        if self._copied is None:
            self._copied = snapshot(self.place.program, self.layout.code)
        return self._copied

    def declared(self, graph: AppGraph) -> Graph:
        """With the digest of the program's code, so that a change of it is a change of what runs; without needs, since what is started waits by itself."""
        digest, _ = self._copy()
        whole = graph.as_graph()
        places = http_places(self.layout, self.place.options, graph.app)
        more = {id: {"http": place} for id, place in places.items()}
        nodes = [
            node.but(needs=(), fields={**node.fields, "code": digest, **more.get(node.id, {})}) for node in whole.nodes
        ]
        return Graph(whole.project, nodes, whole.links, whole.policies, whole.moved)

    def world(self, graph: AppGraph) -> ProcessesWorld:
        _, program = self._copy()
        return ProcessesWorld(
            self.place, graph, program, self._settings, forget_data=self.place.options.get("data") == "forget"
        )

    async def status(self, graph: AppGraph) -> list[Row]:
        there = {node["id"]: (name, node) for name, node in self.layout.there().items()}
        try:
            rows = (await ask(self.layout, "status"))["rows"]
        except Unreachable as error:
            rows = None
            why = error.message
        found: list[Row] = []
        for id in sorted({*there, *(node.id for node in graph.nodes)}):
            if id not in there:
                found.append(Row(id, graph.by_id[id].kind, "missing", "it was not deployed: remit up"))
            elif rows is None:
                found.append(Row(id, there[id][1]["kind"], "stopped", why))
            else:
                found.append(self._row(id, *there[id], rows.get(there[id][0])))
        return found

    def _row(self, id: str, name: str, node: dict[str, Any], row: dict[str, Any] | None) -> Row:
        pids = [each["pid"] for each in row["processes"] if each["pid"]] if row else []
        more = {
            "name": name,
            "pids": pids,
            "code": read(self.layout.components / name / "deployed.json").get("fields", {}).get("code", ""),
        }
        if not node["fields"]["hosted"]:
            return Row(id, node["kind"], "ready", "", more)
        if row is None and node["kind"] == "command":
            return Row(id, node["kind"], "ready", f"remit exec runs it: {node['fields']['command']}", more)
        if row is None:
            return Row(id, node["kind"], "missing", "the supervisor has nothing to run for it: remit up", more)
        words = next((each["text"] for each in row["processes"] if each["text"]), "")
        for state, shown in (("failed", "failed"), ("complete", "done"), ("ready", "ready"), ("started", "starting")):
            if state in row["states"]:
                return Row(
                    id,
                    node["kind"],
                    "waiting" if words.startswith("waits") else shown,
                    "" if words == shown else words or row["problem"],
                    more,
                )
        return Row(id, node["kind"], "waiting" if row["waits"] else "stopped", row["problem"], more)

    def logs(self, graph: AppGraph, ids: Sequence[str], *, follow: bool, lines: int) -> AsyncIterator[LogLine]:
        names = {name: node["id"] for name, node in self.layout.there().items() if not ids or node["id"] in ids}
        return read_logs(self.layout.logs, names, follow=follow, lines=lines)

    async def run_command(self, graph: AppGraph, id: str, words: Sequence[str]) -> int:
        """In a process of its own, for as long as it takes, with the terminal of who asks."""
        names = {node["id"]: name for name, node in self.layout.there().items()}
        if id not in names:
            raise Missing(f"{id} was not deployed: remit up")
        command = [sys.executable, "-P", "-m", "remit.app", "command", str(self.layout.commands / names[id]), *words]
        process = await asyncio.create_subprocess_exec(*command)
        while True:
            try:
                return await process.wait()
            except asyncio.CancelledError:  # the command has had the same ctrl-C, and ends as it likes
                continue

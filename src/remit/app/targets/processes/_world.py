"""What is deployed, as the world of the planner's plans: steps write files, and at the end what has changed is started, and waited for.

A step is done when its files are there; what runs is decided by `settle`, one round after the other: components whose providers are ready are started in their new version, and where
one does not become ready, its previous version is put back, and nothing that needs it is touched. The next plan says so, since `deployed.json` still has the old one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from remit.app._graph import AppGraph
from remit.app.hosting import Manifest
from remit.app.targets._target import Place
from remit.app.targets.processes._layout import Layout, read, write
from remit.app.targets.processes._stores import KEEPS, forget_settings, keep_settings, release_store
from remit.app.targets.processes._supervisor import ask, ended, ensure, runs
from remit.durable import write_secret_file
from remit.errors import Broken, Unreachable
from remit.graph import Actual, Done, Late, Link, Node, Seen, Step, data, part_of

__all__ = ["ProcessesWorld"]

_POLL: Final = 0.02
_RESTARTS: Final = {"never": "never", "on-failure": "on-error", "always": "always"}


class ProcessesWorld:
    """See `TargetWorld`. `program` and `code` are the copy that is deployed; `store` says what keeps the values of stores."""

    def __init__(
        self, place: Place, graph: AppGraph, program: Path, settings: dict[str, Any], *, forget_data: bool = False
    ) -> None:
        self._place = place
        self._layout = Layout(place.state)
        self._graph = graph
        self._program = program
        self._digest = hashlib.sha256(plain_of(graph).canonical().encode()).hexdigest()
        self._settings = settings
        self._forget_data = forget_data
        self._since = ""
        self.kept: list[str] = []
        """Where data is that was left."""

    # --- looking ---------------------------------------------------------------------------------------

    async def observe(self) -> Actual:
        """See `TargetWorld`: by what is in the files."""
        things: list[Seen] = []
        for name, node in self._layout.there().items():
            directory = self._layout.components / name
            done = read(directory / "deployed.json")
            fields = done.get("fields", node["fields"])
            idle = not self._is_run(node)
            whole = idle or (bool(done) and done.get("unit") == self._unit_text(name))
            if idle:
                fields = node["fields"]
            things.append(
                Seen(Node(node["id"], node["kind"], fields), self._graph.app, name, "up" if whole else "half")
            )
            for path in sorted(directory.glob("edges/*.json")):
                found = part_of(read(path))
                things.append(Seen(found, self._graph.app, found.id, "up"))
        return Actual(things)

    def _is_run(self, node: dict[str, Any]) -> bool:
        """Whether a process is there for it all the time: a command that no component holds is run when somebody asks for it."""
        if node["kind"] != "command":
            return bool(node["fields"]["hosted"])
        return any(read(path)["service"] == node["id"] for path in self._layout.components.glob("*/edges/*.json"))

    def _unit_text(self, name: str) -> str:
        try:
            return hashlib.sha256((self._layout.run / f"{name}.toml").read_bytes()).hexdigest()
        except FileNotFoundError:
            return ""

    # --- doing -----------------------------------------------------------------------------------------

    async def do(self, step: Step) -> Done:
        """See `World`."""
        self._layout.make()
        part = step.part
        if step.action == "move":
            return self._move(step)
        if step.action == "forget":
            return Done()
        if isinstance(part, Link):
            return self._let_go(part) if step.after is None else self._hold(part)
        if step.after is None:
            return await self._remove(part)
        return self._make(part)

    def _make(self, node: Node) -> Done:
        name = self._layout.name(node.id)
        if node.fields["hosted"]:
            self._directory(node, name)
        else:
            self._layout.directory(name).path.mkdir(mode=0o700, exist_ok=True)
        write(self._layout.components / name / "node.json", {"id": node.id, "kind": node.kind, "fields": node.fields})
        return Done(name)

    def _directory(self, node: Node, name: str) -> None:
        data = self._layout.data / name
        data.mkdir(mode=0o700, exist_ok=True)
        if node.kind in KEEPS:
            keep_settings(self._layout, self._settings["store"])
        settings = dict(self._settings)
        if node.fields.get("http"):
            settings["http"] = {"listen": node.fields["http"]}
        manifest = Manifest(
            node.id,
            name,
            str(self._program),
            "processes",
            listen={"unix": "sock"},
            settings=settings,
            data=str(data),
        )
        self._layout.directory(name).make(manifest)
        if node.kind == "command":
            self._layout.command(name).make(msgspec.structs.replace(manifest, listen={}))

    def _hold(self, link: Link) -> Done:
        holder, provider = (self._layout.name(id) for id in (link.grantee, link.service))
        field = field_of(link)
        mine, theirs = self._layout.directory(holder), self._layout.directory(provider)
        if (theirs.path / "persona.json").exists():
            for each in (mine, self._layout.command(holder)):
                if (each.path / "persona.json").exists():
                    swiss = each.swiss(field)
                    theirs.grant(edge_of(link), swiss, each.key())
                    each.hold(field, self._layout.locator(provider), swiss)
        (mine.path / "edges").mkdir(mode=0o700, exist_ok=True)
        write(mine.path / "edges" / f"{field}.json", data(link))
        return Done(link.id)

    def _let_go(self, link: Link) -> Done:
        """The provider's side first: authority ends where it comes from."""
        names = self._layout.names()
        field = field_of(link)
        if link.service in names:
            self._layout.directory(names[link.service]).revoke(edge_of(link))
        if link.grantee in names:
            directory = self._layout.directory(names[link.grantee])
            directory.let_go(field)
            self._layout.command(names[link.grantee]).let_go(field)
            (directory.path / "edges" / f"{field}.json").unlink(missing_ok=True)
        return Done()

    def _move(self, step: Step) -> Done:
        """Another id for what is there: its name, its key and its data stay."""
        assert step.before is not None and step.after is not None
        old, new = step.before.id, step.after.id
        if isinstance(step.after, Link):
            return self._move_link(step.before, step.after)
        self._layout.move(old, new)
        name = self._layout.name(new)
        for path in self._layout.components.glob("*/node.json"):
            node = read(path)
            if node.get("id") == old:
                write(path, {**node, "id": new})
        return Done(name)

    def _move_link(self, before: Any, after: Link) -> Done:
        """The same reference, for an edge that is called otherwise since one of its ends is."""
        names = self._layout.names()
        holder = names.get(after.grantee) or names[before.grantee]
        provider = names.get(after.service) or names.get(before.service)
        if provider:
            self._layout.directory(provider).revoke(edge_of(before))
        if field_of(before) != field_of(after):
            self._layout.directory(holder).let_go(field_of(before))
        (self._layout.components / holder / "edges" / f"{field_of(before)}.json").unlink(missing_ok=True)
        write(self._layout.components / holder / "edges" / f"{field_of(after)}.json", data(after))
        return Done(after.id)

    async def _remove(self, node: Node) -> Done:
        name = self._layout.name(node.id)
        (self._layout.run / f"{name}.toml").unlink(missing_ok=True)
        if runs(self._layout):
            await ensure(self._layout)
            await self._gone(name)
        kept = self._layout.data / name
        if node.kind in KEEPS and kept.exists():
            try:
                await release_store(self._settings["store"], name, kept, data=self._forget_data)
            except Unreachable as error:  # what is down may stay so; the next `up` takes back what is left
                if self._forget_data:
                    raise
                self.kept.append(f"{node.id}: its logins, since {error.message}")
        for path in (self._layout.components / name, self._layout.commands / name):
            shutil.rmtree(path, ignore_errors=True)
        if kept.exists() and (self._forget_data or not any(kept.iterdir())):
            shutil.rmtree(kept)
        if kept.exists():
            self.kept.append(f"{node.id}: {kept}")
        else:
            self._layout.forget(node.id)
        return Done()

    async def _gone(self, name: str) -> None:
        deadline = time.monotonic() + self._place.patience
        while time.monotonic() < deadline:
            row = (await ask(self._layout, "status"))["rows"].get(name)
            if row is None or not row["processes"]:
                return
            await asyncio.sleep(_POLL)
        raise Broken(f"{name} does not end within {self._place.patience:g} s")

    async def together(self, works: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
        """See `World`: files are written one after the other; what ends is waited for at the same time."""
        return list(await asyncio.gather(*(work() for work in works)))

    async def alive(self) -> bool:
        """The files are always there."""
        return True

    # --- starting --------------------------------------------------------------------------------------

    async def settle(self) -> Sequence[Late]:
        """See `World`: start what is not as it is to be, and wait for it."""
        every = {node["id"]: (name, node) for name, node in self._layout.there().items() if node["fields"]["hosted"]}
        nodes = {id: each for id, each in every.items() if self._is_run(each[1])}
        if not every:
            await self._end()
            return []
        self._since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        self._rewrite(every)
        self._sweep({name for name, _ in nodes.values()})
        await ensure(self._layout)
        late: dict[str, Late] = {}
        old: dict[str, str | None] = {}
        for id, (name, _) in nodes.items():
            unit, path = self._unit(name, nodes[id][1]), self._layout.run / f"{name}.toml"
            old[id] = path.read_text() if path.exists() else None
            if old[id] != unit:
                write_unit(path, unit)
        for id in await self._waited(nodes, old):
            name, node = nodes[id]
            late[id] = Late(f"{node['kind']} {id}", await self._put_back(id, name, old[id]), again=True)
        await self._back_again([nodes[id][0] for id in late if old[id] is not None])
        self._clean_code()
        return list(late.values())

    async def _back_again(self, names: list[str]) -> None:
        """Wait a while for previous versions that were put back."""
        deadline = time.monotonic() + min(self._place.patience, 10.0)
        while names and time.monotonic() < deadline:
            rows = (await ask(self._layout, "status"))["rows"]
            names = [
                name for name in names if not {"ready", "complete"} & set(rows.get(name, {"states": ()})["states"])
            ]
            await asyncio.sleep(_POLL)

    def _rewrite(self, nodes: dict[str, tuple[str, dict[str, Any]]]) -> None:
        """Grants and references once more, in case that a run was cut short between the two sides of one; and manifests, which have the program's place."""
        for id, (name, node) in nodes.items():
            self._directory(Node(id, node["kind"], node["fields"]), name)
        for name, _ in nodes.values():
            for path in sorted((self._layout.components / name / "edges").glob("*.json")):
                found = part_of(read(path))
                if isinstance(found, Link) and found.service in nodes:
                    self._hold(found)

    def _sweep(self, names: set[str]) -> None:
        for path in self._layout.run.glob("*.toml"):
            if path.stem not in names:
                path.unlink()

    def _unit(self, name: str, node: dict[str, Any]) -> str:
        directory = self._layout.directory(name)
        spec = node["fields"]
        command = [sys.executable, "-u", "-P", "-m", "remit.app", "persona", str(directory.path)]
        command += ["--program", str(self._program), "--graph", self._digest]
        restart = _RESTARTS[spec.get("restart", "always")] if spec.get("runs") else "always"
        lines = [
            f"[{name}]",
            f"run = {json.dumps(command)}",
            'ready = "sd-notify"',
            f'restart = "{restart}"',
            f"dir = {json.dumps(str(self._place.program.parent))}",
            f'env = {{ REMIT_PERSONA = "{node["id"]}", REMIT_DEPLOYED = "{self._version(directory.digest(), command)}" }}',
        ]
        return "\n".join(lines) + "\n"

    def _version(self, *parts: Any) -> str:
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]

    async def _waited(self, nodes: dict[str, tuple[str, dict[str, Any]]], old: dict[str, str | None]) -> list[str]:
        """Wait for all; the ids of those that do not come up. What they wait for is told meanwhile."""
        waiting = dict(nodes)
        deadline = time.monotonic() + self._place.patience
        failures: dict[str, int] = {}
        while waiting and time.monotonic() < deadline:
            rows = (await ask(self._layout, "status"))["rows"]
            for id, (name, node) in list(waiting.items()):
                row = rows.get(name)
                if self._is_new(name):
                    self._came_up(name, node)
                    del waiting[id]
                elif row is not None and "failed" in row["states"]:
                    failures[id] = failures.get(id, 0) + 1
                    if failures[id] * _POLL > 1.2:  # it has failed more than once
                        return sorted(waiting)
            if waiting:
                self._tell(waiting, rows)
                await asyncio.sleep(_POLL)
        return sorted(waiting)

    def _is_new(self, name: str) -> bool:
        """Whether what is ready, or has been, is what is to be there."""
        try:
            version = (self._layout.components / name / "came-up").read_text().strip()
        except FileNotFoundError:
            return False
        return f'REMIT_DEPLOYED = "{version}"' in (self._layout.run / f"{name}.toml").read_text()

    def _tell(self, waiting: dict[str, tuple[str, dict[str, Any]]], rows: dict[str, Any]) -> None:
        id, (name, _) = next(iter(waiting.items()))
        row = rows.get(name) or {"processes": [], "problem": ""}
        words = next((each["text"] for each in row["processes"] if each["text"]), row["problem"])
        self._place.say(f"starting: {len(waiting)} to go; {id} {words or 'is starting'} …")

    def _came_up(self, name: str, node: dict[str, Any]) -> None:
        write(
            self._layout.components / name / "deployed.json", {"fields": node["fields"], "unit": self._unit_text(name)}
        )

    async def _put_back(self, id: str, name: str, old: str | None) -> str:
        """Why it does not come up; its previous version, if there is one that is another, runs again."""
        chain = (await ask(self._layout, "why", name=name))["why"]
        why = "; ".join(text for _, text, _ in chain) or "it does not become ready"
        last = self._last_words(name)
        path = self._layout.run / f"{name}.toml"
        more = ""
        if old is not None and old != path.read_text():
            write_unit(path, old)
            more = ". Its previous version runs again"
        return f"{why}{f': {last}' if last else ''}{more} (remit logs {self._place.program.name} {id})"

    def _last_words(self, name: str) -> str:
        try:
            lines = (self._layout.logs / f"{name}.log").read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        parts = [line.split(" ", 2) for line in lines if line.count(" ") > 1 and line >= self._since]
        said = [text for _, stream, text in parts if stream == "err"]
        return said[-1].strip() if said else ""

    async def _end(self) -> None:
        """Nothing is left to run: nor is the supervisor, or what it kept."""
        await ended(self._layout, self._place.patience)
        for path in (
            self._layout.services,
            self._layout.run,
            self._layout.components,
            self._layout.commands,
            self._layout.code,
        ):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self._layout.log, self._layout.lock, self._layout.socket):
            path.unlink(missing_ok=True)
        if self._layout.data.exists() and not any(self._layout.data.iterdir()):
            self._layout.data.rmdir()
            forget_settings(self._layout)

    def _clean_code(self) -> None:
        """Copies of the program that nothing runs any more."""
        files = [*self._layout.run.glob("*.toml"), *self._layout.commands.glob("*/persona.json")]
        used = " ".join(path.read_text() for path in files)
        for path in self._layout.code.iterdir():
            if path.name not in used:
                shutil.rmtree(path, ignore_errors=True)


def field_of(link: Link) -> str:
    """The holder's field: links are `HOLDER/_FIELD`."""
    return link.id.rpartition("/")[2].removeprefix("_")


def edge_of(link: Link) -> str:
    """The edge's id as the program has it."""
    return f"{link.grantee}/{field_of(link)}"


def plain_of(graph: AppGraph) -> AppGraph:
    """The graph as a start-up computes it: without names that are known from before."""
    return msgspec.structs.replace(graph, nodes=[msgspec.structs.replace(node, name="") for node in graph.nodes]).named(
        {}
    )


def write_unit(path: Path, text: str) -> None:
    """Whole or not at all, and not seen by the supervisor before."""
    write_secret_file(path, text.encode(), replace=True)

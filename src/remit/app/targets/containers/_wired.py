"""Keys and secrets of an application in containers: a directory for each component, kept from build to build, and what of it is handed to whom.

DIRECTORY/personas/NAME/      0700, as `remit.app.hosting` has it
DIRECTORY/secrets/            0700; its files are read by others in their containers only
    NAME                          a component's own: its manifest, its key, and who may hold it
    NAME.FIELD                    what it holds under this name
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Final

from remit.app._graph import AppEdge, AppGraph, AppNode
from remit.app.hosting import Directory, Manifest
from remit.durable import open_state_dir, write_secret_file
from remit.values import Locator

__all__ = ["DATA", "KEEPS", "PORT", "PROGRAM", "Wired", "edge_name", "wire"]

PORT: Final = 4433
"""Where each component listens for those who hold it."""
PROGRAM: Final = "/opt/app"
DATA: Final = "/data"
KEEPS: Final = frozenset({"store", "queue", "job"})
"""Kinds that keep something, and get a volume."""


class Wired:
    """What was made for one application. `secrets` are files by name; `own` and `held` say which are for whom."""

    def __init__(self, graph: AppGraph, directory: Path) -> None:
        self.graph = graph
        self.directory = directory
        self.secrets: dict[str, Path] = {}
        self.own: dict[str, str] = {}
        self.held: dict[str, dict[str, str]] = {}

    @property
    def hosted(self) -> list[AppNode]:
        """The components that get a container."""
        return [node for node in self.graph.nodes if node.spec["hosted"]]

    @property
    def edges(self) -> list[AppEdge]:
        """The edges between them."""
        hosted = {node.id for node in self.hosted}
        return [edge for edge in self.graph.edges if edge.source in hosted and edge.target in hosted]

    def near(self, node: AppNode) -> list[AppEdge]:
        """The edges that a component is an end of."""
        return [edge for edge in self.edges if node.id in (edge.source, edge.target)]

    def digest(self, node: AppNode) -> str:
        """Of all secrets that a component gets: when it changes, the component starts anew."""
        total = hashlib.sha256()
        for name in (self.own[node.id], *self.held[node.id].values()):
            total.update(f"{name}\n".encode() + self.secrets[name].read_bytes())
        return total.hexdigest()[:20]


def edge_name(wired: Wired, edge: AppEdge) -> str:
    """A name for an edge, that fits where names of components do."""
    return f"{wired.graph.by_id[edge.source].name[:40]}-{hashlib.sha256(edge.id.encode()).hexdigest()[:6]}"


def wire(graph: AppGraph, directory: Path, target: str, program: str, settings: dict[str, Any]) -> Wired:
    """Give each component its key and each edge its secret: those that there are stay, those of edges that are gone go."""
    made = Wired(graph, directory)
    personas, secrets = open_state_dir(directory / "personas"), open_state_dir(directory / "secrets")
    directories = {node.id: Directory(personas / node.name) for node in made.hosted}
    for gone in {path.name for path in personas.iterdir()} - {node.name for node in made.hosted}:
        shutil.rmtree(personas / gone)
    digest = hashlib.sha256(_plain(graph).canonical().encode()).hexdigest()
    for node in made.hosted:
        data = f"{DATA}/kept" if node.kind in KEEPS else ""
        listen, hints = {"tls": f"0.0.0.0:{PORT}"}, {"tls": f"{node.name}:{PORT}"}
        directories[node.id].make(
            Manifest(node.id, node.name, f"{PROGRAM}/{program}", target, digest, listen, hints, settings, data)
        )
    _edges(made, directories)
    for node in made.hosted:
        _secrets(made, node, directories[node.id], secrets)
    for gone in {path.name for path in secrets.iterdir()} - made.secrets.keys():
        (secrets / gone).unlink()
    return made


def _plain(graph: AppGraph) -> AppGraph:
    """The graph as the program computes it, without the names that a ledger has kept."""
    return graph.named({})


def _edges(made: Wired, directories: dict[str, Directory]) -> None:
    fields: dict[str, set[str]] = {id: set() for id in directories}
    edges: dict[str, set[str]] = {id: set() for id in directories}
    for edge in made.edges:
        mine, theirs = directories[edge.source], directories[edge.target]
        name = made.graph.by_id[edge.target].name
        swiss = mine.swiss(edge.name)
        theirs.grant(edge.id, swiss, mine.key())
        mine.hold(edge.name, Locator("remit", theirs.key().designator, {"tls": f"{name}:{PORT}"}), swiss)
        fields[edge.source].add(edge.name)
        edges[edge.target].add(edge.id)
    for id, directory in directories.items():
        for path in (directory.path / "edges").glob("*.ref"):
            if path.stem not in fields[id]:
                directory.let_go(path.stem)
        for grant in list(directory.grants()):
            if grant.edge not in edges[id]:
                directory.revoke(grant.edge)


def _secrets(made: Wired, node: AppNode, directory: Directory, secrets: Path) -> None:
    paths = [directory.path / "persona.json", directory.path / "key.pem", *sorted(directory.path.glob("grants/*.json"))]
    own = {str(path.relative_to(directory.path)): path.read_text() for path in paths}
    made.own[node.id] = _secret(made, secrets / node.name, json.dumps(own, indent=1, sort_keys=True) + "\n")
    made.held[node.id] = {
        path.stem: _secret(made, secrets / f"{node.name}.{path.stem}", path.read_text())
        for path in sorted(directory.path.glob("edges/*.ref"))
    }


def _secret(made: Wired, path: Path, text: str) -> str:
    """A file that others can read, in a directory that they cannot enter: a container's user is another one than whoever wrote it."""
    if not path.exists() or path.read_text() != text:
        write_secret_file(path, text.encode(), replace=True)
    path.chmod(0o444)
    made.secrets[path.name] = path
    return path.name

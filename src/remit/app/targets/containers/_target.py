"""The targets that write files for an engine of containers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar, Final

from remit.app._graph import AppGraph
from remit.app._ids import physical_name
from remit.app.targets._target import Problem, Target, held_commands
from remit.app.targets.containers._compose import compose_file
from remit.app.targets.containers._image import BASE, write_image
from remit.app.targets.containers._kubernetes import manifests
from remit.app.targets.containers._subnets import pool_of, subnets
from remit.app.targets.containers._swarm import stack_file
from remit.app.targets.containers._wired import Wired, edge_name, wire
from remit.durable import open_state_dir, write_secret_file
from remit.errors import Misuse
from remit.graph import below

__all__ = ["ComposeTarget", "KubernetesTarget", "SwarmTarget"]

KINDS: Final = frozenset({"api", "command", "job", "queue", "store", "worker"})
SCRIPT: Final = """\
#!/bin/sh
# Made by remit build: runs this command where its application runs.
here=$(dirname -- "$(readlink -f -- "$0")")
tty=
[ -t 0 ] && [ -t 1 ] || tty=-T
exec ${{COMPOSE:-docker-compose}} -f "$here/../docker-compose.yml" run --rm $tty {name} run "$@"
"""
IGNORED: Final = "# Made by remit build: keys and secrets of the application, and what images are made of.\n*\n"


class ContainersTarget(Target):
    """Base: one image for all components, a key for each, a secret for each edge.

    Options: `base`, the image to build on; `image`, the name of the image (without: the application's), which can have a registry before it.
    """

    file: ClassVar[str]

    def check(self, graph: AppGraph) -> list[Problem]:
        found = [
            Problem(node.id, f"the target {self.name} knows no component of kind {node.kind!r}")
            for node in graph.nodes
            if node.kind not in KINDS
        ]
        found += held_commands(graph)
        found += [
            Problem(f"--set {name}", f"is none of {self.name}; it has: {', '.join(self.options)}")
            for name in self.place.options
            if name not in self.options
        ]
        return found

    options: ClassVar[tuple[str, ...]] = ("base", "image")

    def build(self, graph: AppGraph, directory: Path) -> list[Path]:
        open_state_dir(directory)
        (directory / ".gitignore").write_text(IGNORED)
        graph = _named(graph, directory / "names.json")
        program = self.place.program
        wired = wire(graph, directory, self.name, program.name, {"store": {"kind": "sqlite"}})
        tag = write_image(graph.app, program, directory, self.place.options.get("base", BASE), self._extras(graph))
        image = f"{self.place.options.get('image', f'remit-{graph.app.lower()}')}:{tag}"
        path = directory / self.file
        write_secret_file(path, self.text(wired, image, directory).encode(), replace=True)
        return [
            path,
            *self.scripts(graph, directory),
            directory / "image" / "Dockerfile",
            *sorted(wired.secrets.values()),
        ]

    def text(self, wired: Wired, image: str, directory: Path) -> str:
        """The text of the file that its engine reads."""
        raise NotImplementedError

    def scripts(self, graph: AppGraph, directory: Path) -> list[Path]:
        """Executable files, one for each command, where the engine can run them."""
        return []

    def _extras(self, graph: AppGraph) -> list[str]:
        return ["cron"] if any("cron" in node.spec.get("schedule", {}) for node in graph.nodes) else []

    def _subnets(self, wired: Wired, directory: Path) -> dict[str, str]:
        path = directory / "subnets.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        pool = pool_of(wired.graph.app, self.place.options.get("subnets", ""))
        made = subnets(pool, [edge_name(wired, edge) for edge in wired.edges], known)
        path.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
        return made


class ComposeTarget(ContainersTarget):
    """Files for docker-compose. Option `subnets`: the network that those of edges are taken from."""

    name = "compose"
    file = "docker-compose.yml"
    options = ("base", "image", "subnets")

    def text(self, wired: Wired, image: str, directory: Path) -> str:
        # The project is the application, and not the directory's name, which others have as well; without this, `--remove-orphans` of one would end another.
        (directory / ".env").write_text(f"COMPOSE_PROJECT_NAME={physical_name(wired.graph.app)}\n")
        return _yaml(compose_file(wired, image, self._subnets(wired, directory)))

    def scripts(self, graph: AppGraph, directory: Path) -> list[Path]:
        bin = directory / "bin"
        shutil.rmtree(bin, ignore_errors=True)
        made = []
        for node in graph.nodes:
            if node.kind == "command":
                bin.mkdir(exist_ok=True)
                path = bin / node.spec["command"]
                path.write_text(SCRIPT.format(name=node.name))
                path.chmod(0o755)
                made.append(path)
        return made


class SwarmTarget(ContainersTarget):
    """A file for `docker stack deploy`. Option `subnets`: the network that those of edges are taken from."""

    name = "swarm"
    file = "stack.yml"
    options = ("base", "image", "subnets")

    def text(self, wired: Wired, image: str, directory: Path) -> str:
        return _yaml(stack_file(wired, image, self._subnets(wired, directory)))


class KubernetesTarget(ContainersTarget):
    """Manifests for `kubectl apply`. Option `namespace`: without it the application's name."""

    name = "kubernetes"
    file = "kubernetes.yaml"
    options = ("base", "image", "namespace")

    def text(self, wired: Wired, image: str, directory: Path) -> str:
        namespace = self.place.options.get("namespace", wired.graph.app.lower().replace("_", "-"))
        return "---\n".join(_yaml(each) for each in manifests(wired, image, namespace))


def _named(graph: AppGraph, path: Path) -> AppGraph:
    """With the names that components were built with before, also under older ids; names are kept for good, since volumes have them."""
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    for old, new in graph.moved:
        if new not in known:  # else it has been moved before, and what has the old id now is another
            known = {new + id[len(old) :] if below(id, old) else id: name for id, name in known.items()}
    named = graph.named(known)
    made = {**known, **{node.id: node.name for node in named.nodes}}
    path.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    return named


def _yaml(value: dict[str, Any]) -> str:
    try:
        import yaml  # only who writes such files pays for it
    except ImportError:
        raise Misuse("this target writes YAML, which needs a package: pip install 'remit[containers]'") from None
    return str(yaml.safe_dump(value, sort_keys=False, width=160, allow_unicode=True))

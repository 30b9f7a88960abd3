"""The targets of containers, run for real by the Docker Engine here: on the image that `remit image build docker` makes, since no registry is asked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.app.conformance.kits import PROGRAMS, Kit, Running, remit

BASE = "remit-machine"
EXAMPLES = Path(__file__).parents[3] / "examples"
ALL = {
    "probe.py": PROGRAMS / "probe.py",
    "customers.py": EXAMPLES / "customers" / "app.py",
    "orders.py": EXAMPLES / "orders" / "app.py",
}
LEGACY = {"DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}


def docker(*words: str | Path, check: bool = True, timeout: float = 180) -> str:
    """Run a command of Docker; what it wrote."""
    done = subprocess.run(
        list(map(str, words)),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, **LEGACY},
    )
    assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def lacks(*programs: str) -> str:
    """Why nothing can be run in containers here, "" if it can."""
    for program in ("docker", *programs):
        if shutil.which(program) is None:
            return f"{program} is not installed (tools/servers)"
    try:
        docker("docker", "image", "inspect", BASE, timeout=20)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return f"no container can be made here: {str(error)[-200:]} (tools/servers; remit image build docker)"
    return ""


class Container:
    """What one component's containers have written."""

    def __init__(self, directory: Path) -> None:
        personas = (directory / "personas").glob("*/persona.json")
        self.names = {found["id"]: found["name"] for found in map(json.loads, (path.read_text() for path in personas))}

    def read(self, name: str) -> str:
        raise NotImplementedError

    def written(self, id: str, until: str) -> list[str]:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            lines = self.read(self.names[id]).splitlines()
            if until in lines:
                return lines[: lines.index(until)]
            time.sleep(0.3)
        raise AssertionError(f"{id} never said {until!r}: {lines}")


class Composed(Container):
    """An application that docker-compose runs."""

    def __init__(self, directory: Path, project: str) -> None:
        super().__init__(directory)
        self.directory = directory
        self.compose = ["docker-compose", "-p", project, "-f", str(directory / "docker-compose.yml")]

    def read(self, name: str) -> str:
        ids = docker(*self.compose, "ps", "-q", name).split()
        return docker("docker", "logs", ids[0]) if ids else ""

    def command(self, name: str, *words: str) -> str:
        """What a command of the application says, by its script."""
        environment = {**os.environ, "COMPOSE_PROJECT_NAME": self.compose[2]}
        done = subprocess.run(
            [self.directory / "bin" / name, *words],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
            check=True,
        )
        return done.stdout.strip()


class ComposeKit:
    """docker-compose."""

    name = "compose"
    differs: frozenset[str] = frozenset()

    def lacks(self) -> str:
        return lacks("docker-compose")

    @contextmanager
    def running(self, program: Path, directory: Path) -> Iterator[Running]:
        out = directory / "build"
        remit(
            "build",
            _copied(program, directory),
            "--target",
            "compose",
            "--set",
            f"base={BASE}",
            "--set",
            "image=remit-conformance",
            "--out",
            out,
        )
        _image(out, "docker-compose.yml")
        made = Composed(out, f"remit-test-{os.getpid()}")
        try:
            docker(*made.compose, "up", "-d")
            yield made
        finally:
            docker(*made.compose, "down", "-v", "-t", "5", check=False)


class Stacked(Container):
    """An application that a swarm runs."""

    def __init__(self, directory: Path, stack: str) -> None:
        super().__init__(directory)
        self.stack = stack

    def read(self, name: str) -> str:
        return docker("docker", "service", "logs", "--raw", f"{self.stack}_{name}", check=False)


class SwarmKit:
    """A swarm of one node, that ends with the test."""

    name = "swarm"
    differs: frozenset[str] = frozenset()

    def lacks(self) -> str:
        found = lacks()
        if not found and docker("docker", "info", "--format", "{{.Swarm.LocalNodeState}}").strip() != "inactive":
            return "the Engine here belongs to a swarm already, which is somebody's"
        return found

    @contextmanager
    def running(self, program: Path, directory: Path) -> Iterator[Running]:
        out, stack = directory / "build", f"remit-test-{os.getpid()}"
        remit(
            "build",
            _copied(program, directory),
            "--target",
            "swarm",
            "--set",
            f"base={BASE}",
            "--set",
            "image=remit-conformance",
            "--out",
            out,
        )
        _image(out, "stack.yml")
        docker("docker", "swarm", "init", "--advertise-addr", "127.0.0.1")
        try:
            docker("docker", "stack", "deploy", "--resolve-image", "never", "-c", out / "stack.yml", stack)
            yield Stacked(out, stack)
        finally:
            docker("docker", "stack", "rm", stack, check=False)
            _gone(stack)
            docker("docker", "swarm", "leave", "--force", check=False)
            docker("docker", "network", "rm", "docker_gwbridge", check=False)


def _gone(stack: str) -> None:
    """Wait for its containers, and then remove its volumes."""
    deadline = time.monotonic() + 60
    label = f"label=com.docker.stack.namespace={stack}"
    while docker("docker", "ps", "-aq", "--filter", label).split() and time.monotonic() < deadline:
        time.sleep(0.3)
    for volume in docker("docker", "volume", "ls", "-q", "--filter", label).split():
        with suppress(AssertionError):
            docker("docker", "volume", "rm", volume)


IMAGES: set[str] = set()
"""Those that were made here, to be removed at the end."""


def _image(out: Path, file: str) -> None:
    """Have the Engine have the image that a file names: made once for all tests, since all programs are in it."""
    lines = (out / file).read_text().splitlines()
    image = next(line.split()[1] for line in lines if line.strip().startswith("image:"))
    if image not in IMAGES:
        IMAGES.add(image)
        docker("docker", "build", "-q", "-t", image, out / "image")


def remove_images() -> None:
    """At the end of all tests."""
    while IMAGES:
        docker("docker", "rmi", "-f", IMAGES.pop(), check=False)


def _copied(program: Path, directory: Path) -> Path:
    """The program in a directory with all others, so that they have one image."""
    there = directory / "program"
    there.mkdir()
    for name, path in ALL.items():
        (there / name).write_bytes(path.read_bytes())
    return there / next(name for name, path in ALL.items() if path == program)


CONTAINER_KITS: dict[str, type[Kit]] = {"compose": ComposeKit, "swarm": SwarmKit}

"""The first process of images without another init: as process 1 of a namespace of its own, with a directory for its root."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remit.machines._process_table import Process, children
from remit.machines.images import _init
from tests.house.source import TOP

FIRST = """
import signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import _init
_init.SHORTEST = _init.LOOK = 0.05
_init.GRACE = 3.0
init = _init.Init(Path(sys.argv[1]), container=True)
print("ended:", init.run(), flush=True)
"""
MODULES = str(TOP / "src" / "remit" / "machines" / "images")
pytestmark = [
    pytest.mark.needs_root,
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed: apt-get install util-linux"),
]


class Running:
    """An init that runs; `log` is its console."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "var/lib/remit"
        self.log = root / "console"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    "unshare",
                    "--pid",
                    "--fork",
                    "--mount-proc",
                    "--kill-child",
                    sys.executable,
                    "-IS",
                    "-c",
                    FIRST,
                    str(root),
                    MODULES,
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self.until(lambda: "remit-init: up" in self.text())
        (self.first,) = children(self.process.pid)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20.0
        while not holds():
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.01)

    def starts(self) -> list[str]:
        """The agents that were started, as they wrote it down."""
        file = self.root / "starts"
        return file.read_text().split() if file.exists() else []

    def send(self, number: int) -> None:
        self.first.send(number)

    def ended(self) -> str:
        self.process.wait(20.0)
        return self.text()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[str], Running]]:
    """Run an init whose agent is this shell script; $here is the root."""
    made: list[Running] = []

    def run(script: str) -> Running:
        agent = tmp_path / "agent"
        agent.write_text(f"#!/bin/sh\nhere={tmp_path}\n{script}\n")
        agent.chmod(0o755)
        (tmp_path / "etc/remit").mkdir(parents=True)
        config = {"command": [str(agent)], "user": "root"}
        (tmp_path / "etc/remit/init.json").write_text(json.dumps(config))
        made.append(Running(tmp_path))
        return made[-1]

    yield run
    for each in made:
        each.process.kill()
        each.process.wait()


FOREVER = 'echo $$ >>"$here/starts"; exec sleep 300'


def test_the_agent_is_started_again_whenever_it_ends(begin: Callable[[str], Running]) -> None:
    """Less and less often while it fails at once, and with its status on the console."""
    init = begin('echo $$ >>"$here/starts"; exit 3')
    init.until(lambda: len(init.starts()) >= 3)
    assert "the agent ended with status 3" in init.text()


def test_it_powers_off_in_order(begin: Callable[[str], Running]) -> None:
    """The agent is asked first, and ends its own things; then everything else is, whatever it thinks of it."""
    init = begin("""sh -c 'trap "" TERM; echo $$ >>"$0/stubborn"; while :; do sleep 1; done' "$here" &
trap 'echo asked >>"$here/starts"; exit 0' TERM
echo begun >>"$here/starts"
while :; do sleep 0.05; done""")
    init.until(lambda: "begun" in init.starts() and (init.root / "stubborn").exists())
    init.send(signal.SIGTERM)
    assert "ended: power off" in init.ended()
    assert init.starts() == ["begun", "asked"]
    assert init.process.returncode == 0


@pytest.mark.parametrize(
    ("number", "wish"),
    [(signal.SIGRTMIN + 3, "power off"), (signal.SIGRTMIN + 4, "power off"), (signal.SIGINT, "restart")],
)
def test_it_heeds_the_signals_of_a_first_process(begin: Callable[[str], Running], number: int, wish: str) -> None:
    """Those of systemd, so that nspawn ends it as it ends others; the one that the kernel sends for ctrl-alt-del restarts."""
    init = begin(FOREVER)
    init.until(init.starts)
    init.send(number)
    assert f"ended: {wish}" in init.ended()


def test_orphans_are_reaped(begin: Callable[[str], Running]) -> None:
    """Whoever started them: no zombie stays."""
    init = begin('for each in 1 2 3 4 5; do (sleep 0.1 & echo $! >>"$here/orphans"); done; ' + FOREVER)
    init.until(lambda: init.starts() and len((init.root / "orphans").read_text().split()) == 5)

    def left() -> list[Process]:
        return [each for each in os.listdir("/proc") if each.isdigit() and parent(each) == init.first.pid]

    init.until(lambda: len(left()) == 1)


def parent(pid: str) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def test_the_seed_is_taken_and_the_introduction_does_not_stay_in_it(
    begin: Callable[[str], Running], tmp_path: Path
) -> None:
    """User data goes to the agent alone; what it is to load where the section says; and that it has enrolled is said on the console."""
    seed = tmp_path / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    (seed / "remit.json").write_text('{"introduction": "ocapn://secret"}')
    (seed / "boss.address").write_bytes(b"signed")
    (seed / "hostname").write_text("db\n")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "notes.py").write_text("x = 1\n")
    with tarfile.open(seed / "machine.tar", "w") as tar:
        tar.add(tmp_path / "code", "path-0")
    init = begin(FOREVER)
    init.until(init.starts)
    assert json.loads((init.state / "user-data").read_text())["introduction"] == "ocapn://secret"
    assert (init.state / "user-data").stat().st_mode & 0o777 == 0o600
    assert init.state.stat().st_mode & 0o777 == 0o700
    assert not (seed / "remit.json").exists()
    assert (init.state / "boss.address").read_bytes() == b"signed"
    assert (tmp_path / "opt/machine/path-0/notes.py").exists()
    (init.state / "machine.json").write_text("{}")
    init.until(lambda: "this machine has enrolled" in init.text())
    assert "ocapn://secret" not in init.text()


def test_an_enrolled_machine_takes_no_other_introduction(begin: Callable[[str], Running], tmp_path: Path) -> None:
    """It would only lie around."""
    seed, state = tmp_path / "var/lib/cloud/seed/nocloud", tmp_path / "var/lib/remit"
    for directory in (seed, state):
        directory.mkdir(parents=True)
    (state / "machine.json").write_text("{}")
    (seed / "remit.json").write_text("{}")
    init = begin(FOREVER)
    init.until(init.starts)
    assert not (state / "user-data").exists()


def test_what_fails_on_the_way_up_is_said_and_the_rest_is_done(begin: Callable[[str], Running], tmp_path: Path) -> None:
    """A machine that is up half can be looked at; one whose first process has ended cannot."""
    seed = tmp_path / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    (seed / "machine.tar").write_text("this is no tar")
    init = begin(FOREVER)
    init.until(init.starts)
    assert "does not look like a tar archive" in init.text()


def test_connections_are_passed_on() -> None:
    """Both ways, until both sides have said all: a machine reaches its boss at the address that the boss has where it is."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as probe:
        here = probe.getsockname()[1]
        probe.close()
        there = server.getsockname()[1]
        code = f"import sys; sys.path.insert(0, {MODULES!r}); import _init; _init.forward('127.0.0.1:{here}', '127.0.0.1:{there}')"
        passing = subprocess.Popen([sys.executable, "-IS", "-c", code])
        try:
            answering = threading.Thread(target=lambda: answer(server))
            answering.start()
            with connected(here) as link:
                link.sendall(b"hello")
                link.shutdown(socket.SHUT_WR)
                assert link.makefile("rb").read() == b"hello, you"
            answering.join(10)
            assert Path(f"/proc/{passing.pid}/status").read_text().split("Uid:")[1].split()[0] == str(_init.NOBODY)
        finally:
            passing.kill()
            passing.wait()


def answer(server: socket.socket) -> None:
    link, _ = server.accept()
    with link:
        link.sendall(link.makefile("rb").read() + b", you")


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 10)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_it_needs_the_standard_library_alone() -> None:
    """It is copied into images, and runs without site packages."""
    done = subprocess.run(
        [sys.executable, "-IS", "-c", f"import runpy; runpy.run_path({MODULES + '/_init.py'!r})"], check=False
    )
    assert done.returncode == 0

"""The process provider: private directories, no secrets where others look, and only its own processes are ever ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import ProviderError
from remit.machines import ProcessProvider
from remit.machines._process_table import Process
from tests.machines.test_provider_contract import AGENT, SECRET, USER_DATA, run
from tests.processes import open_files


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Where machines are made; what is left of them at the end is ended."""
    yield tmp_path / "machines"
    for file in (tmp_path / "machines").glob("*/process"):
        left = Process.parse(file.read_text())
        if left is not None:
            left.end(2.0)


def provider(root: Path, owner: str = "boss", **more: Any) -> ProcessProvider:
    """A provider on this directory."""
    return ProcessProvider(root, owner, **{"command": AGENT, "grace": 2.0, **more})


def create(root: Path, **more: Any) -> ProcessProvider:
    """A provider with one machine, db-1."""
    made = provider(root, **more)
    run(made.create("db-1", "db", USER_DATA, {}))
    return made


def process_of(root: Path, id: str = "db-1") -> Process:
    """The process that is noted as this machine's agent."""
    found = Process.parse((root / id / "process").read_text())
    assert found is not None
    return found


def test_everything_is_private(root: Path) -> None:
    """Directories are 0700 and files 0600: user data holds the introduction."""
    create(root)
    assert (root.stat().st_mode & 0o777, (root / "db-1").stat().st_mode & 0o777) == (0o700, 0o700)
    assert {file.name: file.stat().st_mode & 0o777 for file in (root / "db-1").iterdir()} == dict.fromkeys(
        ["agent.log", "label.json", "process", "user-data"], 0o600
    )
    assert json.loads((root / "db-1" / "user-data").read_text()) == USER_DATA


def test_the_introduction_is_in_no_argument_and_no_environment(root: Path) -> None:
    """Both can be read by others, or end up in logs."""
    create(root)
    pid = process_of(root).pid
    for name in ("cmdline", "environ"):
        assert SECRET.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


def test_an_agent_inherits_no_authority(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the boss's environment it gets what a program needs to run, and no reference."""
    monkeypatch.setenv("REMIT_BOSS", "@admin.ref")
    monkeypatch.setenv("PYTHONPATH", "src")
    create(root)
    environ = Path(f"/proc/{process_of(root).pid}/environ").read_bytes()
    assert b"REMIT_BOSS" not in environ
    assert b"PYTHONPATH=/" in environ


def test_an_agent_is_a_session_of_its_own(root: Path) -> None:
    """No terminal's hang-up or interrupt reaches it, and it reads nothing from ours."""
    create(root)
    pid = process_of(root).pid
    assert os.getsid(pid) == pid
    assert os.readlink(f"/proc/{pid}/fd/0") == os.devnull
    assert Path(os.readlink(f"/proc/{pid}/fd/1")) == root / "db-1" / "agent.log"


def test_a_machine_that_was_killed_is_made_and_can_be_started(root: Path) -> None:
    """It gets the boss's current address in a file, and a new process on the same directory."""
    made = create(root)
    first = process_of(root)
    first.send(signal.SIGKILL)
    assert first.wait(5.0)
    assert run(made.observe("db-1")).state == "made"
    run(made.start("db-1", b"address"))
    assert run(made.observe("db-1")).state == "running"
    assert process_of(root) != first
    assert (root / "db-1" / "boss.address").read_bytes() == b"address"


def test_another_provider_object_finds_the_machines(root: Path) -> None:
    """After a restart of the boss they are known by their labels, and can be ended."""
    create(root)
    again = provider(root)
    assert [each.name for each in run(again.list())] == ["db"]
    process = process_of(root)
    run(again.destroy("db-1"))
    assert not process.alive


def test_another_bosss_machines_are_left_alone(root: Path) -> None:
    """They are neither listed, nor started, nor made again, nor destroyed."""
    create(root)
    other = provider(root, "another boss")
    assert run(other.list()) == []
    assert run(other.observe("db-1")).state == "absent"
    for work in (
        lambda: other.destroy("db-1"),
        lambda: other.start("db-1", b""),
        lambda: other.create("db-1", "db", {}, {}),
    ):
        with pytest.raises(ProviderError, match="another boss"):
            run(work())
    assert process_of(root).alive


def test_only_the_noted_process_is_ended(root: Path) -> None:
    """A pid that was taken by somebody else since is not signalled, however the file got stale."""
    made = create(root)
    mine = process_of(root)
    bystander = subprocess.Popen(AGENT)
    try:
        theirs = Process.of(bystander.pid)
        assert theirs is not None
        stale = theirs._replace(started=theirs.started - 1)
        (root / "db-1" / "process").write_text(stale.text())
        assert run(made.observe("db-1")).state == "made"
        run(made.destroy("db-1"))
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
        mine.end(2.0)


def test_an_agent_that_does_not_listen_is_made_to_end(root: Path) -> None:
    """SIGTERM first; after the grace, SIGKILL."""
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(300)"
    made = create(root, command=(sys.executable, "-c", deaf), grace=0.2)
    deadline = time.monotonic() + 10
    while "ready" not in (root / "db-1" / "agent.log").read_text() and time.monotonic() < deadline:
        os.sched_yield()
    process = process_of(root)
    run(made.destroy("db-1"))
    assert not process.alive
    assert not (root / "db-1").exists()


def test_an_enrolled_machine_gets_no_new_introduction(root: Path) -> None:
    """What it is told when it is asked for again would only lie around."""
    made = create(root)
    (root / "db-1" / "user-data").unlink()
    (root / "db-1" / "machine.json").write_text("{}")
    run(made.create("db-1", "db", USER_DATA, {}))
    assert not (root / "db-1" / "user-data").exists()


def test_a_half_made_directory_is_finished(root: Path) -> None:
    """A crash between the directory and the process leaves nothing that a second call could stumble over."""
    root.mkdir(mode=0o700)
    (root / "db-1").mkdir(mode=0o700)
    made = create(root)
    assert run(made.observe("db-1")).state == "running"


def test_an_exposed_directory_is_refused(root: Path) -> None:
    """Secrets are not put where others can read them; the error says what to mend."""
    root.mkdir(mode=0o755)
    with pytest.raises(ProviderError, match="chmod 700"):
        create(root)


@pytest.mark.parametrize("id", ["", "..", "a/b", "-x", "a\0b"])
def test_an_id_stays_inside_of_the_directory(root: Path, id: str) -> None:
    """Ids are names of directories, and nothing else."""
    with pytest.raises(ProviderError, match="cannot be a machine id"):
        run(provider(root).destroy(id))


def test_a_python_that_is_not_there_is_said(root: Path) -> None:
    """The machine stays made, to be started when that is mended."""
    made = provider(root, command=("/nonexistent/python",))
    with pytest.raises(ProviderError, match="cannot be started"):
        run(made.create("db-1", "db", USER_DATA, {}))
    assert run(made.observe("db-1")).state == "made"


def test_a_process_is_told_from_a_later_one_of_its_id() -> None:
    """By its start time and the host's boot; what cannot be read names nobody."""
    me = Process.of(os.getpid())
    assert me is not None
    assert me.alive
    assert Process.parse(me.text()) == me
    assert not me._replace(started=me.started - 1).alive
    assert not me._replace(boot="another").alive
    for text in ("", "1", "1 2", "x 2 y", "1 2 3 4"):
        assert Process.parse(text) is None


def test_a_zombie_is_not_alive() -> None:
    """One that has ended and waits for its parent is over."""
    child = subprocess.Popen((sys.executable, "-c", ""), stdout=subprocess.DEVNULL)
    process = Process.of(child.pid)
    assert process is not None
    deadline = time.monotonic() + 10
    while process.alive and time.monotonic() < deadline:
        os.sched_yield()
    assert not process.alive
    process.send(signal.SIGKILL)
    child.wait()


async def both(*works: Awaitable[Any]) -> Any:
    """Two questions at once; errors are answers."""
    return await asyncio.gather(*works, return_exceptions=True)


def test_creating_and_destroying_at_once_leaves_all_or_nothing(root: Path) -> None:
    """Each machine's steps are taken one after another."""
    made = provider(root)
    run(both(made.create("db-1", "db", USER_DATA, {}), made.destroy("db-1")))
    with contextlib.suppress(FileNotFoundError):
        assert process_of(root).alive
    assert run(made.observe("db-1")).state in ("absent", "running")


def test_an_agent_is_handed_no_open_files(root: Path) -> None:
    """It outlives whoever started the boss: a lock or pipe of theirs must not stay held by it."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    try:
        create(root)
        mine = os.readlink(f"/proc/self/fd/{writing}")
        theirs = open_files(process_of(root).pid)
        assert theirs and mine not in theirs
    finally:
        os.close(reading)
        os.close(writing)


def test_an_agent_runs_no_code_out_of_the_directory_where_the_boss_stands(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file called json.py there is not the module json."""
    trap, mark = tmp_path / "trap", tmp_path / "mark"
    trap.mkdir()
    (trap / "json.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    monkeypatch.chdir(trap)
    run(ProcessProvider(root, "boss", grace=2.0).create("db-1", "db", USER_DATA, {}))
    log = root / "db-1" / "agent.log"
    deadline = time.monotonic() + 30
    while not log.read_text() and process_of(root).alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert log.read_text() or not process_of(root).alive
    assert not mark.exists()

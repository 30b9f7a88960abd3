"""Starting what outlives the boss: once for each machine, whoever asks, and written down before it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from remit.errors import ProviderError
from remit.machines._launch import _SELF, launch, spawn_apart
from remit.machines._process_table import Process
from remit.machines._room import running_in

SLEEP = ("sleep", "300")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A machine's directory; what runs there is ended."""
    made = tmp_path / "db-1"
    made.mkdir(mode=0o700)
    yield made
    running = running_in(made)
    if running is not None:
        running.end(2.0)


def test_it_runs_in_its_directory_with_nothing_of_ours(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal, no environment, no session; and what it says is private."""
    monkeypatch.setenv("REMIT_BOSS", "@admin.ref")
    process = launch(directory, SLEEP, "console.log")
    assert process is not None
    assert os.readlink(f"/proc/{process.pid}/cwd") == str(directory)
    assert b"REMIT_BOSS" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    assert os.getsid(process.pid) == process.pid
    assert (directory / "console.log").stat().st_mode & 0o777 == 0o600
    assert (directory / "process").stat().st_mode & 0o777 == 0o600


def test_what_is_asked_for_at_once_is_started_once(directory: Path) -> None:
    """By two bosses, say, of which one was killed after it had started it."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: launch(directory, SLEEP, "console.log"), range(4)))
    assert len(set(found)) == 1
    assert found[0] is not None
    assert (directory / "console.log").read_text().count("is this machine already") <= 3


def test_a_second_one_gives_way(directory: Path) -> None:
    """Even if whoever starts it does not know of the first: the shell looks before it becomes the program."""
    first = launch(directory, SLEEP, "console.log")
    pid = spawn_apart(
        ("/bin/sh", "-c", _SELF, "sh", str(directory), *SLEEP), directory / "console.log", {"PATH": os.environ["PATH"]}
    )
    assert os.waitpid(pid, 0)[1] == 0
    assert running_in(directory) == first
    assert "is this machine already" in (directory / "console.log").read_text()


def test_a_stale_note_keeps_nobody_out(directory: Path) -> None:
    """A process of that id that is another one, or of before the host's last start."""
    me = Process.of(os.getpid())
    assert me is not None
    for stale in (me._replace(started=me.started - 1), me._replace(boot="another")):
        (directory / "process").write_text(stale.text())
        (directory / "process").chmod(0o600)
        process = launch(directory, SLEEP, "console.log")
        assert process is not None
        assert process.pid != os.getpid()
        process.end(2.0)


def test_what_has_ended_is_started_again(directory: Path) -> None:
    """What it said before stays in the log; what cannot be started at all is said."""
    for times in (1, 2):
        process = launch(directory, (sys.executable, "-c", "raise SystemExit('no disk')"), "console.log")
        assert process is None or process.wait(20.0)
        assert running_in(directory) is None
        assert (directory / "console.log").read_text().count("no disk") == times
    with pytest.raises(ProviderError, match="cannot be started"):
        spawn_apart(("/nonexistent",), directory / "console.log", {})

"""`remit boss`: how a boss starts, what keeps it from starting, and how it ends."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.cli import _exit
from tests.cli.kit import PATIENCE, Done, command, environment
from tests.cli.stage import Stage, until


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.tidy()


def refused(stage: Stage, *words: str) -> Done:
    """A boss that does not start: no traceback, nothing on stdout."""
    done = stage.remit("boss", "run", *words)
    assert done.out == ""
    assert "Traceback" not in done.err
    return done


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_boss_runs_until_it_is_told_to_stop(stage: Stage, number: int) -> None:
    """It says where it is and where its reference is, which only its owner can read; it ends in order."""
    stage.start_boss()
    assert (stage.state / "admin.ref").stat().st_mode & 0o777 == 0o600
    assert stage.state.stat().st_mode & 0o777 == 0o700
    assert stage.stop_boss(number) == 0
    said = stage.log()
    assert f"its reference: {stage.state}/admin.ref" in said
    assert "127.0.0.1:" in said and "boss has stopped; its machines go on" in said
    assert "/s/" not in said


def test_options_come_before_the_configuration(stage: Stage) -> None:
    """Another state directory, another place, another host for others."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stage.start_boss("--listen", f"127.0.0.1:{port}", "--published", "boss.example.org")
    assert f"boss.example.org:{port}" in stage.log()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
        pass
    assert refused(stage, "--state", str(stage.state)).code == _exit.FAILED


def test_a_second_boss_on_a_state_directory_is_refused(stage: Stage) -> None:
    """It names the first one's process, which goes on."""
    stage.start_boss()
    assert stage.boss is not None
    done = refused(stage)
    assert done.code == _exit.FAILED
    assert (
        f"StoreLocked: the state directory {stage.state} is in use by the process with pid {stage.boss.pid}" in done.err
    )
    assert stage.read("machine", "list") == []


def test_a_state_directory_that_others_can_read_is_refused(stage: Stage) -> None:
    """With the command that mends it; nothing is written there."""
    stage.state.mkdir(mode=0o755)
    stage.state.chmod(0o755)
    done = refused(stage)
    assert done.code == _exit.FAILED
    assert f"chmod 700 '{stage.state}'" in done.err
    assert list(stage.state.iterdir()) == []


def kept(stage: Stage) -> Path:
    """The state file of a boss that has been."""
    stage.start_boss()
    assert stage.stop_boss() == 0
    return stage.state / "state.db"


def test_a_state_file_of_a_newer_version_is_refused(stage: Stage) -> None:
    """It is left as it is, with the way out."""
    path = kept(stage)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    before = path.read_bytes()
    done = refused(stage)
    assert done.code == _exit.FAILED
    assert "StoreTooNew" in done.err and "format 99" in done.err
    assert path.read_bytes() == before


def test_a_damaged_state_file_is_refused(stage: Stage) -> None:
    """Not taken for an empty one."""
    path = kept(stage)
    path.write_bytes(b"not a database at all, but long enough to be read as one " * 100)
    done = refused(stage)
    assert done.code == _exit.FAILED
    assert "StoreCorrupt" in done.err


@pytest.mark.parametrize("listen", ["nowhere", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":4433"])
def test_a_place_to_listen_is_host_and_port(stage: Stage, listen: str) -> None:
    """The error has the form."""
    done = refused(stage, "--listen", listen)
    assert done.code == _exit.FAILED
    assert "write host:port" in done.err


def test_a_port_that_is_taken_is_said(stage: Stage) -> None:
    """Which one, and why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        done = refused(stage, "--listen", place)
    assert done.code == _exit.FAILED
    assert place in done.err and "in use" in done.err


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[providers.proces]\n", "no kind of provider 'proces': did you mean process?"),
        ('[providers.cloud]\nkind = "procss"\n', "no kind of provider 'procss': did you mean process?"),
        ('[providers.process]\nrooot = "x"\n', "unknown rooot; a process provider takes: root, agent"),
    ],
)
def test_a_provider_that_there_is_not_is_said(tmp_path: Path, table: str, said: str) -> None:
    """With the nearest, or with what it takes."""
    done = refused(Stage(tmp_path, f'[boss]\nstate = "state"\n{table}'))
    assert done.code == _exit.FAILED
    assert said in done.err


def test_waiting_ends_when_the_boss_is_there(stage: Stage) -> None:
    """Whichever of the two was started first."""
    with subprocess.Popen(command("boss", "wait"), env=environment(stage.home), cwd=stage.home) as waiting:
        stage.start_boss()
        assert waiting.wait(PATIENCE) == 0


def test_a_reference_of_before_is_refused(stage: Stage) -> None:
    """Deleting admin.ref and starting again takes back every copy of it: the authority is missing."""
    kept(stage)
    copy = stage.home / "copy"
    copy.write_bytes((stage.state / "admin.ref").read_bytes())
    copy.chmod(0o600)
    (stage.state / "admin.ref").unlink()
    listen = stage.log().partition("is at ")[2].partition(";")[0]
    stage.start_boss("--listen", listen)
    done = stage.remit("--boss", str(copy), "status")
    assert (done.code, done.out) == (_exit.REFUSED, "")
    assert f"the reference in {copy} is no longer good" in done.err
    assert stage.remit("status").code == 0


def test_machines_are_started_with_the_boss_unless_it_is_told_not_to(stage: Stage) -> None:
    """`--no-start` leaves them as they are; without it they run."""
    stage.start_boss()
    assert stage.remit("machine", "create", "db").code == 0
    stage.stop_boss()
    stage.kill_agent("db")
    stage.start_boss("--no-start")
    assert stage.read("machine", "show", "db")["provider_sees"].startswith("made")
    stage.stop_boss()
    stage.start_boss()
    until(lambda: stage.read("machine", "show", "db")["provider_sees"].startswith("running"))

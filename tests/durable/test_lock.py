from __future__ import annotations

import os
from pathlib import Path

import pytest

from remit.durable import FileLock
from remit.errors import StoreError, StoreLocked
from tests.durable.stores import child


def test_a_held_lock_is_refused_naming_its_holder(tmp_path: Path) -> None:
    """In the same process too, and what is locked is named in the caller's words."""
    with FileLock(tmp_path / "lock"), pytest.raises(StoreLocked, match=f"the boss's state .*pid {os.getpid()}"):
        FileLock(tmp_path / "lock", "the boss's state")
    FileLock(tmp_path / "lock").release()


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    """While it lives its pid is told; after SIGKILL nothing is in the way."""
    script = (
        "import sys; from remit.durable import FileLock; a = FileLock(sys.argv[1]); print(flush=True); sys.stdin.read()"
    )
    with child(script, str(tmp_path / "lock")) as process:
        assert process.stdout.readline()
        with pytest.raises(StoreLocked, match=f"the process with pid {process.pid}"):
            FileLock(tmp_path / "lock")
    FileLock(tmp_path / "lock").release()


def test_a_lock_file_that_was_deleted_does_not_let_a_second_holder_in(tmp_path: Path) -> None:
    """A lock is held on the file that has the name; one that lost its name in between is opened again."""
    path = tmp_path / "lock"
    opened = os.open

    def open_then_delete(*arguments, **keywords):
        descriptor = opened(*arguments, **keywords)
        os.open = opened
        path.unlink()
        return descriptor

    os.open = open_then_delete
    try:
        lock = FileLock(path)
    finally:
        os.open = opened
    assert path.read_text() == f"{os.getpid()}\n"
    with pytest.raises(StoreLocked):
        FileLock(path)
    lock.release()


def test_a_shorter_pid_leaves_nothing_of_the_last_one(tmp_path: Path) -> None:
    """The file holds the present holder's pid alone."""
    (tmp_path / "lock").write_text("99999999999\n")
    with FileLock(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_releasing_twice_does_no_harm_and_a_bad_path_says_why(tmp_path: Path) -> None:
    """The second holder is not thrown out by the first one's second release."""
    first = FileLock(tmp_path / "lock")
    first.release()
    second = FileLock(tmp_path / "lock")
    first.release()
    with pytest.raises(StoreLocked):
        FileLock(tmp_path / "lock")
    second.release()
    with pytest.raises(StoreError, match="cannot be locked"):
        FileLock(tmp_path / "none" / "lock")

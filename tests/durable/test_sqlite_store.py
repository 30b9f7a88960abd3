from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from remit.durable import SqliteStore, _sqlite_format
from remit.errors import StoreError, StoreLocked, StoreTooNew
from tests.durable.stores import child, numbered, numbers


def beside(path: Path) -> dict[str, bytes]:
    """The files of the state directory with their contents, lock files left out."""
    return {each.name: each.read_bytes() for each in path.parent.iterdir() if each.suffix != ".lock"}


def test_what_is_committed_is_synced(path: Path) -> None:
    """Write-ahead log and synchronous=FULL: a commit that has returned survives a power failure."""
    store = SqliteStore(path)
    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


def test_all_tables_are_strict_and_carry_the_format(path: Path) -> None:
    """No table takes a value of another type, and the file says whose it is and of which version."""
    SqliteStore(path).close()
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name, strict FROM pragma_table_list WHERE schema='main'").fetchall()
        assert connection.execute("PRAGMA application_id").fetchone() == (0x52454D54,)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    ours = {name: strict for name, strict in tables if not name.startswith("sqlite_")}
    assert ours == {"meta": 1, "objects": 1, "fields": 1, "outbox": 1, "inbox": 1}


def test_nobody_else_may_read_what_it_makes(path: Path) -> None:
    """Directory 0700 and files 0600, the log included, even under umask 0."""
    old = os.umask(0)
    try:
        store = SqliteStore(path)
        store.commit(numbered(1))
    finally:
        os.umask(old)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == {"vat.db": 0o600, "vat.db-wal": 0o600, "vat.db.lock": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    store.close()


def test_sqlite_is_imported_only_when_a_store_is_opened() -> None:
    """It takes 8 ms, which a program without a store need not pay; nor for asyncio."""
    script = "import sys, remit.durable; print(sorted({'sqlite3', '_sqlite3', 'tempfile'} & set(sys.modules)))"
    with child(script) as process:
        assert process.stdout.read() == b"[]\n"


# --- one at a time ---


def test_a_second_opening_in_the_same_process_is_refused(path: Path) -> None:
    """It names the path and this process; after close it can be opened."""
    store = SqliteStore(path)
    with pytest.raises(StoreLocked, match=rf"{path} is in use by this same process \(pid {os.getpid()}\)"):
        SqliteStore(path)
    store.commit(numbered(1))
    store.close()
    again = SqliteStore(path)
    assert numbers(again) == [1]
    again.close()


def test_a_store_of_another_process_is_refused_until_that_ends(path: Path) -> None:
    """The holder's pid is named, and a holder that was killed leaves nothing to clean up."""
    script = """
import sys
from remit.durable import SqliteStore
store = SqliteStore(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""
    with child(script, str(path)) as process:
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(StoreLocked, match=f"the process with pid {process.pid}"):
            SqliteStore(path)
    SqliteStore(path).close()


def test_another_program_is_kept_out_and_keeps_us_out(path: Path) -> None:
    """A foreign SQLite connection reads nothing while the store is open; while it writes, opening says so."""
    store = SqliteStore(path)
    foreign = sqlite3.connect(path, timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        foreign.execute("SELECT * FROM meta").fetchall()
    store.close()
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked, match="another program"):
        SqliteStore(path)
    foreign.close()
    SqliteStore(path).close()


def test_threads_take_turns(path: Path) -> None:
    """Commits from several threads are each carried out whole; none is refused for its thread."""
    store = SqliteStore(path)

    def work(first: int) -> None:
        for number in range(first, first + 20):
            store.commit(numbered(number))

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 20, 40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row[0] for row in store.load().objects) == list(range(60))
    store.close()


# --- versions ---


def version(path: Path, number: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={number}")
    connection.close()


def killed(path: Path, into: Path, connection: sqlite3.Connection) -> None:
    """Closes the connection and puts file and log as they were before, as a killed process leaves them."""
    files = {name: path.with_name(name).read_bytes() for name in ("vat.db", "vat.db-wal")}
    connection.close()
    for name, content in files.items():
        (into / name).touch(0o600)
        (into / name).write_bytes(content)


def test_a_newer_format_is_refused_and_not_touched(path: Path) -> None:
    """No byte of any file changes, and no file comes or goes; the newer one was killed, and its log is not replayed."""
    store = SqliteStore(path)
    store.commit(numbered(1))
    store.close()
    version(path, 2)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM meta")
    connection.commit()
    killed(path, path.parent, connection)
    assert set(beside(path)) == {"vat.db", "vat.db-wal"}
    before = beside(path), path.stat().st_mtime_ns
    with pytest.raises(StoreTooNew, match=r"format 2, and this one knows up to 1.*upgrade"):
        SqliteStore(path)
    assert (beside(path), path.stat().st_mtime_ns) == before


def test_a_newer_format_that_is_only_in_the_log_is_refused(path: Path, tmp_path: Path) -> None:
    """A newer Remit killed while it migrated: the version in its log counts, not the header's."""
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("PRAGMA user_version=2")
    copy = tmp_path / "copy" / "vat.db"
    copy.parent.mkdir(mode=0o700)
    killed(path, copy.parent, connection)
    assert _sqlite_format.read_header(copy) == 1
    with pytest.raises(StoreTooNew):
        SqliteStore(copy)


def test_an_older_format_is_migrated_step_by_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps run once, in order, rows are kept, and the header tells older versions at once."""
    store = SqliteStore(path)
    store.commit(numbered(1))
    store.close()
    monkeypatch.setattr(_sqlite_format, "FORMAT", 3)
    steps = {
        1: lambda connection: connection.execute("ALTER TABLE meta ADD COLUMN extra TEXT"),
        2: lambda connection: connection.execute("UPDATE meta SET extra = 'new'"),
    }
    monkeypatch.setattr(_sqlite_format, "MIGRATIONS", steps)
    for _ in range(2):
        store = SqliteStore(path)
        assert numbers(store) == [1]
        assert store._connection.execute("SELECT extra FROM meta").fetchall() == [("new",)]
        assert _sqlite_format.read_header(path) == 3
        store.close()


def test_a_failed_migration_leaves_the_older_format(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first steps did is undone, and the Remit that wrote it can go on."""
    store = SqliteStore(path)
    store.commit(numbered(1))
    store.close()

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM objects")
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(_sqlite_format, "FORMAT", 2)
        patch.setattr(_sqlite_format, "MIGRATIONS", {1: fail})
        with pytest.raises(ZeroDivisionError):
            SqliteStore(path)
    store = SqliteStore(path)
    assert numbers(store) == [1]
    store.close()


def test_a_format_without_a_way_on_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, and the file is not touched."""
    SqliteStore(path).close()
    before = beside(path)
    monkeypatch.setattr(_sqlite_format, "FORMAT", 3)
    monkeypatch.setattr(_sqlite_format, "MIGRATIONS", {1: lambda _: None})
    with pytest.raises(StoreError, match="nothing here leads on from format 2"):
        SqliteStore(path)
    assert beside(path) == before


def test_a_creation_that_was_cut_off_leaves_nothing_in_the_way(path: Path) -> None:
    """A half-made file lies under another name and is made anew."""
    path.parent.mkdir(mode=0o700)
    path.with_name("vat.db.new").write_bytes(b"half")
    store = SqliteStore(path)
    assert set(beside(path)) == {"vat.db", "vat.db-wal"}
    store.commit(numbered(1))
    assert numbers(store) == [1]
    store.close()
    assert set(beside(path)) == {"vat.db"}

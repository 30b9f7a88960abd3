"""The format of a ledger: one SQLite file, its tables, and how it is made and opened.

Several processes may have it open: readers see the last transaction, and writers come one after another. Who may write is the lock's
matter (`_lock.py`), not SQLite's.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from remit.durable import check_private, open_state_dir, sqlite_error, sync_dir
from remit.errors import Conflict, StoreCorrupt, StoreError, StoreTooNew

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["APPLICATION", "FORMAT", "connect", "make", "open_file"]

APPLICATION: Final = 0x52454D4C  # "REML": SQLite's application_id says that a file is ours
FORMAT: Final = 1  # SQLite's user_version
PATIENCE: Final = 10.0  # seconds that a writer waits for another one's transaction, of which each takes milliseconds

_SCHEMA: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE parts (key TEXT PRIMARY KEY, part TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE names (key TEXT PRIMARY KEY, name TEXT NOT NULL, gone INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID",
    "CREATE TABLE open (key TEXT PRIMARY KEY, place INTEGER NOT NULL, run INTEGER NOT NULL, step TEXT NOT NULL) STRICT",
    """CREATE TABLE runs (number INTEGER PRIMARY KEY, who TEXT NOT NULL, purpose TEXT NOT NULL, began REAL NOT NULL,
    ended REAL, digest TEXT NOT NULL, serial INTEGER NOT NULL, done INTEGER NOT NULL DEFAULT 0, plan TEXT NOT NULL) STRICT""",
    """CREATE TABLE lock (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, fence INTEGER NOT NULL, owner TEXT NOT NULL,
    purpose TEXT NOT NULL, since REAL NOT NULL, beat REAL NOT NULL, expiry REAL NOT NULL, place TEXT NOT NULL) STRICT""",
)


def open_file(path: str | os.PathLike[str], project: str) -> Connection:
    """A connection to the ledger of this project, made where it is missing, mode 0600 in a directory of mode 0700.

    Raises `StoreExposed`, `StoreCorrupt`, `StoreTooNew`, `StoreFull` or `StoreError`, and `Conflict` when it is another project's.
    """
    import sqlite3

    file = Path(path).absolute()
    open_state_dir(file.parent)
    for suffix in ("", "-wal", "-shm"):
        check_private(file.with_name(file.name + suffix))
    try:
        if not file.exists():
            make(file, project)
        connection = connect(file)
        try:
            _check(connection, file, project)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, UnicodeError) as error:
        raise sqlite_error(error, file, "opening") from error
    return connection


def connect(path: Path) -> Connection:
    """One more connection to a ledger that is there; each commit on it is on disk when it returns."""
    import sqlite3

    connection = sqlite3.connect(f"{path.as_uri()}?mode=rw", timeout=PATIENCE, isolation_level=None, uri=True)
    try:
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA fullfsync=ON")  # macOS: fsync alone does not reach the disk there
    except BaseException:
        connection.close()
        raise
    return connection


def make(path: Path, project: str) -> None:
    """Make an empty ledger that is there whole or not at all; if another process makes it at the same time, one of the two counts."""
    import sqlite3

    log = path.with_name(f"{path.name}-wal")
    if log.exists() and not path.exists():  # in this order: whoever makes one makes the file before its log
        raise StoreCorrupt(
            f"the ledger {path} is gone, but its log {log} is there: put the file back, or delete the log to begin anew"
        )
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    fresh.unlink(missing_ok=True)  # of a process that died here and had our id
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        connection = sqlite3.connect(fresh, isolation_level=None)
        try:
            _fill(connection, project)
        finally:
            connection.close()
        os.fsync(descriptor)
        os.link(fresh, path)
        sync_dir(path.parent)
    except FileExistsError:
        pass
    finally:
        os.close(descriptor)
        fresh.unlink(missing_ok=True)


def _fill(connection: Connection, project: str) -> None:
    # Unsynced: the file has no name that counts yet, and is synced once, at the end.
    for statement in ("PRAGMA synchronous=OFF", "PRAGMA journal_mode=MEMORY", "BEGIN", *_SCHEMA):
        connection.execute(statement)
    values = {"project": project, "serial": 0, "fence": 0}
    connection.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")


def _check(connection: Connection, path: Path, project: str) -> None:
    import sqlite3

    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION:
        raise StoreError(
            f"{path} is an SQLite file of another program (application id {application:#x}): name another one"
        )
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > FORMAT:
        raise StoreTooNew(
            f"a newer Remit wrote {path} (format {found}, and this one knows up to {FORMAT}): upgrade Remit"
        )
    problems = connection.execute("PRAGMA quick_check(1)").fetchall()
    if problems != [("ok",)]:
        raise sqlite3.DatabaseError(str(problems[0][0]))
    whose = connection.execute("SELECT value FROM meta WHERE name = 'project'").fetchone()[0]
    if whose != project:
        raise Conflict(
            f"{path} keeps the state of project {whose!r}, not of {project!r}: name another file, or mend the project's name"
        )

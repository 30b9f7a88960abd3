"""The SQLite file of a store: making and opening it, and the tables that are in each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from remit.durable import check_private, open_state_dir, sqlite_error
from remit.errors import Conflict, StoreError, StoreFull, StoreTooNew

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["create_index_table", "open_file", "reader_of"]

MARK: Final = 0x52656D6B  # "Remk": the application id of the files of stores
FORMAT: Final = 1
_TABLES: Final = (
    "CREATE TABLE kv_entries (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE kv_indexes (tab TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, fingerprint TEXT NOT NULL,
    state TEXT NOT NULL, cursor TEXT) STRICT""",
    "CREATE TABLE kv_stale (tab TEXT NOT NULL, key TEXT NOT NULL REFERENCES kv_entries(key) ON DELETE CASCADE, PRIMARY KEY (tab, key)) STRICT, WITHOUT ROWID",
    "CREATE INDEX kv_stale_key ON kv_stale (key)",
)


def open_file(path: Path) -> Connection:
    """The writing connection to the store at `path`, made where it is missing, mode 0600, in a directory of mode 0700.

    Raises `Conflict` for a database of something else, `StoreTooNew`, `StoreCorrupt`, `StoreFull`, `StoreExposed`; nothing was changed then.
    """
    import sqlite3

    open_state_dir(path.parent)
    for suffix in ("", "-wal", "-shm"):
        check_private(path.with_name(path.name + suffix))
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path, timeout=5, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise sqlite_error(error, path, "opening") from error
    except OSError as error:
        kind = StoreFull if error.errno in (28, 122) else StoreError
        raise kind(f"the store {path} cannot be made or opened: {error.strerror}") from error
    return connection


def reader_of(path: Path) -> Connection:
    """A connection that only reads, beside the writing one."""
    import sqlite3

    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False, cached_statements=256)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _prepare(connection: Connection, path: Path) -> None:
    run = connection.execute
    mark, version = run("PRAGMA application_id").fetchone()[0], run("PRAGMA user_version").fetchone()[0]
    there = [name for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    if mark != MARK and there:
        raise Conflict(
            f"{path} is a database of something else, with the tables {', '.join(there[:5])}: nothing was touched; give the store another file"
        )
    if version > FORMAT:
        raise StoreTooNew(
            f"the store {path} has format {version}, and this Remit reads {FORMAT}: upgrade it; nothing was touched"
        )
    if run("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
        raise StoreError(f"the store {path} cannot be synced safely here: use a local disk")
    run("PRAGMA synchronous=FULL")
    run("PRAGMA fullfsync=ON")  # macOS: fsync alone does not reach the disk there
    run("PRAGMA foreign_keys=ON")
    if not there:
        run("BEGIN IMMEDIATE")
        for statement in _TABLES:
            run(statement)
        run(f"PRAGMA application_id={MARK}")
        run(f"PRAGMA user_version={FORMAT}")
        run("COMMIT")


def create_index_table(connection: Connection, table: str) -> None:
    """An empty table of an index. What is deleted from the store leaves each of them, whether anybody knows it or not."""
    connection.execute(
        f"CREATE TABLE {table} (index_key TEXT NOT NULL, key TEXT NOT NULL REFERENCES kv_entries(key) ON DELETE CASCADE, place INTEGER NOT NULL, "
        "inline TEXT, PRIMARY KEY (index_key, key, place)) STRICT, WITHOUT ROWID"
    )
    connection.execute(f"CREATE INDEX {table}_key ON {table} (key)")

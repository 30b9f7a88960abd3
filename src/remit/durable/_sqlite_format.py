"""The format of an SQLite store: its schema, how a file is made, and how an older one is brought up to date.

`APPLICATION` (SQLite's application_id) says that a file is ours, and `FORMAT` (its user_version) which version of the
tables it holds. Both are read from the file's header before SQLite opens it, so that a file of a newer version is not
touched at all ("Database File Format", section 1.3: big-endian numbers at offsets 68 and 60).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from remit.durable._files import store_error, sync_dir
from remit.errors import StoreCorrupt, StoreError, StoreTooNew

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = [
    "APPLICATION",
    "FORMAT",
    "MIGRATIONS",
    "Migration",
    "check_version",
    "create",
    "damaged",
    "migrate",
    "read_header",
]

APPLICATION = 0x52454D54  # "REMT"
FORMAT = 1

Migration = Callable[["Connection"], None]

MIGRATIONS: Mapping[int, Migration] = {}
"""From a version to the next one: `{1: step}` brings format 1 to format 2. A step runs statements and neither begins
nor commits; all steps of one opening are one transaction. Whoever raises `FORMAT` adds the step here."""

# Without rowids the key is the table: one tree to write for each row, and the rows of a field lie together.
_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE objects (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, version INTEGER NOT NULL) STRICT",
    """CREATE TABLE fields (object INTEGER, field TEXT, key BLOB, value BLOB NOT NULL,
    PRIMARY KEY (object, field, key)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE outbox (number INTEGER, target BLOB, message BLOB NOT NULL,
    PRIMARY KEY (target, number)) STRICT, WITHOUT ROWID""",
    "CREATE TABLE inbox (sender BLOB PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)


def create(path: Path) -> None:
    """Make an empty store at `path`, mode 0600: there whole, or not at all if this process dies on the way."""
    import sqlite3

    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)  # left by a process that died here; the caller holds the store's lock
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        connection = sqlite3.connect(fresh, isolation_level=None)
        try:
            _fill(connection)
        finally:
            connection.close()
        os.fsync(descriptor)
        fresh.replace(path)
        sync_dir(path.parent)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _fill(connection: Connection) -> None:
    # Unsynced and without a journal on disk: the file has no name that counts yet, and is synced once, at the end.
    for statement in ("PRAGMA synchronous=OFF", "PRAGMA journal_mode=MEMORY", "BEGIN", *_SCHEMA):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")


def read_header(path: Path) -> int:
    """The format version in the file's header; raises when the file is not a store of ours."""
    try:
        with open(path, "rb") as file:
            header = file.read(100)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise store_error(error, f"the store {path} cannot be read") from error
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise damaged(path, "its first 100 bytes are not those of an SQLite file")
    application = int.from_bytes(header[68:72], "big")
    if application != APPLICATION:
        raise StoreError(f"{path} is an SQLite file of another program (application id {application:#x}): move it away")
    page = int.from_bytes(header[16:18], "big")  # 1 stands for 65536
    if page > 1 and size % page and not path.with_name(path.name + "-wal").exists():
        # With a log it may be a growth that was cut off and that SQLite repeats; without one SQLite would not notice.
        raise damaged(path, "its last page is cut off")
    return int.from_bytes(header[60:64], "big")


def check_version(path: Path, found: int) -> None:
    """Raise unless this version of Remit can use format `found`, as it is or after a migration."""
    if found > FORMAT:
        raise StoreTooNew(
            f"a newer Remit wrote the store {path} (format {found}, and this one knows up to {FORMAT}): "
            "it was not touched; upgrade Remit"
        )
    missing = [version for version in range(found, FORMAT) if version not in MIGRATIONS]
    if missing:
        raise StoreError(f"the store {path} has format {found}, and nothing here leads on from format {missing[0]}")


def migrate(connection: Connection, found: int) -> None:
    """Bring a store from format `found` to `FORMAT`, in one transaction."""
    if found == FORMAT:
        return
    connection.execute("BEGIN IMMEDIATE")
    for version in range(found, FORMAT):
        MIGRATIONS[version](connection)
    connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.execute("COMMIT")
    # Into the header at once, where an older Remit looks before it touches anything.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def damaged(path: Path, why: str) -> StoreCorrupt:
    """The error for a file that cannot be trusted."""
    return StoreCorrupt(
        f"the store {path} is damaged ({' '.join(why.split())}); nothing was loaded. Restore it from a copy, "
        f"or save what is left with: sqlite3 '{path}' .recover"
    )

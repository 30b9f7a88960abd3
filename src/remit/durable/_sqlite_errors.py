"""What SQLite's errors mean: which `StoreError` each becomes, and what to do about it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from remit.durable._files import is_full
from remit.durable._sqlite_format import damaged
from remit.errors import StoreError, StoreFull, StoreLocked

if TYPE_CHECKING:
    from sqlite3 import Error

__all__ = ["translated"]


def translated(error: Error | UnicodeError, path: Path, doing: str) -> StoreError:
    """The error to raise for what SQLite said while `doing` something with the store at `path`.

    What is neither want of room, a lock, nor an input or output error can only come from a damaged file: rows are
    checked before they get here, and the statements are ours.
    """
    import sqlite3

    # Without a code it is text in the file that is no UTF-8.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = code & 0xFF
    why = f"{doing} the store {path} failed: {error} ({getattr(error, 'sqlite_errorname', type(error).__name__)})"
    if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and _no_room(path)):
        return StoreFull(f"{why}: nothing of it was kept; free some room, then start again")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreLocked(f"{why}: another program, such as the sqlite3 shell, has it open: end that one first")
    if primary in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT):
        return damaged(path, str(error))
    return StoreError(f"{why}: see that the disk and its file system are sound, then start again")


def _no_room(path: Path) -> bool:
    """Whether a write beside the store fails for want of room: SQLite tells of an exceeded quota or file size limit
    only that a write failed.
    """
    import tempfile

    try:
        end = max(each.stat().st_size for each in (path, path.with_name(path.name + "-wal")) if each.exists())
        with tempfile.TemporaryFile(dir=path.parent) as probe:
            os.pwrite(probe.fileno(), bytes(1 << 16), end)
            os.fsync(probe.fileno())
    except OSError as error:
        return is_full(error)
    return False

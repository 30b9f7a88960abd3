"""One transaction on a ledger: all of it is on disk afterwards, or nothing of it has happened."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from remit.durable import sqlite_error

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["reading", "writing"]


@contextmanager
def writing(connection: Connection, path: Path) -> Iterator[Connection]:
    """A transaction that may write, alone. Raises `StoreFull` and other `StoreError`s, and then nothing of it is kept."""
    with _transaction(connection, path, "BEGIN IMMEDIATE", "writing to"):
        yield connection


@contextmanager
def reading(connection: Connection, path: Path) -> Iterator[Connection]:
    """A transaction that sees one state of the ledger, whoever writes meanwhile."""
    with _transaction(connection, path, "BEGIN", "reading"):
        yield connection


@contextmanager
def _transaction(connection: Connection, path: Path, begin: str, doing: str) -> Iterator[None]:
    import sqlite3

    try:
        connection.execute(begin)
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise
    except (sqlite3.Error, UnicodeError) as error:
        raise sqlite_error(error, path, doing) from error

"""The embedded store: one SQLite file, in WAL mode and synced at each commit, used by one process at a time."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from remit.durable._files import check_private, open_state_dir, store_error, sync_file
from remit.durable._lock import FileLock
from remit.durable._rows import Batch, Snapshot
from remit.durable._sqlite_errors import translated
from remit.durable._sqlite_format import check_version, create, damaged, migrate, read_header
from remit.durable._sqlite_statements import statements
from remit.errors import StoreCorrupt, StoreError

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["SqliteStore"]


class SqliteStore:
    """The rows of one vat in the SQLite file at `path`, made where it is missing, in a directory of mode 0700.

    Owned by whoever made it, until `close`. It holds the file `<path>.lock` and SQLite's own exclusive lock for
    all that time. The file belongs into a state directory: what lies beside it is the write-ahead log `<path>-wal`, a
    part of the store (copy both, with the process ended, or neither).

    Threads: any thread may call, one at a time (a lock sees to it); normally the thread that opens it
    loads, then the one thread of a `Writer` commits, and after its end whoever opened it closes.

    Raises, and then leaves all as it was: `StoreExposed`, `StoreLocked`, `StoreTooNew`, `StoreCorrupt`,
    `StoreFull`, or `StoreError` for what else stands in the way.
    """

    __slots__ = ("_connection", "_failure", "_lock", "_mutex", "path")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        open_state_dir(self.path.parent)
        for suffix in ("", "-wal", ".lock"):
            check_private(self.path.with_name(self.path.name + suffix))
        self._mutex = Lock()
        self._failure: StoreError | None = None
        self._lock = FileLock(self.path.with_name(self.path.name + ".lock"), f"the store {self.path}")
        try:
            self._connection: Connection | None = _open(self.path)
        except BaseException:
            self._lock.release()
            raise

    def __repr__(self) -> str:
        return f"<SqliteStore {self.path}{'' if self._connection else ', closed'}>"

    def load(self) -> Snapshot:
        """See `Store.load`."""
        import sqlite3

        with self._mutex:
            connection = self._usable()
            try:
                return _load(connection)
            except (sqlite3.Error, UnicodeError) as error:
                raise self._problem(error, "reading") from error

    def commit(self, batch: Batch) -> None:
        """See `Store.commit`. A batch of one statement costs one trip into SQLite, any other two more."""
        batch.check()
        steps = statements(batch)
        with self._mutex:
            connection = self._usable()
            try:
                _write(connection, steps)
            except BaseException as error:
                import sqlite3

                # Even if it was not SQLite that failed (out of memory, say): what the disk holds is unknown now. An
                # open transaction is undone by close.
                self._failure = self._problem(error, "writing to")
                if isinstance(error, sqlite3.Error):
                    raise self._failure from error
                raise

    def copy_to(self, path: str | os.PathLike[str]) -> None:
        """Write what is kept now into a new store file, mode 0600, which is on disk on return. Commits wait meanwhile.

        Raises `StoreFull` or `StoreError`, and then there is no such file and this store goes on.
        """
        import sqlite3

        target = Path(path).absolute()
        with self._mutex:
            connection = self._usable()
            try:
                os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            except OSError as error:
                raise store_error(error, f"{target} cannot be written") from error
            try:
                connection.execute("VACUUM INTO ?", (str(target),))
                sync_file(target)
            except (sqlite3.Error, OSError) as error:
                target.unlink(missing_ok=True)
                if isinstance(error, sqlite3.Error):
                    raise translated(error, target, "copying to") from error
                raise store_error(error, f"{target} cannot be written") from error

    def close(self) -> None:
        """See `Store.close`. What is in the write-ahead log is moved into the file."""
        with self._mutex:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
                self._lock.release()

    def _usable(self) -> Connection:
        if self._connection is None:
            raise StoreError(f"the store {self.path} is closed: open it again")
        if self._failure is not None:
            raise type(self._failure)(f"refused, since an earlier commit failed: {self._failure}")
        return self._connection

    def _problem(self, error: BaseException, doing: str) -> StoreError:
        import sqlite3

        if isinstance(error, (sqlite3.Error, UnicodeError)):
            return translated(error, self.path, doing)
        return StoreError(f"{doing} the store {self.path} was broken off: {type(error).__name__}: {error}")


def _open(path: Path) -> Connection:
    """A connection to a whole store of the current format, exclusively locked; the caller holds the lock file."""
    import sqlite3

    if sqlite3.sqlite_version_info < (3, 37):
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: Remit needs 3.37 or newer (strict tables)")
    try:
        if not path.exists():
            _create(path)
        check_version(path, read_header(path))
        connection = sqlite3.connect(
            path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, UnicodeError) as error:
        raise translated(error, path, "opening") from error
    except OSError as error:
        raise store_error(error, f"the store {path} cannot be made or opened") from error
    return connection


def _create(path: Path) -> None:
    log = path.with_name(path.name + "-wal")
    if log.exists():
        # SQLite would replay the log into the new file.
        raise StoreCorrupt(
            f"the store {path} is gone, but its log {log} is there: put the file back, or delete the log to begin anew"
        )
    create(path)


def _prepare(connection: Connection, path: Path) -> None:
    # Exclusive before the first read: then SQLite keeps the index of the log in its own memory (no -shm file).
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(f"the store {path} cannot be synced safely here (journal mode {mode}): use a local disk")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA fullfsync=ON")  # macOS: fsync alone does not reach the disk there
    findings = connection.execute("PRAGMA quick_check(1)").fetchall()
    if findings != [("ok",)]:
        raise damaged(path, str(findings[0][0]))
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    check_version(path, found)
    migrate(connection, found)


def _load(connection: Connection) -> Snapshot:
    rows = connection.execute  # no transaction: nobody else can write
    return Snapshot(
        dict(rows("SELECT name, value FROM meta ORDER BY name")),
        rows("SELECT id, kind, version FROM objects ORDER BY id").fetchall(),
        rows("SELECT object, field, key, value FROM fields ORDER BY object, field, key").fetchall(),
        rows("SELECT number, target, message FROM outbox ORDER BY target, number").fetchall(),
        dict(rows("SELECT sender, number FROM inbox ORDER BY sender")),
    )


def _write(connection: Connection, steps: list[tuple[str, list[object]]]) -> None:
    if len(steps) == 1:
        connection.execute(*steps[0])  # a statement is a transaction of its own
        return
    if steps:
        connection.execute("BEGIN IMMEDIATE")
        for sql, values in steps:
            connection.execute(sql, values)
        connection.execute("COMMIT")

"""The kept state of one project's plans: a file, its lock, and what was done."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from remit.errors import Missing, StoreError
from remit.graph import Known, Plan
from remit.ledger import _rows as rows
from remit.ledger._format import open_file
from remit.ledger._heartbeat import Heartbeat
from remit.ledger._holder import here, whoami
from remit.ledger._journal import LedgerJournal
from remit.ledger._lock import Lock, held, release, take, unlock
from remit.ledger._writing import reading, writing

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["EXPIRY", "SqliteLedger", "open_ledger"]

EXPIRY: Final = 30.0  # seconds that a lock lasts after each heartbeat: a busy machine is not taken for a dead one


def open_ledger(
    path: str | os.PathLike[str], project: str, *, expiry: float = EXPIRY, clock: Callable[[], float] = time.time
) -> SqliteLedger:
    """The ledger of this project in the file at `path`, made where it is missing; the caller closes it.

    `expiry` is for how many seconds its locks last without a heartbeat; `clock` gives seconds since the epoch.
    """
    return SqliteLedger(Path(path).absolute(), project, expiry, clock)


class SqliteLedger:
    """One project's state in an SQLite file, mode 0600: a `Ledger`. Made by `open_ledger`, and used by one thread.

    It holds no secrets: what graphs say of them is where they are. Other processes may read it at any time; who writes has to hold the lock.
    """

    def __init__(self, path: Path, project: str, expiry: float, clock: Callable[[], float]) -> None:
        self.path = path
        self.project = project
        self._expiry = expiry
        self._clock = clock
        self._connection: Connection | None = open_file(path, project)

    def __repr__(self) -> str:
        return f"<SqliteLedger {self.path} of {self.project!r}{'' if self._connection else ', closed'}>"

    def known(self) -> Known:
        """See `Ledger.known`."""
        with reading(self._usable(), self.path) as connection:
            return rows.known(connection)

    @contextmanager
    def locked(self, purpose: str = "", steal: str = "") -> Iterator[LedgerJournal]:
        """See `Ledger.locked`. The lock is let go of at the end, however that comes; it ends by itself with this process."""
        connection, now = self._usable(), self._clock()
        wish = Lock(secrets.token_hex(4), 0, whoami(), purpose, now, now, self._expiry, here())
        with writing(connection, self.path):
            lock = take(connection, wish, steal)
        heartbeat = Heartbeat(self.path, lock, self._clock)
        try:
            yield LedgerJournal(connection, self.path, lock, self._clock)
        finally:
            heartbeat.stop()
            with suppress(StoreError), writing(connection, self.path):
                release(connection, lock)

    def lock(self) -> Lock | None:
        """Who holds it now; one that is dead or has expired is still named until somebody takes it."""
        with reading(self._usable(), self.path) as connection:
            return held(connection)

    def unlock(self, id: str) -> Lock:
        """Take the lock with this id, as it was shown, away from its holder, which can write no more. Gives what it was.

        Raises `Conflict` when another lock is held by now, `Missing` when none is.
        """
        with writing(self._usable(), self.path) as connection:
            return unlock(connection, id, self._clock())

    def history(self, most: int = 20) -> list[rows.Run]:
        """The latest runs that applied plans, newest first."""
        with reading(self._usable(), self.path) as connection:
            return rows.runs(connection, most)

    def applied(self, number: int) -> Plan:
        """The plan that the run with this number applied. Raises `Missing` for one that is not remembered."""
        with reading(self._usable(), self.path) as connection:
            plan = rows.find_run(connection, number)
        if plan is None:
            raise Missing(f"there is no run {number}; the latest {rows.RUNS} are remembered")
        return plan

    def close(self) -> None:
        """See `Ledger.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _usable(self) -> Connection:
        if self._connection is None:
            raise StoreError(f"the ledger {self.path} is closed: open it again")
        return self._connection

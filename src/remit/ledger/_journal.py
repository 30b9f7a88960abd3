"""The journal of one holder of the lock: what it is going to do, and what it has done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from remit.errors import Conflict, Misuse
from remit.graph import Plan, Step
from remit.ledger import _rows as rows
from remit.ledger._lock import Lock, check
from remit.ledger._writing import writing

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["LedgerJournal"]


class LedgerJournal:
    """Writes a ledger while its lock is held; made by `SqliteLedger.locked`, and of no use after that.

    Each method is one transaction that begins with a look at the lock. When it returns, all of it is on disk; it raises `Conflict` when the
    lock was lost or has expired, `StoreFull` or another `StoreError` when it could not be written, and then nothing of it has happened.
    """

    def __init__(self, connection: Connection, path: Path, lock: Lock, clock: Callable[[], float]) -> None:
        self.lock = lock
        self._connection = connection
        self._path = path
        self._clock = clock
        self._run: int | None = None

    def begin(self, plan: Plan) -> None:
        """See `Journal.begin`."""
        with self._writing() as now:
            found = rows.serial(self._connection)
            if plan.serial != found:
                raise Conflict(
                    f"the plan is for state {plan.serial}, and another run has brought it to {found}: nothing was done; plan again"
                )
            self._run = rows.begin(self._connection, self.lock.owner, self.lock.purpose, now, plan)

    def intent(self, step: Step) -> None:
        """See `Journal.intent`."""
        run = self._begun()
        with self._writing():
            rows.intend(self._connection, run, step)

    def done(self, step: Step, name: str) -> None:
        """See `Journal.done`."""
        run = self._begun()
        with self._writing():
            rows.done(self._connection, run, step, name)

    def finish(self) -> None:
        """See `Journal.finish`."""
        run = self._begun()
        with self._writing() as now:
            rows.finish(self._connection, run, now)
        self._run = None

    def _begun(self) -> int:
        if self._run is None:
            raise Misuse("a journal begins with begin(plan)")
        return self._run

    @contextmanager
    def _writing(self) -> Iterator[float]:
        with writing(self._connection, self._path):
            now = self._clock()
            check(self._connection, self.lock, now)
            yield now

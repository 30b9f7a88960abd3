"""One thread that writes to a SQLite file: jobs that wait together are committed together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

from remit.durable import sqlite_error
from remit.errors import StoreError, StoreFull

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["Work"]

T = TypeVar("T")
MOST: Final = 256  # jobs of one transaction


@dataclass(slots=True)
class _Job:
    function: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Work:
    """The writing connection of a store, and the thread that has it. Owned by the backend, until `close`.

    A job is a function of the connection, in a savepoint of its own: one that raises is undone alone. What is told to have been done is on disk. A
    full disk undoes the jobs of one transaction, and later ones are tried again; after any other failure of the file nothing more is written.
    """

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._failure: StoreError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="remit-store", daemon=True)
        self._thread.start()

    async def do(self, function: Callable[[Connection], T]) -> T:
        """The job's result, once it is kept. To stop waiting does not take it back."""
        if self._closed:
            raise StoreError(f"the store {self._path} is closed: open it again")
        loop = asyncio.get_running_loop()
        job = _Job(function, loop, loop.create_future())
        self._jobs.put(job)
        return await job.done  # type: ignore[no-any-return]

    def close(self) -> None:
        """Finish what was handed in, and close the connection."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
            self._thread.join()
            self._connection.close()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            jobs = [job]
            ended = False
            try:
                while len(jobs) < MOST:
                    more = self._jobs.get_nowait()
                    if more is None:
                        ended = True
                        break
                    jobs.append(more)
            except Empty:
                pass
            self._together(jobs)
            for loop in {each.loop for each in jobs}:
                mine = [each for each in jobs if each.loop is loop]
                if not loop.is_closed():
                    loop.call_soon_threadsafe(_tell, mine)
            if ended:
                return

    def _together(self, jobs: list[_Job]) -> None:
        """One transaction for all."""
        import sqlite3

        try:
            if self._failure is not None:
                raise type(self._failure)(f"refused, since an earlier write failed: {self._failure}")
            self._connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._one(job, alone=len(jobs) == 1)
            self._connection.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001  # each job is told, whatever it was
            failure = sqlite_error(error, self._path, "writing to") if isinstance(error, sqlite3.Error) else error
            if isinstance(failure, StoreError) and not isinstance(failure, StoreFull):
                self._failure = failure
            self._undo()
            for job in jobs:
                if job.error is None:
                    job.error = failure.with_traceback(None) if len(jobs) > 1 else failure

    def _one(self, job: _Job, *, alone: bool) -> None:
        import sqlite3

        if not alone:
            self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.function(self._connection)
        except sqlite3.Error:
            raise  # the file's: no job of this transaction is kept
        except Exception as error:  # noqa: BLE001  # the job's own
            job.error = error
            if alone:
                self._undo()
                self._connection.execute("BEGIN IMMEDIATE")
            else:
                self._connection.execute("ROLLBACK TO job")
        if not alone:
            self._connection.execute("RELEASE job")

    def _undo(self) -> None:
        import sqlite3

        if self._connection.in_transaction:  # SQLite may have undone it by itself
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._failure = sqlite_error(error, self._path, "undoing a write to")


def _tell(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.done.done():
            continue
        if job.error is not None:
            job.done.set_exception(job.error)
        else:
            job.done.set_result(job.result)

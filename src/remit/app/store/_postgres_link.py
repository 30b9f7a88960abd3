"""Connections to the PostgreSQL of a store: made when needed, lost and made again, and what its errors mean."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from remit.errors import (
    BadArgument,
    Conflict,
    Misuse,
    NotAllowed,
    Refused,
    RemitError,
    StoreError,
    StoreFull,
    Uncertain,
    Unreachable,
)
from remit.values import Secret

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["Link", "database", "problem_at"]

T = TypeVar("T")
PATIENCE: Final = 15.0  # seconds for one statement, one lock, and for a server that cannot be reached to come back
MOST: Final = 8  # connections at once
AGAIN: Final = 20  # tries of what the server has undone, since it was in another's way
Rows = list[tuple[Any, ...]]


def database() -> Any:
    """The package psycopg. `Misuse` says how to get it."""
    try:
        import psycopg
        import psycopg.sql
    except ImportError:
        raise Misuse(
            "a store on PostgreSQL needs the package psycopg, which is not installed: pip install 'remit[postgres]'"
        ) from None
    return psycopg


class Link:
    """A few connections with one login, kept between uses. Owned by the backend, until `close`.

    A server that is away is waited for, `patience` seconds at most; what was not sent to it is sent then.
    """

    def __init__(self, connection: Secret, patience: float = PATIENCE) -> None:
        self._secret = connection
        self._patience = patience
        self._idle: list[AsyncConnection[Any]] = []
        self._room = asyncio.Semaphore(MOST)
        self._closed = False

    async def read(self, words: bytes, values: Sequence[Any] = ()) -> Rows:
        """The rows of one query; asked again where the connection is lost."""

        async def query(connection: AsyncConnection[Any]) -> Rows:
            return await (await connection.execute(words, values or None)).fetchall()

        return await self.work(query, changes=False)

    async def work(self, function: Callable[[AsyncConnection[Any]], Awaitable[T]], *, changes: bool = True) -> T:
        """Run the function with a connection; again, where the server has undone it since it was in another's way, or the connection was lost and
        nothing was to be changed.
        """
        psycopg = database()
        for attempt in range(AGAIN):
            try:
                async with self.connection() as connection:
                    try:
                        return await self._in_time(function, connection, changes=changes)
                    except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
                        if attempt == AGAIN - 1:
                            raise
                    except psycopg.OperationalError as error:
                        if connection.closed and changes:
                            raise _lost(error) from None
                        if not connection.closed or attempt == AGAIN - 1:
                            raise
            except psycopg.Error as error:
                raise translated(error) from None
        raise AssertionError("the last attempt raises")

    async def _in_time(
        self,
        function: Callable[[AsyncConnection[Any]], Awaitable[T]],
        connection: AsyncConnection[Any],
        *,
        changes: bool,
    ) -> T:
        try:
            async with asyncio.timeout(
                self._patience + 5
            ) as limit:  # the server's own limit comes first, if the server can be heard
                return await function(connection)
        except TimeoutError:
            await _end(connection)
            if not limit.expired():
                raise
            words = f"PostgreSQL has not answered for {self._patience + 5:g} s"
            raise (
                Uncertain(f"{words}: whether the change was made is not known") if changes else Unreachable(words)
            ) from None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection for one piece of work; it is used again only where that has left it in order."""
        if self._closed:
            raise StoreError("the store is closed: open it again")
        async with self._room:
            connection = await self._get()
            try:
                yield connection
            except BaseException:
                await self._undo(connection)
                raise
            finally:
                if not self._usable(connection):
                    await _end(connection)
                else:
                    self._idle.append(connection)

    def _usable(self, connection: AsyncConnection[Any]) -> bool:
        return not self._closed and not connection.closed and not connection.info.transaction_status

    async def _undo(self, connection: AsyncConnection[Any]) -> None:
        status = connection.info.transaction_status
        if status and status.name == "INERROR" and not connection.closed:
            with suppress(Exception):
                await connection.rollback()

    async def _get(self) -> AsyncConnection[Any]:
        while self._idle:
            connection = self._idle.pop()
            if _alive(connection):
                return connection
            await _end(connection)
        psycopg = database()
        pause, began = 0.02, asyncio.get_running_loop().time()
        while True:
            try:
                return await self._connect()
            except psycopg.OperationalError as error:
                problem = _unreached(error)
            except psycopg.ProgrammingError:  # its words have parts of the text
                raise BadArgument(
                    "the connection of the store cannot be read: write postgresql://user:password@host:port/database"
                ) from None
            except TimeoutError:
                problem = Unreachable("PostgreSQL does not answer; nothing was changed")
            left = began + self._patience - asyncio.get_running_loop().time()
            if not isinstance(problem, Unreachable) or left <= 0:
                raise problem
            await asyncio.sleep(min(pause, max(left, 0.0)))
            pause = min(pause * 2, 1.0)

    async def _connect(self) -> AsyncConnection[Any]:
        psycopg = database()
        limit = int(PATIENCE * 1000)
        async with asyncio.timeout(self._patience):
            connection: AsyncConnection[Any] = await psycopg.AsyncConnection.connect(self._secret.text, autocommit=True)
            try:
                await connection.execute(
                    f"SET statement_timeout = {limit}; SET lock_timeout = {limit}; SET idle_in_transaction_session_timeout = {2 * limit};"
                    "SET default_transaction_isolation = 'read committed'; SET client_min_messages = error; SET application_name = 'remit store'".encode()
                )
            except BaseException:
                await _end(connection)
                raise
        return connection

    async def close(self) -> None:
        """End the connections; those in use when their work is done."""
        self._closed = True
        while self._idle:
            await _end(self._idle.pop())


def problem_at(connection: Secret, seconds: int = 3) -> str:
    """Why a database cannot be used, "" where it can: asked before anything is made that would need it. Blocks, for so many seconds at most."""
    try:
        psycopg = database()
        psycopg.connect(connection.text, connect_timeout=seconds).close()
    except Misuse as error:
        return str(error)
    except psycopg.OperationalError as error:
        return _unreached(error).message
    except psycopg.Error:
        return "the address of PostgreSQL cannot be read: write postgresql://user:password@host:port/database"
    return ""


def _alive(connection: AsyncConnection[Any]) -> bool:
    """Whether an idle connection is still there: a server that has ended it has said so, and there is something to be read."""
    if connection.closed:
        return False
    watch = select.poll()
    watch.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return not watch.poll(0)


async def _end(connection: AsyncConnection[Any]) -> None:
    with suppress(Exception):  # it is over in any case
        await connection.close()


def translated(error: Any) -> RemitError:
    """What an error of PostgreSQL's means to whoever uses the store. Never with the statement, nor with values."""
    errors = database().errors
    words = _words(error)
    if isinstance(error, (errors.DiskFull, errors.OutOfMemory, errors.ConfigurationLimitExceeded)):
        return StoreFull(
            f"PostgreSQL has no room: {words}; nothing of this call was kept: free some room, then try again"
        )
    if isinstance(error, errors.InsufficientPrivilege):
        return NotAllowed(f"this reference to the store is attenuated, and that is outside of it (PostgreSQL: {words})")
    if isinstance(error, (errors.QueryCanceled, errors.LockNotAvailable)):
        return Unreachable(
            f"PostgreSQL was too slow, at more than {PATIENCE:g} s ({words}); nothing was changed: try again, and see what it is busy with"
        )
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return Refused(f"PostgreSQL takes no changes now: {words}; nothing was changed")
    if isinstance(error, (errors.UndefinedTable, errors.InvalidSchemaName)):
        return Conflict(
            f"the tables of the store are not there ({words}): have them made by the owner first, as `remit up` does"
        )
    if isinstance(error, database().OperationalError):
        return Unreachable(f"PostgreSQL cannot do that now: {words}; nothing was changed")
    return StoreError(f"PostgreSQL refuses: {words}; nothing was changed")


def _lost(error: Any) -> Uncertain:
    return Uncertain(
        f"the connection to PostgreSQL was lost ({_words(error)}): whether the change was made is not known; read before you repeat it"
    )


def _unreached(error: Any) -> Refused | Unreachable:
    """What a failed connection says: a server that is not there may come, a password that is wrong stays wrong."""
    words = _words(error)
    if (
        "authentication failed" in words
        or "does not exist" in words
        or "no pg_hba.conf entry" in words
        or "not permitted to log in" in words
    ):
        return Refused(f"PostgreSQL does not let this store's login in: {words}")
    return Unreachable(
        f"PostgreSQL cannot be reached: {words}; nothing was changed: see that it runs, and the store goes on by itself"
    )


def _words(error: Any) -> str:
    primary = error.diag.message_primary or str(error).strip()
    return " ".join(primary.split())[:300]

"""The owner's connection to a PostgreSQL database: one at a time, made when it is needed, lost and made again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from remit.errors import BadArgument, Broken, Conflict, Missing, Refused, Uncertain, Unreachable
from remit.values import Secret

if TYPE_CHECKING:
    from typing import LiteralString

    from psycopg import AsyncConnection
    from psycopg.sql import Composed

__all__ = ["Link", "database"]

PATIENCE: Final = 15  # seconds to connect, for one statement, and to wait for a lock


def database() -> Any:
    """The package psycopg. `Missing` says how to get it."""
    try:
        import psycopg
        import psycopg.sql
    except ImportError:
        raise Missing(
            "PostgreSQL needs the package psycopg, which is not installed: pip install 'remit[postgres]'"
        ) from None
    return psycopg


class Link:
    """The owner's connection. Work on it is done one after the other; `close` ends it."""

    def __init__(self, connection: Secret) -> None:
        self._secret = connection
        self._open: AsyncConnection[Any] | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Link]:
        """Some statements in a row; psycopg's errors come out as ours. An error ends the connection, and with it whatever was locked."""
        psycopg = database()
        async with self._turn:
            await self._connected()
            try:
                yield self
            except psycopg.OperationalError as error:
                await self._drop()
                raise Uncertain(f"the connection to PostgreSQL was lost: {_words(error)}") from None
            except psycopg.errors.InsufficientPrivilege as error:
                await self._drop()
                raise Refused(f"the owner's role at PostgreSQL may not do that: {_words(error)}") from None
            except psycopg.Error as error:
                await self._drop()
                raise Conflict(f"PostgreSQL refuses: {_words(error)}") from None
            except BaseException:
                await self._drop()
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """All statements inside are done, or none."""
        assert self._open is not None
        async with self._open.transaction():
            yield

    async def run(self, statement: Composed | LiteralString, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """One statement; its rows, if it gives any. Values go beside a query; statements that make roles have no place for them."""
        assert self._open is not None
        cursor = await self._open.execute(statement, values or None)
        return await cursor.fetchall() if cursor.description is not None else []

    def verifier(self, role: str, password: Secret) -> str:
        """The password as the server keeps it (RFC 5803): so neither statement nor server log ever has the password itself."""
        assert self._open is not None
        made = self._open.pgconn.encrypt_password(password.text.encode(), role.encode(), b"scram-sha-256")
        return made.decode()

    def place(self) -> tuple[str, int, str]:
        """Host (or the directory of its unix socket), port and database."""
        assert self._open is not None
        info = self._open.info
        return info.host, info.port, info.dbname

    async def close(self) -> None:
        """End the connection."""
        async with self._turn:
            await self._drop()

    async def _connected(self) -> None:
        psycopg = database()
        if self._open is not None:
            try:
                await self._open.execute("SELECT")
            except psycopg.Error:
                await self._drop()  # the server was started again
            else:
                return
        try:
            async with asyncio.timeout(PATIENCE):
                self._open = await psycopg.AsyncConnection.connect(
                    self._secret.text, autocommit=True, prepare_threshold=None
                )
                await self._open.execute(
                    f"SET statement_timeout = '{PATIENCE}s'; SET lock_timeout = '{PATIENCE}s'; SET search_path = pg_catalog;"
                    " SET client_min_messages = error; SET application_name = 'remit'"
                )
        except psycopg.OperationalError as error:
            raise _unreached(error) from None
        except psycopg.ProgrammingError:  # its words have parts of the text
            raise BadArgument(
                "the owner's connection cannot be read: write postgresql://user:password@host:port/database, or key=value pairs"
            ) from None
        except TimeoutError:
            raise Unreachable(f"PostgreSQL has not answered within {PATIENCE} s") from None

    async def _drop(self) -> None:
        connection, self._open = self._open, None
        if connection is not None:
            with suppress(Exception):  # it is over in any case
                await connection.close()


def _unreached(error: Any) -> Broken:
    """What a failed connection says: a server that is not there may come, a password that is wrong stays wrong."""
    words = _words(error)
    if "authentication failed" in words or "does not exist" in words or "no pg_hba.conf entry" in words:
        return Refused(f"PostgreSQL does not let the owner in: {words}")
    return Unreachable(f"PostgreSQL cannot be reached: {words}")


def _words(error: Any) -> str:
    """The error's own message in one line; never the statement, which may have what a peer has sent."""
    primary = error.diag.message_primary or str(error).strip()
    return " ".join(primary.split())[:400]

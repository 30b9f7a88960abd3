"""The steps of building indexes in PostgreSQL, while others write: with the owner's login."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from remit.app.store._building import ACTIVE, BUILDING, RETIRED, Kept
from remit.app.store._form import from_json
from remit.app.store._index import Index, Row, rows_of
from remit.app.store._postgres_link import Link
from remit.app.store._postgres_schema import Schema
from remit.values import same

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["PostgresTables"]

T = TypeVar("T")


class PostgresTables:
    """See `Tables`. Each step is a transaction. Rows are locked in order of keys, values before their rows, as all writers do it."""

    def __init__(self, link: Link, schema: Schema) -> None:
        self._link = link
        self._schema = schema

    async def begin_work(self) -> None:
        """Make the schema. Raises `Conflict` for one that is something else's."""
        await self._link.work(self._schema.make)

    async def kept(self) -> list[Kept]:
        return await self._link.work(self._schema.kept, changes=False)

    async def begin(self, index: Index, table: str) -> None:
        async def step(connection: AsyncConnection[Any]) -> None:
            await self._schema.lock(connection)
            await self._schema.make_index(connection, table)
            row = (table, index.name, index.version, index.fingerprint, BUILDING)
            await connection.execute(self._words("DELETE FROM {s}.remit_indexes WHERE tab = %s"), (table,))
            await connection.execute(
                self._words("INSERT INTO {s}.remit_indexes VALUES (%s, %s, %s, %s, %s, NULL)"), row
            )

        await self._step(step)

    async def fill(self, index: Index, table: str, after: str | None, most: int) -> str | None:
        async def step(connection: AsyncConnection[Any]) -> str | None:
            values = await self._page(connection, after, most)
            await self._write(connection, index, table, values)
            if not values:
                return None
            await connection.execute(
                self._words("UPDATE {s}.remit_indexes SET cursor = %s WHERE tab = %s"), (values[-1][0], table)
            )
            return values[-1][0]

        return await self._step(step)

    async def freshen(self, index: Index, table: str, most: int) -> int:
        async def step(connection: AsyncConnection[Any]) -> int:
            words = self._words("SELECT key FROM {s}.kv_stale WHERE tab = %s ORDER BY key LIMIT %s")
            keys = [key for (key,) in await (await connection.execute(words, (table, most))).fetchall()]
            words = self._words(
                "SELECT key, value::text FROM {s}.kv_entries WHERE key = ANY(%s) ORDER BY key FOR UPDATE"
            )
            values = await (await connection.execute(words, (keys,))).fetchall()
            await connection.execute(
                self._words("DELETE FROM {s}.kv_stale WHERE tab = %s AND key = ANY(%s)"), (table, keys)
            )
            await self._write(connection, index, table, values)
            return len(keys)

        return await self._step(step)

    async def check(self, index: Index, table: str, after: str | None, most: int) -> tuple[str | None, int]:
        async def step(connection: AsyncConnection[Any]) -> tuple[str | None, int]:
            values = await self._page(connection, after, most)
            words = self._words(
                "SELECT key, index_key, place, inline::text FROM {s}.{t} WHERE key = ANY(%s) ORDER BY key, place",
                t=table,
            )
            there: dict[str, list[Any]] = {}
            for key, *row in await (await connection.execute(words, ([key for key, _ in values],))).fetchall():
                there.setdefault(key, []).append(tuple(row))
            words = self._words("DELETE FROM {s}.kv_stale WHERE tab = %s AND key = ANY(%s) RETURNING key")
            stale = {
                key
                for (key,) in await (await connection.execute(words, (table, [key for key, _ in values]))).fetchall()
            }
            wrong = [(key, text) for key, text in values if not _same(there.get(key, []), rows_of(index, key, text))]
            await self._write(connection, index, table, wrong)
            return (values[-1][0] if values else None), sum(key not in stale for key, _ in wrong)

        return await self._step(step)

    async def switch(self, table: str) -> None:
        async def step(connection: AsyncConnection[Any]) -> None:
            await self._schema.lock(connection)
            words = "UPDATE {s}.remit_indexes SET state = CASE WHEN tab = %s THEN %s ELSE %s END WHERE name = "
            words += "(SELECT name FROM {s}.remit_indexes WHERE tab = %s)"
            await connection.execute(self._words(words), (table, ACTIVE, RETIRED, table))

        await self._step(step)

    async def drop(self, table: str) -> None:
        async def step(connection: AsyncConnection[Any]) -> None:
            await self._schema.lock(connection)
            await connection.execute(
                self._words('DROP TABLE IF EXISTS {s}."{t}"', t=table.replace('"', '""').replace("%", "%%"))
            )
            await connection.execute(self._words("DELETE FROM {s}.remit_indexes WHERE tab = %s"), (table,))
            await connection.execute(self._words("DELETE FROM {s}.kv_stale WHERE tab = %s"), (table,))

        await self._step(step)

    # --- in a step ----------------------------------------------------------------------------------

    async def _step(self, step: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
        """One transaction. Two builders of one store go on by turns: each step is right whoever has done the one before."""

        async def whole(connection: AsyncConnection[Any]) -> T:
            async with connection.transaction():
                number = zlib.crc32(self._schema.name.encode()) - (1 << 31)
                await connection.execute(b"SELECT pg_advisory_xact_lock(1919249507, %s)", (number,))
                return await step(connection)

        return await self._link.work(whole)

    def _words(self, text: str, **more: Any) -> bytes:
        return self._schema.words(text, **more)

    async def _page(self, connection: AsyncConnection[Any], after: str | None, most: int) -> Sequence[tuple[str, str]]:
        where = "" if after is None else "WHERE key > %s"
        words = self._words(f"SELECT key, value::text FROM {{s}}.kv_entries {where} ORDER BY key LIMIT %s FOR UPDATE")
        return await (await connection.execute(words, (most,) if after is None else (after, most))).fetchall()

    async def _write(
        self, connection: AsyncConnection[Any], index: Index, table: str, values: Sequence[tuple[str, str]]
    ) -> None:
        rows = [(key, *row) for key, text in values for row in rows_of(index, key, text)]
        if values:
            await connection.execute(
                self._words("DELETE FROM {s}.{t} WHERE key = ANY(%s)", t=table), ([key for key, _ in values],)
            )
        if rows:
            words = "INSERT INTO {s}.{t} (key, index_key, place, inline) SELECT k, i, p, j::jsonb FROM unnest(%s::text[], %s::text[], %s::int[], %s::text[]) r(k, i, p, j)"
            await connection.execute(self._words(words, t=table), tuple(map(list, zip(*rows, strict=True))))


def _same(kept: list[Any], rows: list[Row]) -> bool:
    """Whether these are the rows; the server writes JSON its own way."""
    if len(kept) != len(rows):
        return False
    for (index_key, place, inline), row in zip(kept, rows, strict=True):
        if (index_key, place, inline is None) != (row[0], row[1], row[2] is None):
            return False
        if inline is not None and row[2] is not None and not same(from_json(inline), from_json(row[2])):
            return False
    return True

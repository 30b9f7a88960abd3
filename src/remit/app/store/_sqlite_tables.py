"""What is written to a store's SQLite file: values with the rows of their indexes, and the steps of building those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from remit.app.store._building import ACTIVE, BUILDING, RETIRED, Kept
from remit.app.store._index import Index, Row, rows_of
from remit.app.store._sqlite_file import create_index_table
from remit.app.store._sqlite_work import Work

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["SqliteTables"]

_UPSERT: Final = (
    "INSERT INTO kv_entries (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_KEPT: Final = """
SELECT coalesce(i.name, ''), coalesce(i.version, 0), coalesce(i.fingerprint, ''), m.name, coalesce(i.state, ''), i.cursor,
    (SELECT count(*) FROM kv_stale s WHERE s.tab = m.name)
FROM sqlite_master m LEFT JOIN kv_indexes i ON i.tab = m.name WHERE m.type = 'table' AND m.name GLOB 'kv_index_*' ORDER BY m.name
"""


class SqliteTables:
    """The tables of one store. `known` are those whose functions this program has, and `unknown` the others; both belong to the writing thread."""

    def __init__(self, work: Work, reader: Connection) -> None:
        self.work = work
        self.reader = reader
        self.known: dict[str, Index] = {}
        self.unknown: set[str] = {kept.table for kept in _kept(reader)}

    def put(self, connection: Connection, key: str, text: str) -> None:
        """Keep a value, with its rows. Called in the writing thread, as the next."""
        connection.execute(_UPSERT, (key, text))
        for table, index in self.known.items():
            _write(connection, table, key, rows_of(index, key, text))
        for table in self.unknown:
            connection.execute("INSERT OR IGNORE INTO kv_stale VALUES (?, ?)", (table, key))

    def delete(self, connection: Connection, key: str) -> bool:
        """Remove a value; its rows go with it. Whether there was one."""
        return connection.execute("DELETE FROM kv_entries WHERE key = ?", (key,)).rowcount > 0

    async def declare(self, tables: dict[str, Index]) -> None:
        """The functions of this program; what is there besides is unknown from now on."""

        def job(connection: Connection) -> None:
            there = {kept.table for kept in _kept(connection)}
            self.known = {table: index for table, index in tables.items() if table in there}
            self.unknown = there - self.known.keys()

        await self.work.do(job)

    # --- the steps of building: see `Tables` --------------------------------------------------------

    async def kept(self) -> list[Kept]:
        return _kept(self.reader)

    async def begin(self, index: Index, table: str) -> None:
        def job(connection: Connection) -> None:
            create_index_table(connection, table)
            row = (table, index.name, index.version, index.fingerprint, BUILDING)
            connection.execute("INSERT OR REPLACE INTO kv_indexes VALUES (?, ?, ?, ?, ?, NULL)", row)
            connection.execute("DELETE FROM kv_stale WHERE tab = ?", (table,))

        await self.work.do(job)
        await self.work.do(lambda _: self.known.update({table: index}))  # known from the commit on, or not at all

    async def fill(self, index: Index, table: str, after: str | None, most: int) -> str | None:
        def job(connection: Connection) -> str | None:
            values = _page(connection, after, most)
            for key, text in values:
                _write(connection, table, key, rows_of(index, key, text))
            last = values[-1][0] if values else None
            if last is not None:
                connection.execute("UPDATE kv_indexes SET cursor = ? WHERE tab = ?", (last, table))
            return last

        return await self.work.do(job)

    async def freshen(self, index: Index, table: str, most: int) -> int:
        def job(connection: Connection) -> int:
            values = connection.execute(
                "SELECT key, value FROM kv_stale JOIN kv_entries USING (key) WHERE tab = ? ORDER BY key LIMIT ?",
                (table, most),
            ).fetchall()
            for key, text in values:
                _write(connection, table, key, rows_of(index, key, text))
                connection.execute("DELETE FROM kv_stale WHERE tab = ? AND key = ?", (table, key))
            return len(values)

        return await self.work.do(job)

    async def check(self, index: Index, table: str, after: str | None, most: int) -> tuple[str | None, int]:
        def job(connection: Connection) -> tuple[str | None, int]:
            values, wrong = _page(connection, after, most), 0
            for key, text in values:
                rows = rows_of(index, key, text)
                kept = connection.execute(
                    f"SELECT index_key, place, inline FROM {table} WHERE key = ? ORDER BY place", (key,)
                ).fetchall()
                if kept != rows:
                    _write(connection, table, key, rows)
                    wrong += 1
            return (values[-1][0] if values else None), wrong

        return await self.work.do(job)

    async def switch(self, table: str) -> None:
        def job(connection: Connection) -> None:
            same = "name = (SELECT name FROM kv_indexes WHERE tab = ?)"
            connection.execute(f"UPDATE kv_indexes SET state = ? WHERE {same} AND tab <> ?", (RETIRED, table, table))
            connection.execute("UPDATE kv_indexes SET state = ? WHERE tab = ?", (ACTIVE, table))

        await self.work.do(job)

    async def drop(self, table: str) -> None:
        def job(connection: Connection) -> None:
            self.known.pop(table, None)
            self.unknown.discard(table)
            connection.execute(f'DROP TABLE IF EXISTS "{table}"')
            connection.execute("DELETE FROM kv_indexes WHERE tab = ?", (table,))
            connection.execute("DELETE FROM kv_stale WHERE tab = ?", (table,))

        try:
            await self.work.do(job)
        except BaseException:
            self.unknown.add(table)  # it is still there, and has missed what was written since
            raise


def _kept(connection: Connection) -> list[Kept]:
    return [Kept(*row) for row in connection.execute(_KEPT).fetchall()]


def _page(connection: Connection, after: str | None, most: int) -> list[tuple[str, str]]:
    where = "" if after is None else "WHERE key > ?"
    values: tuple[str | int, ...] = (most,) if after is None else (after, most)
    return connection.execute(f"SELECT key, value FROM kv_entries {where} ORDER BY key LIMIT ?", values).fetchall()


def _write(connection: Connection, table: str, key: str, rows: list[Row]) -> None:
    connection.execute(f"DELETE FROM {table} WHERE key = ?", (key,))
    if rows:
        connection.executemany(
            f"INSERT INTO {table} (index_key, key, place, inline) VALUES (?, ?, ?, ?)",
            [(row[0], key, row[1], row[2]) for row in rows],
        )

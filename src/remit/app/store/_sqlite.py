"""The store in a SQLite file: for one process, which serves the others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remit.app.store._backend import MISSING, PAGE, Seen
from remit.app.store._form import from_json, to_json
from remit.app.store._index import Found, Index
from remit.app.store._names import check_key, check_prefix, index_table, next_text
from remit.app.store._opened import Opened
from remit.app.store._sqlite_file import open_file, reader_of
from remit.app.store._sqlite_tables import SqliteTables
from remit.app.store._sqlite_work import Work
from remit.durable import FileLock, sqlite_error
from remit.errors import StoreError

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["SqliteBackend"]


class SqliteBackend(Opened):
    """See `StoreBackend`. The file at `path`, made where it is missing, belongs to this process until `close`; beside it is its log `<path>-wal`, a part of
    it, and `<path>.lock`.

    Writes are made by a thread of its own, and are on disk when they return; those that wait together share one sync. Reads are made at once.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FileLock(self.path.with_name(self.path.name + ".lock"), f"the store {self.path}")
        try:
            self._work = Work(open_file(self.path), self.path)
        except BaseException:
            self._lock.release()
            raise
        self._reader: Connection | None = reader_of(self.path)
        self._rows = SqliteTables(self._work, self._reader)
        super().__init__(self._rows)

    async def open(self, indexes: Sequence[Index]) -> None:
        await super().open(indexes)
        await self._rows.declare({index_table(index.name, index.version): index for index in indexes})

    async def get(self, key: str) -> Any:
        for (text,) in self._read("SELECT value FROM kv_entries WHERE key = ?", check_key(key)):
            return from_json(text)
        return None

    async def has(self, key: str) -> bool:
        return bool(self._read("SELECT 1 FROM kv_entries WHERE key = ?", check_key(key)))

    async def set(self, key: str, value: Any) -> None:
        check_key(key)
        if value is None:
            await self.delete(key)
            return
        text = to_json(value).decode()
        await self._work.do(lambda connection: self._rows.put(connection, key, text))

    async def delete(self, key: str) -> bool:
        check_key(key)
        return await self._work.do(lambda connection: self._rows.delete(connection, key))

    async def look(self, key: str) -> Seen:
        for (text,) in self._read("SELECT value FROM kv_entries WHERE key = ?", check_key(key)):
            return Seen(from_json(text), text.encode())
        return Seen(None, MISSING)

    async def swap(self, key: str, token: bytes, value: Any) -> bool:
        check_key(key)
        text = None if value is None else to_json(value).decode()

        def job(connection: Connection) -> bool:
            row = connection.execute("SELECT value FROM kv_entries WHERE key = ?", (key,)).fetchone()
            if (MISSING if row is None else row[0].encode()) != token:
                return False
            if text is None:
                self._rows.delete(connection, key)
            else:
                self._rows.put(connection, key, text)
            return True

        return await self._work.do(job)

    async def keys(self, prefix: str = "", after: str | None = None, most: int = PAGE) -> list[str]:
        bounds, values = _bounds("key", check_prefix(prefix))
        if after is not None:
            bounds, values = [*bounds, "key > ?"], [*values, check_key(after)]
        where = f"WHERE {' AND '.join(bounds)}" if bounds else ""
        rows = self._read(f"SELECT key FROM kv_entries {where} ORDER BY key LIMIT ?", *values, min(most, PAGE))
        return [key for (key,) in rows]

    async def find(
        self,
        index: str,
        index_key: str,
        *,
        values: bool = False,
        inline: bool = True,
        prefix: str = "",
        after: tuple[str, int] | None = None,
        most: int = PAGE,
    ) -> list[Found]:
        table = await self.active(index)
        bounds, given = _bounds("i.key", check_prefix(prefix))
        bounds, given = ["i.index_key = ?", *bounds], [check_key(index_key, "key of an index"), *given]
        if after is not None:
            bounds, given = [*bounds, "(i.key, i.place) > (?, ?)"], [*given, *after]
        columns = f"i.key, i.place, {'i.inline' if inline else 'NULL'}, {'e.value' if values else 'NULL'}"
        source = f"{table} i {'JOIN kv_entries e ON e.key = i.key' if values else ''}"
        words = f"SELECT {columns} FROM {source} WHERE {' AND '.join(bounds)} ORDER BY i.key, i.place LIMIT ?"
        return [
            Found(
                index_key,
                key,
                None if kept is None else from_json(kept),
                None if text is None else from_json(text),
                place,
            )
            for key, place, kept, text in self._read(words, *given, min(most, PAGE))
        ]

    async def close(self) -> None:
        await super().close()
        self._work.close()
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._lock.release()

    def _read(self, words: str, *values: object) -> list[Any]:
        import sqlite3

        if self._reader is None:
            raise StoreError(f"the store {self.path} is closed: open it again")
        try:
            return self._reader.execute(words, values).fetchall()
        except sqlite3.Error as error:
            raise sqlite_error(error, self.path, "reading") from error


def _bounds(column: str, prefix: str) -> tuple[list[str], list[Any]]:
    """What a key has to be to begin with the prefix."""
    if not prefix:
        return [], []
    after = next_text(prefix)
    return ([f"{column} >= ?"], [prefix]) if after is None else ([f"{column} >= ?", f"{column} < ?"], [prefix, after])

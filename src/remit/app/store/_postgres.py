"""The store in PostgreSQL: used by many processes at once, each with a login of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from remit.app.store._backend import MISSING, PAGE, Seen
from remit.app.store._building import ACTIVE, BUILDING, Kept
from remit.app.store._form import from_json, to_json
from remit.app.store._index import Found, Index, Row, rows_of
from remit.app.store._names import check_key, check_prefix, index_table, next_text
from remit.app.store._opened import Opened, no_index
from remit.app.store._postgres_link import PATIENCE, Link, database
from remit.app.store._postgres_schema import Schema
from remit.app.store._postgres_tables import PostgresTables
from remit.errors import Conflict, Unreachable
from remit.values import Secret

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["PostgresBackend"]

AGAIN: Final = 50  # times that the set of indexes may change under one write
_LAYOUT: Final = """
SELECT s.epoch, i.name, i.version, i.fingerprint, i.tab, i.state, i.cursor FROM {s}.remit_state s LEFT JOIN {s}.remit_indexes i ON true
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """The tables of indexes, as of one epoch: those whose functions this program has, and the others."""

    epoch: int
    kept: list[Kept]
    known: list[tuple[str, Index]]
    unknown: list[str]


class PostgresBackend(Opened):
    """See `StoreBackend`. `connection` is a libpq address with a login; `schema` belongs to this store alone.

    With `builds` the login is the owner's, and `open` makes what is missing. Otherwise it is one that was given to an edge, and `open` only checks that what the
    program declares is there. `patience`, in seconds: how long a server that is away is waited for.
    """

    def __init__(self, connection: Secret, schema: str, *, builds: bool = True, patience: float = PATIENCE) -> None:
        self._link = Link(connection, patience)
        self._schema = Schema(schema)
        self._builds = builds
        self._layout: Layout | None = None
        self._steps = PostgresTables(self._link, self._schema)
        super().__init__(self._steps)
        words = self._schema.words
        self._get = words("SELECT value::text FROM {s}.kv_entries WHERE key = %s")
        self._has = words("SELECT 1 FROM {s}.kv_entries WHERE key = %s")
        self._delete = words("DELETE FROM {s}.kv_entries WHERE key = %s")
        self._upsert = words(
            "INSERT INTO {s}.kv_entries AS e (key, value) SELECT %s, %s::jsonb FROM {s}.remit_state WHERE epoch = %s "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        )
        self._insert = words(
            "INSERT INTO {s}.kv_entries (key, value) SELECT %s, %s::jsonb FROM {s}.remit_state WHERE epoch = %s ON CONFLICT (key) DO NOTHING"
        )
        self._update = words(
            "UPDATE {s}.kv_entries SET value = %s::jsonb FROM {s}.remit_state WHERE key = %s AND value::text = %s AND epoch = %s"
        )
        self._lock = words("SELECT 1 FROM {s}.kv_entries WHERE key = %s FOR UPDATE")

    async def open(self, indexes: Sequence[Index]) -> None:
        if self._builds:
            await self._steps.begin_work()
            await super().open(indexes)
            return
        self._declared = {index.name: index for index in indexes}
        layout = await self._current()
        await self._link.work(self._schema.check, changes=False)
        for index in indexes:
            if not any(
                (kept.name, kept.version) == (index.name, index.version) and kept.state in (ACTIVE, BUILDING)
                for kept in layout.kept
            ):
                raise _other_version(index, layout.kept)

    async def get(self, key: str) -> Any:
        for (text,) in await self._link.read(self._get, (check_key(key),)):
            return from_json(text)
        return None

    async def has(self, key: str) -> bool:
        return bool(await self._link.read(self._has, (check_key(key),)))

    async def set(self, key: str, value: Any) -> None:
        check_key(key)
        if value is None:
            await self.delete(key)
            return
        await self._write(key, to_json(value).decode(), None)

    async def delete(self, key: str) -> bool:
        check_key(key)

        async def work(connection: AsyncConnection[Any]) -> bool:
            return (await connection.execute(self._delete, (key,))).rowcount > 0

        return await self._link.work(work)

    async def look(self, key: str) -> Seen:
        for (text,) in await self._link.read(self._get, (check_key(key),)):
            return Seen(from_json(text), text.encode())
        return Seen(None, MISSING)

    async def swap(self, key: str, token: bytes, value: Any) -> bool:
        check_key(key)
        if value is not None:
            return await self._write(key, to_json(value).decode(), token.decode())
        if token == MISSING:
            return not await self.has(key)
        words = self._delete + b" AND value::text = %s"

        async def work(connection: AsyncConnection[Any]) -> bool:
            return (await connection.execute(words, (key, token.decode()))).rowcount > 0

        return await self._link.work(work)

    async def keys(self, prefix: str = "", after: str | None = None, most: int = PAGE) -> list[str]:
        bounds, values = _bounds("key", check_prefix(prefix))
        if after is not None:
            bounds, values = [*bounds, "key > %s"], [*values, check_key(after)]
        where = f"WHERE {' AND '.join(bounds)}" if bounds else ""
        words = self._schema.words(f"SELECT key FROM {{s}}.kv_entries {where} ORDER BY key LIMIT %s")
        return [key for (key,) in await self._link.read(words, (*values, min(most, PAGE)))]

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
        from remit.app.store._postgres_find import Search, search

        declared = self._declared.get(index)
        if declared is None:
            raise no_index(index, self._declared)
        check_key(index_key, "key of an index")
        wanted = Search(declared, index_key, values, inline, check_prefix(prefix), after, min(most, PAGE))
        for _ in range(AGAIN):
            layout = self._layout or await self._current()
            table = Schema.active(layout.kept, declared.name, declared.version)
            if table is None:
                self._layout = None
                if not self._builds:
                    layout = await self._current()
                    if Schema.active(layout.kept, declared.name, declared.version) is None:
                        raise _not_active(declared, layout.kept)
                await self.ready()
                await self._current()
                continue
            try:
                return await search(self._link, self._schema, table, wanted)
            except Conflict:  # the table was dropped
                self._layout = None
        raise Conflict(f"the index {index!r} changes all the time")

    async def close(self) -> None:
        await super().close()
        await self._link.close()

    # --- writing ------------------------------------------------------------------------------------

    async def _write(self, key: str, text: str, seen: str | None) -> bool:
        """Keep a value and its rows, if what is there is what was `seen` (None: whatever it is, "": nothing); whether it was."""
        for _ in range(AGAIN):
            layout = self._layout or await self._current()
            rows = [(table, rows_of(index, key, text)) for table, index in layout.known]
            done = await self._link.work(self._statements(key, text, seen, layout, rows))
            if done:
                return True
            if seen is not None and (await self.look(key)).token != seen.encode():
                return False
            await self._current()  # the set of indexes has changed
        raise Conflict("the indexes of the store change all the time; nothing was changed")

    def _statements(
        self, key: str, text: str, seen: str | None, layout: Layout, rows: list[tuple[str, list[Row]]]
    ) -> Any:
        main: tuple[bytes, tuple[Any, ...]]
        if seen:
            main = self._update, (text, key, seen, layout.epoch)
        else:
            main = (self._upsert if seen is None else self._insert), (key, text, layout.epoch)

        async def alone(connection: AsyncConnection[Any]) -> bool:
            return (await connection.execute(*main)).rowcount > 0

        async def together(connection: AsyncConnection[Any]) -> bool:
            try:
                async with connection.pipeline():  # one trip; all of it waits for the lock of the first
                    await connection.execute(b"BEGIN")
                    cursor = await connection.execute(*main)
                    if seen is not None:
                        await connection.execute(self._lock, (key,))
                    for words, values in self._index_statements(key, text, seen, layout, rows):
                        await connection.execute(words, values)
                    await connection.execute(b"COMMIT")
            except database().errors.UndefinedTable:  # an index was dropped; nothing was done
                await connection.rollback()
                return False
            return cursor.rowcount > 0

        return together if rows or layout.unknown else alone

    def _index_statements(
        self, key: str, text: str, seen: str | None, layout: Layout, rows: list[tuple[str, list[Row]]]
    ) -> list[tuple[bytes, tuple[Any, ...]]]:
        """The rows of the value in each table, if the statement before has written it: if the epoch is ours, and the value there is this one."""
        here, given = "(SELECT epoch FROM {s}.remit_state) = %s", [layout.epoch]
        if seen is not None:
            here += " AND EXISTS (SELECT FROM {s}.kv_entries WHERE key = %s AND value::text = %s::jsonb::text)"
            given = [*given, key, text]  # type: ignore[list-item]
        made: list[tuple[bytes, tuple[Any, ...]]] = []
        words = self._schema.words
        for table, entries in rows:
            made.append((words(f"DELETE FROM {{s}}.{table} WHERE key = %s AND {here}"), (key, *given)))
            if entries:
                insert = f"INSERT INTO {{s}}.{table} (index_key, key, place, inline) SELECT i, %s, p, j::jsonb FROM unnest(%s::text[], %s::int[], %s::text[]) r(i, p, j)"
                columns = [list(column) for column in zip(*entries, strict=True)]
                made.append((words(f"{insert} WHERE {here}"), (key, *columns, *given)))
        if layout.unknown:
            insert = "INSERT INTO {s}.kv_stale (tab, key) SELECT t, %s FROM unnest(%s::text[]) t"
            made.append((words(f"{insert} WHERE {here} ON CONFLICT DO NOTHING"), (key, layout.unknown, *given)))
        return made

    async def _current(self) -> Layout:
        """The layout as it is now."""
        rows = await self._link.read(self._schema.words(_LAYOUT))
        kept = [Kept(*row) for _, *row in rows if row[0] is not None]
        declared = {index_table(index.name, index.version): index for index in self._declared.values()}
        written = [each for each in kept if each.state in (ACTIVE, BUILDING)]
        known = [(each.table, declared[each.table]) for each in written if _fits(each, declared.get(each.table))]
        names = {table for table, _ in known}
        layout = Layout(rows[0][0], kept, known, [each.table for each in written if each.table not in names])
        self._layout = layout
        return layout


def _fits(kept: Kept, index: Index | None) -> bool:
    return index is not None and (
        not kept.fingerprint or not index.fingerprint or kept.fingerprint == index.fingerprint
    )


def _not_active(index: Index, kept: list[Kept]) -> Conflict | Unreachable:
    if any((each.name, each.version, each.state) == (index.name, index.version, BUILDING) for each in kept):
        return Unreachable(f"the index {index.name!r} is being built in version {index.version}: try again later")
    return _other_version(index, kept)


def _other_version(index: Index, kept: list[Kept]) -> Conflict:
    there = next((each for each in kept if each.name == index.name and each.state == ACTIVE), None)
    if there is None:
        return Conflict(
            f"the store has no index {index.name!r} yet: have it built by the owner first, as `remit up` does"
        )
    return Conflict(
        f"the index {index.name!r} is there in version {there.version}, and this program declares version {index.version}: it is of another deployment; "
        "deploy it (`remit up`), or start the other one"
    )


def _bounds(column: str, prefix: str) -> tuple[list[str], list[Any]]:
    """What a key has to be to begin with the prefix."""
    if not prefix:
        return [], []
    after = next_text(prefix)
    return (
        ([f"{column} >= %s"], [prefix]) if after is None else ([f"{column} >= %s", f"{column} < %s"], [prefix, after])
    )

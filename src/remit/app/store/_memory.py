"""The store in memory: for one process and as long as it lives."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from remit.app.store._backend import MISSING, PAGE, Seen
from remit.app.store._building import ACTIVE, BUILDING, RETIRED, Kept
from remit.app.store._form import from_json, to_json
from remit.app.store._index import Found, Index, Row, rows_of
from remit.app.store._names import check_key, check_prefix, index_table
from remit.app.store._opened import Opened

__all__ = ["MemoryBackend", "MemoryTables"]

Place = tuple[str, int]  # a key of the store, and which of its entries


class Table:
    """The rows of one version of one index."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Row]] = {}
        self.places: dict[str, list[Place]] = {}

    def put(self, key: str, rows: list[Row]) -> None:
        """The rows of one value, in the place of those before."""
        for index_key, place, _ in self.rows.pop(key, ()):
            places = self.places[index_key]
            del places[bisect_left(places, (key, place))]
            if not places:
                del self.places[index_key]
        if rows:
            self.rows[key] = rows
        for index_key, place, _ in rows:
            insort(self.places.setdefault(index_key, []), (key, place))


class MemoryTables:
    """What a store in memory holds: its values as JSON texts, and its indexes. It may outlive the backends over it."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.order: list[str] = []
        self.tables: dict[str, Table] = {}
        self.layout: dict[str, Kept] = {}
        self.indexes: dict[str, Index] = {}  # those whose functions this program has
        self.stale: dict[str, set[str]] = {}

    def put(self, key: str, text: bytes | None) -> bool:
        """Keep a text under a key, or nothing (None), with the rows of all indexes; whether there was anything before."""
        known = self.indexes.items()
        rows = {name: [] if text is None else rows_of(index, key, text) for name, index in known}
        was = key in self.values
        if text is None:
            if was:
                del self.values[key]
                del self.order[bisect_left(self.order, key)]
        else:
            self.values[key] = text
            if not was:
                insort(self.order, key)
        for name, table in self.tables.items():
            table.put(key, rows.get(name, []))
            if name not in rows and text is not None:
                self.stale.setdefault(name, set()).add(key)
        return was

    def page(self, after: str | None, most: int) -> list[str]:
        """The next keys."""
        start = 0 if after is None else bisect_right(self.order, after)
        return self.order[start : start + most]

    # --- the steps of building: see `Tables` --------------------------------------------------------

    async def kept(self) -> list[Kept]:
        return [replace(kept, stale=len(self.stale.get(kept.table, ()))) for kept in self.layout.values()]

    async def begin(self, index: Index, table: str) -> None:
        self.tables[table], self.indexes[table] = Table(), index
        self.layout[table] = Kept(index.name, index.version, index.fingerprint, table, BUILDING)

    async def fill(self, index: Index, table: str, after: str | None, most: int) -> str | None:
        return (await self._mend(index, table, after, most))[0]

    async def freshen(self, index: Index, table: str, most: int) -> int:
        keys = self.stale.pop(table, set())
        for key in keys:
            self.tables[table].put(key, rows_of(index, key, self.values[key]) if key in self.values else [])
        return len(keys)

    async def check(self, index: Index, table: str, after: str | None, most: int) -> tuple[str | None, int]:
        return await self._mend(index, table, after, most)

    async def _mend(self, index: Index, table: str, after: str | None, most: int) -> tuple[str | None, int]:
        await asyncio.sleep(0)  # others have their turn
        keys = self.page(after, most)
        rows = {key: rows_of(index, key, self.values[key]) for key in keys}
        wrong = [key for key in keys if self.tables[table].rows.get(key, []) != rows[key]]
        for key in wrong:
            self.tables[table].put(key, rows[key])
        return (keys[-1] if keys else None), len(wrong)

    async def switch(self, table: str) -> None:
        name = self.layout[table].name
        for other, old in self.layout.items():
            if old.name == name:
                state = ACTIVE if other == table else RETIRED
                self.layout[other] = replace(old, state=state)

    async def drop(self, table: str) -> None:
        for part in (self.layout, self.tables, self.indexes, self.stale):
            part.pop(table, None)


class MemoryBackend(Opened):
    """See `StoreBackend`. `tables` is what it holds; another backend over the same goes on with it."""

    def __init__(self, tables: MemoryTables | None = None) -> None:
        self.data = tables or MemoryTables()
        super().__init__(self.data)

    async def open(self, indexes: Sequence[Index]) -> None:
        await super().open(indexes)
        tables = {index_table(index.name, index.version): index for index in indexes}
        self.data.indexes = {table: index for table, index in tables.items() if table in self.data.layout}

    async def get(self, key: str) -> Any:
        text = self.data.values.get(check_key(key))
        return None if text is None else from_json(text)

    async def has(self, key: str) -> bool:
        return check_key(key) in self.data.values

    async def set(self, key: str, value: Any) -> None:
        self.data.put(check_key(key), None if value is None else to_json(value))

    async def delete(self, key: str) -> bool:
        return self.data.put(check_key(key), None)

    async def look(self, key: str) -> Seen:
        text = self.data.values.get(check_key(key), MISSING)
        return Seen(from_json(text) if text else None, text)

    async def swap(self, key: str, token: bytes, value: Any) -> bool:
        if self.data.values.get(check_key(key), MISSING) != token:
            return False
        self.data.put(key, None if value is None else to_json(value))
        return True

    async def keys(self, prefix: str = "", after: str | None = None, most: int = PAGE) -> list[str]:
        order = self.data.order
        start = bisect_left(order, check_prefix(prefix))
        if after is not None:
            start = max(start, bisect_right(order, check_key(after)))
        found = []
        for key in order[start : start + min(most, PAGE)]:
            if not key.startswith(prefix):
                break
            found.append(key)
        return found

    async def find(
        self,
        index: str,
        index_key: str,
        *,
        values: bool = False,
        inline: bool = True,
        prefix: str = "",
        after: Place | None = None,
        most: int = PAGE,
    ) -> list[Found]:
        table = self.data.tables[await self.active(index)]
        places = table.places.get(check_key(index_key, "key of an index"), [])
        start = bisect_left(places, (check_prefix(prefix), 0))
        if after is not None:
            start = max(start, bisect_right(places, after))
        found = []
        for key, place in places[start : start + min(most, PAGE)]:
            if not key.startswith(prefix):
                break
            kept = table.rows[key][place][2] if inline else None
            value = from_json(self.data.values[key]) if values else None
            found.append(Found(index_key, key, None if kept is None else from_json(kept), value, place))
        return found

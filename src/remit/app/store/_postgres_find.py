"""Looking entries up in PostgreSQL, those included whose rows others have left to be computed anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from remit.app.store._form import from_json
from remit.app.store._index import Found, Index, rows_of
from remit.app.store._names import next_text
from remit.app.store._postgres_link import Link
from remit.app.store._postgres_schema import Schema

__all__ = ["Search", "search"]


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for: see `StoreBackend.find`."""

    index: Index
    index_key: str
    values: bool
    inline: bool
    prefix: str
    after: tuple[str, int] | None
    most: int


async def search(link: Link, schema: Schema, table: str, wanted: Search) -> list[Found]:
    """The entries, by the rows of the table; values that are stale for it are looked at themselves."""
    rows = await _rows(link, schema, table, wanted)
    stale = rows[0][0]
    found = [_found(wanted, *row) for _, *row in rows if row[0] is not None]
    if not stale:
        return found
    computed = await _computed(link, schema, table, wanted)
    if len(found) == wanted.most:  # what comes after the last is for the next page
        computed = [each for each in computed if (each.key, each.place) < (found[-1].key, found[-1].place)]
    return sorted([*found, *computed], key=lambda each: (each.key.encode(), each.place))[: wanted.most]


async def _rows(link: Link, schema: Schema, table: str, wanted: Search) -> list[Any]:
    """The number of stale values, beside each row; at least one row."""
    bounds: list[str] = [
        "i.index_key = %s",
        "(n.stale = 0 OR NOT EXISTS (SELECT FROM {s}.kv_stale s WHERE s.tab = %s AND s.key = i.key))",
    ]
    given: list[Any] = [wanted.index_key, table]
    if wanted.prefix:
        bounds, given = [*bounds, "i.key >= %s"], [*given, wanted.prefix]
        after = next_text(wanted.prefix)
        if after is not None:
            bounds, given = [*bounds, "i.key < %s"], [*given, after]
    if wanted.after is not None:
        bounds, given = [*bounds, "(i.key, i.place) > (%s, %s)"], [*given, *wanted.after]
    columns = f"i.key, i.place, {'i.inline::text' if wanted.inline else 'NULL'} AS inline, {'e.value::text' if wanted.values else 'NULL'} AS value"
    join = "JOIN {s}.kv_entries e ON e.key = i.key" if wanted.values else ""
    text = (
        "SELECT n.stale, r.* FROM (SELECT count(*) AS stale FROM {s}.kv_stale WHERE tab = %s) n LEFT JOIN LATERAL "
        f"(SELECT {columns} FROM {{s}}.{table} i {join} WHERE {' AND '.join(bounds)} ORDER BY i.key, i.place LIMIT %s) r ON true ORDER BY r.key, r.place"
    )
    return await link.read(schema.words(text), (table, *given, wanted.most))


async def _computed(link: Link, schema: Schema, table: str, wanted: Search) -> list[Found]:
    words = schema.words(
        "SELECT key, value::text FROM {s}.kv_stale JOIN {s}.kv_entries USING (key) WHERE tab = %s ORDER BY key"
    )
    found = []
    for key, text in await link.read(words, (table,)):
        if not key.startswith(wanted.prefix):
            continue
        for index_key, place, inline in rows_of(wanted.index, key, text):
            if index_key == wanted.index_key and (
                wanted.after is None or (key.encode(), place) > (wanted.after[0].encode(), wanted.after[1])
            ):
                found.append(
                    _found(wanted, key, place, inline if wanted.inline else None, text if wanted.values else None)
                )
    return found


def _found(wanted: Search, key: str, place: int, inline: str | None, value: str | None) -> Found:
    return Found(
        wanted.index_key,
        key,
        None if inline is None else from_json(inline),
        None if value is None else from_json(value),
        place,
    )

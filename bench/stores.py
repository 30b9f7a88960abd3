"""A store with an index beside the same statements written by hand, and an endpoint in process beside one over HTTP.

One round is four gets, a set, a modify and two look-ups in the index, one after the other, of values of some 200 bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from ._harness import Experiment, Measure, Options, Table
from ._postgres import postgres, programs

POSTGRES = Table("store_postgres", "Rounds of a store on PostgreSQL, with an index", "rounds/s", "higher")
SQLITE = Table(
    "store_sqlite", "Rounds of a store on SQLite, with an index, each write on the disk", "rounds/s", "higher"
)
ENDPOINT = Table("endpoint", "Calls of an endpoint with a record, one after the other", "calls/s", "higher")
BY_HAND = "psycopg by hand"
HAND_SQLITE = "sqlite3 by hand"
HTTP = "Remit, over HTTP to uvicorn"
TABLES = """
CREATE TABLE {s}entries (key text PRIMARY KEY, value {json} NOT NULL);
CREATE TABLE {s}by_name (name text NOT NULL, key text NOT NULL REFERENCES {s}entries (key) ON DELETE CASCADE, place integer NOT NULL, inline {json},
    PRIMARY KEY (name, key, place));
CREATE INDEX {i} ON {s}by_name (key);
"""


def value(number: int) -> dict[str, Any]:
    return {
        "id": f"{number}",
        "name": f"name{number % 50}",
        "text": "x" * 120,
        "tags": ["a", "b"],
        "count": number,
        "more": {"ok": True, "none": None},
    }


class PostgresByHand:
    """The statements as one writes them: a transaction for what has to be whole, a row lock for a read that is written back."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    async def open(self) -> None:
        import psycopg

        self.db = await psycopg.AsyncConnection.connect(self.uri, autocommit=True)
        await self.db.execute("CREATE SCHEMA hand")
        await self.db.execute(TABLES.format(s="hand.", i="by_key", json="jsonb").encode())

    async def get(self, key: str) -> Any:
        row = await (await self.db.execute("SELECT value FROM hand.entries WHERE key = %s", (key,))).fetchone()
        return None if row is None else row[0]

    async def _write(self, key: str, given: Any) -> None:
        from psycopg.types.json import Jsonb

        await self.db.execute(
            "INSERT INTO hand.entries (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, Jsonb(given)),
        )
        await self.db.execute("DELETE FROM hand.by_name WHERE key = %s", (key,))
        await self.db.execute(
            "INSERT INTO hand.by_name VALUES (%s, %s, 0, %s)", (given["name"], key, Jsonb(given["count"]))
        )

    async def set(self, key: str, given: Any) -> None:
        async with self.db.transaction():
            await self._write(key, given)

    async def modify(self, key: str, function: Callable[[Any], Any]) -> None:
        async with self.db.transaction():
            row = await (
                await self.db.execute("SELECT value FROM hand.entries WHERE key = %s FOR UPDATE", (key,))
            ).fetchone()
            await self._write(key, function(None if row is None else row[0]))

    async def find(self, name: str) -> list[Any]:
        words = "SELECT key, place, inline FROM hand.by_name WHERE name = %s ORDER BY key, place LIMIT 1000"
        return await (await self.db.execute(words, (name,))).fetchall()

    async def close(self) -> None:
        await self.db.close()


class SqliteByHand:
    """The same with sqlite3, in the event loop's own thread."""

    def __init__(self, folder: Path) -> None:
        self.db = sqlite3.connect(folder / "hand.db", isolation_level=None, cached_statements=256)
        for words in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON"):
            self.db.execute(words)
        self.db.executescript(TABLES.format(s="", i="by_key", json="text"))

    async def open(self) -> None:
        pass

    async def get(self, key: str) -> Any:
        row = self.db.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def _write(self, key: str, given: Any) -> None:
        self.db.execute(
            "INSERT INTO entries VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (key, json.dumps(given)),
        )
        self.db.execute("DELETE FROM by_name WHERE key = ?", (key,))
        self.db.execute("INSERT INTO by_name VALUES (?, ?, 0, ?)", (given["name"], key, json.dumps(given["count"])))

    async def set(self, key: str, given: Any) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        self._write(key, given)
        self.db.execute("COMMIT")

    async def modify(self, key: str, function: Callable[[Any], Any]) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        self._write(key, function(await self.get(key)))
        self.db.execute("COMMIT")

    async def find(self, name: str) -> list[Any]:
        rows = self.db.execute(
            "SELECT key, place, inline FROM by_name WHERE name = ? ORDER BY key, place LIMIT 1000", (name,)
        ).fetchall()
        return [(key, place, json.loads(inline)) for key, place, inline in rows]

    async def close(self) -> None:
        self.db.close()


class Remit:
    """The store."""

    def __init__(self, backend: Any) -> None:
        self.store = backend
        self.get = backend.get
        self.set = backend.set

    async def open(self) -> None:
        from remit.app.store import Entry, Index

        await self.store.open([Index("by_name", 1, lambda given: [Entry(given["name"], inline=given["count"])])])
        await self.store.ready()

    async def modify(self, key: str, function: Callable[[Any], Any]) -> None:
        from remit.app.store import modify

        await modify(self.store, key, function)

    async def find(self, name: str) -> list[Any]:
        return await self.store.find("by_name", name)  # type: ignore[no-any-return]

    async def close(self) -> None:
        await self.store.close()


async def fill(it: Any) -> None:
    for number in range(200):
        await it.set(f"k{number:04}", value(number))


async def rounds(it: Any, numbers: Iterator[int], seconds: float) -> float:
    """Rounds a second."""
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        number = next(numbers) % 200
        for more in (0, 7, 31, 77):
            assert await it.get(f"k{(number + more) % 200:04}") is not None
        await it.set(f"k{number:04}", value(number))
        await it.modify(f"k{(number + 50) % 200:04}", lambda old: {**old, "count": old["count"] + 1})
        for more in (0, 25):
            assert len(await it.find(f"name{(number + more) % 50}")) == 4
        done += 1
    return done / (time.perf_counter() - began)


def _measures(loop: asyncio.AbstractEventLoop, variants: dict[str, Any], seconds: float) -> dict[str, Measure]:
    measures: dict[str, Measure] = {}
    for name, it in variants.items():
        loop.run_until_complete(it.open())
        loop.run_until_complete(fill(it))
        numbers = itertools.count()
        measures[name] = lambda it=it, numbers=numbers: [loop.run_until_complete(rounds(it, numbers, seconds))]  # type: ignore[misc]
    return measures


def _stores(options: Options, loop: asyncio.AbstractEventLoop) -> Iterator[Experiment]:
    from remit.app.store import PostgresBackend, SqliteBackend
    from remit.values import Secret

    seconds = 0.8 * options.scale
    if options.wants(POSTGRES.key):
        missing = "PostgreSQL is not installed" if programs() is None else ""
        with contextlib.ExitStack() as stack:
            measures = {}
            if not missing:
                uri = stack.enter_context(postgres())
                variants = {BY_HAND: PostgresByHand(uri), "Remit": Remit(PostgresBackend(Secret(uri), "bench"))}
                measures = _measures(loop, variants, seconds)
            yield Experiment(
                (POSTGRES,),
                BY_HAND,
                measures,
                ("psycopg", "remit"),
                dict.fromkeys((BY_HAND, "Remit"), missing) if missing else {},
            )
            if not missing:
                for it in variants.values():
                    loop.run_until_complete(it.close())
    if options.wants(SQLITE.key):
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        kept = {HAND_SQLITE: SqliteByHand(folder), "Remit": Remit(SqliteBackend(folder / "kept" / "store.db"))}
        yield Experiment((SQLITE,), HAND_SQLITE, _measures(loop, kept, seconds), ("remit",))
        for it in kept.values():
            loop.run_until_complete(it.close())
        shutil.rmtree(folder)


async def _calls(call: Callable[[], Awaitable[Any]], seconds: float) -> float:
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(10):
            await call()
        done += 10
    return done / (time.perf_counter() - began)


def _endpoint(options: Options, loop: asyncio.AbstractEventLoop) -> Iterator[Experiment]:
    from ._endpoint import opened

    stack = contextlib.AsyncExitStack()
    calls, skipped = loop.run_until_complete(opened(stack))
    measures: dict[str, Measure] = {
        name: lambda call=call: [loop.run_until_complete(_calls(call, 0.6 * options.scale))]  # type: ignore[misc]
        for name, call in calls.items()
    }
    yield Experiment((ENDPOINT,), HTTP, measures, ("remit", "uvicorn", "httpx"), skipped)
    loop.run_until_complete(stack.aclose())


def experiments(options: Options) -> Iterator[Experiment]:
    loop = asyncio.new_event_loop()
    try:
        yield from _stores(options, loop)
        if options.wants(ENDPOINT.key):
            yield from _endpoint(options, loop)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

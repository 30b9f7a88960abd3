"""What is SQLite's own: the file, a disk that is full, a process that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remit.app.store import Found, SqliteBackend, index
from remit.errors import Conflict, StoreError, StoreFull, StoreLocked, StoreTooNew


@index()
def first(value: Any) -> Any:
    return value[0]


def run(test: Any, path: Path) -> None:
    async def main() -> None:
        store = SqliteBackend(path)
        try:
            await store.open([first])
            await store.ready()
            await test(store)
        finally:
            await store.close()

    asyncio.run(main())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "kv.db"


def test_a_full_disk(path: Path) -> None:
    """Where there is no room, the write is refused and nothing of it kept; reading goes on, and writing when there is room again."""

    async def test(store: SqliteBackend) -> None:
        await store.set("a", "apple")

        def limit(pages: int) -> Any:
            return lambda connection: connection.execute(f"PRAGMA max_page_count={pages}").fetchall()

        await store._work.do(limit(1))
        with pytest.raises(StoreFull, match="free some room"):
            await store.set("large", "x" * 500_000)
        assert await store.get("a") == "apple" and await store.keys() == ["a"]
        results = await asyncio.gather(
            *(store.set(f"b{number}", "y" * 100_000) for number in range(3)), return_exceptions=True
        )
        assert {type(each) for each in results} == {StoreFull}
        await store._work.do(limit(1 << 30))
        await store.set("large", "x" * 500_000)
        assert await store.keys() == ["a", "large"]
        assert await store.find("first", "x") == [Found("x", "large")]

    run(test, path)


def test_something_elses_database(path: Path) -> None:
    """A database of something else is named and left alone, and so is a store of a format to come."""
    path.parent.mkdir(mode=0o700)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE orders (id)")
    other.close()
    os.chmod(path, 0o600)
    before = path.read_bytes()
    with pytest.raises(Conflict, match=r"something else, with the tables orders.*another file"):
        SqliteBackend(path)
    assert path.read_bytes() == before
    path.unlink()

    async def test(store: SqliteBackend) -> None:
        await store._work.do(lambda connection: connection.execute("PRAGMA user_version=99"))

    run(test, path)
    with pytest.raises(StoreTooNew, match="format 99"):
        SqliteBackend(path)


def test_one_process_at_a_time(path: Path) -> None:
    """A second one is refused, and told who has it."""

    async def test(store: SqliteBackend) -> None:
        with pytest.raises(StoreLocked, match="in use by this same process"):
            SqliteBackend(path)

    run(test, path)


def test_closed(path: Path) -> None:
    """After its end it says so; to close it twice is no error."""

    async def test(store: SqliteBackend) -> None:
        await store.close()
        for use in (store.get("a"), store.set("a", "b"), store.keys()):
            with pytest.raises(StoreError, match="is closed"):
                await use

    run(test, path)


CHILD = """
import asyncio, sys
from remit.app.store import SqliteBackend
async def main():
    store = SqliteBackend(sys.argv[1])
    await store.open([])
    number = 0
    while True:
        await asyncio.gather(*(store.set(f"{number + i:06}", "x" * 200) for i in range(7)))
        number += 7
        print(number, flush=True)
asyncio.run(main())
"""


def test_killed_while_it_writes(path: Path) -> None:
    """What was told to be kept is there after the process was killed, and what was written together is there whole."""
    with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = 0
        while told < 70:
            told = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in child.stdout.read().split())])

    async def test(store: SqliteBackend) -> None:
        count, last = 0, None
        while page := await store.keys(after=last):
            count, last = count + len(page), page[-1]
        assert count >= told and last == f"{count - 1:06}"
        assert len(await store.find("first", "x")) == min(count, 1000)

    run(test, path)

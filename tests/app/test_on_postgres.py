"""Stores of the target `processes` in a PostgreSQL: who holds one has a login of its own, as long as it holds it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.app import load_program
from remit.app.components._store_direct import Direct
from remit.values import Secret
from tests.app.conformance.kits import Logged, remit
from tests.credentials import servers

pytestmark = pytest.mark.timeout(180)

PROGRAM = '''
"""Two that hold one store, one of them for reading only."""

import asyncio

from remit.app import App, Store, Worker
from remit.app.store import index
from remit.errors import Broken


class Words(Store[str]):
    @index(version=1)
    @staticmethod
    def first(word: str) -> str:
        return word[0]


class Writer(Worker):
    words: Words

    async def run(self) -> None:
        await self.words.set("a", "apple")
        await asyncio.Event().wait()


class Reader(Worker):
    words: Words
    few: Words

    async def run(self) -> None:
        while not await self.words.first.get("a"):
            await asyncio.sleep(0.01)
        print(await self.words.get("a"))
        print(await self.few.get("a"))
        for call in (self.words.set("b", "bee"), self.few.get("a"), self.few.get("a")):
            try:
                await call
            except Broken as error:
                print(error.kind)
        print("the end")
        await asyncio.Event().wait()


app = App("words")
words = Words(app / "words")
Writer(app / "writer", words=words)
Reader(app / "reader", words=words.read_only(), few=words.limited(count=2))
'''


@pytest.fixture
def server() -> Iterator[servers.Server]:
    with servers.postgres() as server:
        yield server


def asked(server: servers.Server, words: str) -> list[Any]:
    import psycopg

    async def ask() -> list[Any]:
        uri = f"postgresql://boss:{servers.OWNER_PASSWORD}@127.0.0.1:{server.port}/postgres"
        async with await psycopg.AsyncConnection.connect(uri) as connection:
            return await (await connection.execute(words.encode())).fetchall()

    return asyncio.run(ask())


def test_holders_go_to_the_database_themselves(server: servers.Server, tmp_path: Path) -> None:
    """Each edge that PostgreSQL can enforce is a login with its rights; others go by the store's persona. `down` takes the logins back, `down --data` the values too."""
    program, connection = tmp_path / "app.py", tmp_path / "postgres"
    program.write_text(PROGRAM)
    connection.write_text(f"postgresql://boss:{servers.OWNER_PASSWORD}@127.0.0.1:{server.port}/postgres")
    refused = remit("up", program, "--target", "processes", "--set", f"postgres={connection}", "--yes", check=False)
    assert refused.returncode != 0 and "chmod 600" in refused.stdout + refused.stderr, "the file is everybody's"
    connection.chmod(0o600)
    remit("up", program, "--target", "processes", "--set", f"postgres={connection}", "--yes")
    try:
        assert Logged(program).written("reader", "the end") == ["apple", "apple", "NotAllowed", "Expired"]
        logins = "SELECT count(*) FROM pg_roles WHERE rolname ~ '^remit_.*_l_'"
        assert asked(server, logins) == [(2,)], "the writer's and the reader's; a count is beyond PostgreSQL"
        used = asked(
            server,
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'remit store' AND usename <> 'boss'",
        )
        assert len(used) == 2, "each with its own"
        ((schema,),) = asked(server, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'words_%'")
        assert asked(server, f"SELECT key, value FROM {schema}.kv_entries") == [("a", "apple")]
        assert servers.OWNER_PASSWORD not in "".join(
            path.read_text(errors="replace") for path in (tmp_path / ".remit").rglob("*") if path.is_file()
        )
        remit("down", program, "--yes")
        assert asked(server, logins) == [(0,)]
        other = remit("up", program, "--target", "processes", "--set", "postgres=/nowhere", "--yes", check=False)
        assert other.returncode != 0 and "cannot be read" in other.stdout + other.stderr
        remit("up", program, "--target", "processes", "--yes")
        assert asked(server, f"SELECT key, value FROM {schema}.kv_entries") == [("a", "apple")], (
            "where they are is remembered"
        )
    finally:
        remit("down", program, "--yes", "--data")
    assert asked(server, logins) == [(0,)]
    assert asked(server, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'words_%'") == []


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    """The store does not come up, and the command says why; nothing hangs."""
    program, connection = tmp_path / "app.py", tmp_path / "postgres"
    program.write_text(PROGRAM)
    connection.write_text(f"postgresql://boss:secret-word@127.0.0.1:{servers.free_port()}/postgres")
    connection.chmod(0o600)
    try:
        done = remit(
            "up", program, "--target", "processes", "--set", f"postgres={connection}", "--yes", "--json", check=False
        )
        assert done.returncode != 0
        assert (
            "PostgreSQL cannot be reached" in done.stdout + done.stderr
            and "secret-word" not in done.stdout + done.stderr
        )
        json.loads(done.stdout or "{}")
    finally:
        remit("down", program, "--yes", check=False)


def test_a_database_that_a_holder_cannot_reach(tmp_path: Path) -> None:
    """Who cannot reach the database that the store's persona can goes by the persona."""
    program = tmp_path / "app.py"
    program.write_text(PROGRAM)
    edge = load_program(program).declarations["words/writer"].edges["words"]
    given = {"connection": Secret(f"postgresql://x:y@127.0.0.1:{servers.free_port()}/x"), "schema": "words"}

    async def main() -> None:
        direct = Direct(edge, given, float)
        assert await direct.open() is False
        await direct.close()

    asyncio.run(main())

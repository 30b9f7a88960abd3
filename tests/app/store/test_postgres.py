"""What is PostgreSQL's own: roles of edges, a server that is down or slow, other tables, and programs of two versions at once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from remit.app.store import Entry, Found, Index, PostgresBackend, PostgresEdges, index, modify
from remit.credentials import Owner, Secret
from remit.errors import (
    BadArgument,
    Conflict,
    Missing,
    NotAllowed,
    Refused,
    StoreFull,
    StoreTooNew,
    Uncertain,
    Unreachable,
)
from remit.lib import Attenuation
from tests.app.store.kits import PostgresKit
from tests.credentials import servers

KEY = b"a key of the tests, 32 bytes long"


@index()
def first(value: Any) -> Any:
    return [Entry(value[0], inline=value)]


@index(version=2, name="first")
def second(value: Any) -> Any:
    return [Entry(value[0].upper())]


@pytest.fixture
def kit(postgres_server: servers.Server, tmp_path: Path) -> PostgresKit:
    return PostgresKit(tmp_path, postgres_server)


async def boss(kit: PostgresKit, words: str) -> list[Any]:
    """A statement of the superuser's."""
    import psycopg

    async with await psycopg.AsyncConnection.connect(kit.uri().text, autocommit=True) as connection:
        cursor = await connection.execute(words.encode())
        return await cursor.fetchall() if cursor.description else []


def run(test: Any, kit: PostgresKit, indexes: Any = (first,)) -> None:
    async def main() -> None:
        try:
            await test(await kit.opened(indexes))
        finally:
            await kit.closed()

    asyncio.run(main())


@asynccontextmanager
async def edges(kit: PostgresKit) -> AsyncIterator[PostgresEdges]:
    made = PostgresEdges(Owner(kit.uri(), f"t{kit.number}", KEY), kit.schema)
    try:
        yield made
    finally:
        for held in await made.observe():
            await made.revoke(held.edge)
        await made.close()


async def at_edge(
    kit: PostgresKit, made: PostgresEdges, edge: str, attenuation: Attenuation, indexes: Any = (first,)
) -> PostgresBackend:
    credential = await made.grant(edge, attenuation)
    backend = PostgresBackend(Secret(credential.texts()["uri"]), kit.schema, builds=False, patience=2.0)
    kit.made.append(backend)
    await backend.open(indexes)
    return backend


# --- edges are roles --------------------------------------------------------------------------------


def test_an_edge_has_a_login_of_its_own(kit: PostgresKit) -> None:
    """Whoever was given the store may use all of it, and nothing else of the database: no tables, no other store."""

    async def test(store: Any) -> None:
        other = PostgresKit(Path(), kit.server)
        await (await other.opened()).set("secret", "x")
        async with edges(kit) as made:
            edge = await at_edge(kit, made, "all", Attenuation())
            await edge.set("a", "apple")
            assert await modify(edge, "a", lambda old: old + "s") == "apples"
            assert await edge.find("first", "a") == [Found("a", "a", "apples")]
            assert await store.get("a") == "apples" and await edge.keys() == ["a"]
            assert await edge.delete("a")
            uri = Secret((await made.grant("all", Attenuation())).texts()["uri"])
            foreign = PostgresBackend(uri, other.schema, builds=False, patience=1.0)
            with pytest.raises(NotAllowed):
                await foreign.open([])
            await foreign.close()
            builder = PostgresBackend(uri, kit.schema, patience=1.0)
            with pytest.raises(NotAllowed):
                await builder.open([second])
            await builder.close()
            for words in (
                f"UPDATE {kit.schema}.remit_state SET epoch = 1",
                f"DROP TABLE {kit.schema}.kv_entries",
                f"DELETE FROM {kit.schema}.remit_indexes",
            ):
                with pytest.raises(NotAllowed):
                    await edge._link.work(lambda connection, words=words: connection.execute(words.encode()))
        await other.closed()

    run(test, kit)


def test_a_read_only_edge(kit: PostgresKit) -> None:
    """It reads all and writes nothing, whatever its program sends."""

    async def test(store: Any) -> None:
        await store.set("a", "apple")
        async with edges(kit) as made:
            edge = await at_edge(kit, made, "reads", Attenuation(read_only=True))
            assert await edge.get("a") == "apple" and await edge.keys() == ["a"]
            assert await edge.find("first", "a", values=True) == [Found("a", "a", "apple", "apple")]
            for write in (
                edge.set("a", "b"),
                edge.delete("a"),
                edge.swap("b", b"", "x"),
                modify(edge, "a", lambda _: "c"),
            ):
                with pytest.raises(NotAllowed):
                    await write
            assert await store.get("a") == "apple"

    run(test, kit)


def test_an_edge_with_a_prefix(kit: PostgresKit) -> None:
    """It sees keys with its prefix only, in every table, in those of indexes that are made later too; and writes no others."""

    async def test(store: Any) -> None:
        for key in ("eu:1", "us:1", "eu"):
            await store.set(key, "apple")
        async with edges(kit) as made:
            edge = await at_edge(kit, made, "eu", Attenuation(prefix="eu:"))
            assert await edge.keys() == ["eu:1"] and await edge.get("us:1") is None
            await edge.set("eu:2", "avocado")
            assert [each.key for each in await edge.find("first", "a")] == ["eu:1", "eu:2"]
            for key in ("us:1", "us:2", "eu"):
                with pytest.raises(NotAllowed):
                    await edge.set(key, "mine")
            assert await edge.delete("us:1") is False and await store.get("us:1") == "apple"
            again = await kit.reopened([second])
            edge = await at_edge(kit, made, "eu", Attenuation(prefix="eu:"), [second])
            assert [each.key for each in await edge.find("first", "A")] == ["eu:1", "eu:2"]
            assert len(await again.find("first", "A")) == 4
            wide = await at_edge(kit, made, "eu", Attenuation(), [second])
            assert len(await wide.find("first", "A")) == 4, "the same edge, as it is granted now"

    run(test, kit)


def test_what_postgres_cannot_enforce(kit: PostgresKit) -> None:
    """An attenuation that no role can have is refused before anything is made."""

    async def test(_: Any) -> None:
        async with edges(kit) as made:
            for attenuation in (Attenuation(count=3), Attenuation(methods=["get"]), Attenuation(rate=[[1, 1.0]])):
                with pytest.raises(BadArgument, match="cannot enforce"):
                    await made.grant("x", attenuation)
            assert await made.observe() == []

    run(test, kit)


def test_an_edge_that_is_revoked(kit: PostgresKit) -> None:
    """Its open connections lose the store at once, and nothing of it is left."""

    async def test(store: Any) -> None:
        await store.set("a", "apple")
        async with edges(kit) as made:
            edge = await at_edge(kit, made, "gone", Attenuation(prefix="a"))
            assert await edge.get("a") == "apple"
            assert await made.revoke("gone") is True and await made.revoke("gone") is False
            with pytest.raises(Refused):
                await edge.get("a")
            assert (
                await boss(
                    kit,
                    f"SELECT policyname FROM pg_policies WHERE schemaname = '{kit.schema}' AND policyname <> 'remit_all'",
                )
                == []
            )
        assert await store.get("a") == "apple"

    run(test, kit)


# --- programs of two versions at once -----------------------------------------------------------------


def test_writers_of_the_old_version_while_the_new_one_is_built(kit: PostgresKit) -> None:
    """A program of the version before goes on during and after the build; what it writes is found by programs of both versions."""

    async def test(store: Any) -> None:
        for number in range(10):
            await store.set(f"k{number}", "apple")
        old = PostgresBackend(kit.uri(), kit.schema, builds=False)
        kit.made.append(old)
        await old.open([first])
        builder = PostgresBackend(kit.uri(), kit.schema)
        kit.made.append(builder)
        fill = builder._steps.fill

        async def slow(*arguments: Any) -> Any:
            last = await fill(*arguments)
            await old.set("k1", "banana")
            await old.set("x1", "beer")
            assert {each.key for each in await old.find("first", "b")} == {"k1", "x1"}, (
                "the old index is in use, and kept"
            )
            return last

        builder._steps.fill = slow  # type: ignore[method-assign]
        await builder.open([second])
        await builder.ready()
        await old.set("k2", "cherry")
        await old.delete("k3")
        assert {each.key for each in await builder.find("first", "B")} == {"k1", "x1"}
        assert [each.key for each in await builder.find("first", "C")] == ["k2"], (
            "though it was written by one who does not know the function"
        )
        assert [each.key for each in await builder.find("first", "A", most=3)] == ["k0", "k4", "k5"]
        assert [each.key for each in await builder.find("first", "A", after=("k5", 0))] == ["k6", "k7", "k8", "k9"]
        with pytest.raises(Conflict, match=r"there in version 2, and this program declares version 1"):
            await old.find("first", "a")
        late = PostgresBackend(kit.uri(), kit.schema, builds=False)
        kit.made.append(late)
        with pytest.raises(Conflict, match="version 1"):
            await late.open([first])
        again = await kit.reopened([second])
        assert await boss(kit, f"SELECT count(*) FROM {kit.schema}.kv_stale") == [(0,)]
        assert [each.key for each in await again.find("first", "C")] == ["k2"]

    run(test, kit)


def test_many_processes_write_while_an_index_is_made(kit: PostgresKit) -> None:
    """Writers of several programs at once, and an index that comes in between: each value has exactly its own entries in the end (A14)."""

    async def test(store: Any) -> None:
        writers = [PostgresBackend(kit.uri(), kit.schema, builds=False) for _ in range(3)]
        kit.made.extend(writers)
        for writer in writers:
            await writer.open([])
        stop = False

        async def write(writer: PostgresBackend, number: int) -> None:
            step = 0
            while not stop:
                step += 1
                await writer.set(f"k{(number + step) % 7}", "abc"[step % 3] + str(number))

        tasks = [asyncio.ensure_future(write(writer, number)) for number, writer in enumerate(writers)]
        builder = await kit.opened([first])
        await kit.opened([first, Index("last", 1, lambda value: value[-1])])
        stop = True
        await asyncio.gather(*tasks)
        expected = {key: await builder.get(key) for key in await builder.keys()}
        found = {each.key: each.inline for letter in "abc" for each in await builder.find("first", letter)}
        assert found == expected and len(expected) == 7

    run(test, kit, ())


# --- what goes wrong ------------------------------------------------------------------------------------


def test_other_tables(kit: PostgresKit) -> None:
    """A schema that has something else in it is left alone, and named."""

    async def main() -> None:
        await boss(kit, f"CREATE SCHEMA {kit.schema} CREATE TABLE orders (id int) CREATE VIEW v AS SELECT 1 AS x")
        with pytest.raises(Conflict, match=rf"schema {kit.schema} .* not of a store \(orders, v\).*another name"):
            await kit.opened()
        await kit.closed()
        assert await boss(
            kit,
            f"SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = '{kit.schema}'",
        ) == [(2,)]
        with pytest.raises(BadArgument, match="small letters"):
            PostgresBackend(kit.uri(), "Robert'); --")

    asyncio.run(main())


def test_made_by_a_newer_version(kit: PostgresKit) -> None:
    """A store of a format to come is refused untouched."""

    async def test(_: Any) -> None:
        await boss(kit, f"UPDATE {kit.schema}.remit_state SET format = 99")
        with pytest.raises(StoreTooNew, match="format 99"):
            await kit.reopened()

    run(test, kit)


def test_not_made_yet(kit: PostgresKit) -> None:
    """Who may not make the tables and does not find them is told who does."""

    async def main() -> None:
        backend = PostgresBackend(kit.uri(), "nowhere", builds=False, patience=1.0)
        with pytest.raises(Conflict, match="have them made by the owner first"):
            await backend.open([])
        await backend.close()

    asyncio.run(main())


def test_a_server_that_is_down() -> None:
    """Nobody there: `Unreachable` after the time that was given, and nothing done. A wrong password is refused at once, and never shown."""

    async def main() -> None:
        port = servers.free_port()
        backend = PostgresBackend(Secret(f"postgresql://x:secret-word@127.0.0.1:{port}/x"), "s", patience=0.2)
        with pytest.raises(Unreachable, match=r"cannot be reached.*nothing was changed") as caught:
            await backend.open([])
        assert "secret-word" not in str(caught.value)
        await backend.close()

    asyncio.run(main())


def test_a_login_that_is_refused(kit: PostgresKit) -> None:
    """A wrong password is refused at once, and shown nowhere."""

    async def main() -> None:
        backend = PostgresBackend(Secret(kit.uri().text.replace("the-owners", "secret-word")), "s")
        with pytest.raises(Refused, match="does not let") as caught:
            await backend.open([])
        assert "secret-word" not in str(caught.value)
        await backend.close()
        with pytest.raises(BadArgument, match="cannot be read"):
            await PostgresBackend(Secret("postgresql://[secret-word"), "s").open([])

    asyncio.run(main())


def test_a_slow_server(kit: PostgresKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that waits too long is given up, and was not done."""
    from remit.app.store import _postgres_link as link

    monkeypatch.setattr(link, "PATIENCE", 0.3)

    async def test(store: Any) -> None:
        import psycopg

        await store.set("a", "old")
        async with await psycopg.AsyncConnection.connect(kit.uri().text) as other:
            await other.execute(f"LOCK TABLE {kit.schema}.kv_entries".encode())
            await store.close()
            hurried = PostgresBackend(kit.uri(), kit.schema, builds=False)
            with pytest.raises(Unreachable, match=r"too slow.*nothing was changed"):
                await hurried.set("a", "new")
            await other.rollback()
        assert await hurried.get("a") == "old"
        await hurried.close()

    run(test, kit)


@pytest.fixture
def own_server() -> Iterator[servers.Server]:
    with servers.postgres() as server:
        yield server


def test_a_server_that_is_started_again(own_server: servers.Server, tmp_path: Path) -> None:
    """What is sent while it is away waits for it; what was on its way is told to be uncertain; what was told to be kept is there."""
    kit = PostgresKit(tmp_path, own_server)

    def start() -> None:
        log = (own_server.directory / "postgres.log").open("ab")
        with log:
            own_server.process = subprocess.Popen(
                own_server.process.args, stdout=log, stderr=log, cwd="/", **servers.ordinary()
            )

    async def test(store: Any) -> None:
        await asyncio.gather(*(store.set(f"a{number}", "apple") for number in range(5)))
        hanging = asyncio.ensure_future(store._link.work(lambda connection: connection.execute(b"SELECT pg_sleep(60)")))
        while not await store._link.read(
            b"SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
        ):
            pass
        own_server.process.send_signal(signal.SIGQUIT)
        own_server.process.wait(20)
        with pytest.raises(Uncertain, match="whether the change was made is not known"):
            await hanging
        waiting = [
            asyncio.ensure_future(each)
            for each in (store.set("b", "banana"), store.get("a1"), store.find("first", "a"))
        ]
        await asyncio.sleep(0)
        start()
        assert [await each for each in waiting][1] == "apple"
        assert sorted([each.key for each in await store.find("first", "b")]) == ["b"]
        assert len(await store.keys()) == 6

    run(test, kit)


def test_a_server_without_room(kit: PostgresKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room on its disk is `StoreFull`, and nothing of the call is kept; later calls go on."""

    async def test(store: Any) -> None:
        await boss(
            kit,
            f"CREATE FUNCTION {kit.schema}.full() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END$$;"
            f"CREATE TRIGGER no_room BEFORE INSERT ON {kit.schema}.kv_entries FOR EACH ROW WHEN (NEW.key = 'full') EXECUTE FUNCTION {kit.schema}.full()",
        )
        with pytest.raises(StoreFull, match="no space left; nothing of this call was kept"):
            await store.set("full", "x")
        await store.set("a", "apple")
        assert await store.keys() == ["a"] and await store.find("first", "x") == []

    run(test, kit)


def test_people_can_read_the_tables(kit: PostgresKit) -> None:
    """Values are jsonb, and can be asked for by their parts."""

    async def test(store: Any) -> None:
        await store.set("a", {"name": "Ada", "n": [1, 2]})
        assert await boss(kit, f"SELECT value->>'name', value->'n'->1 FROM {kit.schema}.kv_entries") == [("Ada", 2)]
        assert all(len(name) <= 63 for (name,) in await boss(kit, "SELECT relname FROM pg_class"))

    run(test, kit, ())


def test_an_index_that_is_not_there(kit: PostgresKit) -> None:
    """A program that declares an index that nobody has built, or asks for one that it has not declared, is told what to do."""

    async def test(_: Any) -> None:
        edge = PostgresBackend(kit.uri(), kit.schema, builds=False)
        with pytest.raises(Conflict, match="no index 'other' yet: have it built"):
            await edge.open([Index("other", 1, str)])
        await edge.open([first])
        with pytest.raises(Missing):
            await edge.find("other", "x")
        await edge.close()

    run(test, kit)

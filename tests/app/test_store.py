"""Stores as components hold them: narrowed, indexed, changed by many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remit import record
from remit.app import App, Store, Worker
from remit.app.store import Entry, Found, index
from remit.app.targets import InProcess
from remit.errors import BadArgument, Conflict, Missing, Misuse, NotAllowed, StoreError
from tests.credentials import servers


@record("tests.store.message")
class Message:
    of: str
    to: str
    text: str = ""


class Messages(Store[Message]):
    @index(version=1)
    @staticmethod
    def by_sender(message: Message) -> Entry:
        return Entry(message.of, inline=message.to)

    @index(version=1)
    @staticmethod
    def words(message: Message) -> list[Entry]:
        return [Entry(word, place) for place, word in enumerate(message.text.split())]


class Reader(Worker):
    all: Messages
    reading: Messages
    eu: Messages
    counting: Messages
    finding: Messages

    async def run(self) -> None:
        pass


def program() -> App:
    app = App("store")
    messages = Messages(app / "messages")
    Reader(
        app / "reader", all=messages, reading=messages.read_only(), eu=messages.limited(prefix="eu:"), counting=messages.only("modify"),
        finding=messages.only("by_sender", "all_keys"),
    )  # fmt: skip
    return app


KINDS = ["memory", "sqlite", "postgres"]


@pytest.fixture(scope="module")
def postgres_server() -> Any:
    with servers.postgres() as server:
        yield server


@pytest.fixture(params=KINDS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Any], None]:
    """Run a test with the components that hold the store, kept by each kind of backend."""
    settings: dict[str, Any] = {"kind": request.param}
    if request.param == "postgres":
        server = request.getfixturevalue("postgres_server")
        path = tmp_path / "connection"
        path.write_text(f"postgresql://boss:{servers.OWNER_PASSWORD}@127.0.0.1:{server.port}/postgres\n")
        path.chmod(0o600)
        settings["connection"] = str(path)

    def ran(test: Any) -> None:
        async def main() -> None:
            app = InProcess(program(), directory=tmp_path)
            for persona in app.personas.values():
                persona.host.settings["store"] = settings
            async with app:
                reader = app.personas["store/reader"].body
                async for key in reader.all.all_keys():
                    await reader.all.delete(key)
                await test(reader)

        asyncio.run(main())

    return ran


def test_indexes_by_their_names(run: Any) -> None:
    """An index is an attribute of the store, with entries and values as asked for, in any number (A11)."""

    async def test(reader: Any) -> None:
        for number in range(3):
            await reader.all.set(f"m{number}", Message("ada", f"bob{number}", "to be or not to be"))
        assert await reader.all.by_sender.get("ada") == [
            Found("ada", f"m{number}", f"bob{number}") for number in range(3)
        ]
        assert (await reader.all.by_sender.get("ada", values=True, inline=False))[0] == Found(
            "ada", "m0", None, Message("ada", "bob0", "to be or not to be")
        )
        assert [(each.key, each.inline) async for each in reader.all.words.entries("be")] == [
            (f"m{number}", place) for number in range(3) for place in (1, 5)
        ]
        with pytest.raises(Missing, match="no index 'other': there are by_sender, words"):
            await reader.all.find("other", "x")

    run(test)


def test_a_store_with_a_prefix(run: Any) -> None:
    """It has the keys with its prefix, in lists and indexes too, and refuses others."""

    async def test(reader: Any) -> None:
        for key in ("eu:1", "eu:2", "us:1"):
            await reader.all.set(key, Message("ada", key))
        assert await reader.eu.keys() == ["eu:1", "eu:2"] == [key async for key in reader.eu.all_keys("eu")]
        assert await reader.eu.keys("eu:2") == ["eu:2"] and await reader.eu.keys("us") == []
        assert [each.key for each in await reader.eu.by_sender.get("ada")] == ["eu:1", "eu:2"]
        assert await reader.eu.by_sender.get("ada", prefix="us:") == []
        await reader.eu.modify("eu:1", lambda old: Message("bob", old.to))
        for use in (
            reader.eu.get("us:1"),
            reader.eu.set("us:2", Message("x", "y")),
            reader.eu.modify("us:1", lambda _: None),
        ):
            with pytest.raises(NotAllowed, match="'eu:'"):
                await use
        assert await reader.all.keys() == ["eu:1", "eu:2", "us:1"]

    run(test)


def test_narrowed_to_methods(run: Any) -> None:
    """`only("modify")` modifies, `only(index)` finds, `read_only()` reads; each nothing else."""

    async def test(reader: Any) -> None:
        await reader.counting.modify("a", lambda old: Message("ada", "bob"))
        assert await reader.finding.by_sender.get("ada") == [Found("ada", "a", "bob")]
        assert [key async for key in reader.finding.all_keys()] == ["a"]
        assert await reader.reading.get("a") == Message("ada", "bob")
        for use in (
            reader.counting.get("a"), reader.counting.delete("a"), reader.finding.get("a"), reader.reading.set("a", None), reader.reading.delete("a"),
            reader.reading.modify("a", lambda _: None),
        ):  # fmt: skip
            with pytest.raises(NotAllowed):
                await use
        assert await reader.all.has("a")

    run(test)


def test_many_change_one_value(run: Any) -> None:
    """All changes of many holders at once are there in the end (A13)."""

    async def test(reader: Any) -> None:
        def more(old: Message | None) -> Message:
            return Message("ada", "bob", f"{old.text if old else ''} x")

        await asyncio.gather(*(each.modify("a", more) for each in [reader.all, reader.counting] * 10))
        assert len((await reader.all.get("a")).text.split()) == 20
        assert len(await reader.all.words.get("x")) == 20

    run(test)


def test_deleting_by_modify(run: Any) -> None:
    """A modify that returns nothing deletes an indexed value and its entries (A12)."""

    async def test(reader: Any) -> None:
        await reader.all.set("a", Message("ada", "bob"))
        assert await reader.all.modify("a", lambda _: None) is None
        assert await reader.all.by_sender.get("ada") == [] and not await reader.all.has("a")

    run(test)


def test_nobody_else(run: Any) -> None:
    """The declaration itself answers nobody who was not given it."""

    async def test(reader: Any) -> None:
        declaration = reader._declaration.id.app.declarations["store/messages"].component
        with pytest.raises((NotAllowed, Misuse)):
            await declaration.get("a")
        with pytest.raises((NotAllowed, Misuse)):
            await declaration.modify("a", lambda _: None)

    run(test)


def test_wrong_values_and_keys(run: Any) -> None:
    """What no store takes is told by the same error whatever keeps it."""

    async def test(reader: Any) -> None:
        with pytest.raises(BadArgument, match="key of a store"):
            await reader.all.set(1, Message("a", "b"))
        with pytest.raises(BadArgument, match="index 'by_sender' failed on the value under 'a'"):
            await reader.all.set("a", "no message")
        assert await reader.all.keys() == []

    run(test)


def test_what_is_declared_stands_in_the_graph() -> None:
    """Indexes, with versions and fingerprints, are data of the graph."""
    spec = program().declarations["store/messages"].component.spec()
    assert [(each["name"], each["version"], len(each["fingerprint"])) for each in spec["indexes"]] == [
        ("by_sender", 1, 32),
        ("words", 1, 32),
    ]


def test_a_store_that_does_not_open(tmp_path: Path) -> None:
    """Where its file is something else's, the application does not come up, and says why."""
    import sqlite3

    async def main() -> None:
        app = InProcess(program(), directory=tmp_path)
        host = app.personas["store/messages"].host
        host.settings["store"] = {"kind": "sqlite"}
        assert host.directory is not None
        host.directory.mkdir(mode=0o700)
        with sqlite3.connect(host.directory / "store.sqlite") as other:
            other.execute("CREATE TABLE orders (id)")
        other.close()
        (host.directory / "store.sqlite").chmod(0o600)
        with pytest.raises((Conflict, StoreError), match="orders"):
            async with app:
                pass

    asyncio.run(main())

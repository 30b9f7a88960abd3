"""Indexes, on each kind of store."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.app.store import Entry, Found, Index, index, modify
from remit.errors import BadArgument, Conflict, Missing, Misuse
from tests.app.store.kits import Kit


@index()
def sender(message: Any) -> Any:
    return [Entry(message["from"], inline=message["to"])]


@index()
def words(message: Any) -> Any:
    return [Entry(word, place) for place, word in enumerate(message["text"].split())]


BOTH = [sender, words]


def message(of: str, to: Any, text: str = "") -> dict[str, Any]:
    return {"from": of, "to": to, "text": text}


def run(test: Any, kit: Kit, indexes: Any = BOTH) -> None:
    async def main() -> None:
        try:
            await test(await kit.opened(indexes))
        finally:
            await kit.closed()

    asyncio.run(main())


def test_what_an_index_gives(kit: Kit) -> None:
    """Entries have the key of the index always, the inline value unless it is not wanted, and the value where it is (A11)."""

    async def test(store: Any) -> None:
        await store.set("m2", message("alice", "bob"))
        await store.set("m1", message("alice", None))
        await store.set("m3", message("bob", "alice"))
        assert await store.find("sender", "alice") == [Found("alice", "m1"), Found("alice", "m2", "bob")]
        assert await store.find("sender", "alice", inline=False) == [Found("alice", "m1"), Found("alice", "m2")]
        assert await store.find("sender", "bob", values=True) == [Found("bob", "m3", "alice", message("bob", "alice"))]
        assert await store.find("sender", "nobody") == []
        with pytest.raises(Missing, match=r"no index 'other': there are sender, words"):
            await store.find("other", "x")
        with pytest.raises(BadArgument, match="key of an index"):
            await store.find("sender", 1)

    run(test, kit)


def test_several_entries_of_one_value(kit: Kit) -> None:
    """A value may have several entries, under one key too; they come in the function's order."""

    async def test(store: Any) -> None:
        await store.set("m", message("a", "b", "to be or not to be"))
        assert [(each.inline, each.place) for each in await store.find("words", "be")] == [(1, 1), (5, 5)]
        await store.set("m", message("a", "b", "not to be"))
        assert [(each.inline, each.place) for each in await store.find("words", "be")] == [(2, 2)]
        assert await store.find("words", "or") == []
        await store.set("m", message("a", "b", ""))
        assert await store.find("words", "be") == []

    run(test, kit)


def test_entries_in_pages(kit: Kit) -> None:
    """Entries come in order of the store's keys, page by page, within a prefix."""

    async def test(store: Any) -> None:
        names = sorted(["", "a", "b%", "é", "😀", *(f"p{number:02}" for number in range(12))], key=str.encode)
        for name in reversed(names):
            await store.set(name, message("x", name, "w w"))
        found: list[Found] = []
        while page := await store.find("words", "w", after=(found[-1].key, found[-1].place) if found else None, most=3):
            found += page
        assert [(each.key, each.place) for each in found] == [(name, place) for name in names for place in (0, 1)]
        assert [each.key for each in await store.find("sender", "x", prefix="p1")] == ["p10", "p11"]
        assert [each.key for each in await store.find("sender", "x", prefix="p", after=("p09", 0), most=1)] == ["p10"]

    run(test, kit)


def test_deleting_what_is_indexed(kit: Kit) -> None:
    """What is deleted leaves all indexes, whichever way: by delete, by setting None, by a modify that returns nothing (A12)."""

    async def test(store: Any) -> None:
        async def none() -> None:
            await store.set("m", None)

        for delete in (lambda: store.delete("m"), none, lambda: modify(store, "m", lambda _: None)):
            await store.set("m", message("a", "b", "x y"))
            assert await store.find("words", "y") != []
            await delete()
            assert (
                await store.find("words", "y") == []
                and await store.find("sender", "a") == []
                and not await store.has("m")
            )

    run(test, kit)


def test_modify_and_swap_keep_indexes(kit: Kit) -> None:
    """Modify and swap write the entries of what they write, and of nothing where another was faster."""

    async def test(store: Any) -> None:
        await modify(store, "m", lambda _: message("a", 1))
        seen = await store.look("m")
        await modify(store, "m", lambda old: {**old, "from": "b"})
        assert await store.find("sender", "a") == [] and await store.find("sender", "b") == [Found("b", "m", 1)]
        assert not await store.swap("m", seen.token, message("c", 2))
        assert not await store.swap("m", b"", message("c", 2))
        assert await store.find("sender", "c") == [] and await store.find("sender", "b") == [Found("b", "m", 1)]

    run(test, kit)


def test_a_function_that_fails(kit: Kit) -> None:
    """A value that an index cannot take is not kept, and the error names index and key."""

    async def test(store: Any) -> None:
        await store.set("m", message("a", "b"))
        with pytest.raises(BadArgument, match=r"index 'sender' failed on the value under 'm': KeyError"):
            await store.set("m", {"text": ""})
        with pytest.raises(
            BadArgument,
            match=r"index 'sender' cannot take the value under 'n': a key of an index of a store is a str, not int",
        ):
            await store.set("n", message(1, 2))  # type: ignore[arg-type]
        with pytest.raises(BadArgument, match="more than 1000 entries"):
            await store.set("n", message("a", "b", "x " * 1001))
        assert await store.get("m") == message("a", "b") and not await store.has("n")
        assert await store.find("sender", "a") == [Found("a", "m", "b")]

    run(test, kit)


def test_many_writers_of_one_indexed_value(kit: Kit) -> None:
    """However many write one value at once, its entries are those of the last one."""

    async def test(store: Any) -> None:
        await asyncio.gather(*(store.set("m", message(f"s{number}", number)) for number in range(30)))
        last = await store.get("m")
        found = [each for number in range(30) for each in await store.find("sender", f"s{number}")]
        assert found == [Found(last["from"], "m", last["to"])]

    run(test, kit)


def test_names_and_forms_of_indexes(kit: Kit) -> None:
    """Names may be any text; two of one name are refused; texts are entries as well."""

    async def test(_: Any) -> None:
        long = Index("Größe; DROP TABLE kv_entries -- " * 4, 1, lambda value: value)
        longer = Index("Größe; DROP TABLE kv_entries -- " * 4 + "x", 1, lambda value: ["x", value])
        store = await kit.reopened([long, longer])
        await store.set("a", "text")
        assert [each.key for each in await store.find(long.name, "text")] == ["a"]
        assert [each.key for each in await store.find(longer.name, "x")] == ["a"]
        with pytest.raises(Conflict, match="two indexes"):
            await kit.reopened([long, Index(long.name, 2, lambda value: value)])
        for wrong in (lambda: Index("", 1, len), lambda: Index("a", 0, len), lambda: Index("a", 1, None)):  # type: ignore[arg-type]
            with pytest.raises(Misuse):
                wrong()

    run(test, kit, ())

"""Versions of indexes: refused, built beside the old one, kept over crashes; on each kind of store."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.app.store import Entry, Index, index
from remit.app.store import _building as building
from remit.errors import BadArgument, Conflict, StoreError
from tests.app.store.kits import Kit


@index(name="first")
def first(value: Any) -> Any:
    return value[0]


@index(name="first")
def changed(value: Any) -> Any:
    return value[0].upper()


@index(version=2, name="first")
def second(value: Any) -> Any:
    return [Entry(value[0].upper(), inline=len(value))]


VALUES = {f"key{number:03}": f"{'abc'[number % 3]}{number}" for number in range(30)}


def run(test: Any, kit: Kit) -> None:
    async def main() -> None:
        try:
            await test()
        finally:
            await kit.closed()

    asyncio.run(main())


async def filled(kit: Kit, indexes: Any = (first,)) -> Any:
    store = await kit.opened(indexes)
    for key, value in VALUES.items():
        await store.set(key, value)
    return store


async def keys(store: Any, name: str, index_key: str) -> list[str]:
    return [each.key for each in await store.find(name, index_key)]


def right(letter: str) -> list[str]:
    return [key for key, value in VALUES.items() if value[0] == letter]


def test_a_changed_function_is_refused(kit: Kit) -> None:
    """A function that was changed and has kept its version is refused by name, and nothing is changed (A7)."""

    async def test() -> None:
        await filled(kit)
        await kit.closed()
        with pytest.raises(Conflict, match=r"function of the index 'first' has changed.*@index\(version=2\)"):
            await kit.opened([changed])
        store = await kit.reopened([first])
        assert await keys(store, "first", "a") == right("a")

    run(test, kit)


def test_a_new_version_is_built(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version takes the place of the old one, and of the old one nothing is left; an index that is new finds what was there before (A7)."""
    monkeypatch.setattr(building, "BATCH", 7)

    async def test() -> None:
        await filled(kit)
        store = await kit.reopened([second])
        assert await keys(store, "first", "B") == right("b") and await keys(store, "first", "b") == []
        more = Index("last", 1, lambda value: value[-1])
        store = await kit.reopened([second, more])
        assert await keys(store, "last", "0") == [key for key, value in VALUES.items() if value[-1] == "0"]
        kept = await kit.tables(store).kept()
        assert sorted((each.name, each.version, each.state) for each in kept) == [
            ("first", 2, "active"),
            ("last", 1, "active"),
        ]
        store = await kit.reopened([first])
        assert await keys(store, "first", "b") == right("b"), "back again"
        assert [(each.name, each.version) for each in await kit.tables(store).kept()] == [("first", 1)]

    run(test, kit)


def test_an_index_that_is_declared_no_more(kit: Kit) -> None:
    """Its table is removed, and never stands in the way of a delete (A7)."""

    async def test() -> None:
        await filled(kit)
        store = await kit.reopened()
        assert await kit.tables(store).kept() == []
        assert await store.delete("key000")
        store = await kit.reopened([first])
        assert await keys(store, "first", "a") == right("a")[1:]

    run(test, kit)


def test_written_by_another_version(kit: Kit) -> None:
    """What a program without the function has written is found by one that has it."""

    async def test() -> None:
        store = await filled(kit)
        await kit.closed()
        store = kit.make()
        kit.made.append(store)
        store._declared = {}  # as after a crash between opening and building
        if hasattr(store, "_rows"):
            await store._rows.declare({})
        if hasattr(store, "data"):
            store.data.indexes = {}
        await store.set("key000", "b-new")
        await store.set("new", "b-too")
        await store.delete("key001")
        assert (await kit.tables(store).kept())[0].stale == 2
        store = await kit.reopened([first])
        assert await keys(store, "first", "b") == ["key000", *right("b")[1:], "new"]
        assert await keys(store, "first", "a") == right("a")[1:]
        assert (await kit.tables(store).kept())[0].stale == 0

    run(test, kit)


def test_writes_while_it_is_built(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an index is built, values are set and deleted, behind the place where it is filled and before; all of it is right in the end."""
    monkeypatch.setattr(building, "BATCH", 3)

    async def test() -> None:
        await filled(kit, ())
        await kit.closed()
        store = kit.make()
        kit.made.append(store)
        expected = dict(VALUES)
        tables = kit.tables(store)
        fill = tables.fill
        steps = 0

        async def busy(*arguments: Any) -> Any:
            nonlocal steps
            last = await fill(*arguments)
            names = sorted(expected)
            for key, value in (
                (names[1], "c-early"),
                (names[-2], "c-late"),
                (f"key{steps:03}x", "a-new"),
                (f"z{steps}", "b-new"),
            ):
                await store.set(key, value)
                expected[key] = value
            await store.delete(names[3])
            del expected[names[3]]
            steps += 1
            return last if steps < 12 else await fill(*arguments)

        monkeypatch.setattr(tables, "fill", busy)
        await store.open([second])
        await store.ready()
        for letter in "abc":
            assert await keys(store, "first", letter.upper()) == sorted(
                key for key, value in expected.items() if value[0] == letter
            )

    run(test, kit)


def test_reading_waits_for_the_first_build(kit: Kit) -> None:
    """Values can be read and written at once; who asks an index that is being built waits for it."""

    async def test() -> None:
        await filled(kit, ())
        await kit.closed()
        store = kit.make()
        kit.made.append(store)
        await store.open([first])
        assert await store.get("key001") == "b1"
        assert await keys(store, "first", "a") == right("a")

    run(test, kit)


class Crash(Exception):
    """As if the process were gone."""


def crashing(tables: Any, at: int, *, after: bool, patch: pytest.MonkeyPatch) -> list[str]:
    """Let the steps end with a crash, at the one with this number: before it is done, or after."""
    done: list[str] = []
    for name in ("begin", "fill", "freshen", "check", "switch", "drop"):
        real = getattr(tables, name)

        async def step(*arguments: Any, real: Any = real, name: str = name) -> Any:
            if len(done) == at and not after:
                raise Crash
            result = await real(*arguments)
            done.append(name)
            if len(done) == at + 1 and after:
                raise Crash
            return result

        patch.setattr(tables, name, step)
    return done


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_write(kit: Kit, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    """A rebuild that is killed at any of its writes goes on at the next start, and no value and no entry is lost or left over."""
    monkeypatch.setattr(building, "BATCH", 15)

    async def test() -> None:
        await filled(kit)
        at = 0
        while True:
            await kit.closed()
            store = kit.make()
            kit.made.append(store)
            with monkeypatch.context() as patch:
                done = crashing(kit.tables(store), at, after=after, patch=patch)
                try:
                    await store.open([second])
                    await store.ready()
                except Crash:
                    crashed = True
                else:
                    crashed = False
            assert await store.get("key001") == "b1"
            await kit.closed()
            again = await kit.opened([second])
            for letter in "abc":
                assert await keys(again, "first", letter.upper()) == right(letter), (at, done)
            assert [(each.version, each.state) for each in await kit.tables(again).kept()] == [(2, "active")]
            if not crashed:
                break
            at += 1
            await kit.reopened([first])
        assert done[0] == "begin" and done[-1] == "drop" and at >= 8

    run(test, kit)


def test_begun_with_another_function(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that was never in use may be mended without another version: what was begun is thrown away."""

    async def test() -> None:
        await filled(kit, ())
        bad = Index("first", 1, lambda value: 1 // 0)
        with pytest.raises(BadArgument, match="ZeroDivisionError"):
            await kit.reopened([bad])
        store = await kit.reopened([first])
        assert await keys(store, "first", "a") == right("a")

    run(test, kit)


def test_a_build_that_fails_leaves_the_old_one(kit: Kit) -> None:
    """Where the new function fails on a value, the error names it, and the version before is there as it was."""

    async def test() -> None:
        await filled(kit)
        with pytest.raises(BadArgument, match=r"failed on the value under 'key\d+': ValueError"):
            await kit.reopened([Index("first", 3, lambda value: [str(int(value))])])
        store = await kit.reopened([first])
        assert await keys(store, "first", "a") == right("a")
        assert [(each.version, each.state) for each in await kit.tables(store).kept()] == [(1, "active")]

    run(test, kit)


def test_a_function_that_is_not_pure(kit: Kit) -> None:
    """A function that gives something else each time is found out, and its index is not used."""
    count = 0

    def unsteady(value: Any) -> str:
        nonlocal count
        count += 1
        return str(count)

    async def test() -> None:
        await filled(kit, ())
        with pytest.raises(Conflict, match="other entries for a value each time"):
            await kit.reopened([Index("odd", 1, unsteady)])
        store = kit.made[-1]
        with pytest.raises((Conflict, StoreError)):
            await store.find("odd", "1")

    run(test, kit)

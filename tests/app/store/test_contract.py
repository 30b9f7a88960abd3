"""What every store does, on each kind of backend."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.app.store import KEY_SIZE, LARGEST, MISSING, modify
from remit.errors import BadArgument, Misuse, NotPassable
from remit.values import NULL, Symbol, Tagged, same
from tests.app.store.kits import Kit
from tests.strategies import Point

FALSY = [False, 0, 0.0, -0.0, "", b"", [], {}, NULL]
KINDS = [
    *(
        True,
        1,
        1.0,
        -1,
        2**63,
        -(10**40),
        1e300,
        5e-324,
        float("inf"),
        float("-inf"),
        float("nan"),
        1e16,
        123456789.125,
    ),
    *(
        "text",
        "a\0b",
        "größer 😀",
        '"$quoted',
        "$",
        b"\0\xff",
        Symbol("name"),
        Tagged("unknown.label", [1, {"a": None}]),
    ),
    *(
        [None, NULL, [1, 1.0, True]],
        {"b": 1, "a": {"$": 1, "$bytes": "x", "$$": 2}},
        {"a\0": 1},
        Point(1, [Point("x", b"y")]),
    ),
]


def run(test: Any, kit: Kit) -> None:
    """Run a test with an open store, which is closed at the end."""

    async def main() -> None:
        try:
            await test(await kit.opened())
        finally:
            await kit.closed()

    asyncio.run(main())


@pytest.mark.parametrize("value", [*FALSY, *KINDS], ids=repr)
def test_values_come_back_by_kind(kit: Kit, value: Any) -> None:
    """Whatever passes is kept and comes back as the same value, kinds included, falsy ones too."""

    async def test(store: Any) -> None:
        await store.set("key", value)
        assert same(await store.get("key"), value)
        assert await store.has("key")
        assert same(await (await kit.reopened()).get("key"), value) if kit.name != "postgres" else True

    run(test, kit)


def test_none_is_no_value(kit: Kit) -> None:
    """What is not there reads as None, and to set None is to delete."""

    async def test(store: Any) -> None:
        assert await store.get("key") is None and not await store.has("key")
        assert await store.delete("key") is False
        await store.set("key", 1)
        assert await store.delete("key") is True
        await store.set("key", 1)
        await store.set("key", None)
        assert not await store.has("key") and await store.keys() == []

    run(test, kit)


def test_results_are_fresh(kit: Kit) -> None:
    """To change what was got, or what was given, changes nothing that is kept (A10)."""

    async def test(store: Any) -> None:
        given: dict[str, Any] = {"list": [1]}
        await store.set("key", given)
        given["list"].append(2)
        got = await store.get("key")
        got["list"].append(3)
        seen = await store.look("key")
        seen.value["list"].append(4)
        assert await store.get("key") == {"list": [1]}

    run(test, kit)


def test_what_was_set_is_kept(kit: Kit) -> None:
    """Values outlive the one who has set them."""

    async def test(store: Any) -> None:
        await store.set("a", 1)
        await store.set("a", 2)
        again = await kit.reopened()
        assert await again.get("a") == 2

    run(test, kit)


def test_keys_in_pages(kit: Kit) -> None:
    """Keys come in order of their UTF-8, page by page, each once, while others come and go."""

    async def test(store: Any) -> None:
        names = sorted(
            ["", "a", "a b", "B", "b", "é", "z", "\uffff", "😀", *(f"n{number:03}" for number in range(25))],
            key=str.encode,
        )
        for name in reversed(names):
            await store.set(name, 1)
        assert await store.keys() == names
        found: list[str] = []
        while page := await store.keys(after=found[-1] if found else None, most=7):
            found += page
            await store.delete(page[0])
        assert found == names

    run(test, kit)


def test_keys_with_a_prefix(kit: Kit) -> None:
    """A prefix is a text, not a pattern; it may end in any character."""

    async def test(store: Any) -> None:
        for name in ("a", "a%", "a%b", "ab", "a\U0010ffff", "a\U0010ffffx", "b", "a_", "\ud7ffx", "\ue000"):
            await store.set(name, 1)
        assert await store.keys("a%") == ["a%", "a%b"]
        assert await store.keys("a") == ["a", "a%", "a%b", "a_", "ab", "a\U0010ffff", "a\U0010ffffx"]
        assert await store.keys("a\U0010ffff") == ["a\U0010ffff", "a\U0010ffffx"]
        assert await store.keys("\ud7ff") == ["\ud7ffx"]
        assert await store.keys("a", after="a_", most=1) == ["ab"]
        assert await store.keys("a", after="0", most=1) == ["a"]
        assert await store.keys("x") == []

    run(test, kit)


@pytest.mark.parametrize(
    "key",
    [1, None, b"a", "a\0", "\ud800", "k" * (KEY_SIZE + 1), "é" * (KEY_SIZE // 2 + 1)],
    ids=lambda key: repr(key)[:12],
)
def test_bad_keys(kit: Kit, key: Any) -> None:
    """A key that some store could not keep is refused by each, in words, and nothing is changed."""

    async def test(store: Any) -> None:
        for use in (store.get, store.has, store.delete, store.look):
            with pytest.raises(BadArgument, match=r"(a key|key of|a prefix).* of a store|of \d+ bytes is too long"):
                await use(key)
        with pytest.raises(BadArgument):
            await store.set(key, 1)
        with pytest.raises(BadArgument):
            await store.swap(key, MISSING, 1)
        with pytest.raises(BadArgument):
            await modify(store, key, lambda _: 1)
        assert await store.keys() == []

    run(test, kit)


def test_long_keys_and_large_values(kit: Kit) -> None:
    """The longest key and the largest value are kept; one byte more is refused."""

    async def test(store: Any) -> None:
        key = "k" * KEY_SIZE
        await store.set(key, "x" * (LARGEST - 2))
        assert len(await store.get(key)) == LARGEST - 2
        with pytest.raises(BadArgument, match="too large"):
            await store.set(key, "x" * (LARGEST - 1))
        assert len(await store.get(key)) == LARGEST - 2

    run(test, kit)


def test_what_is_no_data_is_refused(kit: Kit) -> None:
    """A value that cannot pass is refused with its path, and what was there stays."""

    async def test(store: Any) -> None:
        await store.set("key", 1)
        for value in (object(), {"a": [{1, 2}]}, {1: 2}, Exception("x"), [print]):
            with pytest.raises(NotPassable):
                await store.set("key", value)
            with pytest.raises(NotPassable):
                await modify(store, "key", lambda _, value=value: value)
        assert await store.get("key") == 1

    run(test, kit)


def test_swap(kit: Kit) -> None:
    """A swap takes place if nothing else has happened since the look, and says whether."""

    async def test(store: Any) -> None:
        missing = await store.look("key")
        assert missing.value is None and missing.token == MISSING
        assert await store.swap("key", missing.token, {"n": 1})
        assert not await store.swap("key", missing.token, {"n": 2})
        first = await store.look("key")
        assert await store.swap("key", first.token, {"n": 1.0})
        assert not await store.swap("key", first.token, {"n": 3}), "1 and 1.0 are two values"
        second = await store.look("key")
        assert second.value == {"n": 1.0}
        assert await store.swap("key", second.token, None)
        assert not await store.has("key")
        assert await store.swap("key", MISSING, None)
        assert not await store.swap("key", second.token, 4) and not await store.has("key")

    run(test, kit)


def test_modify(kit: Kit) -> None:
    """Modify gives the new value; a function that gives None deletes; one that gives what it got changes nothing."""

    async def test(store: Any) -> None:
        assert await modify(store, "key", lambda old: [old]) == [None]
        assert await modify(store, "key", lambda old: [*old, 1]) == [None, 1]
        assert await modify(store, "key", lambda old: old) == [None, 1]
        assert await modify(store, "key", lambda old: False) is False
        assert await modify(store, "key", lambda old: None) is None
        assert not await store.has("key")
        assert await modify(store, "key", lambda old: None) is None

    run(test, kit)


def test_modify_that_forgets_to_return(kit: Kit) -> None:
    """A function that changes its argument and returns nothing deletes nothing: it is told to return."""

    async def test(store: Any) -> None:
        await store.set("key", {"n": 1})

        def forget(value: Any) -> None:
            value["n"] += 1

        with pytest.raises(Misuse, match="return it"):
            await modify(store, "key", forget)

        async def wait(value: Any) -> None:
            pass

        with pytest.raises(Misuse, match="async"):
            await modify(store, "key", wait)
        with pytest.raises(ZeroDivisionError):
            await modify(store, "key", lambda value: 1 // 0)
        assert await store.get("key") == {"n": 1}

    run(test, kit)


def test_modify_under_contention(kit: Kit) -> None:
    """Of many who count at once, all are counted; of many first writers of a key, none is lost (A13)."""

    async def test(store: Any) -> None:
        async def count() -> None:
            for _ in range(5):
                await modify(store, "count", lambda old: (old or 0) + 1)

        async def append(number: int) -> None:
            while True:  # as one of another process does, who waits in no line of ours
                seen = await store.look("list")
                await asyncio.sleep(0)
                if await store.swap("list", seen.token, [*(seen.value or []), number]):
                    return

        await asyncio.gather(*(count() for _ in range(10)), *(append(number) for number in range(10)))
        assert await store.get("count") == 50
        assert sorted(await store.get("list")) == list(range(10))

    run(test, kit)


def test_many_at_once(kit: Kit) -> None:
    """Writes that come together are all kept, and one that is refused takes none of the others with it."""

    async def test(store: Any) -> None:
        async def one(number: int) -> None:
            await store.set(f"{number:03}", number if number % 10 else object())

        results = await asyncio.gather(*(one(number) for number in range(100)), return_exceptions=True)
        assert [type(each) for each in results[:11]] == [NotPassable, *[type(None)] * 9, NotPassable]
        again = await kit.reopened()
        assert await again.keys() == [f"{number:03}" for number in range(100) if number % 10]

    run(test, kit)

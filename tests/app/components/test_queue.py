"""Queues: each item is dealt with, by one worker at a time, and is kept until then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from remit.app import App, Queue, Worker, graph_of, own
from remit.app.components._queued import Items, Size
from remit.app.store import MemoryBackend, MemoryTables, SqliteBackend, StoreBackend
from remit.app.targets import InProcess
from remit.errors import BadArgument, Broken, Conflict, Missing, StoreError, Unreachable


class Clock:
    """A time that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@asynccontextmanager
async def items(clock: Clock, backend: StoreBackend | None = None, *, tries: int = 3) -> AsyncIterator[Items]:
    backend = backend or MemoryBackend()
    await backend.open([])
    made = Items(backend, clock, tries=tries, lease=60.0)
    await made.load()
    yield made
    await made.close()


async def values(queue: Items) -> list[Any]:
    found = []
    while (taken := await queue.take(0)) is not None:
        found.append(taken.item)
    return found


async def test_items_come_in_the_order_in_which_they_are_due() -> None:
    """What is due earlier comes first, of what is due at once what was put first; what is not due does not come."""
    clock = Clock()
    async with items(clock) as queue:
        for item, delay in [("later", 5.0), ("a", 0.0), ("b", 0.0), (None, 0.0), (0, 0.0)]:
            await queue.put(item, delay, "")
        assert await values(queue) == ["a", "b", None, 0]
        clock.at += 5
        assert await values(queue) == ["later"]


async def test_one_worker_has_an_item_until_its_lease_is_over() -> None:
    """A taken item is nobody else's until its lease is over; then another gets it, and the first one's `done` is refused."""
    clock = Clock()
    async with items(clock) as queue:
        id = await queue.put("work", 0.0, "")
        first = await queue.take(0)
        assert first is not None and await queue.take(0) is None and queue.size() == Size(0, 1, 0)
        clock.at += 40
        queue.renew(first.id, first.token)
        clock.at += 40
        assert await queue.take(0) is None
        clock.at += 30
        second = await queue.take(0)
        assert second is not None and (second.id, second.tries) == (id, 2) and second.token != first.token
        with pytest.raises(Conflict, match="not yours"):
            await queue.done(first.id, first.token)
        with pytest.raises(Conflict, match="not yours"):
            queue.renew(first.id, first.token)
        await queue.done(second.id, second.token)
        assert queue.size() == Size(0, 0, 0)
        clock.at += 1000
        assert await queue.take(0) is None


async def test_what_was_tried_often_enough_fails_with_its_last_error() -> None:
    """After so many tries an item waits apart with the last error, until it is retried or dropped; a worker that dies with it counts as a try."""
    clock = Clock()
    async with items(clock, tries=2) as queue:
        await queue.put("bad", 0.0, "")
        await queue.put("deadly", 0.0, "")
        for _ in range(2):
            taken = await queue.take(0)
            assert taken is not None and taken.item == "bad"
            await queue.give_back(taken.id, taken.token, "Oops: no", 30.0)
            assert (await queue.take(0)) is not None  # deadly: nothing is ever said of it
            clock.at += 61
        assert await queue.take(0) is None
        failed = await queue.failed(10)
        assert [(each.item, each.tries, each.error) for each in failed] == [
            ("bad", 2, "Oops: no"),
            ("deadly", 2, "whoever had it never said what came of it"),
        ]
        await queue.retry(failed[0].id)
        await queue.drop(failed[1].id)
        taken = await queue.take(0)
        assert taken is not None and (taken.item, taken.tries) == ("bad", 1) and queue.size() == Size(0, 1, 0)
        with pytest.raises(Missing, match="has failed"):
            await queue.retry(failed[1].id)


async def test_what_is_given_back_waits_for_its_delay() -> None:
    """An item that is given back is due again after the delay, and whoever gave it back has it no more."""
    clock = Clock()
    async with items(clock) as queue:
        await queue.put("x", 0.0, "")
        taken = await queue.take(0)
        assert taken is not None
        await queue.give_back(taken.id, taken.token, "busy", 10.0)
        assert await queue.take(0) is None
        with pytest.raises(Conflict):
            await queue.done(taken.id, taken.token)
        clock.at += 10
        assert (await queue.take(0)) is not None


async def test_one_item_for_each_key() -> None:
    """While an item with a key has not been done, putting another one with it gives the same id; afterwards it is a new one."""
    async with items(Clock()) as queue:
        id = await queue.put("first", 0.0, "order-1")
        assert await queue.put("second", 0.0, "order-1") == id
        taken = await queue.take(0)
        assert taken is not None and taken.item == "first"
        await queue.done(id, taken.token)
        assert await queue.put("third", 0.0, "order-1") != id
        with pytest.raises(BadArgument, match="is due in"):
            await queue.put("x", -1.0, "")


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_what_was_put_is_there_after_a_restart(kind: str, tmp_path: Path) -> None:
    """Items, their tries, keys and failures are kept; what was taken is due again at once, since its worker may be gone."""
    clock, tables = Clock(), MemoryTables()

    def backend() -> StoreBackend:
        return MemoryBackend(tables) if kind == "memory" else SqliteBackend(tmp_path / "store.sqlite")

    async with items(clock, backend(), tries=1) as queue:
        for item in ("failing", "taken", "waiting"):
            await queue.put(item, 0.0, item)
        failing = await queue.take(0)
        assert failing is not None
        await queue.give_back(failing.id, failing.token, "Oops", 0.0)
    async with items(clock, backend(), tries=2) as queue:
        assert queue.size() == Size(2, 0, 1)
        assert await queue.put("again", 0.0, "waiting") == f"{3:016x}"
        await queue.take(0)
    async with items(clock, backend(), tries=3) as queue:
        taken = [await queue.take(0), await queue.take(0)]
        assert [(each.item, each.tries) for each in taken if each] == [("taken", 2), ("waiting", 1)]
        assert [each.error for each in await queue.failed(10)] == ["Oops"]
        assert await queue.put("new", 0.0, "") == f"{4:016x}"


class Cut(MemoryBackend):
    """A store whose writes fail from the n-th on."""

    def __init__(self, tables: MemoryTables, writes: int) -> None:
        super().__init__(tables)
        self.left = writes

    async def set(self, key: str, value: Any) -> None:
        if not self.left:
            raise StoreError("the disk is away")
        self.left -= 1
        await super().set(key, value)

    async def delete(self, key: str) -> bool:
        if not self.left:
            raise StoreError("the disk is away")
        self.left -= 1
        return await super().delete(key)


@pytest.mark.parametrize("writes", range(8))
async def test_no_crash_loses_an_item(writes: int) -> None:
    """Whichever write is the last one: what `put` has answered for is done or there afterwards, and what was done does not come again."""
    tables, clock = MemoryTables(), Clock()
    promised: set[str] = set()
    done: set[str] = set()
    try:
        async with items(clock, Cut(tables, writes), tries=2) as queue:
            for item in ("a", "b"):
                promised.add(item) if await queue.put(item, 0.0, "") else None
            for outcome in ("done", "back", "back"):
                taken = await queue.take(0)
                assert taken is not None
                if outcome == "done":
                    await queue.done(taken.id, taken.token)
                    done.add(taken.item)
                else:
                    await queue.give_back(taken.id, taken.token, "no", 0.0)
    except StoreError:
        pass
    async with items(clock, MemoryBackend(tables), tries=2) as queue:
        left = set(await values(queue)) | {each.item for each in await queue.failed(10)}
        assert left == promised - done


async def test_who_waits_hears_of_the_next_item() -> None:
    """A question with patience is answered by the next `put`; one of several that wait gets it."""
    async with items(Clock()) as queue, asyncio.timeout(10):
        waiting = [asyncio.ensure_future(queue.take(5)) for _ in range(2)]
        await asyncio.sleep(0)
        await queue.put("one", 0.0, "")
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        await queue.put("two", 0.0, "")
        found = await asyncio.gather(*waiting)
        assert sorted(each.item for each in found if each) == ["one", "two"]


class Maker(Worker):
    queue: Queue[int]

    async def run(self) -> None:
        for number in range(5):
            await self.queue.put(number)


class Eater(Worker):
    queue: Queue[int]
    restart = "never"

    async def run(self) -> None:
        await self.queue.work(self.eat, at_once=2)

    async def eat(self, number: int) -> None:
        eaten.append(number)
        if len(eaten) == 5:
            enough.set()
        if number == 3:
            raise ValueError("three is too much")


eaten: list[int] = []
enough = asyncio.Event()


def line(**options: Any) -> App:
    app = App("line")
    queue: Queue[int] = Queue(app / "queue", **options)
    Maker(app / "maker", queue=queue.only("put"))
    Eater(app / "eater", queue=queue)
    return app


async def test_workers_deal_with_each_item() -> None:
    """`work` gives each item to its function; one that raises has failed when its tries are over, and the others are done."""
    eaten.clear()
    enough.clear()
    app = line(tries=1)
    async with asyncio.timeout(20), InProcess(app) as running:
        await enough.wait()
        queue = running.personas["line/queue"].body
        while (await queue.size()) != Size(0, 0, 1):
            await asyncio.sleep(0)
        assert sorted(eaten) == [0, 1, 2, 3, 4]
        assert [each.error for each in await queue.failed()] == ["ValueError: three is too much"]


async def test_a_queue_that_was_not_given_whole_is_not_worked() -> None:
    """An edge that allows `put` alone takes nothing out."""

    class Thief(Worker):
        queue: Queue[int]
        restart = "never"

        async def run(self) -> None:
            await self.queue.take()

    app = App("line")
    queue: Queue[int] = Queue(app / "queue")
    Thief(app / "thief", queue=queue.only("put"))
    async with InProcess(app) as running:
        await running.finished()
        error = running.failed["line/thief"]
        assert isinstance(error, Broken) and not isinstance(error, Unreachable) and "take" in str(error)


def test_a_queue_says_what_it_is_and_what_it_cannot_be() -> None:
    """Tries and lease stand in the graph; nonsense is refused at start-up."""
    node = graph_of(line).by_id["line/queue"]
    assert node.kind == "queue" and node.spec["fields"] == {"tries": 5, "lease": 60.0}
    with pytest.raises(BadArgument, match="at least once"):
        line(tries=0)
    with pytest.raises(BadArgument, match="lease"):
        line(lease=0.0)


class Owner(Worker):
    queue: Queue[str] = own(Queue[str])

    async def run(self) -> None: ...


def test_a_queue_can_be_ones_own() -> None:
    """`own(Queue[…])` makes one below its owner's id."""

    def program() -> App:
        app = App("shop")
        Owner(app / "owner")
        return app

    assert "shop/owner/queue" in graph_of(program).by_id

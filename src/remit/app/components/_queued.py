"""The items of a queue: what is due, what is taken by whom and until when, and what has failed. Kept in a store, before anybody is told.

waiting ──take──► taken ──done──► gone
   ▲                │
   └──lease over,───┴──tried often enough──► failed ──retry──► waiting
      given back
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from heapq import heapify, heappop, heappush
from secrets import token_hex
from typing import Any, Final

from remit.app.store import PAGE, StoreBackend
from remit.errors import BadArgument, Conflict, Missing
from remit.values import record

__all__ = ["LONGEST_LEASE", "Failed", "Items", "Size", "Taken"]

LONGEST_LEASE: Final = 86_400.0
"""Seconds that an item can be taken for, at most."""
LONGEST_ERROR: Final = 2000  # characters of an error that are kept
_KEEPS: Final = 30 * 86_400.0  # seconds that an item can be put off, at most


@record("remit.app.taken")
class Taken:
    """An item that was taken: `token` proves it, `tries` counts this attempt, too."""

    id: str
    token: str
    item: Any
    tries: int


@record("remit.app.failed")
class Failed:
    """An item that was tried often enough, and the last error."""

    id: str
    item: Any
    tries: int
    error: str


@record("remit.app.size")
class Size:
    """How many items are in which state."""

    waiting: int
    taken: int
    failed: int


class Item:
    """What is known of one item, but for its value."""

    __slots__ = ("due", "error", "key", "token", "tries")

    def __init__(self, due: float, tries: int, key: str, error: str) -> None:
        self.due = due  # when it is given out; while it is taken, when it is given out again
        self.tries = tries
        self.key = key
        self.error = error
        self.token = ""  # while it is taken


class Items:
    """Owned by the queue. `now` is the time in seconds since the epoch; waiting takes the event loop's."""

    def __init__(self, backend: StoreBackend, now: Callable[[], float], *, tries: int, lease: float) -> None:
        self._backend = backend
        self._now = now
        self._tries = tries
        self._lease = lease
        self._items: dict[str, Item] = {}
        self._failed: dict[str, Item] = {}
        self._by_key: dict[str, str] = {}
        self._due: list[tuple[float, str]] = []  # ids are in the order of `put`
        self._number = 0
        self._news = asyncio.Event()
        self._one = asyncio.Lock()  # of what gives out and puts: their order is the order of what is kept

    async def load(self) -> None:
        """Know what was kept. What was taken is due again at once: who had it may be gone with us."""
        after: str | None = None
        while keys := await self._backend.keys("", after):
            for id in keys:
                due, tries, key, error, _ = await self._backend.get(id)
                item = Item(due, tries, key, error)
                self._number = max(self._number, int(id, 16))
                if key:
                    self._by_key[key] = id
                (self._failed if due < 0 else self._items)[id] = item
            after = keys[-1]
            if len(keys) < PAGE:
                break
        self._due = [(item.due, id) for id, item in self._items.items()]
        heapify(self._due)

    async def close(self) -> None:
        """Let go of the store; whoever waits is told that there is nothing."""
        await self._backend.close()

    async def put(self, value: Any, delay: float, key: str) -> str:
        """See `Queue.put`."""
        if not 0 <= delay <= _KEEPS:
            raise BadArgument(f"an item is due in 0 to {_KEEPS:g} seconds, not in {delay:g}")
        async with self._one:
            if key and key in self._by_key:
                return self._by_key[key]
            id = f"{self._number + 1:016x}"
            item = Item(self._now() + delay, 0, key, "")
            await self._keep(id, item, value)
            self._number += 1
            self._items[id] = item
            if key:
                self._by_key[key] = id
            self._wait_for(id, item)
        return id

    async def take(self, wait: float) -> Taken | None:
        """See `Queue.take`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait or None):
                while True:
                    taken, next_due = await self._next()
                    if taken is not None or not wait:
                        return taken
                    with suppress(TimeoutError):
                        async with asyncio.timeout(None if next_due is None else max(next_due - self._now(), 0.01)):
                            await self._news.wait()
        return None

    async def _next(self) -> tuple[Taken | None, float | None]:
        """An item that is due, or when to look again."""
        async with self._one:
            self._news.clear()
            while self._due:
                due, id = self._due[0]
                item = self._items.get(id)
                if item is None or item.due != due:  # it is gone, or waits in another place
                    heappop(self._due)
                    continue
                if due > self._now():
                    return None, due
                _, value = await self._value(id)
                if item.tries >= self._tries:
                    await self._fail(id, item, item.error or "whoever had it never said what came of it", value)
                    continue
                changed = Item(self._now(), item.tries + 1, item.key, item.error)
                await self._keep(id, changed, value)  # a worker that it kills is counted, too
                item.tries, item.token = changed.tries, token_hex(8)
                item.due = self._now() + self._lease
                heappop(self._due)
                heappush(self._due, (item.due, id))
                return Taken(id, item.token, value, item.tries), None
            return None, None

    async def done(self, id: str, token: str) -> None:
        """See `Queue.done`."""
        item = self._taken(id, token)
        await self._backend.delete(id)
        self._forget(id, item)

    def renew(self, id: str, token: str) -> None:
        """See `Queue.renew`."""
        item = self._taken(id, token)
        item.due = self._now() + self._lease
        heappush(self._due, (item.due, id))

    async def give_back(self, id: str, token: str, error: str, delay: float) -> None:
        """See `Queue.give_back`."""
        item = self._taken(id, token)
        item.token = ""  # from here on it is nobody's
        _, value = await self._value(id)
        error = error[:LONGEST_ERROR]
        if item.tries >= self._tries:
            await self._fail(id, item, error, value)
            return
        item.due, item.error = self._now() + min(max(delay, 0.0), _KEEPS), error
        await self._keep(id, item, value)
        self._wait_for(id, item)

    def size(self) -> Size:
        """See `Queue.size`."""
        now = self._now()
        taken = sum(bool(item.token) and item.due > now for item in self._items.values())
        return Size(len(self._items) - taken, taken, len(self._failed))

    async def failed(self, most: int) -> list[Failed]:
        """See `Queue.failed`."""
        found = []
        for id in sorted(self._failed)[: min(max(most, 0), PAGE)]:
            item = self._failed[id]
            found.append(Failed(id, (await self._value(id))[1], item.tries, item.error))
        return found

    async def retry(self, id: str) -> None:
        """See `Queue.retry`."""
        item = self._one_that_failed(id)
        _, value = await self._value(id)
        fresh = Item(self._now(), 0, item.key, item.error)
        await self._keep(id, fresh, value)
        self._failed.pop(id, None)
        self._items[id] = fresh
        self._wait_for(id, fresh)

    async def drop(self, id: str) -> None:
        """See `Queue.drop`."""
        item = self._one_that_failed(id)
        await self._backend.delete(id)
        self._failed.pop(id, None)
        self._forget(id, item)

    # --- inside ----------------------------------------------------------------------------------------

    def _taken(self, id: str, token: str) -> Item:
        item = self._items.get(id)
        if item is None or not token or item.token != token:
            raise Conflict(
                f"item {id} is not yours (any more): its lease was over, or it was done; renew leases in time, or have longer ones"
            )
        return item

    def _one_that_failed(self, id: str) -> Item:
        if id not in self._failed:
            raise Missing(f"no item {id} has failed; {len(self._failed)} have: failed() lists them")
        return self._failed[id]

    def _wait_for(self, id: str, item: Item) -> None:
        heappush(self._due, (item.due, id))
        self._news.set()

    def _forget(self, id: str, item: Item) -> None:
        self._items.pop(id, None)
        if item.key and self._by_key.get(item.key) == id:
            del self._by_key[item.key]

    async def _fail(self, id: str, item: Item, error: str, value: Any) -> None:
        gone = Item(-1.0, item.tries, item.key, error)
        await self._keep(id, gone, value)
        self._items.pop(id, None)
        self._failed[id] = gone

    async def _keep(self, id: str, item: Item, value: Any) -> None:
        await self._backend.set(id, [item.due, item.tries, item.key, item.error, value])

    async def _value(self, id: str) -> tuple[list[Any], Any]:
        row = await self._backend.get(id)
        if row is None:
            raise Missing(f"item {id} is gone")
        return row, row[4]

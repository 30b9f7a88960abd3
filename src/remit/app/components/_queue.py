"""Queues: what is put there is taken by one worker at a time, until one of them has said that it is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Final, Generic, TypeVar

from remit.app._component import Component, not_given
from remit.app._held import Held
from remit.app._interface import exposed
from remit.app.components._backend import backend_of
from remit.app.components._queued import LONGEST_LEASE, Failed, Items, Size, Taken
from remit.errors import BadArgument, Broken, LinkLost, NotAllowed

__all__ = ["Queue"]

V = TypeVar("V")
WAIT: Final = 20.0  # seconds that one question for the next item waits at the queue
AGAIN: Final = 5.0  # seconds before another attempt to reach a queue that is away
_log: Final = logging.getLogger("remit.app")


class Queue(Component, Generic[V]):
    """Items for whoever takes them: `orders: Queue[Order] = own(Queue[Order])`.

    An item is kept before `put` returns, and until a worker has said that it is done: it is given out at least once, and to one worker at a time. A worker has it for `lease`
    seconds, which `work` renews; then others get it. What was given out `tries` times without being done has failed: it waits apart, for `retry` or `drop`.

    In order of when they are due, those that were put first before others.
    """

    kind = "queue"

    tries: int = 5
    lease: float = 60.0

    _items: ClassVar[Items]

    def check(self) -> None:
        if self.tries < 1:
            raise BadArgument(f"{self.id}: an item is tried at least once, not {self.tries} times")
        if not 0 < self.lease <= LONGEST_LEASE:
            raise BadArgument(f"{self.id}: a lease is above 0 and at most {LONGEST_LEASE:g} s, not {self.lease:g}")

    def spec(self) -> dict[str, Any]:
        return {"runs": False}

    @exposed()
    async def put(self, item: V, *, delay: float = 0.0, key: str = "") -> str:
        """Add an item, due in `delay` seconds; its id. While one with this `key` has not been done, there is no second one: its id is given again."""
        return await self._items.put(item, delay, key)

    @exposed()
    async def take(self, wait: float = 0.0) -> Taken | None:
        """The next item, for `lease` seconds; None where none is due within `wait` seconds (at most 20)."""
        return await self._items.take(min(max(wait, 0.0), WAIT))

    @exposed()
    async def done(self, id: str, token: str) -> None:
        """The item was dealt with, and is forgotten. Raises `Conflict` where the lease was over and another may have it."""
        await self._items.done(id, token)

    @exposed()
    async def renew(self, id: str, token: str) -> None:
        """Have it for another `lease` seconds. Raises `Conflict` as `done` does."""
        self._items.renew(id, token)

    @exposed()
    async def give_back(self, id: str, token: str, error: str = "", delay: float = 0.0) -> None:
        """It could not be dealt with: it is due again in `delay` seconds, or has failed with this error, where it was tried often enough."""
        await self._items.give_back(id, token, error, delay)

    @exposed(reads=True)
    async def size(self) -> Size:
        """How many items wait, are taken, and have failed."""
        return self._items.size()

    @exposed(reads=True)
    async def failed(self, most: int = 100) -> list[Failed]:
        """Items that have failed, in order of their ids."""
        return await self._items.failed(most)

    @exposed()
    async def retry(self, id: str) -> None:
        """Have an item that has failed tried again, as often as at first."""
        await self._items.retry(id)

    @exposed()
    async def drop(self, id: str) -> None:
        """Forget an item that has failed."""
        await self._items.drop(id)

    async def work(self, function: Callable[[V], Awaitable[Any]], *, at_once: int = 1) -> None:
        """Have a function deal with each item, `at_once` at a time, for ever.

        Where it raises an error, the item is due again: after 1 s at first, and twice as long each time. It may be called twice for one item, where this process dies in between.
        """
        raise NotAllowed(not_given(str(self._declaration)))  # who was given it has `QueueClient.work`

    def client(self, caller: Any) -> Any:
        return QueueClient(caller)

    async def start(self, host: Any) -> None:
        backend = backend_of(host)
        await backend.open([])
        items = self.__dict__["_items"] = Items(backend, host.now, tries=self.tries, lease=self.lease)
        await items.load()

    async def stop(self) -> None:
        await self._items.close()


class QueueClient(Held):
    """A queue as another component holds it: `work` runs there."""

    async def work(self, function: Callable[[Any], Awaitable[Any]], *, at_once: int = 1) -> None:
        """See `Queue.work`."""
        lease = self._caller.edge.target.values["lease"]
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._one_by_one(function, lease))

    async def _one_by_one(self, function: Callable[[Any], Awaitable[Any]], lease: float) -> None:
        while True:
            try:
                taken: Taken | None = await self._caller.call("take", WAIT)
                if taken is not None:
                    await self._deal(function, taken, lease)
            except LinkLost as error:
                _log.warning("%s is away: %s", self._caller.edge.target, error)
                await asyncio.sleep(AGAIN)

    async def _deal(self, function: Callable[[Any], Awaitable[Any]], taken: Taken, lease: float) -> None:
        where = f"item {taken.id} of {self._caller.edge.target}"
        try:
            async with self._renewing(taken, lease):
                await function(taken.item)
        except Exception as error:  # noqa: BLE001  # the item's affair, not the others'
            _log.error("%s, attempt %d", where, taken.tries, exc_info=error)
            call = self._caller.call(
                "give_back", taken.id, taken.token, f"{type(error).__name__}: {error}", 2.0 ** (taken.tries - 1)
            )
        else:
            call = self._caller.call("done", taken.id, taken.token)
        try:
            await call
        except LinkLost:
            raise
        except Broken as error:  # others may have it by now, and do it again
            _log.warning("%s: %s", where, error)

    @asynccontextmanager
    async def _renewing(self, taken: Taken, lease: float) -> AsyncIterator[None]:
        async def renew() -> None:
            while True:
                await asyncio.sleep(lease / 3)
                try:
                    await self._caller.call("renew", taken.id, taken.token)
                except Broken as error:
                    _log.warning("the lease of item %s cannot be renewed: %s", taken.id, error)

        task = asyncio.create_task(renew())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

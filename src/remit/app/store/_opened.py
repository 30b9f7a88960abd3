"""What the stores share that build their indexes themselves: building in the background, and waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from remit.app.store._building import ACTIVE, Tables, build, prepare
from remit.app.store._index import Index
from remit.errors import Missing, Unreachable

__all__ = ["Opened", "no_index"]

PATIENCE: Final = 15.0  # seconds that a reader waits for an index that has never been built


class Opened:
    """The part of a backend that opens, builds, and closes. One task builds; it ends with `close`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._task: asyncio.Task[None] | None = None
        self._declared: dict[str, Index] = {}
        self._found: dict[
            str, str
        ] = {}  # tables by the names of indexes that are active: nobody else makes them otherwise

    async def open(self, indexes: Sequence[Index]) -> None:
        """See `StoreBackend.open`."""
        await self.close_building()
        todo = await prepare(self._tables, indexes)
        self._found = {}
        self._declared = {index.name: index for index in indexes}
        self._task = asyncio.ensure_future(build(self._tables, list(indexes), todo))

    async def ready(self) -> None:
        """See `StoreBackend.ready`."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def active(self, name: str) -> str:
        """The table to read. Raises `Missing` for an index that is not declared, and what stands in the way of one that is not built."""
        known = self._found.get(name)
        if known is not None:
            return known
        if name not in self._declared:
            raise no_index(name, self._declared)
        found = await self._active(name)
        if found is None:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self.ready()
            except TimeoutError:
                raise Unreachable(f"the index {name!r} is being built: try again later") from None
            found = await self._active(name)
        assert found is not None, "what is declared and built is active"
        self._found[name] = found
        return found

    async def _active(self, name: str) -> str | None:
        version = self._declared[name].version
        for kept in await self._tables.kept():
            if (kept.name, kept.version, kept.state) == (name, version, ACTIVE) and not kept.stale:
                return kept.table
        return None

    async def close(self) -> None:
        """See `StoreBackend.close`."""
        await self.close_building()

    async def close_building(self) -> None:
        """Stop building; it goes on at the next `open`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task


def no_index(name: str, declared: dict[str, Index]) -> Missing:
    """The refusal of an index that the program has not declared."""
    there = f"there are {', '.join(sorted(declared))}" if declared else "it has none"
    return Missing(f"this store has no index {name!r}: {there}")

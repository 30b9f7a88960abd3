"""A store as another component holds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from remit.app._held import Caller, Held
from remit.app.store import PAGE, Found, IndexView, Seen, modify

__all__ = ["StoreClient"]


class StoreClient(Held):
    """`modify` runs here, by `look` and `swap`; a store that was narrowed to a prefix has the keys with that prefix, and no others."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self._far: Any = _Far(caller)  # one for all calls, so that those of this component wait in line
        self._indexes = {each.name for each in caller.edge.target.component.indexes()}  # type: ignore[attr-defined]  # it is a store

    def __getattr__(self, name: str) -> Any:
        if name in self._indexes:
            return IndexView(self, name)
        found: Callable[..., Awaitable[Any]] = super().__getattr__(name)
        return found

    async def keys(self, prefix: str = "", after: str | None = None, most: int = PAGE) -> list[str]:
        """See `Store.keys`."""
        inside = self._inside(prefix)
        return [] if inside is None else await self._caller.call("keys", inside, after, most)

    async def find(self, index: str, index_key: str, prefix: str = "", **options: Any) -> list[Found]:
        """See `Store.find`."""
        inside = self._inside(prefix)
        return [] if inside is None else await self._caller.call("find", index, index_key, inside, **options)

    async def all_keys(self, prefix: str = "") -> AsyncIterator[str]:
        """See `Store.all_keys`."""
        after = None
        while page := await self.keys(prefix, after):
            for key in page:
                yield key
            after = page[-1]

    async def modify(self, key: str, function: Callable[[Any], Any]) -> Any:
        """See `Store.modify`."""
        return await modify(self._far, key, function)

    def _inside(self, prefix: str) -> str | None:
        """What is left of the prefix within that of the edge; None for nothing."""
        mine = self._caller.edge.attenuation.prefix or ""
        if prefix.startswith(mine):
            return prefix
        return mine if mine.startswith(prefix) else None


class _Far:
    """What `modify` needs of a backend, by way of an edge."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def look(self, key: str) -> Seen:
        value, token = await self._caller.call("look", key)
        return Seen(value, token)

    async def swap(self, key: str, token: bytes, value: Any) -> bool:
        return bool(await self._caller.call("swap", key, token, value))

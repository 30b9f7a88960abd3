"""Stores: values by key, kept by whatever its target has (`remit.app.store`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from remit.app._component import Component, not_given
from remit.app._held import Held
from remit.app._interface import exposed
from remit.app.components._backend import backend_of
from remit.app.store import PAGE, Found, Index, Seen, StoreBackend, modify
from remit.errors import NotAllowed

__all__ = ["Store"]

V = TypeVar("V")


class Store(Component, Generic[V]):
    """Values by key: `db: Store[Customer] = own(Store[Customer])`. What is kept stays as long as its target has it: across restarts and new versions of the program.

    Keys are texts. `None` is no value: to set it is to delete. Every result is a copy. Indexes are functions of a class that derives from it:

        class Customers(Store[Customer]):
            @index(version=1)
            def by_name(customer: Customer) -> list[str]: ...
    """

    kind = "store"

    _backend: ClassVar[StoreBackend]

    def spec(self) -> dict[str, Any]:
        return {"runs": False, "indexes": [each.spec() for each in self.indexes()]}

    @classmethod
    def indexes(cls) -> list[Index]:
        """The indexes of this class, with those that it inherits, by name."""
        found = {
            value.name: value
            for base in reversed(cls.__mro__)
            for value in vars(base).values()
            if isinstance(value, Index)
        }
        return [found[name] for name in sorted(found)]

    @exposed(reads=True, keys=("key",))
    async def get(self, key: str) -> V | None:
        """The value, or None."""
        value: V | None = await self._backend.get(key)
        return value

    @exposed(reads=True, keys=("key",))
    async def has(self, key: str) -> bool:
        """Whether there is a value."""
        return await self._backend.has(key)

    @exposed(keys=("key",))
    async def set(self, key: str, value: V | None) -> None:
        """Keep this value, in the place of what was there; None deletes."""
        await self._backend.set(key, value)

    @exposed(keys=("key",))
    async def delete(self, key: str) -> bool:
        """Whether there was anything."""
        return await self._backend.delete(key)

    @exposed(reads=True, keys=("prefix",))
    async def keys(self, prefix: str = "", after: str | None = None, most: int = PAGE) -> list[str]:
        """Keys that begin with the prefix and come after `after`, in order; at most 1,000 of them."""
        return await self._backend.keys(prefix, after, most)

    @exposed(reads=True, keys=("prefix",))
    async def find(
        self,
        index: str,
        index_key: str,
        prefix: str = "",
        *,
        values: bool = False,
        inline: bool = True,
        after: list[Any] | None = None,
        most: int = PAGE,
    ) -> list[Found]:
        """The entries under a key of an index, in order of the store's keys; with `values`, what is kept under them. `after`: the `[key, place]` of the last one had."""
        place = None if after is None else (str(after[0]), int(after[1]))
        return await self._backend.find(
            index, index_key, values=values, inline=inline, prefix=prefix, after=place, most=most
        )

    @exposed(reads=True, keys=("key",))
    async def look(self, key: str) -> list[Any]:
        """The value and a token for `swap`; for `modify`."""
        seen = await self._backend.look(key)
        return [seen.value, seen.token]

    @exposed(keys=("key",))
    async def swap(self, key: str, token: bytes, value: V | None) -> bool:
        """Set the value, if what is there is still what `look` has seen. Whether it was; for `modify`."""
        return await self._backend.swap(key, token, value)

    async def modify(self, key: str, function: Callable[[V | None], V | None]) -> V | None:
        """Read, change and write, as if nobody else did anything in between; the new value.

        The function gets a copy of the value, or None, and gives the new one, or None to delete. It runs in the caller, and again where another has been faster. Raises `Conflict` where
        others have been faster for 30 seconds.
        """
        raise NotAllowed(not_given(str(self._declaration)))  # who was given it has `StoreClient.modify`

    def client(self, caller: Any) -> Any:
        return StoreClient(caller)

    async def start(self, host: Any) -> None:
        backend = backend_of(host)
        await backend.open(self.indexes())
        self.__dict__["_backend"] = backend

    async def stop(self) -> None:
        await self._backend.close()


class StoreClient(Held):
    """A store as another component holds it: `modify` runs there, by `look` and `swap`."""

    def __init__(self, caller: Any) -> None:
        super().__init__(caller)
        self._far: Any = _Far(caller)  # one for all calls, so that those of this component wait in line

    async def modify(self, key: str, function: Callable[[Any], Any]) -> Any:
        """See `Store.modify`."""
        return await modify(self._far, key, function)


class _Far:
    """What `modify` needs of a backend, by way of an edge."""

    def __init__(self, caller: Any) -> None:
        self._caller = caller

    async def look(self, key: str) -> Seen:
        value, token = await self._caller.call("look", key)
        return Seen(value, token)

    async def swap(self, key: str, token: bytes, value: Any) -> bool:
        return bool(await self._caller.call("swap", key, token, value))

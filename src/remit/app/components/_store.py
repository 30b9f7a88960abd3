"""Stores: values by key, kept by whatever its target has (`remit.app.store`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, Generic, Self, TypeVar

from remit.app._component import Component, not_given
from remit.app._interface import exposed
from remit.app.components._backend import backend_of
from remit.app.store import PAGE, Found, Index, StoreBackend, modify
from remit.errors import NotAllowed

__all__ = ["Store"]

V = TypeVar("V")


class Store(Component, Generic[V]):
    """Values by key: `db: Store[Customer] = own(Store[Customer])`. What is kept stays as long as its target has it: across restarts and new versions of the program.

    Keys are texts. `None` is no value: to set it is to delete. Every result is a copy. Indexes are functions of a class that derives from it:

        class Customers(Store[Customer]):
            @index(version=1)
            @staticmethod
            def by_name(customer: Customer) -> Entry: ...

    Who was given it looks entries up with `await customers.by_name.get("Ada")`.
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

        The function gets a copy of the value, or None, and gives the new one, or None to delete. It runs in the caller, and again where another has been faster, so it has no effects. Raises
        `Misuse` where it changes its copy and returns nothing, and `Conflict` where others have been faster for 30 seconds.
        """
        value: V | None = await modify(self._own(), key, function)
        return value

    async def all_keys(self, prefix: str = "") -> AsyncIterator[str]:
        """All keys with this prefix, in order, fetched in pages."""
        backend, after = self._own(), None
        while page := await backend.keys(prefix, after):
            for key in page:
                yield key
            after = page[-1]

    def _own(self) -> StoreBackend:
        """What keeps it, for its own methods: who was given it has a `StoreClient`."""
        found: StoreBackend | None = self.__dict__.get("_backend")
        if found is None:
            raise NotAllowed(not_given(str(self._declaration)))
        return found

    def only(self, *methods: str) -> Self:
        """The same store, of which only these methods can be called; "modify" and names of indexes are what they need."""
        names = {"modify": ("look", "swap"), "all_keys": ("keys",), **{each.name: ("find",) for each in self.indexes()}}
        return super().only(*(needed for name in methods for needed in names.get(name, (name,))))

    def client(self, caller: Any) -> Any:
        from remit.app.components._store_client import StoreClient

        return StoreClient(caller)

    async def start(self, host: Any) -> None:
        backend = backend_of(host)
        try:
            await backend.open(self.indexes())
        except BaseException:
            await backend.close()
            raise
        self.__dict__["_backend"] = backend
        settings = host.settings.get("store", {})
        if settings.get("kind") == "postgres" and host.directory is not None:
            from remit.app.components._store_direct import Roles

            self.__dict__["_roles"] = roles = Roles(settings, host.name, host.directory)
            await roles.keep(self._edges())

    def _edges(self) -> list[Any]:
        """The edges that lead here."""
        everybody = self._declaration.id.app.declarations.values()
        return [edge for each in everybody for edge in each.edges.values() if edge.target is self._declaration]

    async def direct(self, edge: Any) -> dict[str, Any] | None:
        """In its persona: how the holder of an edge gets to the database by itself; None where calls come here."""
        roles = self.__dict__.get("_roles")
        return None if roles is None else await roles.credential(edge)

    async def stop(self) -> None:
        await self._backend.close()
        if roles := self.__dict__.pop("_roles", None):
            await roles.close()

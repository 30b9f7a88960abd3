"""Stores: values by key, kept by whatever its target has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from remit.app._component import Component
from remit.app._interface import exposed

__all__ = ["Store"]

V = TypeVar("V")


class Store(Component, Generic[V]):
    """Values by key: `db: Store[Customer] = own(Store[Customer])`. Kept as long as its application is there, `remit down` included, unless its data is removed.

    Keys are texts. `None` is no value: to set it is to delete. Every result is a copy.
    """

    kind = "store"

    _values: ClassVar[dict[str, Any]]

    @exposed(reads=True, keys=("key",))
    async def get(self, key: str) -> V | None:
        """The value, or None."""
        return self._values.get(key)

    @exposed(reads=True, keys=("key",))
    async def has(self, key: str) -> bool:
        """Whether there is a value."""
        return key in self._values

    @exposed(keys=("key",))
    async def set(self, key: str, value: V | None) -> None:
        """Keep this value in the place of what was there."""
        self._values[key] = value

    @exposed(keys=("key",))
    async def delete(self, key: str) -> bool:
        """Whether there was anything."""
        return self._values.pop(key, None) is not None

    async def start(self, host: Any) -> None:
        self.__dict__["_values"] = {}

    async def modify(self, key: str, function: Callable[[V | None], V | None]) -> V | None:
        """Read, change and write, as if nobody else did anything in between; the new value."""
        raise NotImplementedError

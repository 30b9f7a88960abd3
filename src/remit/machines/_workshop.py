"""The workshop: makes objects of the classes that this machine's agent knows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from remit.machines._account_desk import AccountDesk
from remit.machines._names import missing
from remit.machines._supports import description_of
from remit.vat import Ref, Vat, actor_type

__all__ = ["Workshop"]


class Workshop:
    """The device `workshop` of a machine's vat: its classes by kind. They come from the agent's configuration, never from a peer."""

    def __init__(self, classes: Iterable[type], accounts: AccountDesk | None = None) -> None:
        self.accounts = accounts or AccountDesk()
        self._classes = {actor_type(cls).kind: cls for cls in classes}
        self._vat: Vat | None = None

    def attach(self, vat: Vat) -> None:
        """The vat in which objects are made; told once, when there is one."""
        self._vat = vat

    def kinds(self) -> list[str]:
        """What can be made."""
        return sorted(self._classes)

    def describe(self, kind: str) -> dict[str, Any]:
        """What an offer says of objects of this kind."""
        return self.accounts.describe(kind) or description_of(self._find(kind))

    async def make(self, kind: str, arguments: list[Any]) -> Ref[Any]:
        """A new object; it is kept once something that is kept holds it."""
        assert self._vat is not None, "the agent attaches the vat before it answers anybody"
        if self.accounts.describe(kind) is not None:
            return await self.accounts.make(self._vat, kind, arguments)
        return self._vat.spawn(self._find(kind), *arguments)

    def _find(self, kind: str) -> type:
        cls = self._classes.get(kind)
        if cls is None:
            raise missing("class of kind", kind, self._classes)
        return cls

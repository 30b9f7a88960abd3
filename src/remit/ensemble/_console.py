"""A console: a node that looks servers up and asks them. Commands are one; any program may be.

control.ref of this home ──► all of a server, for the user whose home it is
cookie ──► registry ──► the server's door ──► what the console's key was granted
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

from remit.ensemble._directory import Directory
from remit.ensemble._home import Home
from remit.errors import LinkLost, Missing, Refused
from remit.net import Network, Node, NodeKey, dialling
from remit.vat import Vat

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from remit.ensemble._ids import ServerId
    from remit.ensemble._records import ServerEntry
    from remit.ensemble.admin import Guest
    from remit.values import SturdyRef
    from remit.vat import Ref

__all__ = ["Console"]


class Console:
    """Somebody who manages an ensemble, for as long as `async with` lasts; owns a vat and a node. `key`: a fresh one where none is given."""

    def __init__(self, home: Home | str | os.PathLike[str] | None = None, key: NodeKey | None = None) -> None:
        self.home = home if isinstance(home, Home) else Home.find(home)
        self.key = key or NodeKey.generate()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Console:
        vat = await self._stack.enter_async_context(Vat("console"))
        try:
            self.node = await self._stack.enter_async_context(Node(self.key, vat))
            for netlayer in dialling(self.key):
                self.node.use(netlayer)
            self.network = Network(self.node)
            self.directory = Directory(self.network, self.home.cookie, self.home.domain)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def entry(self, id: str | ServerId) -> ServerEntry:
        """What the registry says of a server. Raises `Missing`."""
        return await self.directory.find(self.home.id_of(id))

    async def presence(self, id: str | ServerId) -> Ref[Guest]:
        """A server as everybody in the ensemble has it: asked of the registry, then dialled, unix socket first."""
        entry = await self.entry(id)
        try:
            return await self.node.fetch_from(entry.door)
        except (LinkLost, Refused):
            self.directory.forget(entry.id)
            newer = await self.entry(id)
            if newer.door == entry.door:
                raise
            return await self.node.fetch_from(newer.door)

    async def control(self, id: str | ServerId, parts: list[str] | None = None) -> Ref[Guest]:
        """A server's control object: by its `control.ref` in this home, which is the user's own; else what this key was granted.

        `parts` are those that are needed, so that a missing grant is told at once. Raises `Refused`, `Missing`, `Unreachable`.
        """
        whole = self.home.id_of(id)
        try:
            way = self.home.control(whole)
        except Missing:
            return cast("Ref[Guest]", await self._granted(whole, parts))
        try:
            return cast("Ref[Guest]", await self.node.fetch_from(way))
        except (LinkLost, Refused) as error:  # of an earlier run, perhaps, and it runs elsewhere now
            try:
                return cast("Ref[Guest]", await self._granted(whole, parts))
            except Missing:
                raise Missing(f"server {whole} does not run: nobody answers at {way.locator.hints}") from error

    async def by_reference(self, sturdyref: SturdyRef) -> Ref[Guest]:
        """The control object of a server that no registry need know."""
        return await self.node.fetch_from(sturdyref)

    async def _granted(self, id: ServerId, parts: list[str] | None) -> Any:
        presence = await self.presence(id)
        if parts is not None:
            granted = await presence.granted()
            lacking = [part for part in parts if part not in granted]
            if lacking:
                raise Refused(
                    f"server {id} gives this key no {', '.join(lacking)}; granted: {', '.join(granted) or 'nothing'}. On its own host, its user "
                    "needs no grant; others are granted parts with: remit admin authorize SERVER GRANTEE PART"
                )
        return presence

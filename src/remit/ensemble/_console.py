"""A console: a node that looks servers up and asks them. Commands are one; any program may be.

control.ref of this home ──► all of a server, for the user whose home it is
cookie ──► registry ──► the server's door ──► what the console's key was granted
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final, cast

from remit.ensemble._certified import certified_way
from remit.ensemble._directory import Directory
from remit.ensemble._home import Home
from remit.ensemble.admin import LEASE, Challenge, Grant, answer
from remit.errors import LinkLost, Missing, Refused
from remit.net import Network, Node, NodeKey, dialling, public_of
from remit.vat import Vat, actor

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from types import TracebackType

    from remit.ensemble._ids import ServerId
    from remit.ensemble._records import ServerEntry
    from remit.ensemble.admin import AdminKey, Guest
    from remit.values import SturdyRef
    from remit.vat import Ref

__all__ = ["Console"]

RECORDS: Final = (Challenge, Grant)
"""What servers answer with: a record is read as one where its class is known."""


class Console:
    """Somebody who manages an ensemble, for as long as `async with` lasts; owns a vat and a node.

    `key`: a fresh one where none is given. `chain`: a certificate for that key, in PEM, which is shown to servers, and to a registry without a cookie.
    """

    def __init__(
        self,
        home: Home | str | os.PathLike[str] | None = None,
        key: NodeKey | None = None,
        chain: bytes | None = None,
    ) -> None:
        self.home = home if isinstance(home, Home) else Home.find(home)
        self.key = key or NodeKey.generate()
        self.chain = chain
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Console:
        vat = await self._stack.enter_async_context(Vat("console"))
        try:
            self.node = await self._stack.enter_async_context(Node(self.key, vat))
            for netlayer in dialling(self.key):
                self.node.use(netlayer)
            self.network = Network(self.node)
            self.directory = Directory(
                self.network, self.home.cookie, self.home.domain, certified=lambda: certified_way(self.home, self.chain)
            )
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
        found: Any = await self.directory.presence(self.home.id_of(id))
        if self.chain is not None:
            await found.present(self.chain)
        return cast("Ref[Guest]", found)

    async def membership(self) -> Ref[Any]:
        """This console's membership of the ensemble, by the cookie."""
        return await self.directory.membership()

    async def control(
        self,
        id: str | ServerId,
        parts: Sequence[str] | None = None,
        *,
        unlock: AdminKey | None = None,
        seconds: float = LEASE,
    ) -> Any:
        """A server's control object: by its `control.ref` in this home, which is the user's own; else what this key was granted.

        `parts` are those that are needed, so that a missing one is told at once. With the administrators' key, `unlock`, those that take one are
        unlocked for so many seconds, or until this console ends. Raises `Refused`, `Missing`, `Unreachable`.
        """
        whole = self.home.id_of(id)
        way, found, broken = None, None, None
        while found is None and (newer := self._own_way(whole)) not in (None, way):
            way = newer  # one of an earlier run is replaced when the server starts
            try:
                found = await self.node.fetch_from(way)
            except (LinkLost, Refused) as error:
                broken = error
        if found is not None and way is not None:
            return await self._with_parts(found, public_of(way.locator.designator), parts, unlock, seconds)
        try:
            entry, presence = await self.entry(whole), await self.presence(whole)
        except Missing:
            if way is None:
                raise
            raise Missing(f"server {whole} does not run: nobody answers at {dict(way.locator.hints)}") from broken
        if (newer := self._own_way(whole)) not in (None, way):  # it has started meanwhile
            return await self.control(id, parts, unlock=unlock, seconds=seconds)
        return await self._with_parts(presence, entry.key, parts, unlock, seconds)

    def _own_way(self, id: ServerId) -> SturdyRef | None:
        """What the server's `control.ref` says now; None where it has none here."""
        try:
            return self.home.control(id)
        except Missing:
            return None

    async def by_reference(
        self,
        sturdyref: SturdyRef,
        parts: Sequence[str] | None = None,
        *,
        unlock: AdminKey | None = None,
        seconds: float = LEASE,
    ) -> Any:
        """The same for a server that no registry need know, by its `control.ref`."""
        found: Any = await self.node.fetch_from(sturdyref)
        return await self._with_parts(found, public_of(sturdyref.locator.designator), parts, unlock, seconds)

    async def _with_parts(
        self, found: Any, server: bytes, parts: Sequence[str] | None, key: AdminKey | None, seconds: float
    ) -> Any:
        """What was found, if it has these parts, or what it lacks can be unlocked."""
        if parts is None:
            return found
        granted = await found.granted()
        lacking = [part for part in parts if part not in granted]
        if not lacking:
            return found
        if key is None:
            await found.part(lacking[0])  # it says what is lacking, and what to do about it
            return found
        presence = await self.node.fetch_from(await found.door())
        challenge = await presence.challenge(self.node.vat.spawn(Lifeline))
        lease = await presence.unlock(*answer(challenge, key, server, self.key.public, lacking, seconds))
        return Unlocked(found, lease, frozenset(lacking))


@actor(kind="remit.ensemble.lifeline", version=1, passing=True)
class Lifeline:
    """While the server has a link to this object of the console's, it stays unlocked."""


class Unlocked:
    """A control object of which some parts come out of a lease. Ends with that; `lock()` ends it now."""

    def __init__(self, control: Any, lease: Any, parts: frozenset[str]) -> None:
        self._control = control
        self._lease = lease
        self._parts = parts

    def part(self, name: str) -> Any:
        """A part; from the lease where it was unlocked."""
        return (self._lease if name in self._parts else self._control).part(name)

    def lock(self) -> Any:
        """End the lease."""
        return self._lease.lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._control, name)

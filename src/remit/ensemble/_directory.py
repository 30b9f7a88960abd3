"""Look-ups of servers: asked of the registry, remembered, and forgotten when the registry says that something has changed.

    find(id) ──known──► at once
       └── not ──► one question for all who ask meanwhile ──► known until `changed([id])`

What is known stays of use while the registry is away, since its servers may be there all the same. Whoever finds that one is not says
`forget`. When the registry is back, all is asked anew.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from remit.ensemble._ids import ServerId, domain_of
from remit.ensemble._records import ServerEntry
from remit.errors import LinkLost, Missing, ProtocolError, Refused
from remit.values import as_record
from remit.vat import Ref, actor, on_sever, tell, this

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from remit.ensemble.admin import Guest
    from remit.net import Network
    from remit.values import SturdyRef

__all__ = ["Directory"]

T = TypeVar("T")
AGAIN: Final = 2.0
"""Seconds between two attempts to reach a registry that is away, while what is known of it will do."""


class Directory:
    """The servers of an ensemble as one node knows them. Owned by its server or console, ends with the node.

    `cookie` gives the way to the registry, anew for each link, `certified` what to show where there is no cookie; `domain` the domain of bare names. With `remember=False` each question is asked.
    """

    def __init__(
        self,
        network: Network,
        cookie: Callable[[], SturdyRef],
        domain: Callable[[], str],
        *,
        remember: bool = True,
        certified: Callable[[], tuple[SturdyRef, bytes] | None] = lambda: None,
    ) -> None:
        self._network = network
        self._cookie = cookie
        self._domain = domain
        self._certified = certified
        self._remember = remember
        self._membership: Ref[Any] | None = None
        self._device: Ref[Any] | None = None
        self._following = False
        self._tried = float("-inf")
        self._ids: dict[str, ServerEntry] = {}
        self._roles: dict[tuple[str, str], list[ServerEntry]] = {}
        self._asking: dict[Hashable, asyncio.Future[Any]] = {}
        self._changes = 0  # an answer that was under way during one is not remembered
        self.asked = 0  # questions to the registry so far

    async def membership(self) -> Ref[Any]:
        """This node's membership of the ensemble. Raises `Missing` without a cookie, `Refused` for a bad one, `Unreachable`."""
        if self._membership is not None and getattr(self._membership._link, "state", "open") == "open":
            return self._membership
        return await self._together("join", self._join)

    async def find(self, id: str | ServerId) -> ServerEntry:
        """The server with this id, as last heard. Raises `Missing`."""
        whole = (id if isinstance(id, ServerId) else ServerId.parse(id, self._domain())).text
        known = self._ids.get(whole)
        if known is not None and await self._is_current():
            known = self._ids.get(whole)
        return known if known is not None else await self._together(whole, lambda: self._lookup(whole))

    async def with_role(self, role: str, domain: str = "/") -> list[ServerEntry]:
        """The servers of a role in a domain and below it, by id."""
        place = (role, domain_of(domain, self._domain()))
        known = self._roles.get(place)
        if known is not None and await self._is_current():
            known = self._roles.get(place)
        return list(known if known is not None else await self._together(place, lambda: self._members(*place)))

    async def entries(self, domain: str = "/") -> list[ServerEntry]:
        """All servers of a domain and below it, by id; always asked."""
        membership, place = await self.membership(), domain_of(domain, self._domain())
        found: list[ServerEntry] = []
        while page := await membership.entries(place, found[-1].id if found else ""):
            found += [_entry(each) for each in page]
        return found

    async def presence(self, id: str | ServerId) -> Ref[Guest]:
        """A server as this node has it, connected to now: asked of the registry, then dialled, unix socket first. Raises `Missing`, `Unreachable`."""
        entry = await self.find(id)
        try:
            return await self._knock(entry)
        except (LinkLost, Refused):  # it may have started anew, and the word of that is on its way
            self.forget(entry.id)
            newer = await self.find(id)
            if newer.door == entry.door:
                raise
            return await self._knock(newer)

    async def _knock(self, entry: ServerEntry) -> Ref[Guest]:
        """Go to where the server itself says that it is: nobody else's word is taken for it."""
        self._network.learn(entry.address)
        return cast("Ref[Guest]", await self._network.node.fetch_from(entry.door))

    def forget(self, *ids: str) -> None:
        """What was known of these servers is not so any more: ask again."""
        self._changes += 1
        for id in ids:
            self._ids.pop(id, None)
        self._roles.clear()

    # --- the link ------------------------------------------------------------------------------------------

    async def _join(self) -> Ref[Any]:
        self._tried = asyncio.get_running_loop().time()
        found = await self._enter()
        self._forget_all()
        self._membership = found
        return found

    async def _enter(self) -> Ref[Any]:
        """A membership: by the cookie, or where there is none by a certificate."""
        node = self._network.node
        try:
            return await node.fetch_from(self._cookie())
        except Missing:
            if (way := self._certified()) is None:
                raise
        entrance, chain = way
        applicant: Any = await node.fetch_from(entrance)
        found: Ref[Any] = await applicant.present(chain)
        return found

    def leave(self) -> None:
        """Have the next question ask for a new membership: there is another certificate, perhaps."""
        self.lost()

    async def _is_current(self) -> bool:
        """See to it that word of changes comes; whether what is known was forgotten on the way."""
        if self._following or asyncio.get_running_loop().time() < self._tried + AGAIN:
            return False
        before = self._changes
        try:
            await self._together("follow", self._followed)
        except LinkLost:
            return False
        return self._changes != before

    async def _followed(self) -> Ref[Any]:
        """The membership; from now on with word of each change, where answers are remembered."""
        membership = await self.membership()
        if self._remember and not self._following:
            vat = self._network.node.vat
            if self._device is None:
                self._device = vat.device("directory", Changed(self))
            watcher = vat.spawn(Watcher, self._device)
            tell(watcher).over(membership)
            await membership.follow(watcher)
            self._following = True
        return membership

    def lost(self) -> None:
        """The link to the registry is lost: no word of changes comes."""
        self._following = False
        self._membership = None

    def _forget_all(self) -> None:
        self._changes += 1
        self._ids.clear()
        self._roles.clear()

    # --- questions -----------------------------------------------------------------------------------------------

    async def _lookup(self, id: str) -> ServerEntry:
        membership, before = await self._followed(), self._changes
        self.asked += 1
        found = _entry(await membership.lookup(id))
        if self._following and before == self._changes:
            self._ids[id] = found
        return found

    async def _members(self, role: str, domain: str) -> list[ServerEntry]:
        membership, before = await self._followed(), self._changes
        self.asked += 1
        found = [_entry(each) for each in await membership.with_role(role, domain)]
        if self._following and before == self._changes:
            self._roles[role, domain] = found
        return found

    async def _together(self, what: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """One question for all who have it at the same time."""
        asking = self._asking.get(what)
        if asking is None:
            asking = self._asking[what] = asyncio.ensure_future(ask())
            asking.add_done_callback(lambda _: self._asking.pop(what, None))
        return await asyncio.shield(asking)


def _entry(value: Any) -> ServerEntry:
    found = as_record(value, ServerEntry)
    if found is None:
        raise ProtocolError(
            "the registry answered with something that is no entry of a server: is it of another version?"
        )
    return found


class Changed:
    """The device that is told of changes."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def changed(self, ids: list[str]) -> None:
        """These servers came, went or are different."""
        self._directory.forget(*ids)

    def lost(self) -> None:
        """The link to the registry is lost."""
        self._directory.lost()


@actor(kind="remit.ensemble.watcher", version=1, passing=True)
class Watcher:
    """What the registry tells of changes, for as long as the link lasts."""

    device: Ref[Any]

    def over(self, membership: Ref[Any]) -> None:
        """Say when this link is lost, or at once if it is."""
        on_sever(membership, this())

    def changed(self, ids: list[str]) -> None:
        """See `Changed`."""
        tell(self.device).changed(ids)

    def __call__(self, broken: Any) -> None:
        tell(self.device).lost()

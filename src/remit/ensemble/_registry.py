"""The registry: whose an id is, and which servers are there now.

    the cookie's swiss number ──fetched with a proved key──► Membership (of that key)
    membership.register(id, …) ──► the id is the key's, for good; an assertion `ServerEntry` in the dataspace
    the server's session is lost, or it registers anew ──► the assertion goes, and whoever follows hears of it

Kept are the owners of ids and nothing else: what is there begins anew with each run, as the servers come back by themselves.
"""

from __future__ import annotations

from typing import Any, Final, cast

from remit.dataspace import Dataspace, Party, on_asserted, on_retracted
from remit.ensemble._ids import ROOT_DOMAIN, ServerId, check_role, domain_of
from remit.ensemble._listing import Listing
from remit.ensemble._outcasts import Expelled, OutcastFeed, Outcasts
from remit.ensemble._records import ServerEntry
from remit.errors import BadArgument, Expired, Missing, Refused
from remit.net import SignedAddress, designator_of
from remit.values import SturdyRef
from remit.vat import Ref, actor, call, field, on_sever, reads, spawn, tell, this

__all__ = ["REGISTRY_CLASSES", "Entrance", "Membership", "Registration", "Registry"]

MOST_ROLES: Final = 64
"""Roles of one server."""
MOST_INFO: Final = 64
"""What a server says of itself, in fields; the size of the message bounds the rest."""
MOST_GOOD: Final = 100_000
"""Members of whom it is remembered that they are."""
PAGE: Final = 500
"""Entries of one answer: about 300 KiB."""


@actor(kind="remit.ensemble.registry", version=1)
class Registry:
    """The heart of an ensemble: a root of the registry's durable vat, which alone calls it. `owners`: the key of each id that was ever registered."""

    space: Ref[Dataspace] = field(lambda: spawn(Dataspace))
    owners: dict[str, bytes] = field(dict)

    def begin(self) -> None:
        """Once in each run: from now on it is known by id and role what is there."""
        now = Now()
        object.__setattr__(self, "_now", now)
        here = this()
        on_asserted(self.space, ServerEntry, lambda entry: now.came(entry, here))
        on_retracted(self.space, ServerEntry, lambda entry: now.went(entry, here))

    def entrance(self) -> Ref[Entrance]:
        """What the cookie's swiss number stands for."""
        return spawn(Entrance, this())

    def heed(self, outcasts: Ref[Outcasts], checker: Ref[Any]) -> None:
        """Once in each run, after `begin`: who is out. `checker` is the device that checks certificates."""
        now = self._here()
        now.outcasts, now.feed, now.checker = outcasts, spawn(OutcastFeed, outcasts), checker

    @reads
    def check(self, key: bytes, serial: str = "") -> None:
        """Raise what keeps this key, or the certificate that it came by, out of the ensemble; nothing where it is a member."""
        now = self._here()
        if now.outcasts is not None:
            call(now.outcasts).check(designator_of(key), serial)
        if serial in now.over:
            raise Expired(f"the certificate with the serial number {serial} has ended: renew it with: remit ca renew")
        if len(now.good) >= MOST_GOOD:
            now.good.clear()
        now.good[key, serial] = None

    @reads
    def revocations(self) -> bytes | None:
        """The newest revocation list, in DER."""
        outcasts = self._here().outcasts
        found: bytes | None = None if outcasts is None else call(outcasts).listed().revocations
        return found

    def certified_member(self, key: bytes, serial: str, id: str) -> Ref[Membership]:
        """The membership of a node that has come by a certificate, which was checked."""
        self.check(key, serial)
        return spawn(Membership, this(), key, serial, id)

    def end_certificate(self, serial: str) -> None:
        """Its time is over: who came by it is no member any more, unless it has shown another one."""
        self._here().good.clear()
        self._here().over[serial] = None
        self.withdraw(None, [serial])

    def outcasts_after(self, key: bytes, number: int) -> Any:
        """The list of outcasts, as soon as its number is higher than this one."""
        feed = self._here().feed
        if feed is None:
            raise Missing("this registry has no list of outcasts")
        return call(feed).after(designator_of(key), number)

    async def publish(self, revocations: bytes, intermediate: bytes) -> list[str]:
        """Take a newer revocation list; those that came by certificates on it are out at once. The ids of those."""
        now = self._here()
        if now.outcasts is None or now.feed is None or now.checker is None:
            raise Missing("this registry takes no revocation lists")
        known = call(now.outcasts).listed()
        serials = await now.checker.take(revocations, intermediate, known.revocations)
        now.good.clear()
        call(now.outcasts).take(revocations, intermediate, serials)
        call(now.feed).changed()
        return self.withdraw(None, serials)

    def expel(self, key: bytes, entry: Expelled) -> list[str]:
        """Have the node with this key be out, and its servers gone; their ids."""
        now = self._here()
        assert now.outcasts is not None
        assert now.feed is not None
        now.good.clear()
        call(now.outcasts).expel(designator_of(key), entry)
        call(now.feed).changed()
        return self.withdraw(key, [])

    @reads
    def expelled(self) -> dict[str, Expelled]:
        """Who is out, by designator."""
        outcasts = self._here().outcasts
        found: dict[str, Expelled] = {} if outcasts is None else call(outcasts).entries()
        return found

    def pardon(self, key: str) -> bool:
        """Let an expelled key come again."""
        now = self._here()
        assert now.outcasts is not None
        assert now.feed is not None
        now.good.clear()
        found: bool = call(now.outcasts).pardon(key)
        call(now.feed).changed()
        return found

    def withdraw(self, key: bytes | None, serials: list[str]) -> list[str]:
        """Have the servers of this key, or those that came by these certificates, be there no more; their ids."""
        now = self._here()
        gone = [id for id in now.parties if self.owners.get(id) == key or now.serials.get(id) in serials]
        for watcher, (whose, serial) in list(now.followers.items()):
            if whose == key or serial in serials:
                del now.followers[watcher]
        for id in gone:
            now.serials.pop(id, None)
            call(now.parties.pop(id)).close()
        return gone

    def register(self, key: bytes, entry: ServerEntry, owner: Ref[Any], serial: str = "") -> Ref[Registration]:
        """Have a server be there for as long as the link to `owner` holds; for `Membership`, which vouches for the key."""
        holder = self.owners.get(entry.id)
        if holder is None:
            self.owners[entry.id] = key
        elif holder != key:
            raise Refused(
                f"the id {entry.id} belongs to another key ({designator_of(holder)[:12]}…), which registered it first; take another id, or have an "
                f"operator of the registry release it: remit admin release {entry.id}"
            )
        now = self._here()
        before = now.parties.get(entry.id)
        if before is not None:
            call(before).close()
        party: Ref[Party] = call(self.space).open(owner, 0.0, entry.id)
        call(party).turn([["assert", 1, entry]])
        if before is not None:
            now.replaced[entry.id] = now.replaced.get(entry.id, 0) + 1
        now.parties[entry.id] = party
        now.serials.pop(entry.id, None)
        if serial:
            now.serials[entry.id] = serial
        return spawn(Registration, this(), entry, party)

    def claim(self, id: str, key: bytes) -> bool:
        """An id is this key's from now on, whoever had it, unless a server of another key is there under it; whether it is. For whoever gives out names."""
        holder = self.owners.get(id)
        if holder not in (None, key) and self._here().listing.find(id) is not None:
            return False
        if holder != key:
            self.owners[id] = key
        return True

    def succeed(self, former: list[bytes], key: bytes) -> None:
        """What ids these keys had are this key's from now on, of the same node. Before anybody registers; done again, it changes nothing."""
        for id, holder in list(self.owners.items()):
            if holder in former and holder != key:
                self.owners[id] = key

    def release(self, id: str) -> bool:
        """Let any key have an id from now on; a server that is there under it is no more. Whether it was anybody's."""
        party = self._here().parties.pop(id, None)
        if party is not None:
            call(party).close()
        return self.owners.pop(id, None) is not None

    def follow(self, watcher: Ref[Any], key: bytes, serial: str) -> None:
        """From now on tell it of each change: `watcher.changed([whole id])`, until its link is lost, or its member is out."""
        followers = self._here().followers
        if watcher not in followers:
            followers[watcher] = key, serial
            on_sever(watcher, spawn(Unfollow, this(), watcher))

    def unfollow(self, watcher: Ref[Any]) -> None:
        """Tell it no more."""
        self._here().followers.pop(watcher, None)

    def told(self) -> None:
        """Tell those who follow of what has changed since this was done last."""
        now = self._here()
        changed, now.changed = list(now.changed), {}
        for watcher in list(now.followers):
            tell(watcher).changed(changed)

    @reads
    def whose(self, id: str) -> bytes | None:
        """The key that an id belongs to."""
        return self.owners.get(id)

    @reads
    def known(self) -> dict[str, bytes]:
        """The key of each id that was ever registered."""
        return dict(self.owners)

    @reads
    def lookup(self, id: str) -> ServerEntry:
        """The server with this whole id. Raises `Missing`."""
        found = self._here().listing.find(id)
        if found is None:
            asked = ServerId.parse(id)
            silent = "is not there now (it has been)" if id in self.owners else "is not known"
            raise Missing(f"the server {asked} {silent}{self._here().listing.near(asked)}")
        return found

    @reads
    def entries(self, domain: str, after: str, most: int) -> list[ServerEntry]:
        """Some of the servers of a domain and below it, those behind `after`: for whoever has the registry itself, such as a boss."""
        return self._here().listing.page(domain_of(domain), after, max(1, min(most, PAGE)))

    @reads
    def ids(self, keys: list[bytes]) -> dict[str, list[str]]:
        """The servers that are there now under these keys: whole ids by designator."""
        return self._here().listing.ids({key: designator_of(key) for key in keys})

    def _here(self) -> Now:
        now: Now = self.__dict__["_now"]
        return now


class Now:
    """What a registry knows in this run. Changed in turns of the registry that cannot fail after it."""

    __slots__ = (
        "changed",
        "checker",
        "feed",
        "followers",
        "good",
        "listing",
        "outcasts",
        "over",
        "parties",
        "replaced",
        "serials",
    )

    def __init__(self) -> None:
        self.listing = Listing()
        self.parties: dict[str, Ref[Party]] = {}
        self.followers: dict[Ref[Any], tuple[bytes, str]] = {}  # with whose they are
        self.changed: dict[str, None] = {}
        self.replaced: dict[str, int] = {}  # retractions to come of what was said anew meanwhile
        self.serials: dict[str, str] = {}  # of servers that came by a certificate
        self.over: dict[str, None] = {}  # serial numbers of certificates that have ended in this run
        self.good: dict[
            tuple[bytes, str], None
        ] = {}  # who was found to be a member since the last change of who is out
        self.outcasts: Ref[Outcasts] | None = None
        self.feed: Ref[OutcastFeed] | None = None
        self.checker: Ref[Any] | None = None  # a device

    def came(self, entry: ServerEntry, registry: Ref[Registry]) -> None:
        """The dataspace has it."""
        self.listing.came(entry)
        self._change(entry.id, registry)

    def went(self, entry: ServerEntry, registry: Ref[Registry]) -> None:
        """The dataspace has it no more; where it was said anew, what is said now stays."""
        if left := self.replaced.pop(entry.id, 0):
            if left > 1:
                self.replaced[entry.id] = left - 1
            return
        self.parties.pop(entry.id, None)
        self.listing.went(entry)
        self._change(entry.id, registry)

    def _change(self, id: str, registry: Ref[Registry]) -> None:
        if not self.changed and self.followers:
            tell(registry).told()
        if self.followers:
            self.changed[id] = None


@actor(kind="remit.ensemble.unfollow", version=1, passing=True)
class Unfollow:
    """Hears that the link to a follower is lost."""

    registry: Ref[Registry]
    watcher: Ref[Any]

    def __call__(self, broken: Any) -> None:
        call(self.registry).unfollow(self.watcher)


@actor(kind="remit.ensemble.entrance", version=1)
class Entrance:
    """What the cookie leads to: a gate, so that it learns the key of who comes. Whoever has the cookie is in the ensemble."""

    registry: Ref[Registry]

    def admit(self, peer: bytes | None) -> Ref[Membership]:
        """What the network's gate calls when somebody with this proved key fetches it."""
        if type(peer) is not bytes:
            raise Refused("an ensemble admits nodes that have proved their key: come over a unix socket or TLS")
        call(self.registry).check(peer)
        return spawn(Membership, self.registry, peer)


@actor(kind="remit.ensemble.membership", version=1, passing=True)
class Membership:
    """The ensemble for the node with this key; it lives as long as that node's session, and ends where the key is expelled.

    `serial` and `only` are of a node that came by a certificate: its serial number, and the one id that it may register.
    """

    registry: Ref[Registry]
    key: bytes
    serial: str = ""
    only: str = ""

    def register(
        self,
        id: str,
        roles: list[str],
        address: Any,
        door: Any,
        owner: Ref[Any],
        info: dict[str, Any],
        since: float,
    ) -> Ref[Registration]:
        """Be there under an id and in these roles, for as long as the link to `owner`, an object of the server's, holds.

        `address` and `door` must be of the member's own key. `Refused` if the id is another key's. Registering anew replaces what was said.
        """
        self._check()
        checked = ServerId.parse(id).text
        if self.only and self.only != checked:
            raise Refused(f"the certificate of this node is for {self.only}, and not for {checked}")
        if checked != id:
            raise BadArgument(f"a server registers under its whole id, {checked}, not {id[:80]!r}")
        if type(door) is not SturdyRef or door.locator.designator != designator_of(self.key):
            raise Refused(f"the door of {id} must be one of the node that registers it")
        if not isinstance(address, SignedAddress) or address.key != self.key or not self._signed(address):
            raise Refused(f"the address of {id} must be signed by the node that registers it")
        if len(roles) > MOST_ROLES or len(info) > MOST_INFO:
            raise BadArgument(f"a server has at most {MOST_ROLES} roles, and says {MOST_INFO} things of itself")
        entry = ServerEntry(
            id, sorted({check_role(role) for role in roles}), address, door, self.key, float(since), info
        )
        return call(self.registry).register(self.key, entry, owner, self.serial)

    def _signed(self, address: SignedAddress) -> bool:
        """Whether the signature is good; that of one address is looked at once."""
        if self.__dict__.get("_seen") != address:
            if not address.holds():
                return False
            object.__setattr__(self, "_seen", address)
        return True

    @reads
    def lookup(self, id: str) -> ServerEntry:
        """The server with this whole id. Raises `Missing`, with the nearest one that is there."""
        whole = ServerId.parse(id).text
        found = self._now().listing.find(whole)
        return found if found is not None else call(self.registry).lookup(whole)

    @reads
    def ids(self, keys: list[bytes]) -> dict[str, list[str]]:
        """The servers that are there now under these keys: whole ids by designator; at most a page of keys."""
        return call(self.registry).ids([key for key in keys[:PAGE] if type(key) is bytes])

    @reads
    def with_role(self, role: str, domain: str = ROOT_DOMAIN) -> list[ServerEntry]:
        """The servers of a role in a domain and below it, by id; none is no error."""
        return self._now().listing.with_role(check_role(role), domain_of(domain))

    @reads
    def entries(self, domain: str = ROOT_DOMAIN, after: str = "", most: int = PAGE) -> list[ServerEntry]:
        """Some of the servers of a domain and below it, by id: at most `most`, those behind the whole id `after`."""
        return self._now().listing.page(domain_of(domain), after, max(1, min(most, PAGE)))

    def follow(self, watcher: Ref[Any]) -> None:
        """From now on `watcher.changed([whole id])` is told of servers that came, went or changed, once for each turn."""
        self._check()
        call(self.registry).follow(watcher, self.key, self.serial)

    def unfollow(self, watcher: Ref[Any]) -> None:
        """Tell it no more."""
        call(self.registry).unfollow(watcher)

    def outcasts(self, after: int = 0) -> Any:
        """The `OutcastList`, as soon as its number is higher than `after`: what a server heeds."""
        self._check()
        return call(self.registry).outcasts_after(self.key, after)

    def publish(self, revocations: bytes, intermediate: bytes) -> Any:
        """A revocation list that is newer than the one that is known; its signature says whose it is, whoever brings it."""
        self._check()
        return self.registry.publish(revocations, intermediate)

    def _check(self) -> None:
        self._now()

    def _now(self) -> Now:
        """What the registry knows, for one who is a member now: looked at directly, since whoever starts asks."""
        now = cast("Registry", self.registry._at)._here()
        if (self.key, self.serial) not in now.good:
            call(self.registry).check(self.key, self.serial)
        return now


@actor(kind="remit.ensemble.registration", version=1, passing=True)
class Registration:
    """A server's own hold on what the registry says of it; lost with its session."""

    registry: Ref[Registry]
    entry: ServerEntry
    party: Ref[Party]

    def withdraw(self) -> None:
        """The server is there no more; its id stays its own."""
        call(self.party).close()


REGISTRY_CLASSES: Final[tuple[type, ...]] = (Registry, Entrance, Outcasts)

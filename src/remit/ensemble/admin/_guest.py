"""What the steward's clients hold: `Guest`, who came to a server; `Lease`, a server that was unlocked; `Giver`, the part `admin`.

They say who asks, since each is made for one holder, and hold nothing that the steward does not check again.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from remit.ensemble.admin._table import LOCAL, ROOTS, Grant
from remit.ensemble.admin._unlock import LONGEST, PATIENCE, Challenge
from remit.errors import BadArgument, Refused
from remit.net import designator_of
from remit.vat import Ref, actor, call, field, on_sever, reads, spawn, this

__all__ = ["Giver", "Guest", "Lease"]


@actor(kind="remit.ensemble.guest", version=1, passing=True)
class Guest:
    """Somebody who came to a server, as its door lets him in: the node with this proved key; without one, as `who` says, the local user or the server itself.

    One for each session. A nonce is good for one try, by this guest, within two minutes.
    """

    steward: Ref[Any]
    network: Ref[Any]
    key: bytes | None
    who: str = LOCAL
    nonce: bytes | None = None
    asked: float = 0.0
    leases: list[Ref[Any]] = field(list)
    watch: Ref[Any] | None = None

    def ping(self, actor: str | None = None) -> Any:
        """Seconds since the epoch, by the server's clock; `Missing` if it has no such actor. Needs no grant."""
        return self.steward.ping(actor)

    def describe(self) -> Any:
        """What everybody may know of the server: id, roles, since when, and what it says of itself."""
        return self.steward.describe()

    def granted(self) -> Any:
        """The parts that need no unlock, with their ends (seconds since the epoch, or None)."""
        return self.steward.granted(self._holder())

    def part(self, name: str) -> Any:
        """A part that needs no unlock. `Refused` says what it takes."""
        return self.steward.lend(self._holder(), name)

    def present(self, chain: bytes) -> Any:
        """Show a certificate for one's key: the parts that it names are granted until it ends or is revoked. Gives them."""
        return self.steward.present(self._holder(), self._proved(), chain)

    def door(self) -> Any:
        """The sturdyref of the server's door, where a node proves its key: what unlocks a server that was reached otherwise."""
        return self.steward.door()

    async def challenge(self, lifeline: Any = None) -> Challenge:
        """What an unlock has to answer; it replaces one that was not answered yet.

        `lifeline`: an object of the client's own. Where the link to it is lost, what it unlocked is locked.
        """
        self._proved()
        if isinstance(lifeline, Ref):
            self.watch = spawn(Watch, this())
            on_sever(lifeline, self.watch)
        now = await self.network.now()
        drawn = await self.network.token() + await self.network.token()
        self.nonce, self.asked = sha256(drawn.encode()).digest(), now
        return Challenge(self.nonce, now, LONGEST)

    async def unlock(self, unlock: Any, signature: Any) -> Ref[Any]:
        """A lease on the parts that the unlock names, if the administrators' key has signed it for this very session."""
        key = self._proved()
        nonce, self.nonce = self.nonce, None  # whatever comes of it
        if await self.network.now() > self.asked + PATIENCE:
            nonce = None
        lease: Ref[Any] = await self.steward.unlock(designator_of(key), key, nonce, unlock, signature)
        self.leases.append(lease)
        return lease

    def lock(self) -> None:
        """End every lease of this session."""
        for lease in self.leases:
            call(lease).lock()
        self.leases.clear()

    def _holder(self) -> str:
        return self.who if self.key is None else designator_of(self.key)

    def _proved(self) -> bytes:
        if self.key is None:
            raise Refused("this is for a node that has proved its key: come by the server's door")
        return self.key


@actor(kind="remit.ensemble.watch", version=1, passing=True)
class Watch:
    """Hears when a client is gone."""

    guest: Ref[Guest]

    def __call__(self, why: Any = None) -> None:
        call(self.guest).lock()


@actor(kind="remit.ensemble.lease", version=1, passing=True)
class Lease:
    """An unlocked server, as its client holds it: a control object with the parts of the unlock. Ends at `until`, with its session, or by `lock`."""

    steward: Ref[Any]
    number: int
    holder: str
    names: list[str]
    until: float

    def part(self, name: str) -> Any:
        """The part of this name. `Refused` for one that the unlock does not name, `Expired` when it is over."""
        if name not in self.names:
            raise Refused(f"this unlock is for {', '.join(self.names)}: unlock for {str(name)[:100]!r}, too")
        return self.steward.lend_leased(self.number, self.holder, name, self.until, list(self.names))

    @reads
    def parts(self) -> list[str]:
        """The parts of the unlock."""
        return list(self.names)

    @reads
    def expires(self) -> float:
        """When it ends by itself, in seconds since the epoch."""
        return self.until

    def lock(self) -> None:
        """End it now."""
        call(self.steward).end_lease(self.number, "the server was locked again")


@actor(kind="remit.ensemble.giver", version=1, passing=True)
class Giver:
    """The part `admin`: gives to others what its holder has, and takes it back.

    `by` is the giver, `who` the same for the audit log, `limit` the parts of the lease that it was got through (None: no lease).
    """

    steward: Ref[Any]
    by: str
    who: str
    limit: list[str] | None

    def authorize(self, key: str, shown: str, parts: Sequence[str], expires: float | None = None) -> Any:
        """Give `parts` to the node with this designator, until `expires` (seconds since the epoch; None: until they are retracted).

        `shown`: its id, for people. Raises `Refused` for more than one holds oneself. Gives the grants.
        """
        if not isinstance(parts, list | tuple) or not parts:
            raise BadArgument("a grant is of one part or more")
        over = [] if self.limit is None else sorted({str(part) for part in parts} - set(self.limit))
        if over:
            raise Refused(
                f"nobody gives what he does not hold: this unlock is not for {', '.join(over)}; unlock for that, too"
            )
        return self.steward.authorize(self.by, self.who, key, shown, list(parts), expires)

    def retract(self, grantee: str, parts: Sequence[str] = ()) -> Any:
        """Take back these parts, or all; `grantee` is a designator or an id as it was shown. Gives what went, with what hung on it."""
        if type(grantee) is not str or not isinstance(parts, list | tuple):
            raise BadArgument("retract names a grantee, and parts")
        return self.steward.retract(self.by, self.who, grantee, list(parts))

    def grants(self) -> list[Grant]:
        """The grants that there are: all of them, or those that one gave oneself."""
        return call(self.steward).listed(self.by)  # type: ignore[no-any-return]

    def uses(self, most: int = 100) -> Any:
        """The last lines of the audit log."""
        if self.by not in ROOTS:
            raise Refused("the audit log is for administrators")
        return self.steward.used(most)

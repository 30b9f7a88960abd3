"""Introductions: how a new machine and its boss come to trust each other.

    made ──first key, in time──► redeemed by that key ──the same key──► the same answer again
      │                                └──any other key──► refused, and an alarm
      └──too late──► refused (`renew` gives more time)

The secret alone proves little, since it passes through a provider's user data; so it works for one key, and the boss learns
when somebody else tries it.
"""

from __future__ import annotations

from typing import Any, Final

from remit.errors import BadArgument, Expired, Refused
from remit.machines._hob_server import HobServer, PendingHob
from remit.machines._records import Enrolment
from remit.net import designator_of
from remit.values import SturdyRef
from remit.vat import Ref, actor, call, spawn, tell, this

__all__ = ["Introduction", "Redemption"]

LIFETIME: Final = 3600.0  # seconds in which a machine must come, from its making or the last `renew`


@actor(kind="remit.machines.introduction", version=1)
class Introduction:
    """Admits one machine. Registered with a gate, so that `admit` learns the proved key of who fetches it.

    Owned by the boss; it stays after its use, for it is what notices a second party. `key` is the redeemer's raw public key, `expires` in
    seconds since the epoch.
    """

    name: str
    hob: Ref[PendingHob | HobServer]
    fleet: Ref[Any]
    alarms: Ref[Any]
    network: Ref[Any]
    expires: float
    key: bytes | None = None
    at: float = 0.0
    source: str = ""
    answer: Enrolment | None = None

    def admit(self, peer: bytes | None) -> Any:
        """What the network's gate calls when somebody with this proved key fetches the introduction."""
        return this().admission(peer)

    async def admission(self, peer: bytes | None) -> Ref[Redemption]:
        """`admit`, which takes several turns: an alarm is kept although the caller is refused."""
        now = await self.network.now()
        if type(peer) is not bytes:
            raise Refused(f"the introduction of machine {self.name} is given only to a node that has proved its key")
        if self.key is None:
            if now >= self.expires:
                raise Expired(
                    f"the introduction of machine {self.name} has expired; give it more time with: "
                    f"remit machine start {self.name}"
                )
            self.key = peer
            self.at = now
            call(self.fleet).stirred(self.name)
        elif self.key != peer:
            await self.alarms.ring(
                self.name, "introduction used by another key", designator_of(self.key), designator_of(peer)
            )
            raise Refused(f"the introduction of machine {self.name} was used by another key; the boss has been told")
        return spawn(Redemption, this(), peer)

    async def enrol(self, key: bytes, client: SturdyRef, address: Any) -> Any:
        """Make the machine active, and answer its `Enrolment`; for `Redemption`, which vouches for the key."""
        await self.network.learn(address)
        reference = await self.network.enliven(client)
        call(self.hob).register(reference, key, address)
        self.source = " ".join(f"{name}={hint}" for name, hint in sorted(address.hints.items()))[:200]
        call(self.fleet).enrolled(self.name, self.hob)
        if self.answer is None:
            self._take(await self.network.sturdy(self.hob, holder=f"machine {self.name}", only=key))
        return self.answer

    def _take(self, server: SturdyRef) -> None:
        if self.answer is None:
            self.answer = Enrolment(self.name, server)
        else:  # asked twice at once
            tell(self.network).forget(server)

    def renew(self, expires: float) -> None:
        """Give a machine that has not come more time."""
        self.expires = max(self.expires, expires)
        call(self.fleet).stirred(self.name)

    def rename(self, name: str) -> None:
        """The machine has another name now."""
        self.name = name
        if self.answer is not None:
            self.answer = Enrolment(name, self.answer.server)

    def server(self) -> SturdyRef | None:
        """The sturdyref by which the machine fetches its server presence, once it has enrolled."""
        return None if self.answer is None else self.answer.server

    def story(self) -> dict[str, Any]:
        """Who redeemed it, when and from where; for status."""
        if self.key is None:
            return {"redeemed": False, "expires": self.expires}
        return {"redeemed": True, "key": designator_of(self.key), "at": self.at, "from": self.source}


@actor(kind="remit.machines.redemption", version=1)
class Redemption:
    """The one use of an introduction, for the node with this key. It lives as long as that node's session."""

    introduction: Ref[Introduction]
    key: bytes

    def register(self, client: SturdyRef, address: Any) -> Any:
        """Enrol the machine whose client presence this sturdyref is, and whose signed address this is.

        Both must be of the redeemer's own key. Answers an `Enrolment`, the same one when asked again.
        """
        own = designator_of(self.key)
        if type(client) is not SturdyRef or client.locator.designator != own:
            raise BadArgument("the client presence must be a sturdyref of the node that redeems the introduction")
        if getattr(address, "key", None) != self.key:
            raise BadArgument("the address must be signed by the node that redeems the introduction")
        return self.introduction.enrol(self.key, client, address)

"""A machine whose boss has another key: it follows, and the former key is nobody to it any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import Conflict
from remit.lib import SwissEntry
from remit.net import heir_of
from remit.vat import Promise, Ref, actor, call, tell, this

if TYPE_CHECKING:
    from remit.machines._hob_client import HobClient

__all__ = ["Heir", "followed"]


@actor(kind="remit.machines.heir", version=1)
class Heir:
    """What everybody may reach on a machine (`remit.net.HEIR`): it hears of successions, and does nothing for whoever has none. A root of its vat."""

    hob: Any = None

    def of(self, hob: Ref[HobClient]) -> Ref[Heir]:
        """This object, for this hob."""
        self.hob = hob
        return this()

    def follow(self, chain: list[Any]) -> Promise[Any]:
        """The boss of this machine has another key, by these successions (`remit.net.Succession`), oldest first."""
        if self.hob is None:
            raise Conflict("this machine's agent is only just starting: try again")
        hob: Ref[HobClient] = self.hob
        return hob.follow(chain)


async def followed(hob: HobClient, chain: list[Any]) -> bool:
    """Have this hob know its boss by the key to which these successions lead. `Refused` where they do not begin with the key that it knows.

    What was for the former key only is for the new one, and sessions with the former one end. Every step may be done again: the server presence is the
    last, and says which key is known.
    """
    if hob.server is None or hob.own is None:
        raise Conflict("this machine has not enrolled yet")
    known: bytes = await hob.network.whose(hob.server)
    new = heir_of(known, chain)
    if new == known:
        return True
    await hob.network.register(hob.own.swiss, this(), SwissEntry("boss", only=new))
    moved = await hob.network.moved(hob.server, new)
    for grant in hob.granted.values():
        call(grant).forsake(known)
    tell(hob.network).abandon(hob.server)
    hob.server, hob.boss = moved, None
    tell(hob.network).part(known)
    tell(hob.summons).ring()
    return True

"""Grants and bindings: the two ends of an edge, each kept by the machine where it is."""

from __future__ import annotations

from typing import Any

from remit.errors import Revoked
from remit.lib import Attenuation, Membrane
from remit.values import SturdyRef, record
from remit.vat import Ref, actor, call, field, tell

__all__ = ["Binding", "Grant", "GrantView"]


@record("remit.machines.grant_view")
class GrantView:
    """What people see of a grant: no reference, no secret. `used` counts messages where the attenuation counts them."""

    id: str
    offer: str
    grantee: str
    interface: str
    attenuation: str
    created: float
    used: int


@record("remit.machines.binding")
class Binding:
    """A name on a machine for a service elsewhere. `ref` re-enlivens itself; `service` says for people where it leads."""

    name: str
    id: str
    interface: str
    service: str
    attenuation: Attenuation
    ref: Any


@actor(kind="remit.machines.grant", version=1)
class Grant:
    """The provider's side of one edge: a membrane around the offer, and the swiss numbers that lead through it, one for each key
    (the grantee's; the boss's, where that has to relay).

    Owned by the machine's hob; ends when revoked.
    """

    id: str
    offer: str
    grantee: str
    interface: str
    attenuation: Attenuation
    created: float
    membrane: Ref[Membrane]
    network: Ref[Any]
    ways: dict[bytes, SturdyRef] = field(factory=dict)

    async def way_in(self, key: bytes) -> list[Any]:
        """Sturdyref (for the node with this key only), live reference and interface; the same each time."""
        if key not in self.ways:
            root = call(self.membrane).root()
            made = await self.network.sturdy(root, holder=f"{self.grantee} (edge {self.id})", only=key)
            if key not in self.ways and not self._revoked():
                self.ways[key] = made
            else:  # asked twice at once, or revoked meanwhile
                tell(self.network).forget(made)
        if self._revoked():
            raise Revoked(f"edge {self.id} was taken back while it was made")
        return [self.ways[key], call(self.membrane).root(), self.interface]

    def revoke(self) -> None:
        """End it at once: what was obtained through it breaks, and its swiss numbers are deleted."""
        call(self.membrane).revoke(f"the grant of {self.offer} to {self.grantee}")
        for sturdy in self.ways.values():
            tell(self.network).forget(sturdy)
        self.ways.clear()

    def forsake(self, key: bytes) -> None:
        """The node with this key has no way in any more."""
        if key in self.ways:
            tell(self.network).forget(self.ways.pop(key))

    def rename(self, offer: str, grantee: str) -> None:
        """One of its ends has another name now."""
        self.offer, self.grantee = offer, grantee

    def view(self) -> GrantView:
        """For people."""
        used = call(self.membrane).state()["used"]
        what = self.attenuation.describe()
        return GrantView(self.id, self.offer, self.grantee, self.interface, what, self.created, used)

    def _revoked(self) -> bool:
        revoked: bool = call(self.membrane).state()["revoked"]
        return revoked

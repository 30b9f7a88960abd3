"""Grants and bindings: the two ends of an edge, each kept by the machine where it is."""

from __future__ import annotations

from typing import Any

from remit.errors import Revoked
from remit.lib import Attenuation, Membrane
from remit.values import SturdyRef, record
from remit.vat import Ref, actor, call, tell

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
    """The provider's side of one edge: a membrane around the offer, and the one swiss number that leads through it.

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
    key: bytes
    sturdy: SturdyRef | None = None

    async def way_in(self) -> list[Any]:
        """Sturdyref (for the grantee's key only), live reference and interface; the same each time."""
        if self.sturdy is None:
            root = call(self.membrane).root()
            self._take(await self.network.sturdy(root, holder=f"{self.grantee} (edge {self.id})", only=self.key))
        if self._revoked():
            raise Revoked(f"edge {self.id} was taken back while it was made")
        return [self.sturdy, call(self.membrane).root(), self.interface]

    def _take(self, made: SturdyRef) -> None:
        if self.sturdy is None and not self._revoked():
            self.sturdy = made
        else:  # asked twice at once, or revoked meanwhile
            tell(self.network).forget(made)

    def revoke(self) -> None:
        """End it at once: what was obtained through it breaks, and the swiss number is deleted."""
        call(self.membrane).revoke(f"the grant of {self.offer} to {self.grantee}")
        if self.sturdy is not None:
            tell(self.network).forget(self.sturdy)

    def view(self) -> GrantView:
        """For people."""
        used = call(self.membrane).state()["used"]
        what = self.attenuation.describe()
        return GrantView(self.id, self.offer, self.grantee, self.interface, what, self.created, used)

    def _revoked(self) -> bool:
        revoked: bool = call(self.membrane).state()["revoked"]
        return revoked

"""The edge: one party's way to one service, as data. Bindings, grants, application wiring, plans and pictures are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remit.lib import Attenuation
from remit.values import record

__all__ = ["Edge"]


@record("remit.edge")
class Edge:
    """From whom, to whom, what, how much, until when. Immutable: a change makes a new record under the same `id`.

    `grantee` holds, under `name`, the service that `provider` offers as `offer`, narrowed by `attenuation`
    (whose `until` is the edge's expiry). `interface` is what both sides agreed on; "" where neither named one.

    `state` is "wanted" (recorded, nothing done yet), "granted" (the provider's side is there), "active" (both are) or
    "revoking" (to be taken back, and `awaiting` names the machines that have not confirmed it). `created` and `since` (of the state)
    are seconds since the epoch. `error` is why it is not further on, "" if nothing is wrong. `via` is who relays, where the two machines cannot reach each other;
    "" where they meet.
    """

    id: str
    grantee: str
    name: str
    provider: str
    offer: str
    interface: str = ""
    attenuation: Attenuation = Attenuation()
    state: str = "wanted"
    created: float = 0.0
    since: float = 0.0
    awaiting: Sequence[str] = ()
    error: str = ""
    via: str = ""

    @property
    def target(self) -> str:
        """Where it is held: `machine.name`."""
        return f"{self.grantee}.{self.name}"

    @property
    def service(self) -> str:
        """What it leads to: `machine.offer`."""
        return f"{self.provider}.{self.offer}"

    @property
    def open(self) -> bool:
        """Whether it is meant to be there, as opposed to being taken back."""
        return self.state != "revoking"

    def but(self, **changes: Any) -> Edge:
        """The same edge with these fields changed."""
        return self.__replace__(**changes)  # type: ignore[attr-defined,no-any-return]  # @record adds it

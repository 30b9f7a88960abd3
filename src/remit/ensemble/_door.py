"""The door of a server: whoever is in the ensemble knocks there with a key, and gets what that key may have."""

from __future__ import annotations

from typing import Any

from remit.ensemble.admin import Guest, Steward
from remit.errors import Refused
from remit.vat import Ref, actor, spawn

__all__ = ["Door"]


@actor(kind="remit.ensemble.door", version=1, passing=True)
class Door:
    """A gate, so that it learns the key of who comes. Owned by the server, ends with it."""

    steward: Ref[Steward]
    network: Ref[Any]

    def admit(self, peer: bytes | None) -> Ref[Guest]:
        """A server as the node with this proved key has it: everybody may ping and ask what it is, the rest is granted or unlocked."""
        if type(peer) is not bytes:
            raise Refused("a server opens to nodes that have proved their key: come over a unix socket or TLS")
        return spawn(Guest, self.steward, self.network, peer)

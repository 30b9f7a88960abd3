"""The other way into an ensemble: a certificate for the node's key, instead of the cookie.

anybody ──a swiss number that is no secret──► Applicant (of that key) ──present(chain)──► Membership, until the certificate ends or is revoked
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.errors import Missing, Refused
from remit.values import SturdyRef
from remit.vat import Ref, actor, call, on, send, spawn

if TYPE_CHECKING:
    from remit.ensemble._home import Home
    from remit.net import Node

__all__ = ["CERTIFIED", "certified_way", "open_certified_entrance"]

CERTIFIED: Final = b"remit: ensemble, by certificate, 1"
"""The swiss number, no secret, at which a registry looks at certificates."""


def certified_way(home: Home, chain: bytes | None) -> tuple[SturdyRef, bytes] | None:
    """What is shown instead of a cookie: where, and the chain; None where there is none, or nobody knows where the registry is."""
    if chain is None:
        return None
    try:
        return SturdyRef(home.registry_locator(), CERTIFIED), chain
    except Missing:
        return None


def open_certified_entrance(node: Node, registry: Ref[Any], checker: Ref[Any], timer: Ref[Any]) -> None:
    """Have a registry's node admit nodes by certificates, while it runs."""
    entrance = node.vat.spawn(CertifiedEntrance, registry, checker, timer)
    node.known[CERTIFIED] = lambda peer: send(entrance, "admit", peer)


@actor(kind="remit.ensemble.certified-entrance", version=1, passing=True)
class CertifiedEntrance:
    """A gate, so that it learns the key of who comes."""

    registry: Ref[Any]
    checker: Ref[Any]
    timer: Ref[Any]

    def admit(self, peer: bytes | None) -> Ref[Applicant]:
        """What whoever has proved this key gets: the right to show a certificate."""
        if type(peer) is not bytes:
            raise Refused("an ensemble admits nodes that have proved their key: come over a unix socket or TLS")
        return spawn(Applicant, self.registry, self.checker, self.timer, peer)


@actor(kind="remit.ensemble.applicant", version=1, passing=True)
class Applicant:
    """Somebody with a proved key, who may show a certificate for it."""

    registry: Ref[Any]
    checker: Ref[Any]
    timer: Ref[Any]
    key: bytes

    async def present(self, chain: bytes) -> Ref[Any]:
        """The membership of the node that this chain is for. It is worth nothing when the certificate ends or is revoked."""
        known = await self.registry.revocations()
        said = await self.checker.check(chain, self.key, known)
        member: Ref[Any] = call(self.registry).certified_member(self.key, said.serial, said.id)
        registry = self.registry
        on(self.timer.at(said.expires), lambda _: call(registry).end_certificate(said.serial))
        return member

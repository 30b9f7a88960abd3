"""The device that checks certificates for objects of a vat: it knows the home's root, and the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.ensemble.ca._installed import MOST
from remit.errors import BadArgument, Conflict, Refused
from remit.values import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography import x509

__all__ = ["CertifiedNode", "Checker"]


@record("remit.certified")
class CertifiedNode:
    """What a chain says, as it passes between objects: a whole id, parts, the end in seconds since the epoch, and the serial number in hexadecimal."""

    id: str
    parts: list[str]
    expires: float
    serial: str


class Checker:
    """The device `certificates` of a server or registry. Owned by it; the root is read at each question, so that a new one counts at once."""

    def __init__(self, home: Path, now: Callable[[], float]) -> None:
        self._home = home
        self._now = now

    def check(self, chain: Any, key: bytes, revocations: bytes | None) -> CertifiedNode:
        """What this chain says of the node with this proved key. Raises `Refused`, `Expired` or `Revoked`; `Refused`, too, where this home trusts no root."""
        from remit.ensemble.ca._certificate import Revocations, check_chain  # X.509, for those who use it

        known = None if revocations is None else Revocations(revocations)
        said = check_chain(chain, self._root(), key, known, self._now())
        return CertifiedNode(said.id, list(said.parts), said.expires, f"{said.serial:x}")

    def take(self, data: Any, intermediate: Any, before: bytes | None) -> list[str]:
        """The serial numbers on a revocation list, if the ensemble's authority has signed it and it is newer than the one before.

        Raises `Refused`; `Conflict` for one that is as old or older, so that nobody brings back what was revoked since.
        """
        from cryptography import x509  # as above

        from remit.ensemble.ca._certificate import BROKEN, Revocations, check_intermediate

        now = self._now()
        if type(intermediate) is not bytes or len(intermediate) > MOST:
            raise BadArgument("an intermediate is a certificate in PEM")
        try:
            signer = x509.load_pem_x509_certificate(intermediate)
            check_intermediate(signer, self._root(), now)
        except BROKEN:
            raise BadArgument("an intermediate is a certificate in PEM") from None
        new = Revocations(data).against(signer, now)
        if before is not None:
            try:
                old = Revocations(before).against(signer, now)
            except Refused:  # of an authority of before
                old = None
            if old is not None and new.number <= old.number:
                raise Conflict(
                    f"this revocation list (number {new.number}) is not newer than the one that is known ({old.number})"
                )
        return sorted(f"{serial:x}" for serial in new.serials)

    def _root(self) -> x509.Certificate:
        from remit.ensemble.ca._authority import read_root  # as above

        root = read_root(self._home)
        if root is None:
            raise Refused("no certificates are taken here: the authority's root.pem is not in the ca/ of this home")
        return root

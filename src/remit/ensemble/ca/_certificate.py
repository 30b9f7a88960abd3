"""Certificates of an ensemble: who made them for which key, and what they say. Pure: the time is an argument.

    root ──signs──► intermediate (signs servers and the revocation list) ──signs──► a server's: its node key, id, parts, an end

They are X.509 (RFC 5280) with Ed25519 keys (RFC 8410). What a server's says stands in its subject alternative names: the URI
`remit:server/ID`, one `remit:part/PART` for each part, and DNS names for whoever else reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from remit.ensemble.ca._installed import MOST
from remit.errors import BadArgument, Expired, Refused, Revoked
from remit.net import designator_of

__all__ = ["Certified", "Revocations", "check_chain", "check_intermediate", "names_of", "read_chain", "to_pem", "when"]

SERVER: Final = "remit:server/"
PART: Final = "remit:part/"
MOST_LIST: Final = 1 << 20
"""Bytes of a revocation list: 25 000 certificates."""
SKEW: Final = 300.0
"""Seconds by which clocks may differ: a certificate begins so much before it was made."""
BROKEN: Final = (
    *(ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension),
    *(x509.ExtensionNotFound, x509.UnsupportedGeneralNameType),
)
"""What the parser raises of something that looked like a certificate, when it gets to the part that is wrong."""
_KNOWN: Final = {
    x509.BasicConstraints.oid,
    x509.KeyUsage.oid,
    x509.ExtendedKeyUsage.oid,
    x509.SubjectAlternativeName.oid,
    x509.AuthorityKeyIdentifier.oid,
    x509.SubjectKeyIdentifier.oid,
}


@dataclass(frozen=True, slots=True)
class Certified:
    """What a chain says of a node's key: the whole id, parts of every server's control object, until when, and under which serial number."""

    key: bytes
    id: str
    parts: tuple[str, ...]
    expires: float
    serial: int


class Revocations:
    """The list of certificates that are worth nothing any more, signed by the intermediate (RFC 5280, section 5). It ends, so that nobody keeps an old one for ever.

    Made of what came over the wire; `against` checks it.
    """

    __slots__ = ("_list", "data", "ends", "number", "serials")

    data: bytes
    """As it came, in DER."""
    number: int
    """Later lists have higher ones."""
    ends: float
    serials: frozenset[int]

    def __init__(self, data: bytes) -> None:
        if type(data) is not bytes or len(data) > MOST_LIST:
            raise BadArgument(f"a revocation list is at most {MOST_LIST} bytes")
        try:
            found = x509.load_der_x509_crl(data)
            number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            ends = found.next_update_utc
            self.serials = frozenset(each.serial_number for each in found)
        except BROKEN:
            raise Refused("this is no revocation list (a CRL in DER, with a number)") from None
        if ends is None:
            raise Refused("a revocation list without an end is not taken: an old one would be good for ever")
        self._list, self.data, self.number, self.ends = found, data, number, ends.timestamp()

    def against(self, intermediate: x509.Certificate, now: float) -> Revocations:
        """The same, if that intermediate has signed it and its time has begun. `current` says whether it is over."""
        key: Any = intermediate.public_key()
        try:
            good = self._list.issuer == intermediate.subject and self._list.is_signature_valid(key)
        except BROKEN:
            good = False
        if not good:
            raise Refused("this revocation list is not signed by the ensemble's intermediate authority")
        if self._list.last_update_utc.timestamp() > now + SKEW:
            raise Refused("this revocation list is from the future: compare the clocks")
        return self

    def current(self, now: float) -> None:
        """Raise `Expired` where it is over: then nobody knows what was revoked since."""
        if now >= self.ends:
            raise Expired(
                f"the revocation list ended at {datetime.fromtimestamp(self.ends, UTC):%Y-%m-%d %H:%M} UTC, and no certificate is taken "
                "without one: make a new one with: remit ca renew"
            )


def read_chain(pem: bytes) -> list[x509.Certificate]:
    """A server's certificate and its intermediate's. `BadArgument` for anything else."""
    if type(pem) is not bytes or len(pem) > MOST:
        raise BadArgument(f"a chain of certificates is at most {MOST} bytes of PEM")
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except BROKEN:
        chain = []
    if len(chain) != 2:
        raise BadArgument(
            "a chain is a server's certificate and its intermediate's, in PEM: a file that remit ca issue has written"
        )
    return chain


def to_pem(chain: Sequence[x509.Certificate]) -> bytes:
    """Certificates as they stand in files."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in chain)


def check_chain(
    pem: bytes, root: x509.Certificate, key: bytes, revocations: Revocations | None, now: float
) -> Certified:
    """What this chain says of the node that has proved this key.

    Raises `Refused` (not of this ensemble, or of another node), `Expired`, or `Revoked`. Without a current revocation list nothing is taken.
    """
    try:
        said, intermediate = _proved(pem, root, now)
    except BROKEN:
        raise Refused(
            "this chain has something in it that is no part of a certificate: it was changed, or made by nobody of ours"
        ) from None
    if said.key != key:
        raise Refused(
            f"this certificate is for the node {designator_of(said.key)}, and {designator_of(key)} shows it: it proves nothing about others"
        )
    if revocations is None:
        raise Refused("no certificate is taken before the revocation list is known: publish it with: remit ca renew")
    revocations.against(intermediate, now).current(now)
    if said.serial in revocations.serials:
        raise Revoked(f"the certificate of {said.id} with the serial number {said.serial:x} was revoked")
    return said


def _proved(pem: bytes, root: x509.Certificate, now: float) -> tuple[Certified, x509.Certificate]:
    """What a chain says, whoever shows it, and its intermediate."""
    leaf, intermediate = read_chain(pem)
    check_intermediate(intermediate, root, now)
    _check_signed(leaf, intermediate, "server's")
    _check_time(leaf, "server's", now)
    _check_extensions(leaf, "server's")
    return _said(leaf), intermediate


def check_intermediate(intermediate: x509.Certificate, root: x509.Certificate, now: float) -> None:
    """Refuse an intermediate that this root has not signed, or that is over."""
    _check_signed(intermediate, root, "intermediate")
    _check_authority(root, None)
    _check_authority(intermediate, 0)
    for each, what in ((root, "root"), (intermediate, "intermediate")):
        _check_time(each, what, now)
        _check_extensions(each, what)


def names_of(certificate: x509.Certificate) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The id, the parts and the DNS names of a server's certificate. `Refused` where it is none of an ensemble's."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        raise Refused("this certificate names no server (it has no subject alternative name)") from None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    ids = [uri.removeprefix(SERVER) for uri in uris if uri.startswith(SERVER)]
    if len(ids) != 1 or not ids[0]:
        raise Refused(f"a server's certificate names one server ({SERVER}ID), and this one names {len(ids)}")
    parts = tuple(sorted({uri.removeprefix(PART) for uri in uris if uri.startswith(PART)}))
    return ids[0], parts, tuple(names.get_values_for_type(x509.DNSName))


def when(certificate: x509.Certificate) -> tuple[float, float]:
    """From when and until when a certificate is good, in seconds since the epoch."""
    return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()


def _said(leaf: x509.Certificate) -> Certified:
    public = leaf.public_key()
    if not isinstance(public, Ed25519PublicKey):
        raise Refused("a server's certificate is for its node key, which is an Ed25519 key")
    try:
        constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        raise Refused("a server's certificate says that it is no authority, and what it is for") from None
    if constraints.ca or ExtendedKeyUsageOID.CLIENT_AUTH not in uses:
        raise Refused("this is a certificate of an authority, or not for servers of an ensemble")
    id, parts, _ = names_of(leaf)
    return Certified(public.public_bytes_raw(), id, parts, when(leaf)[1], leaf.serial_number)


def _check_signed(certificate: x509.Certificate, by: x509.Certificate, what: str) -> None:
    try:
        certificate.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        raise Refused(
            f"the {what} certificate is not signed by this ensemble's authority: it is another's, or was changed"
        ) from None


def _check_authority(certificate: x509.Certificate, length: int | None) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        raise Refused("the certificate of an authority says that it is one") from None
    if not constraints.ca or not usage.key_cert_sign or (length is not None and constraints.path_length != length):
        raise Refused("a server's certificate is signed by one that may sign no others (RFC 5280, section 4.2.1.9)")


def _check_time(certificate: x509.Certificate, what: str, now: float) -> None:
    begins, ends = when(certificate)
    if now < begins:
        raise Refused(f"the {what} certificate is good from {_date(begins)} on: compare the clocks")
    if now >= ends:
        raise Expired(f"the {what} certificate ended at {_date(ends)}: renew it with: remit ca renew")


def _check_extensions(certificate: x509.Certificate, what: str) -> None:
    try:
        unknown = [
            each.oid.dotted_string for each in certificate.extensions if each.critical and each.oid not in _KNOWN
        ]
    except ValueError:
        unknown = ["one that cannot be read"]
    if unknown:  # RFC 5280, section 4.2: a critical extension that is not understood is a reason to refuse
        raise Refused(f"the {what} certificate has a critical extension that is not known here: {', '.join(unknown)}")


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"

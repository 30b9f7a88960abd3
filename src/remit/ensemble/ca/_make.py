"""Making certificates and revocation lists. Pure, but for the random serial numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from remit.ensemble.ca._certificate import BROKEN, PART, SERVER, SKEW
from remit.errors import BadArgument

__all__ = ["make_authority", "make_list", "make_request", "make_server", "read_request"]

DAY: Final = 86400.0
ROOT_DAYS: Final = 3650
INTERMEDIATE_DAYS: Final = 1095
SERVER_DAYS: Final = 30
"""A short life: what is not renewed ends by itself."""
LIST_DAYS: Final = 14


def make_authority(
    name: str, key: Ed25519PrivateKey, by: tuple[x509.Certificate, Ed25519PrivateKey] | None, now: float
) -> x509.Certificate:
    """The certificate of a root (`by` nobody), or of the intermediate that a root has signed for."""
    days = ROOT_DAYS if by is None else INTERMEDIATE_DAYS
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = (subject, key) if by is None else (by[0].subject, by[1])
    builder = (
        _begun(subject, issuer, key.public_key(), signer.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1 if by is None else 0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
    )
    return builder.sign(signer, None)


def make_server(
    public: bytes,
    id: str,
    parts: Sequence[str],
    dns: Sequence[str],
    by: tuple[x509.Certificate, Ed25519PrivateKey],
    now: float,
    days: float = SERVER_DAYS,
) -> x509.Certificate:
    """A server's certificate: this node key has this whole id and these parts, and these DNS names."""
    if not 0 < days <= 366:
        raise BadArgument(f"a server's certificate lasts up to 366 days, not {days}")
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(SERVER + id)]
    names += [x509.UniformResourceIdentifier(PART + part) for part in sorted(set(parts))]
    try:
        names += [x509.DNSName(name) for name in dns]
    except ValueError:
        raise BadArgument("DNS names are in ASCII (xn--… for others)") from None
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, id[:64])])
    issuer, signer = by
    builder = (
        _begun(subject, issuer.subject, Ed25519PublicKey.from_public_bytes(public), signer.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    return builder.sign(signer, None)


def make_list(
    serials: dict[int, float],
    number: int,
    by: tuple[x509.Certificate, Ed25519PrivateKey],
    now: float,
    days: float = LIST_DAYS,
) -> bytes:
    """The revocation list with these serial numbers (and when each was revoked), in DER."""
    issuer, signer = by
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(_date(now))
        .next_update(_date(now + days * DAY))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    for serial, at in sorted(serials.items()):
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_date(at)).build()
        builder = builder.add_revoked_certificate(one)
    return builder.sign(signer, None).public_bytes(Encoding.DER)


def make_request(id: str, key: Ed25519PrivateKey) -> bytes:
    """A server's request (PKCS #10, RFC 2986), in PEM, signed with its node key: so only who has the key asks for it."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, id[:64])])
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(SERVER + id)])
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(names, critical=False)
        .sign(key, None)
    )
    return made.public_bytes(Encoding.PEM)


def read_request(pem: bytes) -> tuple[str, bytes]:
    """The id and the raw node key of a request. `BadArgument` for one that its key has not signed, or that is none."""
    try:
        request = x509.load_pem_x509_csr(pem)
        public = request.public_key()
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        signed = request.is_signature_valid
    except BROKEN:
        raise BadArgument("this is no request of a server: make one there with: remit ca request ID") from None
    ids = [uri.removeprefix(SERVER) for uri in uris if uri.startswith(SERVER)]
    if not isinstance(public, Ed25519PublicKey) or len(ids) != 1 or not signed:
        raise BadArgument("this request is not signed with a node's key, or names not one server: make it anew")
    return ids[0], public.public_bytes_raw()


def _begun(
    subject: x509.Name, issuer: x509.Name, public: Ed25519PublicKey, signer: Ed25519PublicKey, now: float, days: float
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_date(now - SKEW))
        .not_valid_after(_date(now + days * DAY))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _date(at: float) -> datetime:
    return datetime.fromtimestamp(int(at), UTC)

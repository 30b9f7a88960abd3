"""Self-signed certificates that carry a node's key (RFC 8410), and reading the key out of one."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from remit.errors import PeerUnproven

if TYPE_CHECKING:
    from remit.net._identity import NodeKey

__all__ = ["certificate_of", "key_in", "to_pem"]

# A certificate here only carries the key: who trusts it pinned the key beforehand, so a date would protect nobody and
# lock out nodes whose clock is wrong. The end is the value that RFC 5280, section 4.1.2.5, has for "no end".
_FROM = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_UNTIL = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


def certificate_of(key: NodeKey) -> bytes:
    """A fresh self-signed certificate for the node's key, in DER."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, key.designator)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key._secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
    )
    return builder.sign(key._secret, None).public_bytes(Encoding.DER)


def to_pem(certificate: bytes) -> bytes:
    """The same certificate in PEM."""
    return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)


def key_in(certificate: bytes) -> bytes:
    """The raw Ed25519 public key of a certificate in DER. Raises `PeerUnproven` where there is none."""
    try:
        public = x509.load_der_x509_certificate(certificate).public_key()
    except Exception as error:  # the parser has no common class of errors
        raise PeerUnproven("the other end's certificate cannot be read: it is no remit node") from error
    if not isinstance(public, Ed25519PublicKey):
        raise PeerUnproven("the other end's certificate holds no Ed25519 key: it is no remit node")
    return public.public_bytes_raw()

"""A certificate of the server's own for tls://, where it was given none: whoever has a copy of the file trusts it, and nothing else.

    STATE/tls.pem        the certificate, self-signed: not secret; for --cafile, $SYNDICATE_CAFILE and openssl's -CAfile
    STATE/tls-key.pem    its key, 0600

It is made once, and again with the same key where the server is to be reached by a name that it does not have.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from remit.cli._exit import BadConfig
from remit.durable import read_secret_file, write_secret_file
from remit.errors import Missing

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["CERTIFICATE", "own_tls", "server_context"]

CERTIFICATE: Final = "tls.pem"
_KEY: Final = "tls-key.pem"
_USUAL: Final = ("localhost", "127.0.0.1", "::1")
# Who trusts it has its copy, so a date would protect nobody (RFC 5280, section 4.1.2.5: "no end").
_FROM: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_UNTIL: Final = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


def server_context(certificate: str, key: str | None) -> ssl.SSLContext:
    """TLS 1.3 with this certificate chain. Raises `BadConfig` where that cannot be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise BadConfig(f"the certificate in {certificate} cannot be used: {error}") from None
    return context


def own_tls(directory: Path, names: Iterable[str]) -> tuple[ssl.SSLContext, str]:
    """The server's own certificate, for these hosts, and its fingerprint: SHA-256, as openssl shows it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    wanted = {*_USUAL, *names}
    path = directory / CERTIFICATE
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        read_secret_file(directory / _KEY)
    except (FileNotFoundError, Missing, ValueError):
        found = None
    if found is None or not wanted <= _names(found):
        found = _made(_key(directory), wanted | (set() if found is None else _names(found)))
        write_secret_file(path, found.public_bytes(Encoding.PEM), replace=True)
    digest = found.fingerprint(SHA256()).hex(":").upper()
    return server_context(str(path), str(directory / _KEY)), digest


def _key(directory: Path) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    path = directory / _KEY
    try:
        kept = load_pem_private_key(read_secret_file(path), None)
    except (Missing, ValueError):
        kept = None
    if isinstance(kept, ec.EllipticCurvePrivateKey):
        return kept
    made = ec.generate_private_key(ec.SECP256R1())
    text = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_secret_file(path, text, replace=True)
    return made


def _made(key: EllipticCurvePrivateKey, names: set[str]) -> Any:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    public = key.public_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "remit dataspace")])
    hosts = [x509.IPAddress(ip) if (ip := _address(each)) is not None else x509.DNSName(each) for each in sorted(names)]
    identity = x509.SubjectKeyIdentifier.from_public_key(public)
    builder = x509.CertificateBuilder(name, name, public, x509.random_serial_number(), _FROM, _UNTIL)
    for extension, critical in (
        (x509.SubjectAlternativeName(hosts), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),  # who trusts it trusts it alone
        (x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (identity, False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identity), False),
    ):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, SHA256())


def _names(certificate: Any) -> set[str]:
    from cryptography import x509

    try:
        hosts = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {str(each.value) for each in hosts}


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

"""The ensemble's certificate authority, as it lies in a home: `ca/`.

    root.pem, intermediate.pem      certificates; root.pem is what other hosts get
    root.key, intermediate.key      private keys under the passphrase; root.key is needed for a new intermediate only, and may lie elsewhere
    issued.json                     what was issued to whom, and what was revoked
    revoked.crl                     the revocation list, signed
    servers/ID.pem                  each server's chain, to be copied to `servers/…/certificate.pem` of its home

All of it is private (0600). Whoever has the passphrase and these files can let nodes into the ensemble.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from remit.durable import open_state_dir, read_secret_file, seal, unseal, write_secret_file
from remit.ensemble.admin import check_part, check_passphrase
from remit.ensemble.ca._certificate import Revocations, to_pem, when
from remit.ensemble.ca._make import SERVER_DAYS, make_authority, make_list, make_server
from remit.errors import Conflict, Missing, StoreCorrupt
from remit.net import designator_of, public_of

__all__ = ["Authority", "Issued", "file_of", "read_issued", "read_root"]

_MAGIC: Final = b"remit-ca-key 1\n"
_RENEWED: Final = 1 / 3
"""The share of a certificate's life that is left when it is renewed."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate, as the authority remembers it. Times are in seconds since the epoch; `revoked` is None while it is good."""

    serial: str
    id: str
    key: str
    parts: tuple[str, ...]
    dns: tuple[str, ...]
    days: float
    begins: float
    ends: float
    revoked: float | None = None
    why: str = ""

    def due(self, now: float) -> bool:
        """Whether it is time to renew it."""
        return self.revoked is None and self.ends - now < (self.ends - self.begins) * _RENEWED


class Authority:
    """The authority of one home, opened with its passphrase. Each change is on disk when its method returns. Ends with the process."""

    def __init__(
        self, directory: Path, chain: tuple[x509.Certificate, x509.Certificate], key: Ed25519PrivateKey
    ) -> None:
        self._directory = directory
        self.root, self.intermediate = chain
        self._key = key
        self.issued, self._number = _read_issued(directory)

    @classmethod
    def make(cls, home: Path, name: str, passphrase: str, now: float, *, force: bool = False) -> Authority:
        """A new authority. `Conflict` where there is one, unless `force`: then nothing that the old one issued is taken any more."""
        check_passphrase(passphrase)
        directory = open_state_dir(open_state_dir(home) / "ca")
        if (directory / "root.pem").exists() and not force:
            raise Conflict(
                f"{directory} holds an authority already, and it was left as it is; --force makes another one"
            )
        root_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        root = make_authority(f"{name} root", root_key, None, now)
        intermediate = make_authority(f"{name} intermediate", key, (root, root_key), now)
        for file in ("issued.json", "revoked.crl"):
            (directory / file).unlink(missing_ok=True)
        for file, private in (("root.key", root_key), ("intermediate.key", key)):
            write_secret_file(directory / file, seal(_MAGIC, private.private_bytes_raw(), passphrase), replace=True)
        write_secret_file(directory / "intermediate.pem", to_pem([intermediate]), replace=True)
        write_secret_file(directory / "root.pem", to_pem([root]), replace=True)
        made = cls(directory, (root, intermediate), key)
        made.publish(now)
        return made

    @classmethod
    def open(cls, home: Path, passphrase: str) -> Authority:
        """The authority of this home. `Missing` where there is none, `Refused` for another passphrase."""
        directory = home / "ca"
        root, intermediate = read_root(home), _certificate(directory / "intermediate.pem")
        if root is None:
            raise Missing(f"there is no authority in {directory}: make one with: remit ca init")
        path = directory / "intermediate.key"
        secret = unseal(_MAGIC, read_secret_file(path), passphrase, str(path))
        key = Ed25519PrivateKey.from_private_bytes(secret)
        if key.public_key() != intermediate.public_key():
            raise StoreCorrupt(f"{path} is not the key of intermediate.pem: copy both from one place")
        return cls(directory, (root, intermediate), key)

    def issue(
        self, id: str, public: bytes, parts: list[str], dns: list[str], now: float, days: float = SERVER_DAYS
    ) -> bytes:
        """A chain for the server with this whole id and node key, in PEM. One that it had before stays good until its end.

        `Conflict` where the id was issued to another key: revoke that one first.
        """
        for part in parts:
            check_part(part)
        holder = next(
            (each for each in self.issued if each.id == id and each.revoked is None and each.ends > now), None
        )
        if holder is not None and holder.key != designator_of(public):
            raise Conflict(
                f"{id} has a certificate for another key ({holder.key}): revoke that first, with: remit ca revoke {id}"
            )
        made = make_server(public, id, parts, dns, (self.intermediate, self._key), now, days)
        begins, ends = when(made)
        new = Issued(
            f"{made.serial_number:x}",
            id,
            designator_of(public),
            tuple(sorted(set(parts))),
            tuple(dns),
            days,
            begins,
            ends,
        )
        self.issued = [*self.issued, new]
        self._write()
        chain = to_pem([made, self.intermediate])
        write_secret_file(open_state_dir(self._directory / "servers") / file_of(id), chain, replace=True)
        return chain

    def renew(self, now: float, *, every: bool = False) -> list[Issued]:
        """Issue anew what is due (the newest of each server), and make the revocation list anew. What was renewed."""
        newest = {each.id: each for each in sorted(self.issued, key=lambda each: each.ends) if each.revoked is None}
        done = [each for each in newest.values() if each.due(now) or every]
        for each in done:
            self.issue(each.id, public_of(each.key), list(each.parts), list(each.dns), now, each.days)
        self.issued = [each for each in self.issued if each.ends > now - 86400]  # what is over need not be revoked
        self.publish(now)
        return done

    def revoke(self, which: str, why: str, now: float) -> list[Issued]:
        """Revoke every certificate of a server, or the one with this serial number. `Missing` where there is none that is good."""
        gone = [
            each for each in self.issued if which in (each.id, each.serial) and each.revoked is None and each.ends > now
        ]
        if not gone:
            raise Missing(f"{which[:100]!r} has no certificate here that could be revoked: remit ca list shows them")
        self.issued = [
            Issued(**{**asdict(each), "revoked": now, "why": why}) if each in gone else each for each in self.issued
        ]
        self.publish(now)
        return gone

    def publish(self, now: float) -> Revocations:
        """Make the revocation list anew, with all that is revoked and not over by itself."""
        self._number += 1
        serials = {int(each.serial, 16): each.revoked for each in self.issued if each.revoked is not None}
        data = make_list(serials, self._number, (self.intermediate, self._key), now)
        self._write()  # a number is used once, whatever comes in between
        write_secret_file(self._directory / "revoked.crl", data, replace=True)
        return Revocations(data)

    def revocations(self) -> bytes:
        """The newest revocation list, in DER."""
        return read_secret_file(self._directory / "revoked.crl")

    def signer(self) -> bytes:
        """The intermediate's certificate, in PEM: whose signature is on the list."""
        return to_pem([self.intermediate])

    def _write(self) -> None:
        kept = {"version": 1, "number": self._number, "issued": [asdict(each) for each in self.issued]}
        write_secret_file(self._directory / "issued.json", json.dumps(kept, indent=1).encode() + b"\n", replace=True)


def read_issued(home: Path) -> list[Issued]:
    """What the authority of a home has issued. `Missing` where there is none."""
    if read_root(home) is None:
        raise Missing(f"there is no authority in {home / 'ca'}: make one with: remit ca init")
    return _read_issued(home / "ca")[0]


def read_root(home: Path) -> x509.Certificate | None:
    """The certificate that servers of this home trust: whoever it has signed for. None where there is none, which is usual."""
    path = home / "ca" / "root.pem"
    try:
        return _certificate(path)
    except Missing:
        return None


def file_of(id: str) -> str:
    """The name of a server's file: domains become part of it."""
    return id.replace("/", "+") + ".pem"


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(read_secret_file(path))
    except ValueError:
        raise StoreCorrupt(f"{path} holds no certificate: restore it from a copy") from None


def _read_issued(directory: Path) -> tuple[list[Issued], int]:
    path = directory / "issued.json"
    try:
        kept: dict[str, Any] = json.loads(read_secret_file(path, limit=64 << 20))
        issued = [
            Issued(**{**each, "parts": tuple(each["parts"]), "dns": tuple(each["dns"])}) for each in kept["issued"]
        ]
        return issued, int(kept["number"])
    except Missing:
        return [], 0
    except (ValueError, KeyError, TypeError):
        raise StoreCorrupt(
            f"{path} is damaged: restore it from a copy, since what is not in it cannot be revoked"
        ) from None

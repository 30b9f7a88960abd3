"""The administrators' key pair: `admin.pub` says which key it is, `admin.key` keeps its private half under a passphrase.

Where a home has `admin.pub`, its servers lend sensitive parts only for what this key has signed. The public half is copied to other
hosts; the private half is needed where people give orders, and nowhere else.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from remit.durable import open_state_dir, read_secret_file, seal, unseal, write_secret_file
from remit.errors import BadArgument, Conflict, Missing, StoreCorrupt, StoreError, StoreExposed
from remit.net import designator_of, public_of

__all__ = ["AdminKey", "admin_public"]

PUBLIC: Final = "admin.pub"
PRIVATE: Final = "admin.key"
_MAGIC: Final = b"remit-admin-key 1\n"
_LIMIT: Final = 4096  # bytes of either file


class AdminKey:
    """The administrators' key, opened. Whoever holds it can unlock the servers that know it; it shows nothing but its designator.

    Made by `make` or `open`; ends with the process. It cannot be pickled or copied.
    """

    __slots__ = ("_secret", "designator", "public")

    public: bytes
    """The raw Ed25519 public key, 32 bytes."""
    designator: str
    """The same, as nodes' keys are written."""

    def __init__(self, secret: Ed25519PrivateKey) -> None:
        self._secret = secret
        self.public = secret.public_key().public_bytes_raw()
        self.designator = designator_of(self.public)

    @classmethod
    def make(cls, home: Path, passphrase: str, *, force: bool = False) -> AdminKey:
        """A fresh key in this home. `Conflict` where there is one, unless `force`: then what the old one could open it opens no longer.

        The private half is written first: what servers heed appears only when somebody can use it.
        """
        check_passphrase(passphrase)
        home = open_state_dir(home)
        if not force and any((home / name).exists() for name in (PUBLIC, PRIVATE)):
            raise Conflict(
                f"{home} has an administrators' key already, and it was left as it is; --force makes another one"
            )
        key = cls(Ed25519PrivateKey.generate())
        sealed = seal(_MAGIC, key._secret.private_bytes_raw(), passphrase)
        write_secret_file(home / PRIVATE, sealed, replace=force)
        write_secret_file(home / PUBLIC, f"{key.designator}\n".encode(), replace=force)
        return key

    @classmethod
    def open(cls, home: Path, passphrase: str) -> AdminKey:
        """The key of this home. `Missing` where there is none, `Refused` for another passphrase, `StoreExposed` where others may read the file."""
        path = home / PRIVATE
        try:
            sealed = read_secret_file(path, limit=_LIMIT)
        except Missing:
            raise Missing(
                f"there is no {path}: copy it from where it was made, or make a key with: remit admin key"
            ) from None
        secret = unseal(_MAGIC, sealed, passphrase, str(path))
        try:
            key = cls(Ed25519PrivateKey.from_private_bytes(secret))
        except ValueError:
            raise StoreCorrupt(f"{path} holds no Ed25519 key: restore it from a copy") from None
        if admin_public(home) not in (None, key.public):
            raise StoreCorrupt(f"{path} is not the private half of {home / PUBLIC}: copy both from one place")
        return key

    def sign(self, data: bytes) -> bytes:
        """The 64-byte Ed25519 signature over `data`, which begins with a label that no other use of the key has."""
        return self._secret.sign(data)

    def __repr__(self) -> str:
        return f"<AdminKey {self.designator}>"

    def __reduce__(self) -> str:
        raise TypeError("an administrators' key cannot be copied or pickled: it stays in this process")


def admin_public(home: Path) -> bytes | None:
    """The raw public key of a home's administrators, or None where it has none.

    Raises `StoreExposed` where others could have written the file, `StoreCorrupt` for what is no key: nobody is let in by mistake.
    """
    path = home / PUBLIC
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from None
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"{path} is not a plain file: move it away")
        if status.st_mode & 0o022 or status.st_uid not in (os.geteuid(), 0):
            raise StoreExposed(
                f"others may have written {path}, and so made themselves administrators: chmod 600 {path}"
            )
        text = file.read(_LIMIT)
    try:
        return public_of(text.decode("ascii").strip())
    except (UnicodeDecodeError, BadArgument):
        raise StoreCorrupt(
            f"{path} holds no public key (52 letters and digits): copy it from where it was made"
        ) from None


def check_passphrase(passphrase: str) -> None:
    """Refuse what keeps nobody out."""
    if len(passphrase) < 8:
        raise BadArgument("a passphrase of fewer than 8 characters keeps nobody out: choose a longer one")

"""The key that a node is.

A node's designator is the lower-case, unpadded base32 (RFC 4648, section 6) of its raw Ed25519 public key, the form
that the OCapN *Netlayers* draft uses for its websocket netlayer. The key file is PEM (PKCS #8, RFC 8410).
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from remit.errors import BadArgument, Conflict, StoreCorrupt, StoreError
from remit.net._private import make_private, refuse_exposed

__all__ = ["NodeKey", "designator_of", "proves", "public_of"]

_KEY_BYTES = 32
_DESIGNATOR_LETTERS = 52
_SMALL_ORDER = frozenset(
    int(encoded, 16)
    for encoded in (
        *("00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "ed" + "ff" * 30 + "7f", "ee" + "ff" * 30 + "7f"),
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
)
"""Points of small order: for these as keys anybody can make signatures that verify (RFC 8032 leaves it to the verifier)."""
_FILE_LIMIT = 4096  # bytes; a key file has about 120


def designator_of(public: bytes) -> str:
    """The designator of a raw Ed25519 public key (32 bytes)."""
    return base64.b32encode(public).decode().rstrip("=").lower()


def public_of(designator: str) -> bytes:
    """The raw public key of a designator. Raises `BadArgument` for anything but the one form of a key."""
    try:
        public = base64.b32decode(designator.upper() + "====") if len(designator) == _DESIGNATOR_LETTERS else b""
    except (binascii.Error, ValueError):
        public = b""
    if len(public) != _KEY_BYTES or designator_of(public) != designator:
        raise BadArgument(
            f"{designator[:80]!r} is not the designator of a node: "
            f"that is {_DESIGNATOR_LETTERS} lower-case base32 letters (a-z, 2-7), made from its public key"
        )
    return public


def proves(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether this signature over these bytes was made with the key whose public half this is."""
    if len(public) == _KEY_BYTES and int.from_bytes(public[:-1] + bytes([public[-1] & 0x7F]), "big") in _SMALL_ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


class NodeKey:
    """A node's Ed25519 key pair. Whoever holds it can be the node; it shows nothing but its designator.

    It cannot be pickled or copied by accident. Make one with `generate`, `create`, `load` or `open`.
    """

    __slots__ = ("_secret", "designator", "public")

    public: bytes
    """The raw public key, 32 bytes."""
    designator: str
    """The public key as it stands in locators."""

    def __init__(self, secret: Ed25519PrivateKey) -> None:
        self._secret = secret
        self.public = secret.public_key().public_bytes_raw()
        self.designator = designator_of(self.public)

    @classmethod
    def generate(cls) -> NodeKey:
        """A fresh key that lives as long as this object."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> NodeKey:
        """A fresh key, on disk at `path` before this returns. Raises `Conflict` if there is one already.

        The directory is made (0700) where it is missing. The file appears whole or not at all: a crash in
        between leaves no half key.
        """
        path = os.path.abspath(os.fspath(path))
        make_private(os.path.dirname(path))
        key = cls.generate()
        try:
            _keep(path, key._pem())
        except FileExistsError as error:
            raise Conflict(f"{path} holds a key already: load it, or name another file") from error
        except OSError as error:
            raise StoreError(f"cannot write the node's key to {path}: {error.strerror}") from error
        return key

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NodeKey:
        """The key kept at `path`.

        Raises FileNotFoundError, `StoreExposed` if others may read the file or enter its directory, and
        `StoreCorrupt` if it is no Ed25519 key.
        """
        path = os.path.abspath(os.fspath(path))
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # only keys in files need it

        pem = _read_private(path)
        try:
            secret = load_pem_private_key(pem, None)
        except (ValueError, TypeError):
            raise _corrupt(path) from None  # the cause may quote the file
        if not isinstance(secret, Ed25519PrivateKey):
            raise _corrupt(path)
        return cls(secret)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> NodeKey:
        """`load`, or `create` where there is none yet; of two processes that create at once, both get the same."""
        try:
            return cls.load(path)
        except FileNotFoundError:
            pass
        try:
            return cls.create(path)
        except Conflict:
            return cls.load(path)

    def sign(self, data: bytes) -> bytes:
        """The 64-byte Ed25519 signature over `data`. Begin `data` with a label that no other use of the key has."""
        return self._secret.sign(data)

    def _pem(self) -> bytes:
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # as above

        return self._secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"<NodeKey {self.designator}>"

    def __reduce__(self) -> str:
        raise TypeError("a node's key is not copied: hand on the object, or the path of its file")


def _read_private(path: str) -> bytes:
    with open(path, "rb", opener=_without_following) as file:
        refuse_exposed(os.fstat(file.fileno()), path)
        refuse_exposed(os.stat(os.path.dirname(path)), os.path.dirname(path))
        return file.read(_FILE_LIMIT)


def _without_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)


def _keep(path: str, data: bytes) -> None:
    """Write a new file, synced, under its name only when it is whole; FileExistsError if the name is taken."""
    directory = os.path.dirname(path)
    draft = os.path.join(directory, f".{os.path.basename(path)}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        os.unlink(draft)
    sync_directory(directory)


def sync_directory(directory: str) -> None:
    """Have the directory's entries on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _corrupt(path: str) -> StoreCorrupt:
    return StoreCorrupt(f"{path} does not hold a node's key (an Ed25519 key in PEM): restore it from a copy")

"""Bytes under a passphrase, as they stand in files.

    remit-… 1                   what this is
    {"cipher": …}               how the passphrase makes the key: Argon2id (RFC 9106), then ChaCha20-Poly1305 (RFC 8439)
    …                           the bytes, encrypted; the two lines before are authenticated with them

Salt and nonce are new for each file. What a file asks for is bounded before any work is done for it: too little would let
guessers in, too much would keep us busy.
"""

from __future__ import annotations

import json
import os
from typing import Any, Final

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from remit.errors import Refused, StoreCorrupt, StoreError

__all__ = ["seal", "unseal"]

COST: Final = {"iterations": 3, "lanes": 4, "memory": 1 << 16}
"""RFC 9106, section 4: the second recommended option; memory in KiB."""
LEAST: Final = {"iterations": 2, "lanes": 1, "memory": 19 << 10}
"""Less than this is worth nothing against guessers (OWASP, Password Storage Cheat Sheet: Argon2id)."""
MOST: Final = {"iterations": 16, "lanes": 16, "memory": 1 << 20}
_SALT, _NONCE, _HEADER = 16, 12, 1024


def seal(magic: bytes, data: bytes, passphrase: str) -> bytes:
    """`data` as a file that begins with the line `magic`, which says what it is; only who has the passphrase reads it."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    fields: dict[str, Any] = {"cipher": "chacha20-poly1305", "kdf": "argon2id", "salt": salt.hex(), **COST}
    header = magic + json.dumps({**fields, "nonce": nonce.hex()}, sort_keys=True).encode() + b"\n"
    return header + ChaCha20Poly1305(_key(passphrase, salt, COST)).encrypt(nonce, data, header)


def unseal(magic: bytes, data: bytes, passphrase: str, what: str) -> bytes:
    """What `seal` was given. `what` names the file in errors.

    Raises `Refused` for another passphrase (or a changed file: nobody can tell), `StoreCorrupt` for what is no such file or asks
    for less or more work than any of ours.
    """
    if not data.startswith(magic):
        raise StoreCorrupt(f"{what} does not begin with {magic.decode().strip()!r}: it is another file, or damaged")
    line, end, rest = data[len(magic) :].partition(b"\n")
    salt, nonce, cost = _asked(line if end else b"", what)
    for name, value in cost.items():
        if not LEAST[name] <= value <= MOST[name]:
            which = "too little to keep guessers out" if value < LEAST[name] else "more than any file of ours needs"
            raise StoreCorrupt(
                f"{what} asks for {name} {value} of Argon2id, {which} ({LEAST[name]} to {MOST[name]}): "
                "it was not made here, or changed; restore it from a copy"
            )
    try:
        return ChaCha20Poly1305(_key(passphrase, salt, cost)).decrypt(nonce, rest, magic + line + b"\n")
    except InvalidTag:
        raise Refused(f"this is not the passphrase of {what}, or the file was changed; nothing was opened") from None


def _asked(line: bytes, what: str) -> tuple[bytes, bytes, dict[str, int]]:
    try:
        if len(line) > _HEADER:
            raise ValueError(len(line))
        header = json.loads(line)
        salt, nonce = bytes.fromhex(header["salt"]), bytes.fromhex(header["nonce"])
        known = (header["cipher"], header["kdf"], len(salt), len(nonce)) == (
            *("chacha20-poly1305", "argon2id"),
            *(_SALT, _NONCE),
        )
        cost = {name: header[name] for name in COST}
        if not known or any(type(value) is not int for value in cost.values()):
            raise ValueError(line)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StoreCorrupt(
            f"{what} is damaged: its second line does not say how it was made; restore it from a copy"
        ) from None
    return salt, nonce, cost


def _key(passphrase: str, salt: bytes, cost: dict[str, int]) -> bytes:
    try:
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # only who has a passphrase pays for it

        made: bytes = Argon2id(
            salt=salt, length=32, iterations=cost["iterations"], lanes=cost["lanes"], memory_cost=cost["memory"]
        ).derive(passphrase.encode())
    except UnsupportedAlgorithm:
        raise StoreError(
            "the OpenSSL that `cryptography` stands on has no Argon2id (3.2 and later have): install cryptography's own wheel"
        ) from None
    return made

"""Session keys, ids and signatures, in the form that they have on the wire today.

OCapN draft specification *CapTP*, sections on sessions and on third-party handoffs. The specification is about to change the form
of keys and signatures to plain byte arrays: this module is the only one that knows the present one.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final, Protocol

from remit.errors import ProtocolError
from remit.values import Locator, Record, Symbol, encode

_S: Final = Symbol
_HEAD: Final = (_S("curve"), _S("Ed25519"), _S("flags"), _S("eddsa"), _S("q"))


class SessionKey(Protocol):
    """The key pair of one side of one session: made for it, never used again. Owned by the session."""

    @property
    def public(self) -> bytes:
        """The raw Ed25519 public key, 32 bytes."""

    def sign(self, data: bytes) -> bytes:
        """The plain 64-byte Ed25519 signature."""


class Verify(Protocol):
    """Checks an Ed25519 signature; an argument, so that the engine needs no cryptography of its own."""

    def __call__(self, public: bytes, signature: bytes, data: bytes) -> bool: ...


def my_location(location: Locator) -> bytes:
    """What the signature of a location is over; the label keeps it from being taken for anything else."""
    return encode(Record(_S("my-location"), [location]))


def key_value(public: bytes) -> list[Any]:
    """The public key as a value on the wire."""
    curve, ed25519, flags, eddsa, q = _HEAD
    return [_S("public-key"), [_S("ecc"), [curve, ed25519], [flags, eddsa], [q, public]]]


def key_bytes(value: Any) -> bytes:
    """The raw public key out of its value on the wire."""
    public = _dig(value, (1, 3, 1))
    if not isinstance(public, bytes) or len(public) != 32 or value != key_value(public):
        raise ProtocolError(
            "a public key must be an Ed25519 key in the form [public-key [ecc [curve Ed25519] [flags eddsa] [q bytes]]]"
        )
    return public


def signature_value(signature: bytes) -> list[Any]:
    """The signature as a value on the wire."""
    return [_S("sig-val"), [_S("eddsa"), [_S("r"), signature[:32]], [_S("s"), signature[32:]]]]


def signature_bytes(value: Any) -> bytes:
    """The plain signature out of its value on the wire."""
    r, s = _dig(value, (1, 1, 1)), _dig(value, (1, 2, 1))
    if (
        not isinstance(r, bytes)
        or not isinstance(s, bytes)
        or len(r) != 32
        or len(s) != 32
        or value != signature_value(r + s)
    ):
        raise ProtocolError("a signature must have the form [sig-val [eddsa [r bytes] [s bytes]]] with 32 bytes each")
    return r + s


def _dig(value: Any, path: tuple[int, ...]) -> Any:
    for step in path:
        if not isinstance(value, list) or len(value) <= step:
            return None
        value = value[step]
    return value


def side_id(public: bytes) -> bytes:
    """The id of the side that holds this session key."""
    return sha256(sha256(encode(key_value(public))).digest()).digest()


def session_id(one: bytes, other: bytes) -> bytes:
    """The id of the session between two sides, from their side ids; the same seen from either."""
    first, second = sorted((one, other))
    return sha256(sha256(b"prot0" + first + second).digest()).digest()

"""Known answers of the CapTP wire format, over which two other implementations agree.

OCapN draft specifications *CapTP* and *Locators*: keys, ids and signatures are made over Syrup bytes, so that one byte that
is not canonical breaks a session.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from remit.values import Locator, Record, Symbol, decode, encode, model_record

A, B = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
PUBLIC_A = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
PUBLIC_B = "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"
SIDE_A = "2d286aaab4800a1019d650b42e4e6b34042748b08fa2bdaf7b6583c780825355"
SIDE_B = "671b33806a3fd20084f052db631fda65f8a56c265178c68878e1bae342d23933"
SESSION = "6b248816eff9da5d1c6f08f46a0d688471ebd75819daf42f7bf7f8bd552923c0"
SIGNATURE = (
    "0e70c9693bf2db5459f3f3cc3f2a94389b3ae2a5761974073753142dfcaff5b6"
    "f47662e0afa54a3192099161dcbd25b69afcb5dd618cc56ae35bb9befbeb000e"
)
PEER = Locator("tcp-testing-only", "aaaa", {"port": "22045", "host": "127.0.0.1"})
MY_LOCATION = b'<11\'my-location<10\'ocapn-peer16\'tcp-testing-only4"aaaa{4"host9"127.0.0.14"port5"22045}>>'


def _words(value: Any) -> Any:
    """Nested lists with symbols for their texts."""
    if isinstance(value, list):
        return [_words(item) for item in value]
    return Symbol(value) if isinstance(value, str) else value


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _public(key: Ed25519PrivateKey) -> Any:
    return _words(["public-key", ["ecc", ["curve", "Ed25519"], ["flags", "eddsa"], ["q", _raw(key)]]])


def _signed(key: Ed25519PrivateKey, data: bytes) -> Any:
    signature = key.sign(data)
    return _words(["sig-val", ["eddsa", ["r", signature[:32]], ["s", signature[32:]]]])


def _twice(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def _side(key: Ed25519PrivateKey) -> bytes:
    return _twice(encode(_public(key)))


def _session() -> bytes:
    return _twice(b"prot0" + b"".join(sorted([_side(A), _side(B)])))


def _location() -> Record:
    return Record(Symbol("my-location"), [PEER])


def _start() -> Record:
    return Record(Symbol("op:start-session"), ["1.0", _public(A), PEER, _signed(A, encode(_location()))])


def _give() -> Record:
    return Record(Symbol("desc:handoff-give"), [_public(B), PEER, _session(), _side(A), b"g" * 32])


def _any(label: Any, fields: list[Any]) -> Any:
    """As a session reads: the model's records as values, the protocol's as records."""
    return model_record(label, fields) if label == Symbol("ocapn-peer") else Record(label, fields)


@pytest.mark.parametrize(
    ("made", "known"),
    [
        (_raw(A), PUBLIC_A),
        (_raw(B), PUBLIC_B),
        (_side(A), SIDE_A),
        (_side(B), SIDE_B),
        (_session(), SESSION),
        (A.sign(MY_LOCATION), SIGNATURE),
    ],
    ids=["public key A", "public key B", "side id A", "side id B", "session id", "signature"],
)
def test_keys_ids_and_signatures_are_the_known_ones(made: bytes, known: str) -> None:
    """Ids are SHA-256 twice over the encoded public key value, and over prot0 with the sorted side ids."""
    assert made.hex() == known


def test_the_location_is_encoded_byte_by_byte() -> None:
    """The bytes that are signed: hints are sorted, whatever the order they were given in."""
    assert encode(_location()) == MY_LOCATION


@pytest.mark.parametrize(
    ("record", "size", "digest"),
    [
        (_start(), 294, "989fea021ebc932e69c8b85ee349238e13162a505b781afd1c8f40ba63a0142d"),
        (_give(), 295, "4e740eb2fdf9e4e92e4c7f74362371cf4b844d19624013c04701f05d940bde5e"),
    ],
    ids=["op:start-session", "desc:handoff-give"],
)
def test_whole_messages_have_the_known_bytes(record: Record, size: int, digest: str) -> None:
    """Length and SHA-256 of whole messages, and they are read back as what they were."""
    data = encode(record)
    assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest)
    assert decode(data, record=_any) == record


def test_a_signature_holds_over_what_was_decoded() -> None:
    """Decoding and encoding again gives the signed bytes; other hints break the signature."""
    version, public, location, signature = decode(encode(_start()), record=_any).fields
    (_, (_, _, _, (_, raw))), (_, (_, (_, r), (_, s))) = public, signature
    key = Ed25519PublicKey.from_public_bytes(raw)
    key.verify(r + s, encode(Record(Symbol("my-location"), [location])))
    for hints in (None, {}, {"port": "22045", "host": "127.0.0.2"}):
        other = Locator(location.transport, location.designator, hints)
        assert other == location
        with pytest.raises(InvalidSignature):
            key.verify(r + s, encode(Record(Symbol("my-location"), [other])))
    assert version == "1.0"

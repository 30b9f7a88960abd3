"""How the acceptor of a foreign WebSocket connection proves its key, in both forms that peers use.

    older   the dialler sends 64 random bytes; the answer is a `sig-val` over them
    newer   the dialler sends `<init:peer-auth random>`; the answer is `<desc:sig-envelope record sig-val>`, the signature over
            the bytes as they came

Pure: randomness is an argument. The key signs nothing else that could be taken for either: a hello, a certificate and a signed
address are longer than 64 bytes, and begin otherwise than the record. (OCapN draft specification *Netlayers*, websocket;
Goblins up to 0.17 has the older form, Endo and later Goblins the newer.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.captp import signature_bytes, signature_value
from remit.errors import Misuse, PeerUnproven, ProtocolError
from remit.net._identity import designator_of, proves
from remit.values import Limits, Record, Symbol, decode, encode, raw_record

if TYPE_CHECKING:
    from remit.net._identity import NodeKey

__all__ = ["FORMS", "NEWER", "OLDER", "answer_to", "challenge", "check_answer", "is_challenge"]

NEWER: Final = "init:peer-auth"
OLDER: Final = "challenge"
FORMS: Final = (NEWER, OLDER)
_OLD_BYTES: Final = 64
_NEW_BYTES: Final = 32
_LABEL: Final = Symbol(NEWER)
_ENVELOPE: Final = Symbol("desc:sig-envelope")
_BEGINNING: Final = b"<14'init:peer-auth"
_LIMITS: Final = Limits(frame=4096, depth=8)
"""What a stranger's challenge, or an unproved peer's answer, may hold; both have some hundred bytes."""
RANDOM: Final = {NEWER: _NEW_BYTES, OLDER: _OLD_BYTES}


def is_challenge(message: bytes) -> bool:
    """Whether a first message asks for a proof in one of the two forms."""
    return message.startswith(_BEGINNING) or len(message) == _OLD_BYTES


def answer_to(message: bytes, key: NodeKey) -> bytes:
    """The acceptor's proof. Raises `ProtocolError` for what is no challenge: nothing else is ever signed."""
    if message.startswith(_BEGINNING):
        record = _read(message)
        if not isinstance(record, Record) or len(record.fields) != 1 or not isinstance(record.fields[0], bytes):
            raise ProtocolError("init:peer-auth takes one byte array")
        return encode(Record(_ENVELOPE, [record, signature_value(key.sign(message))]))
    if len(message) == _OLD_BYTES:
        return encode(signature_value(key.sign(message)))
    raise ProtocolError("the first message is neither a hello nor a challenge")


def challenge(form: str, random: bytes) -> bytes:
    """The dialler's first message; `random` has `RANDOM[form]` fresh bytes."""
    if len(random) != RANDOM[form]:
        raise Misuse(f"a challenge of the form {form} has {RANDOM[form]} random bytes")
    return encode(Record(_LABEL, [random])) if form == NEWER else random


def check_answer(sent: bytes, answer: bytes, expected: bytes) -> None:
    """Check the acceptor's proof, in whichever form it comes: what counts is the signature over the bytes that were sent.

    Raises `PeerUnproven` when it is not the expected key's, `ProtocolError` when it is no answer.
    """
    value = _read(answer)
    if isinstance(value, Record):
        if value.label != _ENVELOPE or len(value.fields) != 2 or encode(value.fields[0]) != sent:
            raise ProtocolError("the answer to init:peer-auth is not a desc:sig-envelope around it")
        value = value.fields[1]
    if not proves(expected, signature_bytes(value), sent):
        raise PeerUnproven(
            f"expected node {designator_of(expected)}, but whoever answered has not signed with that key: the address is "
            "stale, or somebody else sits there; ask for the node's current address"
        )


def _read(message: bytes) -> Any:
    return decode(message, limits=_LIMITS, record=raw_record)

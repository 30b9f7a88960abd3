"""Noise NK: a handshake by which a client that knows a service's key gets an encrypted session with it. Pure: randomness is an argument.

    <- s        the initiator knows the responder's static key
    ...
    -> e, es
    <- e, ee    then each side has two ciphers, one for each direction

With pre-shared keys as `NKpsk0`, `NKpsk2`, `NKpsk0+psk2`. X25519, ChaCha20-Poly1305 and BLAKE2s. (The Noise Protocol Framework, revision 34,
sections 5, 7 and 9.)
"""

from __future__ import annotations

import hmac
import re
from hashlib import blake2s
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from remit.errors import BadArgument, ProtocolError

__all__ = ["DEFAULT_PROTOCOL", "Cipher", "Handshake", "public_key"]

DEFAULT_PROTOCOL: Final = "Noise_NK_25519_ChaChaPoly_BLAKE2s"
KEY: Final = 32
TAG: Final = 16
_NAME: Final = re.compile(r"Noise_NK((?:psk[02])(?:\+psk[02])?)?_25519_ChaChaPoly_BLAKE2s")


def public_key(secret: bytes) -> bytes:
    """The public key of a secret one (both 32 bytes)."""
    return X25519PrivateKey.from_private_bytes(_key(secret)).public_key().public_bytes_raw()


class Cipher:
    """One direction of a session: each message has the next number. (Section 5.1, CipherState.)"""

    __slots__ = ("_aead", "_count")

    def __init__(self, key: bytes) -> None:
        self._aead = ChaCha20Poly1305(key)
        self._count = 0

    def encrypt(self, plain: bytes, data: bytes = b"") -> bytes:
        """The next message to send; 16 bytes longer."""
        return self._aead.encrypt(self._nonce(), plain, data)

    def decrypt(self, secret: bytes, data: bytes = b"") -> bytes:
        """The next message that came. Raises `ProtocolError` where it is not what was sent."""
        try:
            return self._aead.decrypt(self._nonce(), secret, data)
        except InvalidTag:
            raise ProtocolError(
                "a Noise message cannot be decrypted: it is damaged, or meant for another key"
            ) from None

    def _nonce(self) -> bytes:
        nonce = bytes(4) + self._count.to_bytes(8, "little")
        self._count += 1  # 2**64 messages will not be reached
        return nonce


class Handshake:
    """One side's half of one handshake; `send` and `receive` are the ciphers once both messages have passed. Ends then.

    `ephemeral`: 32 fresh random bytes. `remote`: the responder's public key, for the initiator; `static`: its secret key, for the responder.
    `psks`: 32 bytes each; missing ones are zeros. Raises `BadArgument` for a protocol that is not spoken here.
    """

    def __init__(
        self,
        *,
        prologue: bytes,
        ephemeral: bytes,
        remote: bytes | None = None,
        static: bytes | None = None,
        protocol: str = DEFAULT_PROTOCOL,
        psks: list[bytes] | None = None,
    ) -> None:
        self.initiator = static is None
        self.send: Cipher | None = None
        self.receive: Cipher | None = None
        self._parts = _messages(protocol)
        self._psks = [_key(psk) for psk in psks or []]
        self._ephemeral = X25519PrivateKey.from_private_bytes(_key(ephemeral))
        self._static = None if static is None else X25519PrivateKey.from_private_bytes(_key(static))
        known = public_key(static) if static is not None else _key(remote or b"")
        self._remote_static = X25519PublicKey.from_public_bytes(known)
        self._remote_ephemeral: X25519PublicKey | None = None
        name = protocol.encode()
        self._hash = name.ljust(KEY, b"\0") if len(name) <= KEY else blake2s(name).digest()
        self._chain = self._hash
        self._cipher: Cipher | None = None
        self._psk = "psk" in protocol
        self._mix_hash(prologue)
        self._mix_hash(known)

    @property
    def done(self) -> bool:
        """Whether both messages have passed."""
        return self.send is not None

    def write(self, payload: bytes = b"") -> bytes:
        """Our message of the handshake."""
        written = []
        for part in self._next_parts():
            if part == "e":
                public = self._ephemeral.public_key().public_bytes_raw()
                written.append(public)
                self._mix_ephemeral(public)
            else:
                self._mix_part(part)
        written.append(self._encrypted(payload))
        self._may_split()
        return b"".join(written)

    def read(self, message: bytes) -> bytes:
        """The peer's message of the handshake; its payload. Raises `ProtocolError`."""
        rest = message
        for part in self._next_parts():
            if part == "e":
                public, rest = rest[:KEY], rest[KEY:]
                if len(public) != KEY:
                    raise ProtocolError("a handshake message of Noise is too short")
                self._remote_ephemeral = X25519PublicKey.from_public_bytes(public)
                self._mix_ephemeral(public)
            else:
                self._mix_part(part)
        cipher = self._cipher
        payload = rest if cipher is None else cipher.decrypt(rest, self._hash)
        self._mix_hash(rest)
        self._may_split()
        return payload

    # --- the symmetric state (section 5.2) -----------------------------------------------------------

    def _mix_hash(self, data: bytes) -> None:
        self._hash = blake2s(self._hash + data).digest()

    def _mix_key(self, secret: bytes) -> None:
        self._chain, key = _hkdf(self._chain, secret, 2)
        self._cipher = Cipher(key)

    def _mix_psk(self) -> None:
        psk = self._psks.pop(0) if self._psks else bytes(KEY)
        self._chain, mixed, key = _hkdf(self._chain, psk, 3)
        self._mix_hash(mixed)
        self._cipher = Cipher(key)

    def _encrypted(self, payload: bytes) -> bytes:
        secret = payload if self._cipher is None else self._cipher.encrypt(payload, self._hash)
        self._mix_hash(secret)
        return secret

    def _may_split(self) -> None:
        if not self._parts:
            first, second = map(Cipher, _hkdf(self._chain, b"", 2))
            self.send, self.receive = (first, second) if self.initiator else (second, first)

    # --- the handshake state (section 5.3) -----------------------------------------------------------

    def _next_parts(self) -> list[str]:
        if not self._parts:
            raise ProtocolError("the handshake of this Noise session is over")
        return self._parts.pop(0)

    def _mix_ephemeral(self, public: bytes) -> None:
        self._mix_hash(public)
        if self._psk:
            self._mix_key(public)  # section 9.2: or a pre-shared key would be used twice with one nonce

    def _mix_part(self, part: str) -> None:
        if part == "psk":
            self._mix_psk()
        elif part == "es":
            mine, theirs = (
                (self._ephemeral, self._remote_static) if self.initiator else (self._static, self._remote_ephemeral)
            )
            self._mix_key(_shared(mine, theirs))
        else:
            self._mix_key(_shared(self._ephemeral, self._remote_ephemeral))


def _shared(mine: X25519PrivateKey | None, theirs: X25519PublicKey | None) -> bytes:
    assert mine is not None and theirs is not None  # the order of tokens sees to it
    try:
        return mine.exchange(theirs)
    except ValueError:
        raise ProtocolError("the peer's Noise key is of small order, and gives no secret") from None


def _hkdf(chain: bytes, material: bytes, count: int) -> list[bytes]:
    """Section 4.3."""
    secret = hmac.digest(chain, material, "blake2s")
    outputs: list[bytes] = []
    for number in range(1, count + 1):
        outputs.append(hmac.digest(secret, (outputs[-1] if outputs else b"") + bytes([number]), "blake2s"))
    return outputs


def _messages(protocol: str) -> list[list[str]]:
    found = _NAME.fullmatch(protocol)
    if found is None:
        raise BadArgument(
            f"{protocol!r} is not spoken here: it is {DEFAULT_PROTOCOL}, or NKpsk0, NKpsk2 or NKpsk0+psk2"
        )
    messages = [["e", "es"], ["e", "ee"]]
    modifiers = found[1] or ""
    if "psk0" in modifiers:
        messages[0].insert(0, "psk")
    if "psk2" in modifiers:
        messages[1].append("psk")
    return messages


def _key(key: bytes) -> bytes:
    if type(key) is not bytes or len(key) != KEY:
        raise BadArgument(f"a key of Noise is {KEY} bytes")
    return key

"""The signed hello: both ends of a connection prove their node keys to each other.

Pure: bytes in, bytes out; the nonce and the channel binding are arguments. It runs inside TLS, on unix sockets, and on
whatever else carries bytes and has a binding (docs/decisions/001-network-hello.md says why it is as it is).

    dialler                                                    acceptor
       | -- greeting: magic(16) nonce(32) key(32) ----------------> |
       | <- answer:   magic(16) nonce(32) key(32) signature(64) --- |
       | -- proof:    signature(64) ------------------------------> |

Each signature is over one message: the signer's label (its version and role), the dialler's nonce, the acceptor's
nonce, the dialler's key, the acceptor's key, and the SHA-256 of the channel binding. Every part has a fixed length, so
no two transcripts give the same bytes. All messages have fixed lengths too: before a peer is proved it can make us
hold less than 100 bytes, and whatever follows the hello in the same packet belongs to the next protocol (`rest`).

States: "greeting" (acceptor waits for it), "answer" (dialler waits for it), "proof" (acceptor waits for it), "proved"
and "failed". A failed hello stays failed.
"""

from __future__ import annotations

from hashlib import sha256

from remit.errors import Misuse, PeerUnproven, ProtocolError, RemitError
from remit.net._identity import NodeKey, designator_of, proves

__all__ = ["NONCE_BYTES", "Hello"]

NONCE_BYTES = 32
_KIN = b"remit hello "
_MAGIC = _KIN + b"001\n"
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_LABELS = {True: b"remit signed hello 001: dialler\n", False: b"remit signed hello 001: acceptor\n"}

_OPENING = len(_MAGIC) + NONCE_BYTES + _KEY_BYTES
_AWAITED = {"greeting": _OPENING, "answer": _OPENING + _SIGNATURE_BYTES, "proof": _SIGNATURE_BYTES}


class Hello:
    """One end's part of one hello. Made for one connection, and over when `peer` is set or an error was raised.

    `nonce` is 32 fresh random bytes. `binding` names the channel so that the same bytes on another channel are worth
    nothing: both ends must see the same. `expected` is the acceptor's key as the locator says it; a dialler must give
    it and an acceptor has none.
    """

    __slots__ = (
        "_binding",
        "_buffer",
        "_dialler",
        "_expected",
        "_key",
        "_nonce",
        "_their_key",
        "_their_nonce",
        "farewell",
        "peer",
        "rest",
        "state",
    )

    peer: bytes | None
    """The peer's raw public key, once it is proved."""
    rest: bytes
    """What came after the hello, once it is over."""
    farewell: bytes
    """What to send before hanging up after an error: it tells a peer of another version which one is spoken here."""

    def __init__(self, key: NodeKey, *, nonce: bytes, binding: bytes, expected: bytes | None = None) -> None:
        if len(nonce) != NONCE_BYTES:
            raise Misuse(f"a nonce has {NONCE_BYTES} bytes, not {len(nonce)}")
        self._key = key
        self._nonce = nonce
        self._binding = sha256(binding).digest()
        self._expected = expected
        self._dialler = expected is not None
        self._buffer = b""
        self._their_key = b""
        self._their_nonce = b""
        self.state = "answer" if self._dialler else "greeting"
        self.peer = None
        self.rest = b""
        self.farewell = b""

    def start(self) -> bytes:
        """What to send when the connection opens: a dialler's greeting; an acceptor is silent."""
        return self._opening() if self._dialler else b""

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the peer; what to send back (perhaps nothing).

        Raises `PeerUnproven` when the peer is not who it must be, `ProtocolError` when these are not the bytes of
        this hello: hang up.
        """
        self._buffer += data
        reply = b""
        try:
            while self.state in _AWAITED and self._whole():
                size = _AWAITED[self.state]
                part, self._buffer = self._buffer[:size], self._buffer[size:]
                reply += self._take(part)
        except RemitError:
            self.state, self._buffer = "failed", b""
            raise
        if self.state == "proved":
            self.rest, self._buffer = self._buffer, b""
        return reply

    @property
    def done(self) -> bool:
        """Whether the hello is over, for good."""
        return self.peer is not None

    def _whole(self) -> bool:
        if self.state != "proof":
            self._check_magic(self._buffer[: len(_MAGIC)])
        return len(self._buffer) >= _AWAITED[self.state]

    def _check_magic(self, start: bytes) -> None:
        """Refuse strangers at their first wrong byte, and other versions by name."""
        if _MAGIC.startswith(start):
            return
        if not _KIN.startswith(start[: len(_KIN)]):
            raise ProtocolError(f"the other end does not speak the remit hello: it began with {start!r}")
        if len(start) < len(_MAGIC):
            return
        self.farewell = b"" if self._dialler else _MAGIC
        theirs = start[len(_KIN) :].decode("ascii", "replace").strip()
        raise ProtocolError(f"the other end speaks version {theirs!r} of the remit hello, this end '001': upgrade one")

    def _take(self, part: bytes) -> bytes:
        if self.state == "greeting":
            self._note_opening(part)
            self.state = "proof"
            return self._opening() + self._key.sign(self._transcript(dialler=False))
        if self.state == "answer":
            self._note_opening(part)
            self._check_expected()
            self._check(part[_OPENING:], dialler=False)
            return self._key.sign(self._transcript(dialler=True))
        self._check(part, dialler=True)
        return b""

    def _opening(self) -> bytes:
        return _MAGIC + self._nonce + self._key.public

    def _note_opening(self, part: bytes) -> None:
        nonce_ends = len(_MAGIC) + NONCE_BYTES
        self._their_nonce = part[len(_MAGIC) : nonce_ends]
        self._their_key = part[nonce_ends:_OPENING]

    def _check_expected(self) -> None:
        if self._expected is not None and self._their_key != self._expected:
            raise PeerUnproven(
                f"expected node {designator_of(self._expected)}, but node {designator_of(self._their_key)} answered: "
                "the address is stale, or somebody else sits there; ask for the node's current address"
            )

    def _check(self, signature: bytes, *, dialler: bool) -> None:
        if not proves(self._their_key, signature, self._transcript(dialler=dialler)):
            raise PeerUnproven(
                f"the other end claims to be node {designator_of(self._their_key)}, but its signature does not "
                "hold on this connection: it has not that key, or passes on a hello from elsewhere"
            )
        self.peer = self._their_key
        self.state = "proved"

    def _transcript(self, *, dialler: bool) -> bytes:
        ours, theirs = (self._nonce, self._key.public), (self._their_nonce, self._their_key)
        (nonce_d, key_d), (nonce_a, key_a) = (ours, theirs) if self._dialler else (theirs, ours)
        return _LABELS[dialler] + nonce_d + nonce_a + key_d + key_a + self._binding

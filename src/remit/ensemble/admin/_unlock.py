"""Unlocking: a statement of the administrators' key, good for one server, one client, one nonce, these parts and a short time.

    client                                                server
      | -- challenge() ---------------------------------->  |
      | <- Challenge(nonce, now, longest) ----------------  |
      | -- unlock(Unlock(…nonce…), signature) ----------->  |   the nonce is worth nothing any more, whatever comes of it
      | <- a control object with these parts -------------  |   until the lease ends

Everything that the server acts by is under the signature: whoever passes it on can neither widen it nor use it elsewhere. Pure: the
time, the nonce and the keys are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from remit.errors import BadArgument, Expired, Refused
from remit.net import designator_of, proves
from remit.values import encode, record

if TYPE_CHECKING:
    from remit.ensemble.admin._key import AdminKey

__all__ = ["LEASE", "LONGEST", "Challenge", "Unlock", "answer", "check_unlock"]

LEASE: Final = 300.0
"""Seconds for which a command unlocks a server, unless it is told otherwise."""
LONGEST: Final = 3600.0
"""Seconds for which a server lets itself be unlocked at most."""
NONCE: Final = 32  # bytes
PATIENCE: Final = 120.0
"""Seconds in which a challenge has to be answered: who gives the order has typed the passphrase before."""
_LABEL: Final = b"remit admin unlock 1\0"
_MOST_PARTS, _MOST_LETTERS = 64, 100


@record("remit.challenge")
class Challenge:
    """A server's question: a nonce of its own, its time (seconds since the epoch), and for how many seconds it can be unlocked at most."""

    nonce: bytes
    now: float
    longest: float


@record("remit.unlock")
class Unlock:
    """What the administrators say: the server with this key lends these parts to the client with this key, until `expires`.

    `nonce` is the server's. `parts` are in order and none is there twice; `expires` is in whole seconds since the epoch, by the server's clock.
    """

    server_key: bytes
    client_key: bytes
    nonce: bytes
    parts: Sequence[str]
    expires: int

    def signed(self) -> bytes:
        """The bytes that are signed: canonical Syrup behind a label. Raises `BadArgument` where a part of it is of another type or form."""
        fields = (self.server_key, self.client_key, self.nonce, self.expires)
        if tuple(map(type, fields)) != (bytes, bytes, bytes, int) or not isinstance(self.parts, list | tuple):
            raise BadArgument("an unlock has two keys, a nonce, parts and an end in whole seconds")
        parts = list(self.parts)
        if [len(self.server_key), len(self.client_key), len(self.nonce)] != [
            32,
            32,
            NONCE,
        ] or not 0 < self.expires < 1 << 53:
            raise BadArgument("an unlock has keys and a nonce of 32 bytes each, and an end after 1970")
        if not 0 < len(parts) <= _MOST_PARTS or any(
            type(part) is not str or len(part) > _MOST_LETTERS for part in parts
        ):
            raise BadArgument(f"an unlock names 1 to {_MOST_PARTS} parts")
        if parts != sorted(set(parts)):
            raise BadArgument("the parts of an unlock are in order, and none is there twice")
        return _LABEL + encode([self.server_key, self.client_key, self.nonce, parts, self.expires])


def answer(
    challenge: Challenge,
    key: AdminKey,
    server_key: bytes,
    client_key: bytes,
    parts: Sequence[str],
    seconds: float = LEASE,
) -> tuple[Unlock, bytes]:
    """The unlock that answers a challenge, and its signature. `seconds`: how long it is to last, at most what the server allows."""
    if not seconds > 0:
        raise BadArgument("an unlock lasts longer than 0 seconds")
    expires = int(challenge.now + min(seconds, challenge.longest))
    unlock = Unlock(server_key, client_key, challenge.nonce, sorted(set(parts)), expires)
    return unlock, key.sign(unlock.signed())


def check_unlock(
    unlock: Any, signature: Any, *, admin: bytes, server_key: bytes, client_key: bytes, nonce: bytes | None, now: float
) -> Unlock:
    """The unlock, if it is good for this server, this client and this nonce, now. `nonce`: the one that was asked and not answered yet.

    Raises `Refused`, which says in what it is not, or `Expired`.
    """
    if not isinstance(unlock, Unlock) or type(signature) is not bytes:
        raise BadArgument("an unlock is a `remit.unlock` and its signature")
    signed = unlock.signed()
    if unlock.server_key != server_key:
        raise Refused(
            f"this unlock is for the server {designator_of(unlock.server_key)}, and this is {designator_of(server_key)}: ask this one for a challenge"
        )
    if unlock.client_key != client_key:
        raise Refused(
            f"this unlock is for {designator_of(unlock.client_key)}, and {designator_of(client_key)} has brought it: "
            "an unlock is good for the session that asked for it only"
        )
    if nonce is None or unlock.nonce != nonce:
        raise Refused(
            "this unlock answers no challenge of this session, or one that was answered before: ask for another challenge"
        )
    if not proves(admin, signature, signed):
        raise Refused(
            f"this unlock is not signed by the administrators' key {designator_of(admin)}, or something of it was changed after that: "
            "use the key of this ensemble (admin.key beside the cookie)"
        )
    if now >= unlock.expires:
        raise Expired("this unlock has ended before it came: ask for another challenge")
    if unlock.expires > now + LONGEST + 1:
        raise Refused(
            f"this unlock is for longer than the {LONGEST:.0f} s that a server lets itself be unlocked: ask for less"
        )
    return unlock

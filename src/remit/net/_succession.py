"""Successions: the word of a node's key that another key follows it.

A node is its key, so that others have to hear of a new one from the old one. Both keys sign, so that nobody can be made the heir of a key
without having its heir's key, nor make himself one without having the old key.
"""

from __future__ import annotations

from typing import Final

from remit.errors import Refused
from remit.net._identity import NodeKey, proves
from remit.values import encode, record

__all__ = ["HEIR", "Succession", "heir_of", "sign_succession"]

HEIR: Final = b"remit.heir"
"""The swiss number, no secret, at which a machine hears of successions of its boss: who has one may not be known to it yet."""
MOST: Final = 64
"""Successions that are looked at together: a boss has another key once a year, not once a second."""
_LABEL: Final = b"remit succession 1\0"
_LAST: Final = 1 << 63


@record("remit.succession")
class Succession:
    """From the key `old` on the key `new` is that node, as of `at` (seconds since the epoch); signed by both of them."""

    old: bytes
    new: bytes
    at: int
    by_old: bytes
    by_new: bytes

    def holds(self) -> bool:
        """Whether every part is of its type, and both signatures are over exactly this."""
        # A record that came over the wire may hold anything.
        if (type(self.at), *map(type, (self.old, self.new, self.by_old, self.by_new))) != (int, *[bytes] * 4):
            return False
        if not 0 <= self.at < _LAST or self.old == self.new:
            return False
        signed = _signed(self.old, self.new, self.at)
        return proves(self.old, self.by_old, signed) and proves(self.new, self.by_new, signed)


def sign_succession(old: NodeKey, new: NodeKey, at: int) -> Succession:
    """The succession of these two keys, as of `at` (seconds since the epoch)."""
    signed = _signed(old.public, new.public, at)
    return Succession(old.public, new.public, at, old.sign(signed), new.sign(signed))


def _signed(old: bytes, new: bytes, at: int) -> bytes:
    return _LABEL + encode([old, new, at])


def heir_of(key: bytes, chain: object) -> bytes:
    """The key to which these successions, oldest first, lead from `key`; `key` itself where they end with it.

    Raises `Refused` where they are anything else: of another node, forged, signed by one key only, or of a time before `key`.
    """
    if not isinstance(chain, list | tuple) or not 0 < len(chain) <= MOST:
        raise Refused("this is no succession of keys")
    at = key
    for each in chain:
        if not isinstance(each, Succession):
            raise Refused("this is no succession of keys")
        if each.old == at:
            if not each.holds():
                raise Refused("a succession that both of its keys have not signed: it was forged, or altered")
            at = each.new
    if chain[-1].new != at:
        raise Refused(
            "a succession that does not begin with the key that is known here: it is another node's, or an old one"
        )
    return at

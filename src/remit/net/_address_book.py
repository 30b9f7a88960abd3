"""Where nodes are now: signed addresses, and the newest one known of each key.

Hints in a locator are advice that goes stale. A node signs its current hints with a serial number, so that anybody may pass
the address on, and nobody can replay an old one over a newer.
"""

from __future__ import annotations

from remit.errors import Refused
from remit.net._identity import NodeKey, designator_of, proves
from remit.values import Locator, encode, record

__all__ = ["AddressBook", "SignedAddress", "sign_address"]

TRANSPORT = "remit"
MAX_HINTS = 32
"""Hints of one address; there are fewer netlayers."""
MAX_HINT = 1024
"""Characters of one hint and its name: host names have 253, paths are longer."""
MAX_SERIAL = 1 << 63
_LABEL = b"remit address 1\0"


@record("remit.address")
class SignedAddress:
    """A node's word on where it is: its key, hints by netlayer, a serial that grows, and its signature over all."""

    key: bytes
    hints: dict[str, str]
    serial: int
    signature: bytes

    def locator(self) -> Locator:
        """The node's canonical locator with these hints."""
        return Locator(TRANSPORT, designator_of(self.key), self.hints)

    def holds(self) -> bool:
        """Whether every part is of its type, and the signature is the key's, over exactly this."""
        # A record that came over the wire may hold anything.
        types = (type(self.key), type(self.signature), type(self.serial), type(self.hints))
        return (
            types == (bytes, bytes, int, dict)
            and 0 <= self.serial < MAX_SERIAL
            and len(self.hints) <= MAX_HINTS
            and all(
                type(name) is str and type(hint) is str and len(name) + len(hint) <= MAX_HINT
                for name, hint in self.hints.items()
            )
            and proves(self.key, self.signature, _signed(self.key, self.hints, self.serial))
        )


def sign_address(key: NodeKey, hints: dict[str, str], serial: int) -> SignedAddress:
    """This node's address as of `serial`, any number that grows from one address to the next."""
    return SignedAddress(key.public, hints, serial, key.sign(_signed(key.public, hints, serial)))


def _signed(key: bytes, hints: dict[str, str], serial: int) -> bytes:
    return _LABEL + encode([key, hints, serial])


class AddressBook:
    """The newest address of each key that this node has heard of. Owned by the node; forgotten with it."""

    __slots__ = ("_known", "_most")

    def __init__(self, most: int = 100_000) -> None:
        self._known: dict[str, SignedAddress] = {}
        self._most = most

    def learn(self, address: object) -> None:
        """Keep a `SignedAddress` unless a newer one is known. Raises `Refused` if it is none, or not signed by its key."""
        if not isinstance(address, SignedAddress) or not address.holds():
            raise Refused("an address whose signature is not its key's: it was altered, or is not that node's")
        designator = designator_of(address.key)
        known = self._known.get(designator)
        if known is None or known.serial < address.serial:
            self._known.pop(designator, None)  # the newest go last, the oldest out
            self._known[designator] = address
            while len(self._known) > self._most:
                del self._known[next(iter(self._known))]

    def find(self, locator: Locator) -> Locator:
        """The locator with the newest hints known, or as it is."""
        known = self._known.get(locator.designator)
        return locator if known is None or locator.transport != TRANSPORT else known.locator()

"""Gifts that nobody fetches: the gifter's side of taking them back.

A gift lies with its exporter until its receiver withdraws it, or until the gifter's session ends; the drafts know no other end. If
the receiver was cut off before it did, from the gifter or from the exporter, it would lie there for ever. So an exporter of our own kind
answers a deposit when the gift is taken, and the gifter sends `forget-gift` for what nobody has taken in a long time. (Not part
of OCapN's drafts: foreign exporters are sent neither wish nor message.)

    given     gift id → the exporter's session; kept on the receiver's session
    untaken   gift id → how often `age` may still pass it over; kept on the exporter's session
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.captp._crypto import signature_value
from remit.captp._descriptors import Envelope, Give
from remit.values import encode
from remit.vat import Far, Promise

if TYPE_CHECKING:
    from remit.captp._outgoing import Outgoing

MAX_UNTAKEN: Final = 1000
"""Gifts that one receiver has not fetched: what it is sent beyond is relayed, so that it cannot fill its gifter's table elsewhere."""
SLOW: Final = 80
"""How often an untaken gift is passed over, at each half of a heartbeat: ten minutes, for a receiver that reads late and dials long."""
QUICK: Final = 4
"""The same from the end of its receiver's session on: it may have got the give, and be on its way to the exporter."""


class Gifts:
    """What one session's peer was given by others' leave, and what it keeps for receivers that are gone. Owned by the session."""

    __slots__ = ("given", "untaken")

    def __init__(self) -> None:
        self.given: dict[bytes, Outgoing] = {}
        self.untaken: dict[bytes, int] = {}

    @property
    def full(self) -> bool:
        """Whether the peer has to fetch something before it is given more."""
        return len(self.given) >= MAX_UNTAKEN

    def forsake(self) -> None:
        """The session is over: what the peer has not taken is taken back soon."""
        for gift, exporter in self.given.items():
            untaken = exporter.gifts.untaken
            if gift in untaken:
                untaken[gift] = min(untaken[gift], QUICK)
        self.given.clear()
        self.untaken.clear()

    def age(self) -> list[bytes]:
        """Some time has passed: the gifts that nobody has taken in long enough, which are forgotten here."""
        old = [gift for gift, turns in self.untaken.items() if turns <= 1]
        for gift in old:
            del self.untaken[gift]
        for gift in self.untaken:
            self.untaken[gift] -= 1
        return old


class Taken:
    """Waits until a gift has been taken, or its exporter's session is over."""

    __slots__ = ("exporter", "gift", "receiver")

    def __init__(self, receiver: Outgoing, exporter: Outgoing, gift: bytes) -> None:
        self.receiver = receiver
        self.exporter = exporter
        self.gift = gift

    def settled(self, promise: Promise[Any]) -> None:  # in whatever way
        """It need not be taken back any more."""
        self.receiver.gifts.given.pop(self.gift, None)
        self.exporter.gifts.untaken.pop(self.gift, None)


def write_gift(receiver: Outgoing, exporter: Outgoing, ref: Far[Any]) -> Envelope:
    """Deposit the reference with its exporter and give the envelope by which the receiver takes it (the gifter's part)."""
    gift = receiver.home.token()
    if exporter.flushes:
        taken: Promise[Any] = Promise(receiver.home.vat)
        receiver.gifts.given[gift] = exporter
        exporter.gifts.untaken[gift] = SLOW
        exporter.deposit(gift, ref, taken)
        taken._wait(Taken(receiver, exporter, gift))
    else:
        exporter.deposit(gift, ref)
    assert exporter.remote_location is not None
    give = Give(receiver.remote_key_value, exporter.remote_location, exporter.id, exporter.side, gift)
    return Envelope(give, signature_value(exporter.key.sign(encode(give.record()))))

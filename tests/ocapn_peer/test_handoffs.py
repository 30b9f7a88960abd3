"""Third-party handoffs with the peer in each of the three roles, as the public suite's tests have them, in both dialects."""

from __future__ import annotations

import pytest

from remit.net import NodeKey
from remit.values import Locator, Symbol, decode, encode, raw_record
from tests.ocapn_peer.client import ENLIVENER, GREETER, desc, holds, key_value, signed, theirs, twice

S = Symbol

GIFT = b"my-gift"


def as_record(locator):
    """A locator as a raw record, as the client reads them."""
    return decode(encode(locator), record=raw_record)


# --- the peer receives --------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [False, True], ids=["no session before", "a session before"])
def test_the_receiver_goes_to_the_exporter_for_its_gift(open, place, dialect, peer, before):
    """It dials (or uses the session there is), and claims the gift by a signed record with the right session and side."""
    gifter, exporter = open(), place("exporter")
    session = exporter.dial(peer, dialect).open() if before else None
    gifters_key = NodeKey.generate()
    give = desc(
        "handoff-give",
        key_value(gifter.remote),
        exporter.locator,
        twice(b"a session between gifter and exporter"),
        twice(b"the gifter's side of it"),
        GIFT,
    )
    gifter.tell(gifter.fetch(GREETER), signed(gifters_key, give))
    session = session or exporter.accept(dialect).open()
    (verb, claim), answer, resolver = session.call_of(0)
    assert verb == S("withdraw-gift") and type(answer) is int and resolver is not False
    receive = claim.fields[0]
    assert claim.label == S("desc:sig-envelope") and receive.label == S("desc:handoff-receive")
    receiving_session, receiving_side, count, envelope = receive.fields
    assert (receiving_session, receiving_side) == (session.id, session.remote_side)
    assert count >= 0 and encode(envelope) == encode(signed(gifters_key, give)), "the give is passed on untouched"
    assert holds(claim, gifter.remote), "signed with the receiver's key of its session with the gifter"


# --- the peer exports ---------------------------------------------------------------------------------------


class Exported:
    """Gifter and receiver, both of them ours, in session with the exporter."""

    def __init__(self, open, place, peer):
        self.gifter, self.receiver = open(), open(place("receiver"))
        self.exporter = peer
        self.greeter = self.gifter.fetch(GREETER)
        self.receivers_key = NodeKey.generate()

    def deposit(self):
        self.gifter.tell(theirs(0), S("deposit-gift"), GIFT, self.greeter)

    def claim(self, *, count=0):
        gifter = self.gifter
        receivers = key_value(self.receivers_key.public)
        give = desc("handoff-give", receivers, self.exporter, gifter.id, gifter.side, GIFT)
        receive = desc("handoff-receive", self.receiver.id, self.receiver.side, count, signed(gifter.key, give))
        return signed(self.receivers_key, receive)

    def withdraw(self, claim):
        return self.receiver.ask(theirs(0), S("withdraw-gift"), claim)


def test_a_deposited_gift_is_withdrawn(open, place, peer):
    """Deposit, then withdrawal: the receiver gets the object."""
    scene = Exported(open, place, peer)
    scene.deposit()
    verb, value = scene.receiver.result(scene.withdraw(scene.claim()))
    assert verb == "fulfill" and value.label == S("desc:import-object")


def test_a_withdrawal_waits_for_the_deposit(open, place, peer):
    """Withdrawal, then deposit: the receiver gets a promise of the object, or the object, when it is there."""
    scene = Exported(open, place, peer)
    claimed = scene.withdraw(scene.claim())
    scene.receiver.fetch(GREETER)  # the withdrawal has been taken
    scene.deposit()
    verb, value = scene.receiver.result(claimed)
    assert verb == "fulfill" and value.label == S("desc:import-object")


def test_a_handoff_count_serves_once(open, place, peer):
    """The same claim again is broken, although the gift was deposited again."""
    scene = Exported(open, place, peer)
    scene.deposit()
    claim = scene.claim()
    assert scene.receiver.result(scene.withdraw(claim))[0] == "fulfill"
    scene.deposit()
    assert scene.receiver.result(scene.withdraw(claim))[0] == "break"


def test_a_claim_with_a_wrong_signature_is_broken(open, place, peer):
    """Nobody gets a gift by a claim that was signed with another key, or over something else."""
    scene = Exported(open, place, peer)
    scene.deposit()
    receive = scene.claim().fields[0]
    assert scene.receiver.result(scene.withdraw(signed(NodeKey.generate(), receive)))[0] == "break"


# --- the peer gives -----------------------------------------------------------------------------------------


def test_the_gifter_deposits_and_gives(open, place, peer):
    """A third peer's object goes out as a signed give, every field of which is that of the session with its exporter."""
    receiver, home = open(), place("exporter")
    exporter = open(home)
    enlivened = receiver.ask(receiver.fetch(ENLIVENER), home.sturdy(b"swiss"))
    (verb, swiss), _, resolver = exporter.call_of(0)
    assert (verb, swiss) == (S("fetch"), b"swiss")
    ours = exporter.new_object()
    exporter.tell(theirs(resolver.fields[0]), S("fulfill"), desc("import-object", ours))
    (verb, gift, ref), _, _ = exporter.call_of(0)
    assert verb == S("deposit-gift") and ref == theirs(ours)
    verb, envelope = receiver.result(enlivened)
    assert verb == "fulfill" and envelope.label == S("desc:sig-envelope")
    give = envelope.fields[0]
    wanted = [key_value(receiver.key.public), as_record(home.locator), exporter.id, exporter.remote_side, gift]
    assert give == desc("handoff-give", *wanted) and holds(envelope, exporter.remote)


def test_the_exporters_locator_goes_as_it_came(open, place, peer):
    """Hints included, and byte for byte: the receiver may have no other way to the exporter."""
    receiver, home = open(), place("exporter")
    home.locator = Locator("tcp-testing-only", "exporter", {**home.locator.hints, "a-hint": "of its own"})
    exporter = open(home)
    enlivened = receiver.ask(receiver.fetch(ENLIVENER), home.sturdy(b"swiss"))
    _, _, resolver = exporter.call_of(0)
    exporter.tell(theirs(resolver.fields[0]), S("fulfill"), desc("import-object", exporter.new_object()))
    _, envelope = receiver.result(enlivened)
    assert encode(envelope.fields[0].fields[1]) == encode(home.locator)

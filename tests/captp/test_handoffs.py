"""Third-party handoffs, message by message, in all three roles."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from remit.captp import OCAPN_1_0, SUITE_2026_02
from remit.captp._bootstrap import MAX_GIFTS
from remit.captp._crypto import signature_value
from remit.captp._descriptors import Envelope, Give, Receive
from remit.errors import Refused
from remit.testing import World
from remit.values import Symbol, encode
from remit.values.preserves import Compound, Map
from remit.vat import Message, Promise, resolved, send, tell
from tests.captp.objects import Counter, Shelf


class Three:
    """Gifter g holds exporter e's counter, and receiver r's shelf."""

    def __init__(self, *dialects: Any) -> None:
        dialects = dialects or (OCAPN_1_0,) * 3
        self.world = World()
        self.g, self.e, self.r = (self.world.node(n, d) for n, d in zip("ger", dialects, strict=True))
        self.counter = self.e.vat.spawn(Counter)
        self.shelf = self.r.vat.spawn(Shelf)
        self.e.objects[b"counter"], self.r.objects[b"shelf"] = self.counter, self.shelf
        self.to_e, self.to_r = self.world.open(self.g, self.e), self.world.open(self.g, self.r)
        self.world.settle()
        self.far: Any = self.result(self.g.remote(self.to_e, b"counter"))
        self.far_shelf: Any = self.result(self.g.remote(self.to_r, b"shelf"))

    def result(self, promise: Any) -> Any:
        self.world.settle()
        return resolved(promise)

    def given(self) -> Any:
        """What the receiver has got on its shelf."""
        promise = self.shelf.get()
        return self.result(promise)

    def end(self) -> None:
        self.far = self.far_shelf = None
        self.shelf = self.counter = None  # type: ignore[assignment]
        self.world.check_empty()


def test_a_gift_goes_straight_from_exporter_to_receiver() -> None:
    """Deposit, signed give, new session, withdrawal: then calls don't pass through the gifter any more."""
    three = Three()
    tell(three.far_shelf).put(three.far)
    assert b"deposit-gift" in three.world.deliver(three.e, "op:deliver")
    assert b"desc:handoff-give" in three.world.deliver(three.r, "op:deliver")
    three.world.deliver(three.e, "op:start-session")
    three.world.deliver(three.r, "op:start-session")
    assert b"desc:handoff-receive" in three.world.deliver(three.e, "op:deliver")
    gift = three.given()
    three.world.cut(three.to_r)
    assert three.result(gift.increment(5)) == 5
    assert three.r.meeting.find(three.e.locator) is not None
    del gift
    three.end()


def test_a_session_that_is_there_is_used() -> None:
    """With a prior connection the receiver withdraws over it."""
    three = Three()
    prior = three.world.open(three.r, three.e)
    three.world.settle()
    three.result(three.far_shelf.put(three.far))
    gift = three.given()
    assert gift._link is prior or gift._link is None or resolved(gift)._link is prior
    assert three.result(gift.increment(1)) == 1
    del gift
    three.end()


def test_withdrawal_may_come_before_the_deposit() -> None:
    """The exporter keeps a promise for a gift that has not been deposited yet."""
    three = Three()
    tell(three.far_shelf).put(three.far)
    three.world.quiet()
    held = three.world.pipes[three.to_e]
    kept = list(held.messages)
    held.messages.clear()
    three.world.settle()
    promise = three.shelf.get().increment(3)
    three.world.settle()
    assert three.world.pipes[three.to_e].receiver.bootstrap.waiting() == 1
    held.messages.extend(kept)
    assert three.result(promise) == 3
    del promise
    three.end()


def test_messages_sent_to_a_gift_on_its_way_wait_for_it_in_order() -> None:
    """The receiver may use a gift at once; its messages arrive in the order sent."""
    three = Three()
    tell(three.far_shelf).put(three.far)
    three.world.deliver(three.e, "op:deliver")
    three.world.deliver(three.r, "op:deliver")
    promise = three.shelf.get()
    three.r.vat.run()
    gift = resolved(promise) if not isinstance(promise, Promise) else promise
    for i in range(4):
        tell(gift).note(i)
    assert three.result(gift.notes()) == [0, 1, 2, 3]
    del gift, promise
    three.end()


@pytest.mark.parametrize("dialects", list(itertools.product([OCAPN_1_0, SUITE_2026_02], repeat=3)))
def test_each_party_may_speak_its_own_dialect(dialects: Any) -> None:
    """A handoff works with gifter, exporter and receiver in any mix of dialects."""
    three = Three(*dialects)
    three.result(three.far_shelf.put([three.far]))
    gift = three.given()[0]
    assert three.result(gift.increment(2)) == 2
    del gift
    three.end()


def test_a_peer_that_cannot_be_dialled_is_relayed() -> None:
    """A reference into a node without hints is exported by the gifter, who stays in between."""
    three = Three()
    lonely = three.world.node("lonely")
    lonely.locator = type(lonely.locator)("remit", "lonely")
    session = three.world.open(lonely, three.g)
    three.world.settle()
    callback = lonely.vat.spawn(Counter)
    keeper = three.g.vat.spawn(Shelf)
    three.g.objects[b"keeper"] = keeper
    three.result(lonely.remote(session, b"keeper").put(callback))
    far = three.result(keeper.get())
    three.result(three.far_shelf.put(far))
    gift = three.given()
    assert three.result(gift.increment(1)) == 1
    assert three.r.meeting.find(lonely.locator) is None
    del callback, keeper, far, gift
    three.end()


class Forged:
    """A receiver that holds a real give, and an exporter to try claims on."""

    def __init__(self) -> None:
        self.three = Three()
        self.session = self.three.world.open(self.three.r, self.three.e)
        self.three.world.settle()
        self.gifted = self.three.world.pipes[self.three.to_r].receiver
        self.gift = b"g" * 32
        self.three.to_e.deposit(self.gift, self.three.far)
        self.three.world.settle()
        to_e, to_r = self.three.to_e, self.three.to_r
        self.give = Give(to_r.remote_key_value, self.three.e.locator, to_e.id, to_e.side, self.gift)

    def claim(self, **wrong: Any) -> Any:
        """Claim the gift, with one thing forged."""
        give = wrong.get("give", self.give)
        signed = Envelope(give, signature_value(wrong.get("gifter", self.three.to_e.key).sign(encode(give.record()))))
        receive = Receive(
            wrong.get("session", self.session.id), wrong.get("side", self.session.side), wrong.get("count", 0), signed
        )
        envelope = Envelope(
            receive, signature_value(wrong.get("receiver", self.gifted.key).sign(encode(receive.record())))
        )
        promise: Promise[Any] = Promise(self.three.r.vat)
        message = Message(
            self.session.remote_bootstrap, "withdraw-gift", (envelope.record(),), None, promise, self.session.context
        )
        self.session.deliver(0, message)
        return self.three.result(promise)


def test_an_honest_claim_gets_the_gift() -> None:
    """The same claim as below with nothing forged."""
    forged = Forged()
    assert forged.three.result(forged.claim().increment(1)) == 1


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("another session", lambda f: {"session": b"x" * 32}),
        ("another session", lambda f: {"side": b"x" * 32}),
        ("signature of the handoff-receive", lambda f: {"receiver": f.session.key}),
        ("signature of the handoff-give", lambda f: {"gifter": f.session.key}),
        (
            "no session between",
            lambda f: {"give": Give(f.give.receiver_key, f.give.exporter, b"x", f.give.gifter_side, f.gift)},
        ),
        (
            "no session between",
            lambda f: {"give": Give(f.give.receiver_key, f.give.exporter, f.give.session, b"x", f.gift)},
        ),
    ],
)
def test_every_field_of_a_claim_is_checked(what: str, wrong: Any) -> None:
    """A claim with one forged field is refused with its reason, and the gift stays."""
    forged = Forged()
    with pytest.raises(Refused, match=what):
        forged.claim(**wrong(forged))
    assert forged.three.result(forged.claim(count=7).increment(1)) == 1


def test_a_handoff_count_is_good_once() -> None:
    """A replayed claim is refused."""
    forged = Forged()
    forged.claim(count=3)
    with pytest.raises(Refused, match="count 3 was used before"):
        forged.claim(count=3)


def test_a_give_for_somebody_else_is_refused() -> None:
    """A receiver doesn't collect a gift that names another receiver's key."""
    forged = Forged()
    give = Give(
        forged.three.to_e.remote_key_value, forged.give.exporter, forged.give.session, forged.give.gifter_side, b"h"
    )
    envelope = Envelope(give, signature_value(forged.three.to_e.key.sign(encode(give.record()))))
    message = encode([Symbol("put"), envelope.record()])
    far_shelf = forged.three.far_shelf
    forged.three.to_r._send(b"<10'op:deliver<11'desc:export%d+>%sff>" % (far_shelf._at, message))
    gift = forged.three.given()
    with pytest.raises(Refused, match="for somebody else"):
        forged.three.result(gift.increment(1) if gift is not None else send(forged.three.shelf, "get"))


def test_gifts_that_nobody_fetches_are_bounded() -> None:
    """A flood of deposits fills its own session's table and no more."""
    three = Three()
    for i in range(MAX_GIFTS + 5):
        three.to_e.deposit(b"%d" % i, three.far)
    three.world.settle()
    assert three.world.pipes[three.to_e].receiver.bootstrap.waiting() == MAX_GIFTS
    three.world.cut(three.to_e)
    assert three.world.pipes[three.to_e].receiver.bootstrap.waiting() == 0


def test_gifts_inside_mappings_and_records_are_taken_up() -> None:
    """Values of Preserves hold their parts in tuples: a gift in one of them is withdrawn as anywhere else."""
    three = Three()
    three.result(three.far_shelf.put(Map({1: [three.far], "a": Compound(5, [three.far])})))
    found = three.given()
    assert type(found) is Map and type(found["a"]) is Compound
    for gift in (found[1][0], found["a"].fields[0]):
        assert three.result(gift.increment(1)) > 0
    del found, gift
    three.result(three.far_shelf.put(None))
    three.end()

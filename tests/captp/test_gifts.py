"""Gifts that nobody fetches are taken back, and cannot fill anybody's tables."""

from __future__ import annotations

from typing import Any

import pytest

from remit.captp import _bootstrap, _gifts
from remit.captp._gifts import QUICK, SLOW
from remit.errors import Refused
from remit.testing import World
from remit.values import Locator
from remit.vat import resolved, send, tell
from tests.captp.objects import Counter
from tests.captp.test_handoffs import Three


def exporters(three: Three) -> Any:
    """The exporter's end of the gifter's session with it."""
    return three.world.pipes[three.to_e].receiver


def give_and_lose(three: Three) -> None:
    """Give the counter to the receiver, and cut the receiver off before it hears of it."""
    tell(three.far_shelf).put(three.far)
    three.world.deliver(three.e, "op:deliver")
    three.world.cut(three.to_r)
    three.world.settle()


def age(three: Three, times: int) -> None:
    for _ in range(times):
        three.to_e.age_gifts()
    three.world.settle()


def test_a_gift_whose_receiver_was_cut_off_is_taken_back() -> None:
    """It waits a little, as the receiver may be on its way; then nothing of it is left at gifter and exporter."""
    three = Three()
    give_and_lose(three)
    age(three, QUICK - 1)
    assert exporters(three).bootstrap.waiting() == 1
    age(three, 1)
    assert exporters(three).bootstrap.waiting() == 0
    three.end()


def test_a_gift_that_its_receiver_leaves_lying_is_taken_back_later() -> None:
    """A receiver that is there, and never fetches: the gift ends with its time, and not with the session."""
    three = Three()
    tell(three.far_shelf).put([three.far])
    three.world.deliver(three.e, "op:deliver")
    for _ in range(SLOW - 1):
        three.to_e.age_gifts()
    assert len(three.to_r.gifts.given) == len(three.to_e.gifts.untaken) == 1
    three.to_e.age_gifts()
    three.world.deliver(three.e, "op:deliver")
    assert exporters(three).bootstrap.waiting() == 0
    three.world.settle()
    (gift,) = three.given()
    with pytest.raises(Refused, match="taken this gift back"):
        three.result(gift.increment(1))
    assert not three.to_r.gifts.given and not three.to_e.gifts.untaken


def test_a_gift_that_was_fetched_is_forgotten_at_once() -> None:
    """The deposit is answered when the gift is taken: nobody waits, and nothing is taken back."""
    three = Three()
    three.result(three.far_shelf.put([three.far]))
    gift = three.given()[0]
    assert three.result(gift.increment(1)) == 1
    assert not three.to_r.gifts.given and not three.to_e.gifts.untaken
    age(three, SLOW + 1)
    assert three.result(gift.increment(1)) == 2
    del gift
    three.end()


def test_only_the_gifter_takes_a_gift_back() -> None:
    """forget-gift reaches the gifts of its own session; unknown ids, and those of others, are passed over."""
    three = Three()
    give_and_lose(three)
    other = three.world.open(three.world.node("other"), three.e)
    three.world.settle()
    (gift,) = exporters(three).bootstrap._gifts
    for session, gift_id in ((other, gift), (three.to_e, b"unknown")):
        assert three.result(send(session.remote_bootstrap, "forget-gift", gift_id)) is None
    assert exporters(three).bootstrap.waiting() == 1


def test_a_foreign_exporter_is_told_nothing_of_it() -> None:
    """Its deposits ask for no result, and nothing is ever taken back from it: the drafts know neither."""
    world = World()
    g, e, r = (world.node(name) for name in "ger")
    e.locator = Locator("websocket", "e", {"url": "ws://e"})
    world.nodes["e"] = e
    e.objects[b"counter"] = e.vat.spawn(Counter)
    r.objects[b"counter"] = r.vat.spawn(Counter)
    to_e, to_r = world.open(g, e), world.open(g, r)
    world.settle()
    far: Any = g.remote(to_e, b"counter")
    far_r: Any = g.remote(to_r, b"counter")
    world.settle()
    tell(resolved(far_r)).note(resolved(far))
    message = world.deliver(e, "op:deliver")
    assert b"deposit-gift" in message and message.endswith(b"ff>")
    assert not to_r.gifts.given and not to_e.gifts.untaken


def test_a_receiver_that_fetches_nothing_is_given_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a bound what it is sent is relayed: it cannot fill the gifter's table at the exporter."""
    monkeypatch.setattr(_gifts, "MAX_UNTAKEN", 3)
    three = Three()
    for _ in range(5):
        tell(three.far_shelf).put([three.far])
    three.world.quiet()
    sent = list(three.world.pipes[three.to_r].messages)
    assert [b"desc:handoff-give" in message for message in sent] == [True] * 3 + [False] * 2
    assert all(b"desc:import-object" in message for message in sent[3:])
    three.world.settle()
    (relayed,) = three.given()
    assert three.result(relayed.increment(1)) == 1


def test_the_forgotten_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the newest ids that were taken back are remembered."""
    monkeypatch.setattr(_bootstrap, "MAX_FORGOTTEN", 2)
    three = Three()
    for i in range(4):
        three.to_e.deposit(b"%d" % i, three.far)
        three.world.settle()
        send(three.to_e.remote_bootstrap, "forget-gift", b"%d" % i)
        three.world.settle()
    assert list(exporters(three).bootstrap._forgotten) == [b"2", b"3"]

"""The table of swiss numbers: who gets which object, until when, and what a stranger can learn."""

from __future__ import annotations

import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from remit.errors import Expired, Refused
from remit.lib import SwissEntry, SwissNumbers
from remit.vat import Vat, actor
from tests.lib.objects import Party, outcome

DIGEST = hashlib.sha256(b"swiss").digest()
OTHER = hashlib.sha256(b"other").digest()
KEY, STRANGER = b"k" * 32, b"s" * 32


@actor(kind="test.gatekeeper", version=1)
class Gatekeeper:
    def admit(self, peer: bytes | None) -> Any:
        if peer is None:
            raise Refused("prove a key first")
        return ["welcome", peer]


def table(vat: Vat, **entry: Any) -> tuple[Any, Any]:
    """A table with one number, and its object."""
    swiss, party = vat.spawn(SwissNumbers), vat.spawn(Party)
    outcome(vat, swiss.register(DIGEST, party, SwissEntry("app", **entry)))
    return swiss, party


def test_a_registered_number_gives_its_object() -> None:
    """To anybody, any number of times, unless the entry says less."""
    vat = Vat()
    swiss, party = table(vat)
    for peer in (None, KEY, STRANGER):
        assert outcome(vat, swiss.fetch(DIGEST, peer, 0.0)) is party


def test_a_stranger_learns_nothing() -> None:
    """Numbers that are unknown, taken back, or another's are refused in the same words, expired ones of others included."""
    vat = Vat()
    swiss, party = table(vat, only=KEY, expires=5.0)
    assert outcome(vat, swiss.fetch(DIGEST, KEY, 1.0)) is party
    answers = [outcome(vat, swiss.fetch(*asked, 9.0)) for asked in ((OTHER, KEY), (DIGEST, STRANGER), (DIGEST, None))]
    assert outcome(vat, swiss.forget(DIGEST)) is True and outcome(vat, swiss.forget(DIGEST)) is False
    answers.append(outcome(vat, swiss.fetch(DIGEST, KEY, 1.0)))
    assert all(type(answer) is Refused for answer in answers)
    assert len({answer.message for answer in answers}) == 1


@given(st.floats(0, 100), st.floats(0, 100))
def test_an_expired_number_says_so(expires: float, now: float) -> None:
    """From its time on it breaks with Expired, before it gives the object."""
    vat = Vat()
    swiss, party = table(vat, expires=expires)
    answer = outcome(vat, swiss.fetch(DIGEST, KEY, now))
    assert isinstance(answer, Expired) if now >= expires else answer is party


def test_a_holders_number_can_be_replaced() -> None:
    """The new one stands for the object, the holder's others stand for nothing, those of other holders go on."""
    vat = Vat()
    swiss, party = table(vat)
    others = bytes(32)
    outcome(vat, swiss.register(others, party, SwissEntry("other")))
    for new in (b"\x01" * 32, b"\x02" * 32, b"\x02" * 32):
        outcome(vat, swiss.replace(new, party, SwissEntry("app")))
        assert outcome(vat, swiss.fetch(new, None, 0.0)) is party
    assert isinstance(outcome(vat, swiss.fetch(DIGEST, None, 0.0)), Refused)
    assert isinstance(outcome(vat, swiss.fetch(b"\x01" * 32, None, 0.0)), Refused)
    assert outcome(vat, swiss.fetch(others, None, 0.0)) is party


def test_uses_are_counted() -> None:
    """After the last one it breaks with Expired; a fetch that is refused uses nothing."""
    vat = Vat()
    swiss, party = table(vat, uses=2, only=KEY)
    assert isinstance(outcome(vat, swiss.fetch(DIGEST, STRANGER, 0.0)), Refused)
    assert [outcome(vat, swiss.fetch(DIGEST, KEY, 0.0)) for _ in range(2)] == [party, party]
    assert isinstance(outcome(vat, swiss.fetch(DIGEST, KEY, 0.0)), Expired)


def test_a_gate_hands_out_what_it_admits_to() -> None:
    """Its object hears who came; a refusal of its own uses nothing, since that turn is undone."""
    vat = Vat()
    swiss = vat.spawn(SwissNumbers)
    outcome(vat, swiss.register(DIGEST, vat.spawn(Gatekeeper), SwissEntry("app", gate=True, uses=1)))
    assert outcome(vat, swiss.fetch(DIGEST, None, 0.0)).message == "prove a key first"
    assert outcome(vat, swiss.fetch(DIGEST, KEY, 0.0)) == ["welcome", KEY]
    assert isinstance(outcome(vat, swiss.fetch(DIGEST, KEY, 0.0)), Expired)


def test_the_table_can_be_listed_without_its_numbers() -> None:
    """For people: holder, whether bound to a key, expiry and uses left; no digest and no object."""
    vat = Vat()
    swiss, _ = table(vat, only=KEY, uses=3)
    assert outcome(vat, swiss.holders()) == [["app", True, None, 3]]

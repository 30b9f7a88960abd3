"""What people and tools see of a dataspace."""

from __future__ import annotations

import pytest

from remit.dataspace import AssertionView, PartyView, Trace, bind, pattern
from remit.errors import BadArgument
from remit.values import Tagged, as_record
from tests.dataspace.kit import Ear, OtherNode, Present, Says, Space


@pytest.mark.parametrize("kind", [Space, OtherNode])
def test_parties_assertions_and_observers_are_data(kind: type[Space]) -> None:
    """Who takes part, what is asserted and by whom, and who observes what: as records, near and far."""
    space = kind()
    one, other = space.party(None, 0.0, "one"), space.party(None, 0.0, "other")
    one.put(Present("a"))
    other.put(Present("a"))
    other.put(Present("b"))
    watching = space.party(None, 0.0, "watching").observe(Present(name=bind()))
    _, ref = space.home()
    assert space.settle(ref.parties()) == [
        PartyView("one", 1, False),
        PartyView("other", 2, False),
        PartyView("watching", 1, False),
    ]
    seen = space.settle(ref.assertions())
    assert seen[:2] == [AssertionView(Present("a"), 2, ["one", "other"]), AssertionView(Present("b"), 1, ["other"])]
    assert len(space.settle(ref.assertions(1))) == 1
    (observer,) = space.settle(ref.observers())
    assert observer.pattern == pattern(Present(name=bind()))
    assert (observer.parties, observer.matches, observer.policy) == (["watching"], 2, "")
    watching.stop()
    assert space.settle(ref.observers()) == []


def test_each_turn_can_be_followed() -> None:
    """Whoever traces a dataspace hears of each turn: who caused it, what came, and what was told to whom; until it is told no more."""
    space = Space()
    tracer = space.vat.spawn(Ear)
    space.party(None, 0.0, "watching").observe(Says(who="a", what=bind()))
    party = space.party(None, 0.0, "speaker")
    space.settle(space.ref.trace(tracer))
    space.settle(space.ref.trace(tracer))
    party.message(Says("a", "x"))
    party.put(Present("b"))
    party.close()
    space.settle(space.ref.untrace(tracer))
    space.party().put(Present("c"))
    seen = [as_record(event[1], Trace) for turn in tracer._at.turns for event in turn]
    assert all(each is not None and each.actor == "space" for each in seen)
    cause = Tagged("external", ["speaker"])
    message = Tagged("dequeue", [Tagged("event", ["speaker", Tagged("message", [Says("a", "x")])])])
    told = Tagged("enqueue", [Tagged("event", ["watching", Tagged("message", [["x"]])])])
    asserted = Tagged("dequeue", [Tagged("event", ["speaker", Tagged("assert", [1, Present("b")])])])
    withdrawn = Tagged("dequeue", [Tagged("event", ["speaker", Tagged("retract", [1])])])
    assert [each.item for each in seen] == [
        Tagged("turn", [1, cause, [message, told]]),
        Tagged("turn", [2, cause, [asserted]]),
        Tagged("turn", [3, cause, [withdrawn]]),
    ]


def test_a_dataspace_is_not_traced_into_itself() -> None:
    """It would never come to an end."""
    space = Space()
    with pytest.raises(BadArgument, match="own turns"):
        space.settle(space.ref.trace(space.party().ref))

"""The dataspace by itself: a bag of assertions, observers, messages, and turns that happen as a whole. (docs/shapes.md, *dataspace*)"""

from __future__ import annotations

import pytest

from remit.dataspace import ANY, Observe, bind
from remit.errors import BadArgument, Broken
from remit.vat import actor, call
from tests.dataspace.kit import Ear, Present, Says, Space


def test_an_observer_hears_what_is_there_and_what_comes_and_goes() -> None:
    """What is there is told at once, what comes when it comes; a withdrawal names the handle of what it withdraws."""
    space = Space()
    party = space.party()
    first = party.put(Present("a"))
    watching = space.party().observe(Present(name=bind()))
    assert watching.events() == [("+", ["a"])]
    party.put(Present("b"))
    party.retract(first)
    assert watching.events() == [("+", ["b"]), ("-", ["a"])]


def test_assertions_are_a_bag() -> None:
    """What is asserted twice is there until it is withdrawn twice, by whomever."""
    space = Space()
    one, other = space.party(), space.party()
    watching = space.party().observe(Present)
    first, second = one.put(Present("a")), other.put(Present("a"))
    third = one.put(Present("a"))
    assert watching.events() == [("+", [Present("a")])]
    one.retract(first)
    other.retract(second)
    assert watching.events() == []
    one.retract(third)
    assert watching.events() == [("-", [Present("a")])]


def test_equal_captures_are_merged() -> None:
    """Two assertions that look the same to an observer are one to it, until both are gone."""
    space = Space()
    party = space.party()
    watching = space.party().observe(Says(who=bind(), what=ANY))
    first, second = party.put(Says("a", "x")), party.put(Says("a", "y"))
    assert watching.events() == [("+", ["a"])]
    party.retract(first)
    assert watching.events() == []
    party.retract(second)
    assert watching.events() == [("-", ["a"])]


def test_kinds_are_kept_apart() -> None:
    """1, 1.0 and True are three values, as assertions, as literals in patterns and as captures."""
    space = Space()
    party = space.party()
    all_of_them = space.party().observe(Present(name=bind()))
    just_true = space.party().observe(Present(name=True))
    for value in (1, True, 1.0):
        party.put(Present(value))
    assert [(mark, [type(part) for part in captures]) for mark, captures in all_of_them.events()] == [
        ("+", [int]),
        ("+", [bool]),
        ("+", [float]),
    ]
    assert just_true.events() == [("+", [])]


def test_messages_reach_those_who_observe_now() -> None:
    """A message is told to whoever observes it when it is said, once, and nothing of it stays."""
    space = Space()
    party = space.party()
    early = space.party().observe(Says(who="a", what=bind()))
    party.message(Says("a", "x"))
    party.message(Says("b", "y"))
    late = space.party().observe(Says(who="a", what=bind()))
    assert early.events() == [("!", ["x"])]
    assert late.events() == []
    assert space.size() == 2  # the two observations


def test_a_turn_is_told_as_one_turn() -> None:
    """What one turn of a party causes is one turn for each observer, in the order in which it was said."""
    space = Space()
    party = space.party()
    watching = space.party().observe(Present(name=bind()))
    other = space.party().observe(Says(who=ANY, what=bind()))
    party.turn(["assert", 1, Present("a")], ["message", Says("a", "x")], ["assert", 2, Present("b")], ["retract", 1])
    assert [[event[0] for event in turn] for turn in watching.turns()] == [["assert", "assert", "retract"]]
    assert [[event[0] for event in turn] for turn in other.turns()] == [["message"]]


def test_sync_is_answered_after_what_came_before() -> None:
    """The answer to a sync comes when all before it is handled: after what that has told the same entity."""
    space = Space()
    ear = space.vat.spawn(Ear)
    watching = space.party().observe(Present(name=bind()), ear)
    space.party().turn(["assert", 1, Present("a")], ["sync", ear], ["assert", 2, Present("b")])
    assert watching.events() == [("+", ["a"]), ("!", True), ("+", ["b"])]


def test_interest_is_an_assertion() -> None:
    """An observation can itself be observed, and is gone when it is withdrawn."""
    space = Space()
    watching = space.party().observe(Observe(pattern=bind(), observer=ANY))
    assert len(watching.events()) == 1  # its own
    theirs = space.party().observe(Present(name="a"))
    theirs.stop()
    (plus, [wanted]), (minus, [same_one]) = watching.events()
    assert (plus, minus) == ("+", "-")
    assert wanted == same_one


def test_an_observation_that_ends_withdraws_what_it_was_told() -> None:
    """Whoever stops observing is told that all is gone, and nothing more."""
    space = Space()
    party = space.party()
    party.put(Present("a"))
    watching = space.party().observe(Present(name=bind()))
    watching.stop()
    party.put(Present("b"))
    assert watching.events() == [("+", ["a"]), ("-", ["a"])]


def test_what_makes_no_sense_observes_nothing() -> None:
    """An `Observe` without a pattern or an entity is an assertion like others."""
    space = Space()
    party = space.party()
    party.put(Observe("no pattern", space.vat.spawn(Ear)))
    party.put(Observe(Present("no reference"), 5))
    party.put(Present("a"))
    assert space.size() == 3


def test_closing_a_party_withdraws_all_that_it_said() -> None:
    """A party that is closed leaves nothing: assertions and observations go; a second close does nothing; it says nothing more."""
    space = Space()
    party = space.party()
    watching = space.party().observe(Present(name=bind()))
    own = party.observe(Present(name=bind()))
    party.put(Present("a"))
    party.close()
    party.close()
    assert watching.events() == [("+", ["a"]), ("-", ["a"])]
    assert own.live() == []
    assert space.size() == 1
    with pytest.raises(BadArgument, match="closed"):
        party.put(Present("b"))


@pytest.mark.parametrize(
    "events",
    [
        "assert",
        [5],
        [[]],
        [["assert", 1]],
        [["assert", "x", 5]],
        [["assert", 1, 5], ["assert", 1, 6]],
        [["sync", 5]],
        [["nod", 5]],
    ],
)
def test_a_turn_that_is_wrong_does_nothing(events: object) -> None:
    """A turn happens as a whole: where one of its events is none, all of it is refused and undone."""
    space = Space()
    party = space.party()
    watching = space.party().observe(Present(name=bind()))
    before = [["assert", 8, Present("a")], ["message", Present("m")]]
    with pytest.raises(BadArgument):
        party.turn(*(before + events if isinstance(events, list) else events))
    assert watching.turns() == []
    assert space.size() == 1
    party.turn(*before)  # the handle is free again
    assert watching.events() == [("+", ["a"]), ("!", ["m"])]


def test_withdrawing_what_is_not_there_does_nothing() -> None:
    """An assertion may have been filtered out on its way: its withdrawal is no error. (Syndicate Protocol, Packets)"""
    space = Space()
    party = space.party()
    party.retract(99)
    assert space.size() == 0


@actor(kind="tests.careless")
class Careless:
    """Has a party do something within its own turn, and may fail after it."""

    def act(self, party: object, events: object, fail: bool) -> None:
        call(party).turn(events)  # type: ignore[arg-type]
        if fail:
            raise ValueError("no")

    def try_(self, party: object, first: object, second: object) -> None:
        call(party).turn(first)  # type: ignore[arg-type]
        try:
            call(party).turn(second)  # type: ignore[arg-type]
        except Broken:
            pass


def test_what_a_failed_turn_did_in_a_dataspace_is_undone() -> None:
    """A dataspace is part of the turn that calls it: where that fails, nothing was asserted, withdrawn or told."""
    space = Space()
    party = space.party()
    kept = party.put(Present("kept"))
    watching = space.party().observe(Present(name=bind()))
    watching.events()
    observing = ["assert", 50, Observe(watching.party.ref, 5)]
    events = [["retract", kept], ["assert", 51, Present("new")], ["assert", 52, Present("new")], observing]
    it = space.vat.spawn(Careless)
    before = dict(space.ref._at._space().bag)
    with pytest.raises(Broken, match="no"):
        space.settle(it.act(party.ref, events, True))
    assert watching.events() == []
    assert space.ref._at._space().bag == before
    space.settle(it.act(party.ref, events, False))
    assert watching.events() == [("-", ["kept"]), ("+", ["new"])]


def test_a_failed_call_undoes_only_its_own() -> None:
    """A call that fails inside a turn leaves what the turn did before."""
    space = Space()
    party = space.party()
    watching = space.party().observe(Present(name=bind()))
    it = space.vat.spawn(Careless)
    space.settle(it.try_(party.ref, [["assert", 1, Present("a")]], [["assert", 2, Present("b")], ["nod"]]))
    assert watching.events() == [("+", ["a"])]
    party.close()
    assert watching.events() == [("-", ["a"])]


def test_a_query_looks_once() -> None:
    """A query gives what an observer would be told now, each distinct list of captures once, and leaves nothing behind."""
    space = Space()
    party = space.party()
    for who, what in (("a", 1), ("a", 2), ("b", 1)):
        party.put(Says(who, what))
    assert space.query(Says(who=bind(), what=ANY)) == [["a"], ["b"]]
    assert space.query(Says(who="a", what=bind())) == [[1], [2]]
    assert space.query(Present) == []
    assert space.size() == 3

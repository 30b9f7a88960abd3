"""What an event costs, counted in steps: it does not depend on the subscriptions that it does not meet."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import pytest

from remit.dataspace import ANY, bind
from tests.dataspace.kit import Present, Says, Space


def steps(function: Callable[[], Any]) -> int:
    """How many functions are called."""
    count = 0

    def note(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    function()  # what is made at the first use is made
    gc.collect()
    gc.disable()  # what others have left behind is none of ours
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def busy(subscriptions: int) -> Space:
    """A dataspace with so many subscriptions to other values at the same places, and to other records, and one that is met."""
    space = Space()
    party = space.party()
    for at in range(subscriptions):
        party.observe(Says(who=at, what=bind()))
        party.observe(Present(name=[at, bind()]))
    party.observe(Says(who="met", what=bind()))
    return space


@pytest.mark.parametrize("what", ["message", "assertion"])
def test_an_event_costs_the_same_however_many_do_not_meet_it(what: str) -> None:
    """With a hundred times the subscriptions that an event does not meet, it takes the same steps."""
    counts = []
    for subscriptions in (3, 300):
        space = busy(subscriptions)
        party = space.party()
        value = Says("met", "now")
        if what == "message":
            counts.append(steps(lambda party=party, value=value: party.message(value)))
        else:
            counts.append(steps(lambda party=party, value=value: party.retract(party.put(value))))
    assert counts[0] == counts[1]


def test_a_subscription_looks_at_its_own_class_only() -> None:
    """Observing costs what there is of the class that it asks for, and where others look at the same places, what matches."""
    counts = []
    for others in (3, 300):
        space = Space()
        party = space.party()
        party.observe(Says(who=ANY, what="x"))
        party.turn(*(["assert", 100 + at, Present(at)] for at in range(others)))
        party.turn(*(["assert", 1000 + at, Says(at, "y")] for at in range(others)))
        counts.append(steps(lambda party=party: party.observe(Says(who=bind(), what="x")).stop()))
    assert counts[0] == counts[1]

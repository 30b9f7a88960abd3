"""Crossed hellos, second sessions, order across shortening."""

from __future__ import annotations

import random
from itertools import count
from typing import Any

import pytest

from remit.captp import CROSSED
from remit.testing import World
from remit.vat import resolved, tell
from tests.captp.objects import Counter, Shelf


@pytest.mark.parametrize("seed", range(8))
def test_of_crossed_hellos_one_survives(seed: int) -> None:
    """Both nodes dial at once: whatever the order of delivery, the higher initiator's session lives at both ends."""
    world = World()
    a, b = world.node("a"), world.node("b")
    b.objects[b"c"] = b.vat.spawn(Counter)
    ab, ba = world.open(a, b), world.open(b, a)
    order = random.Random(seed)
    world.settle(order.choice)
    winner, loser = (ab, ba) if ab.side > ba.side else (ba, ab)
    assert winner.state == "open"
    assert loser.state == "ended"
    assert CROSSED in str(loser.cause) or "taken its place" in str(loser.cause)
    ours = a.meeting.find(b.locator)
    assert ours is (winner if winner is ab else world.pipes[winner].receiver)
    promise = a.remote(ours, b"c").increment(1)  # type: ignore[arg-type]  # checked above
    world.settle()
    assert resolved(promise) == 1
    del promise
    world.check_empty()


@pytest.mark.parametrize("ours", [True, False], ids=["our own lives", "the peer's lives"])
def test_references_that_wait_for_the_loser_get_the_winner(ours: bool) -> None:
    """Whichever of the crossed sessions survives, all who asked for a session hear of it, and what they send arrives."""
    for key in count():  # until the one wins that is to win
        world, found = World(), []
        world._keys = 2 * key
        a, b = world.node("a"), world.node("b")
        b.objects[b"c"] = b.vat.spawn(Counter)
        a.session_to(b.locator, found.append)
        b.session_to(a.locator, lambda _: None)
        ab, ba = (next(s for s in world.pipes if s.home is node and s.initiator) for node in (a, b))
        if (ab.side > ba.side) is ours:
            break
    for _ in range(3):
        a.session_to(b.locator, found.append)
    world.settle()
    assert len(found) == 4 and len(set(found)) == 1
    (session,) = set(found)
    assert session.state == "open" and session.initiator is ours
    promises = [a.remote(one, b"c").increment(1) for one in found]
    world.settle()
    assert sorted(resolved(promise) for promise in promises) == [1, 2, 3, 4]
    del promises
    world.check_empty()


def test_whoever_only_claims_a_name_ends_no_dial() -> None:
    """An impostor's hello at the moment of ours, with the higher side id: our attempt, which is proved, goes on."""
    for key in range(6):
        world = World()
        world._keys = 10 * key
        a, b = world.node("a"), world.node("b")
        ours = world.open(a, b)
        impostor = world.node("impostor")
        impostor.locator = b.locator
        theirs = world.open(impostor, a)
        world.pipes[theirs].receiver.proved = None
        world.quiet()
        world.pass_on(world.pipes[theirs])  # only the impostor's hello has come
        assert ours.state == "greeting"
        world.settle()
        assert ours.state == "open" and a.meeting.find(b.locator) is ours


def test_a_second_session_of_a_proved_key_takes_the_firsts_place() -> None:
    """A peer that was restarted dials again: the newer session is found from then on, the old one is ended."""
    world = World()
    a, b = world.node("a"), world.node("b")
    first = world.open(a, b)
    world.settle()
    first_end = world.pipes[first].receiver
    a.meeting = type(a.meeting)()  # a is restarted and remembers nothing
    second = world.open(a, b)
    world.settle()
    assert second.state == "open"
    assert first_end.state == "ended"
    assert b.meeting.find(a.locator) is world.pipes[second].receiver


def test_a_claimed_location_without_the_proved_key_is_aborted() -> None:
    """A peer that claims another node's name does not get a session."""
    world = World()
    a, b = world.node("a"), world.node("b")
    session = world.open(a, b)
    world.pipes[session].receiver.proved = "somebody-else"
    world.settle()
    assert session.state == "ended"
    assert "does not carry the key" in str(session.cause)
    assert b.meeting.find(a.locator) is None


@pytest.mark.parametrize("seed", range(20))
def test_order_is_kept_when_a_promise_turns_out_to_be_at_home(seed: int) -> None:
    """Messages to a remote promise that resolves to our own object arrive in the order sent, before and after."""
    world = World()
    a, b = world.node("a"), world.node("b")
    shelf = b.vat.spawn(Shelf)
    b.objects[b"shelf"] = shelf
    session = world.open(a, b)
    world.settle()
    mine = a.vat.spawn(Counter)
    far: Any = a.remote(session, b"shelf")
    far.put(mine)
    promise = far.get()
    choice = random.Random(seed)
    for i in range(30):
        tell(promise).note(i)
        pipes = world.pending()
        for _ in range(choice.randrange(3)):
            if pipes := world.pending():
                world.pass_on(choice.choice(pipes))
    notes = mine.notes()
    world.settle(choice.choice)
    notes = mine.notes()
    world.settle()
    assert resolved(notes) == list(range(30))


@pytest.mark.parametrize("seed", range(20))
def test_order_is_kept_when_a_promise_turns_out_to_be_at_a_third_party(seed: int) -> None:
    """The same when the promise resolves to an object of a third node, which is reached by a handoff."""
    world = World()
    a, b, c = world.node("a"), world.node("b"), world.node("c")
    shelf, counter = b.vat.spawn(Shelf), c.vat.spawn(Counter)
    b.objects[b"shelf"], c.objects[b"counter"] = shelf, counter
    session, third = world.open(a, b), world.open(b, c)
    world.settle()
    b_counter = b.remote(third, b"counter")
    world.settle()
    shelf.put(resolved(b_counter))
    world.settle()
    promise: Any = a.remote(session, b"shelf").get()
    choice = random.Random(seed)
    for i in range(30):
        tell(promise).note(i)
        for _ in range(choice.randrange(4)):
            if pipes := world.pending():
                world.pass_on(choice.choice(pipes))
    world.settle(choice.choice)
    notes = counter.notes()
    world.settle()
    assert resolved(notes) == list(range(30))

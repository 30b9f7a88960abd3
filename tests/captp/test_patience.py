"""Giving back in batches: what a session does not hold any more may wait behind its other output."""

from __future__ import annotations

from remit.captp import Session
from remit.testing import HandNode, World
from remit.vat import resolved
from tests.captp.objects import Counter


def connected(patience: int) -> tuple[World, HandNode, HandNode, Session, Session]:
    """Two nodes, and both ends of a session of which b's end has this patience."""
    world = World()
    a, b = world.node("a"), world.node("b")
    ours = world.open(a, b)
    world.settle()
    theirs = world.pipes[ours].receiver
    theirs.patience = patience
    return world, a, b, ours, theirs


def test_what_is_to_be_given_back_waits_behind_other_output_until_patience_ends() -> None:
    """Two answers go out alone; with the third the three resolvers are given back, in one message."""
    world, a, b, ours, theirs = connected(3)
    b.objects[b"counter"] = b.vat.spawn(Counter)
    promise = a.remote(ours, b"counter")
    world.settle()
    far = resolved(promise)
    world.collect()
    for garbage in (1, 2):
        promise = far.increment()
        world.deliver(b, "op:deliver")
        world.deliver(a, "op:deliver")
        assert theirs.garbage == garbage
        assert world.pending(a) == []
        world.deliver(b, "op:gc-answers")
    promise = far.increment()
    world.deliver(b, "op:deliver")
    world.deliver(a, "op:deliver")
    message = world.deliver(a, "op:gc-exports")
    assert message.endswith(b"[1+1+1+]>") and theirs.garbage == 0
    del promise, far
    world.check_empty()


def test_nothing_waits_where_there_is_no_other_output() -> None:
    """A session that is asked for its output and has none gives back at once, however little it is."""
    world, a, b, ours, theirs = connected(1000)
    b.objects[b"counter"] = b.vat.spawn(Counter)
    promise = a.remote(ours, b"counter")
    world.settle()
    promise = resolved(promise).increment()
    world.settle()
    assert theirs.garbage > 0
    del promise
    assert [message[:18] for message in theirs.take()] == [b"<13'op:gc-exports["]
    assert theirs.garbage == 0


def test_a_session_that_is_over_has_nothing_to_give_back() -> None:
    """What is left when the link breaks is nobody's concern."""
    world, a, b, ours, theirs = connected(1000)
    b.objects[b"counter"] = b.vat.spawn(Counter)
    a.remote(ours, b"counter")
    world.settle()
    assert theirs.garbage > 0
    world.cut(ours)
    assert theirs.garbage == 0 and theirs.take() == []

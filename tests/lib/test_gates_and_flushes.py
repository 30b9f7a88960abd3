"""What travels only to arrive goes through gates without being judged or counted, in its place."""

from __future__ import annotations

import random
from typing import Any

import pytest

from remit.lib import Attenuation, Membrane
from remit.testing import World
from remit.vat import resolved, tell
from tests.captp.objects import Counter, Shelf


def walled(world: World, node: Any, target: Any, attenuation: Attenuation) -> Any:
    """The way in to a membrane around `target`."""
    membrane = node.vat.spawn(Membrane, target, attenuation.checked())
    root = membrane.root()
    world.settle()
    return resolved(root)


@pytest.mark.parametrize("seed", range(10))
def test_shortening_through_a_counted_membrane_costs_no_use_and_keeps_order(seed: int) -> None:
    """A promise that turns out to be a third node's counted grant: as many calls as granted get through, in order."""
    world = World()
    a, b, c = world.node("a"), world.node("b"), world.node("c")
    shelf, counter = b.vat.spawn(Shelf), c.vat.spawn(Counter)
    b.objects[b"shelf"], c.objects[b"grant"] = shelf, walled(world, c, counter, Attenuation(count=12))
    session, third = world.open(a, b), world.open(b, c)
    world.settle()
    grant = b.remote(third, b"grant")
    world.settle()
    shelf.put(resolved(grant))
    world.settle()
    promise: Any = a.remote(session, b"shelf").get()
    choice = random.Random(seed)
    for i in range(15):
        tell(promise).note(i)
        for _ in range(choice.randrange(4)):
            if pipes := world.pending():
                world.pass_on(choice.choice(pipes))
    world.settle(choice.choice)
    notes = counter.notes()
    world.settle()
    assert resolved(notes) == list(range(12))
    assert any("op:deliver" in line for line in world.log)

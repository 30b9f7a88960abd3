"""Sessions of a vat whose messages are held until its state is kept: what was sent ahead still arrives, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remit.testing import HandNode, World
from remit.vat import Turn, Vat, actor, resolved
from tests.captp.objects import Counter

Held = list[tuple[Callable[..., None], tuple[Any, ...]]]


class Keeper:
    """Lets go of what is held when the test says so, first handed over first."""

    clean = False

    def __init__(self) -> None:
        self.vat: Vat
        self.held: Held = []
        self.slow = False

    def changed(self, turn: Turn) -> None:
        """Nothing is refused."""

    def made(self, ref: Any, by: Any) -> None:
        """Nobody asks who made what."""

    def flush(self, held: Held) -> None:
        if self.slow:
            self.held += held
        else:
            self.vat._release(held)

    def keep(self) -> None:
        while self.held:
            held, self.held = self.held, []
            self.vat._release(held)


@actor(kind="tests.relay")
class Relay:
    """Passes messages on to a far object's parts, one that it has asked for already and is not there yet."""

    far: Any
    part: Any = None

    def ask(self, method: str) -> None:
        self.part = getattr(self.far, method)()

    def note(self, what: str) -> Any:
        return self.part.note(what)


class Two:
    """Node a's vat is durable, and holds a reference to node b's counter; `relay` is in a's vat."""

    def __init__(self) -> None:
        self.world = World()
        self.a, self.b = self.world.node("a"), self.world.node("b")
        self.keeper = Keeper()
        self.a.vat = self.keeper.vat = Vat("a", keeper=self.keeper)
        self.b.objects[b"counter"] = self.b.vat.spawn(Counter)
        self.session = self.world.open(self.a, self.b)
        far = self.a.remote(self.session, b"counter")
        self.world.settle()
        self.relay = self.a.vat.spawn(Relay, resolved(far))


def finish(world: World, keeper: Keeper) -> None:
    """Let everything arrive that is held or on its way."""
    keeper.slow = False
    keeper.keep()
    world.settle()


@pytest.mark.parametrize("method", ["child", "me"])
def test_a_message_held_while_the_answer_comes_still_arrives(method: str) -> None:
    """The answer's position stands until what was sent ahead to it has left; the session goes on."""
    two = Two()
    two.relay.ask(method)
    two.a.vat.run()
    two.world.deliver(two.b, "op:deliver")  # b has it and answers
    two.keeper.slow = True
    noted = two.relay.note("held")
    two.a.vat.run()  # the message is held, with the answer's position as its target
    two.world.settle()  # the answer arrives meanwhile
    assert two.session.state == "open"
    finish(two.world, two.keeper)
    assert two.session.state == "open"
    assert resolved(noted) == 1


def test_messages_held_before_and_after_the_answer_keep_their_order() -> None:
    """What is sent to the result does not overtake what was sent to the promise of it."""
    two = Two()
    two.relay.ask("child")
    two.a.vat.run()
    two.world.deliver(two.b, "op:deliver")
    two.keeper.slow = True
    first = two.relay.note("first")
    two.a.vat.run()
    two.world.settle()
    second = two.relay.note("second")
    two.a.vat.run()
    finish(two.world, two.keeper)
    assert (resolved(first), resolved(second)) == (1, 2)


def test_held_messages_go_ahead_of_a_shortened_path() -> None:
    """When the answer turns out to be at home, later messages wait until the held ones have been there and back."""
    two = Two()
    home = two.a.vat.spawn(Counter)
    giver: HandNode = two.b
    giver.objects[b"home"] = giver.vat.spawn(Keepsake)
    keepsake: Any = two.a.remote(two.session, b"home")
    two.world.settle()
    keepsake.put(home)
    two.world.settle()
    relay = two.a.vat.spawn(Relay, resolved(keepsake))
    relay.ask("get")
    two.a.vat.run()
    two.world.deliver(two.b, "op:deliver")
    two.keeper.slow = True
    first = relay.note("first")
    two.a.vat.run()
    two.world.settle()
    second = relay.note("second")
    two.a.vat.run()
    finish(two.world, two.keeper)
    assert (resolved(first), resolved(second)) == (1, 2)


@actor(kind="tests.keepsake")
class Keepsake:
    """Gives back what it was given."""

    value: Any = None

    def put(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value

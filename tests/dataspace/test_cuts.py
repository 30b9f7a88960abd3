"""The connection breaks after each message of a conversation in turn: nothing of it is left, whichever it was."""

from __future__ import annotations

from typing import Any

import pytest

from remit.dataspace import bind, complete, during, facet, message, on_message, publish, sync, this_facet
from tests.dataspace.kit import OtherNode, Present, Says, person

STEPS = 24
"""More than there are messages in the conversation below; the last cuts come when all is said."""


def talk(self: Any) -> None:
    """A bit of everything."""

    def there(name: str) -> None:
        self.log.append(f"+{name}")
        publish(self.space, Says(name, "seen"))
        this_facet().on_stop(lambda: self.log.append(f"-{name}"))

    with facet() as scope:
        publish(self.space, Present("short"))
        sync(self.space, scope.stop)
    publish(self.space, Present("far"))
    during(self.space, Present(name=bind()), there)
    on_message(self.space, Says(who="near", what=bind()), self.log.append)
    complete(self.space, lambda: message(self.space, Says("far", "complete")))


@pytest.mark.parametrize("after", range(STEPS))
def test_a_cut_leaves_nothing_wherever_it_comes(after: int) -> None:
    """What the far party said is gone, once; its handlers have heard that all is gone; the near parties go on."""
    space = OtherNode()
    it = person(space)
    near = space.party()
    near.put(Present("near"))
    watching = near.observe(Present(name=bind()))
    hearing = near.observe(Says(who="far", what=bind()))
    it.acts.append(talk)
    it.ref.do(0)
    near.ref.turn([["message", Says("near", "hello")]])
    for _ in range(after):
        pipes = space.world.pending()
        if pipes:
            space.world.pass_on(pipes[0])
    space.world.quiet()
    space.world.cut(space.session)
    space.world.settle()
    assert watching.live() == [["near"]]
    assert space.query(Says(who=bind(), what=bind())) == []
    assert space.size() == 3  # what the near party has said, and observes
    gone, came = ([line[1:] for line in it.log if line[0] == sign] for sign in "-+")
    assert sorted(gone) == sorted(came)
    assert len([event for event in hearing.events() if event == ("!", ["complete"])]) <= 1
    assert len(space.faults.words) <= 1  # that there is nobody to converse with any more
    assert all("in a conversation of" in words for words in space.faults.words)
    near.message(Says("far", "still here"))
    assert hearing.events() == [("!", ["still here"])]


def test_the_conversation_above_is_shorter() -> None:
    """So the cuts above come at every point of it."""
    space = OtherNode()
    it = person(space)
    space.party().put(Present("near"))
    before = len(space.world.log)
    it.act(talk)
    assert 10 < len(space.world.log) - before < STEPS
    assert sorted(it.log) == ["+far", "+near", "+short", "-short"]

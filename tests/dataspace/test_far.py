"""Parties whose link is lost: what they said is withdrawn, once, after the grace period that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from remit.dataspace import bind, during, join, message, on_message, on_retracted, publish, sync, this_facet
from remit.errors import BadArgument, Broken
from remit.vat import Ref, Resolver, actor, promise, tell
from tests.dataspace.kit import Ear, OtherNode, Present, Says, Space, person
from tests.dataspace.test_pace import SlowEar, pay
from tests.vat.kit import Purse

SECRET = b"sixteen bytes or more"


@actor(kind="tests.hand_timer")
class HandTimer:
    """A timer that the test lets ring."""

    rings: list[Ref[Resolver]] = []
    asked: list[float] = []

    def after(self, seconds: float) -> Any:
        self.asked.append(seconds)
        made, resolver = promise()
        self.rings.append(resolver)
        return made

    def ring(self) -> None:
        while self.rings:
            tell(self.rings.pop(0)).fulfill()


def cut(space: OtherNode) -> None:
    space.world.cut(space.session)
    space.world.settle()


def again(space: OtherNode) -> None:
    """A new session, and the dataspace as it is reached over that."""
    space.session = space.world.connect(space.there, space.world.nodes["space"])
    space.world.settle()
    found = space.there.remote(space.session, b"space")
    space.world.settle()
    space.far = space.settle(found)


def test_what_a_severed_session_said_is_withdrawn_once() -> None:
    """The link is lost: each of its assertions is withdrawn, once, observations included; others' copies of the same value stay."""
    space = OtherNode()
    it = person(space)

    def begin(self: Any) -> None:
        publish(self.space, Present("mine"))
        publish(self.space, Present("everybody's"))
        during(self.space, Present(name=bind()), lambda name: None)

    it.act(begin)
    space.party().put(Present("everybody's"))
    watching = space.party().observe(Present(name=bind()))
    watching.events()
    cut(space)
    assert watching.events() == [("-", ["mine"])]
    assert space.size() == 2


def test_a_turn_cut_on_its_way_is_all_or_nothing() -> None:
    """Where the connection breaks before a turn has arrived, nothing of it has happened."""
    space = OtherNode()
    it = person(space)
    it.act(lambda self: publish(self.space, Present("before")))
    watching = space.party().observe(Present(name=bind()))
    it.acts.append(lambda self: [publish(self.space, Present(name)) for name in ("a", "b")])
    it.ref.do(1)
    space.there.vat.run()
    space.world.quiet()
    cut(space)
    assert watching.events() == [("+", ["before"]), ("-", ["before"])]


def test_handlers_hear_that_all_is_gone_when_the_link_is_lost() -> None:
    """What an object was told over a link that is lost is not known any more: its matches end."""
    space = OtherNode()
    it = person(space)

    def begin(self: Any) -> None:
        def there(name: str) -> None:
            this_facet().on_stop(lambda: self.log.append(f"-{name}"))

        during(self.space, Present(name=bind()), there)
        on_retracted(self.space, Present(name=bind()), lambda name: self.log.append(f"{name} is gone"))

    it.act(begin)
    space.party().put(Present("a"))
    cut(space)
    assert it.log == ["-a", "a is gone"]


def test_nothing_is_left_in_the_tables_of_a_session() -> None:
    """When a conversation has ended, neither node holds anything of it."""
    space = OtherNode()
    it = person(space)

    def begin(self: Any) -> None:
        publish(self.space, Present("a"))
        during(self.space, Present(name=bind()), lambda name: publish(self.space, Says(name, "hello")))
        on_message(self.space, Says, lambda said: None)
        sync(self.space, lambda: None)

    it.act(begin)
    it.act(lambda self: message(self.space, Says("a", "b")))
    it.act(lambda self: this_facet().stop())
    assert space.size() == 0
    heart = space.ref._at._space()
    assert heart.index.shelves.keys() == {None} and not heart.observations and not heart.standing
    world = space.world
    del it, space, heart
    world.check_empty()


@pytest.mark.parametrize("rings", [False, True])
def test_a_grace_period_keeps_what_was_said(rings: bool) -> None:
    """Within the grace period a lost party's assertions stay; a renewal keeps them without a flicker, else they go, once."""
    space = OtherNode()
    timer = space.vat.spawn(HandTimer)
    space.ref = space.vat.spawn(type(space.ref._at), timer)
    space.world.nodes["space"].objects[b"space"] = space.ref
    again(space)
    owner, other_owner = space.there.vat.spawn(Ear), space.there.vat.spawn(Ear)
    party = space.settle(space.far.open(owner, 5.0, "lost"))
    space.settle(party.turn([["assert", 1, Present("a")]]))
    (near,) = space.ref._at._space().sources
    kept = near.party()
    watching = space.party().observe(Present(name=bind()))
    cut(space)
    assert timer._at.asked == [5.0]
    assert watching.events() == [("+", ["a"])]
    if rings:
        space.settle(timer.ring())
        assert watching.events() == [("-", ["a"])]
        assert not near.open
        return
    again(space)
    space.world.nodes["space"].objects[b"party"] = kept
    found = space.there.remote(space.session, b"party")
    space.world.settle()
    renewed = space.settle(found)
    space.settle(renewed.renew(other_owner))
    space.settle(timer.ring())
    assert watching.events() == []
    space.settle(renewed.turn([["assert", 2, Present("b")], ["retract", 1]]))
    assert watching.events() == [("+", ["b"]), ("-", ["a"])]
    cut(space)
    space.settle(timer.ring())
    assert watching.events() == [("-", ["b"])]


def test_the_same_key_finds_the_party_again() -> None:
    """Whoever opens with the key of a party that is open gets it, renewed; after its close the key is free."""
    space = Space(timer=None)
    party = space.party(None, 0.0, "first", SECRET)
    handle = party.put(Present("a"))
    same_one = space.party(None, 0.0, "again", SECRET)
    assert same_one.ref is party.ref
    same_one.retract(handle)
    assert space.size() == 0
    party.close()
    assert space.party(None, 0.0, "", SECRET).ref is not party.ref


@pytest.mark.parametrize(
    "args", [(None, 1.0), (None, -1.0), (None, 0.0, "", b"short"), (None, 0.0, "", 12345678901234567)]
)
def test_terms_that_cannot_be_kept_are_refused(args: Any) -> None:
    """A grace period needs a timer, and a key is a secret that nobody guesses."""
    with pytest.raises(BadArgument):
        Space().party(*args)


def test_a_closed_party_is_not_renewed() -> None:
    """What was withdrawn does not come back by itself."""
    space = Space()
    party = space.party()
    party.close()
    with pytest.raises(Broken, match="closed"):
        space.settle(party.ref.renew())


def test_an_observer_whose_link_is_lost_is_told_nothing_more() -> None:
    """An entity may be somewhere else than the party that lets it observe: when it is lost, nothing is sent to it any more."""
    space = OtherNode()
    ear = space.there.vat.spawn(Ear)
    space.there.objects[b"ear"] = ear
    found = space.world.nodes["space"].remote(space.world.between(space.world.nodes["space"], space.there)[0], b"ear")
    space.world.settle()
    watching = space.party().observe(Present(name=bind()), space.settle(found))
    space.party().put(Present("a"))
    assert [event[0] for turn in ear._at.turns for event in turn] == ["assert"]
    cut(space)
    assert not space.ref._at._space().observations
    watching.stop()
    assert space.size() == 1


def test_terms_are_said_before_the_first_conversation() -> None:
    """Later they would change what was already asked for."""
    space = Space()
    it = person(space)

    def late(self: Any) -> None:
        publish(self.space, Present("a"))
        join(self.space, name="late")

    with pytest.raises(Broken, match="already"):
        it.act(late)


def test_a_party_ends_with_its_last_owner_only() -> None:
    """After a renewal the loss of the owner before means nothing."""
    space = OtherNode()
    party = space.settle(space.far.open(space.there.vat.spawn(Ear)))
    space.settle(party.turn([["assert", 1, Present("a")]]))
    (source,) = space.ref._at._space().sources
    space.settle(source.party().renew(space.vat.spawn(Ear)))
    cut(space)
    assert space.query(Present(name=bind())) == [["a"]]


def test_nobody_owes_for_an_observer_that_is_lost() -> None:
    """What waited for an observer whose link is lost is forgotten, and paid back."""
    space = OtherNode()
    far = space.there.vat.spawn(SlowEar)
    space.there.objects[b"slow"] = far
    here = space.world.nodes["space"]
    found = here.remote(space.world.between(here, space.there)[0], b"slow")
    ear = space.settle(found)
    listener, speaker, purse = space.party(), space.party(), Purse()
    space.settle(listener.ref.pace(ear, "wait", 1))
    listener.observe(Present(name=bind()), ear)
    for name in "abc":
        pay(speaker, purse, ["message", Present(name)])
    assert purse.open == 2 and purse.held
    cut(space)
    assert (purse.open, purse.held) == (0, 0)
    assert space.settle(space.ref.debts()) == []

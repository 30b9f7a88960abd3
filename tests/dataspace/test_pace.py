"""Who pays for what a dataspace tells, and what becomes of observers that do not keep up."""

from __future__ import annotations

from typing import Any

import pytest

from remit.dataspace import ANY, Debt, Observe, Slow, _pace, bind, on_message, pattern
from remit.dataspace._pace import weigh
from remit.errors import BadArgument
from remit.values import Tagged
from remit.values.preserves import Map
from remit.vat import Context, Message, Promise, Ref, Resolver, actor, promise, tell
from tests.dataspace.kit import Listening, Party, Present, Says, Space, person
from tests.vat.kit import Purse

MESSAGE = Says("it", "x")


@actor(kind="tests.slow_ear")
class SlowEar:
    """An entity that handles a turn when the test says so."""

    turns: list[Any] = []
    doors: list[Ref[Resolver]] = []

    def turn(self, events: list[Any]) -> Any:
        self.turns.append(events)
        made, resolver = promise()
        self.doors.append(resolver)
        return made

    def handle(self, most: int = 1 << 30) -> None:
        """Handle the turns that it has been told, the oldest first."""
        while self.doors and most:
            tell(self.doors.pop(0)).fulfill()
            most -= 1


class Stage:
    """A dataspace with one party that speaks, and one whose observer is slow."""

    def __init__(self, policy: str, most: int) -> None:
        self.space = Space()
        self.speaker = self.space.party(None, 0.0, "speaker")
        self.listener = self.space.party(None, 0.0, "listener")
        self.ear = self.space.vat.spawn(SlowEar)
        self.space.settle(self.listener.ref.pace(self.ear, policy, most))
        self.listening = self.listener.observe(Says(who="it", what=bind()), self.ear)

    def heard(self) -> list[Any]:
        return [event[-1] for turn in self.ear._at.turns for event in turn]

    def say(self, *words: Any) -> None:
        for word in words:
            self.speaker.message(Says("it", word))

    def handle(self, *most: int) -> None:
        self.space.settle(self.ear.handle(*most))

    def debts(self) -> list[Debt]:
        return list(self.space.settle(self.space.ref.debts()))


def pay(party: Party, purse: Purse, *events: Any) -> None:
    """A turn of a party, at the expense of an account."""
    answer: Promise[Any] = Promise(party.space.vat)
    purse.borrow()
    party.ref._route(Message(party.ref, "turn", (list(events),), None, answer, Context(purse), True), None)
    party.space.settle(answer)


def test_fan_out_is_charged_to_whoever_caused_it() -> None:
    """The account of a turn pays for all that it causes at observers, and at the observers of what these say; it is repaid in the end."""
    space = Space()
    it = person(space)

    def begin(self: Any) -> None:
        from remit.dataspace import message

        on_message(self.space, Says(who="first", what=bind()), lambda what: message(self.space, Says("second", what)))

    it.act(begin)
    party, purse = space.party(), Purse()
    ears = [party.observe(Says(who="second", what=ANY)) for _ in range(10)]
    pay(party, purse, ["message", Says("first", "x")])
    assert all(ear.events() == [("!", [])] for ear in ears)
    # the turn itself, the person's handler, what it said, ten observers
    assert (purse.borrowed, purse.open) == (13, 0)


def test_a_slow_observer_that_waits_is_charged_to_the_speaker() -> None:
    """What cannot be sent yet waits, in order, and is owed for in messages and bytes by whoever said it, until it has been handled."""
    stage = Stage("wait", 2)
    purse = Purse()
    for word in "abcd":
        pay(stage.speaker, purse, ["message", Says("it", word * 1000)])
    assert [words[0][0] for words in stage.heard()] == ["a", "b"]
    assert purse.open == 2 and purse.held >= 2000
    assert [(debt.cause, debt.observer, debt.events) for debt in stage.debts()] == [("speaker", "listener", 2)]
    assert stage.debts()[0].bytes >= 2000
    stage.handle(1)
    assert [words[0][0] for words in stage.heard()] == ["a", "b", "c"]
    for _ in range(3):
        stage.handle()
    assert [words[0][0] for words in stage.heard()] == ["a", "b", "c", "d"]
    assert (purse.open, purse.held) == (0, 0)
    assert stage.debts() == []


def test_the_oldest_messages_are_dropped_for_an_observer_that_may_lose_some() -> None:
    """Past the bound the oldest messages that wait are dropped, and counted; assertions never are."""
    stage = Stage("drop", 2)
    stage.say("a", "b")  # on their way
    for word in "cdefg":
        stage.say(word)
    handle = stage.speaker.put(Says("it", "stays"))
    for _ in range(9):
        stage.handle()
    assert stage.heard() == [["a"], ["b"], ["g"], ["stays"]]
    (seen,) = stage.space.settle(stage.space.ref.observers())
    assert (seen.policy, seen.dropped, seen.waiting, seen.sent) == ("drop", 4, 0, 0)
    stage.speaker.retract(handle)
    assert len(stage.ear._at.turns) == 5


def test_what_was_withdrawn_before_it_was_told_is_not_told() -> None:
    """An assertion and its withdrawal that both wait cancel each other."""
    stage = Stage("wait", 1)
    stage.say("a")
    stage.speaker.retract(stage.speaker.put(Says("it", "came and went")))
    stage.speaker.put(Says("it", "stays"))
    for _ in range(4):
        stage.handle()
    assert stage.heard() == [["a"], ["stays"]]


def test_a_party_whose_observer_is_too_slow_is_disconnected() -> None:
    """Past the bound all that the party has asserted is withdrawn, it hears why at its next turn, and others are told as before."""
    stage = Stage("disconnect", 2)
    watching = stage.space.party().observe(Present(name=bind()))
    quick = stage.space.party().observe(Says(who="it", what=bind()))
    stage.listener.put(Present("listener"))
    stage.say(*"abcdefg")
    assert watching.events() == [("+", ["listener"]), ("-", ["listener"])]
    assert [captures for _, captures in quick.events()] == [[word] for word in "abcdefg"]
    with pytest.raises(BadArgument, match="did not keep up: more than 2 events"):
        stage.listener.put(Present("again"))
    assert stage.debts() == []


@pytest.mark.parametrize("policy", ["wait", "drop"])
@pytest.mark.parametrize("bound", ["UNOWED", "UNOWED_BYTES"])
def test_what_nobody_owes_for_is_bounded_under_every_policy(
    policy: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Assertions of objects of this process, which no account pays for, wait up to a bound; then the party that observes is closed."""
    monkeypatch.setattr(_pace, bound, 5 if bound == "UNOWED" else 3000)
    stage = Stage(policy, 2)
    asserted = stage.listener.observe(Present(name=bind()), stage.ear)
    assert asserted
    for at in range(4):
        stage.speaker.put(Present(f"{at:_^600}"))
    stage.listener.put(Present("still there"))
    for at in range(4, 40):
        stage.speaker.put(Present(f"{at:_^600}"))
    with pytest.raises(BadArgument, match="did not keep up: more than .* that nobody owes for"):
        stage.listener.put(Present("again"))
    assert stage.debts() == []


def test_what_an_account_owes_for_is_bounded_by_that_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source whose account is read no faster than it is worked off closes nobody who waits; when all was heard, nothing is counted."""
    monkeypatch.setattr(_pace, "UNOWED", 1)
    stage, purse = Stage("wait", 1), Purse()
    for at in range(20):
        pay(stage.speaker, purse, ["message", Says("it", at)])
    assert stage.space.ref._at._space().paces[stage.ear].unowed == 0
    for _ in range(20):
        stage.handle()
    assert stage.heard() == [[at] for at in range(20)]


def test_an_observer_that_keeps_up_is_not_held_back() -> None:
    """With a bound everything is told as without one, in order, to whoever handles it."""
    space = Space()
    it = person(space)
    it.act(
        lambda self: on_message(self.space, Says(who="it", what=bind()), self.log.append, slow=Slow("disconnect", 1))
    )
    party = space.party()
    for at in range(20):
        party.turn(["message", Says("it", at)], ["message", Says("it", -at)])
    assert it.log == [sign * at for at in range(20) for sign in (1, -1)]


@pytest.mark.parametrize(("policy", "most"), [("hurry", 1), ("wait", 0), ("drop", -1)])
def test_only_policies_that_there_are(policy: str, most: Any) -> None:
    """A policy has a name and a bound."""
    space = Space()
    with pytest.raises(BadArgument, match="wait, drop, disconnect"):
        space.settle(space.party().ref.pace(space.vat.spawn(SlowEar), policy, most))


def test_a_party_has_a_bound_of_assertions() -> None:
    """Assertions at rest take memory: one party may have so many standing, and no more."""
    space = Space(most=2)
    party = space.party()
    first = party.put(Present(1))
    party.put(Present(2))
    with pytest.raises(BadArgument, match="2 assertions"):
        party.put(Present(3))
    party.retract(first)
    party.put(Present(3))


def test_each_observer_has_its_own_pace() -> None:
    """A slow observer holds nobody else up."""
    stage = Stage("wait", 1)
    quick = Listening(stage.speaker, *watching(stage))
    stage.say(*"abc")
    assert [captures for _, captures in quick.events()] == [["a"], ["b"], ["c"]]
    assert stage.heard() == [["a"]]


def watching(stage: Stage) -> tuple[Any, int]:
    from tests.dataspace.kit import Ear

    ear = stage.space.vat.spawn(Ear)
    return ear, stage.speaker.put(Observe(pattern(Says(who="it", what=bind())), ear))


def test_what_waits_is_weighed_with_all_that_is_in_it() -> None:
    """A value weighs about as much as its contents, whatever holds them: records that decoding knows nothing of, too."""
    big = "x" * 10_000
    for value in (big, [big], {"a": big}, Says("a", big), Tagged("says", ["a", big]), Map([(1, big)])):
        assert 10_000 < weigh(value) < 10_500

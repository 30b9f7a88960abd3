"""The gatekeeper: sturdyrefs, both dialects of answers, binds that come and go, and walks over several steps."""

from __future__ import annotations

from typing import Any

import pytest

from remit.dataspace import Dataspace, publish
from remit.dataspace.syndicate import Gatekeeper, SturdyRef, bind_step, resolve, until
from remit.dataspace.syndicate._binds import Sturdy
from remit.dataspace.syndicate._records import answer_of
from remit.dataspace.syndicate._walk import Walk
from remit.errors import Refused
from remit.values import Symbol, Tagged, preserves
from remit.vat import actor, tell
from tests.dataspace.syndicate.hand import Home, Pair, shown, wire
from tests.dataspace.syndicate.test_attenuated import Alarm

KEY = b"0123456789abcdef"


@actor(kind="test.syndicate.binder")
class Binder:
    """Binds in a bindspace, by the functions of facets."""

    space: Any

    def bind(self, value: Any) -> None:
        BOUND.append(publish(self.space, value))

    def unbind(self) -> None:
        BOUND.pop().retract()


BOUND: list[Any] = []


class Gate(Pair):
    """A pair whose far end gives a gatekeeper over a bindspace, in which `place` is bound as "place"."""

    def __init__(self, dialect: str = "accepted") -> None:
        self.alarm = Alarm()
        super().__init__(lambda home: self.make(home, dialect))
        self.settle()

    def make(self, home: Home, dialect: str) -> Any:
        BOUND.clear()
        self.bindspace = home.vat.spawn(Dataspace)
        self.binder = home.vat.spawn(Binder, self.bindspace)
        self.keeper = Gatekeeper(home.vat, self.bindspace, kinds={"ref": Sturdy(self.alarm)}, dialect=dialect)
        self.target = home.place()
        self.watcher = home.notes()
        self.bind("place", KEY)
        return self.keeper.entrance

    def bind(self, oid: Any, key: bytes) -> None:
        detail = preserves.Map([(Symbol("oid"), oid), (Symbol("key"), key)])
        tell(self.binder).bind(bind_step(Tagged("ref", [detail]), self.target, self.watcher))
        self.b.vat.run()

    def unbind(self) -> None:
        tell(self.binder).unbind()
        self.settle()

    def ask(self, step: Any, handle: int = 1) -> Any:
        """Resolve, as an observer that takes notes."""
        self.asker = self.a.notes()
        tell(self.space).turn([["assert", handle, resolve(step, self.asker)]])
        self.settle()
        return self.asker

    def answers(self) -> list[str]:
        """What the observer has heard, in words."""
        return [
            event[0]
            if event[0] == "retract"
            else f"{event[2].tag} {event[2].value[0].name if isinstance(event[2].value[0], Symbol) else 'cap'}"
            for events in self.a.hear(self.asker)
            for event in events
        ]

    def told(self, target: Any = None) -> list[Any]:
        """What the bound object has heard, without handles."""
        turns = self.b.hear(self.target if target is None else target)
        return [[[event[0], *event[2:]] for event in turn[1:]] for turn in turns]

    def cap(self) -> Any:
        return self.a.hear(self.asker)[-1][-1][2].value[0]

    def done(self, handle: int = 1) -> None:
        tell(self.space).turn([["retract", handle]])
        self.settle()
        self.end()


@pytest.mark.parametrize(("dialect", "good", "bad"), [("accepted", "accepted", "rejected"), ("ok", "ok", "error")])
def test_a_sturdyref_is_answered_in_the_listeners_dialect(dialect: str, good: str, bad: str) -> None:
    """<accepted #:cap> and <rejected detail>, or <ok #:cap> and <error detail>; a client understands both."""
    gate = Gate(dialect)
    gate.ask(SturdyRef.mint("place", KEY).value())
    assert gate.answers() == [f"{good} cap"]
    assert answer_of(gate.a.hear(gate.asker)[0][0][2]) == (True, gate.cap())
    tell(gate.cap()).turn([["assert", 1, "hello"]])
    gate.settle()
    assert gate.told()[0] == [["assert", "hello"]]
    tell(gate.cap()).turn([["retract", 1]])
    gate.done()
    gate.ask(SturdyRef.mint("place", b"wrong").value())
    assert gate.answers() == [f"{bad} sturdyref-failed-validation"]
    gate.done()


def test_one_gatekeeper_serves_listeners_of_both_dialects() -> None:
    """The dialect is the listener's, not the gatekeeper's."""
    gate = Gate()
    asker = gate.b.notes()
    tell(gate.keeper.with_dialect("ok")).turn([["assert", 1, resolve(SturdyRef.mint("place", KEY).value(), asker)]])
    gate.settle()
    assert gate.b.hear(asker)[0][0][2].tag == "ok"


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("<nothing {}>", "unsupported"),
        ("<ref 5>", "invalid"),
        ("<ref {oid: 1}>", "invalid"),
        ('<ref {oid: 1 sig: #x"11" caveats: [<rewrite <_> <ref 0>>]}>', "invalid"),
        ("<ref {oid: 1 sig: 5}>", "invalid"),
        ("<ref>", "invalid"),
        ("5", "invalid"),
    ],
)
def test_what_is_no_step_is_rejected(step: str, why: str) -> None:
    """Steps of unknown types are unsupported, malformed ones invalid."""
    gate = Gate()
    gate.ask(preserves.parse(step))
    assert gate.answers() == [f"rejected {why}"]
    gate.done()


def test_the_answer_lasts_as_long_as_the_resolve() -> None:
    """When the resolve is retracted, the answer is; the session's end does the same."""
    gate = Gate()
    gate.ask(SturdyRef.mint("place", KEY).value())
    tell(gate.space).turn([["retract", 1]])
    gate.settle()
    assert gate.answers() == ["accepted cap", "retract"]
    assert not gate.keeper.resolutions
    gate.ask(SturdyRef.mint("place", KEY).value(), 2)
    gate.far.end(Refused("cut"))
    gate.quiet()
    assert not gate.keeper.resolutions


def test_a_step_that_nothing_binds_waits_for_its_bind() -> None:
    """The resolve stands in the bindspace meanwhile, so that somebody may bind it just in time."""
    gate = Gate()
    seen = gate.b.vat.spawn(JustInTime, gate.bindspace, gate.target)
    tell(seen).begin()
    gate.ask(SturdyRef.mint("later", KEY).value())
    assert gate.answers() == ["accepted cap"]
    gate.done()


@actor(kind="test.syndicate.justintime")
class JustInTime:
    space: Any
    target: Any

    def begin(self) -> None:
        from remit.dataspace import during

        pattern = preserves.parse("<group <rec resolve> {0: <group <rec ref> {0: <group <dict> {oid: <bind <_>>}>}>}>")
        during(self.space, pattern, self._asked)

    def _asked(self, oid: Any) -> None:
        if oid == "later":
            detail = preserves.Map([(Symbol("oid"), oid), (Symbol("key"), KEY)])
            publish(self.space, bind_step(Tagged("ref", [detail]), self.target, False))


def test_others_may_answer_a_resolve_in_the_bindspace() -> None:
    """An early rejection by somebody who watches the bindspace reaches the observer."""
    gate = Gate()
    gate.ask(SturdyRef.mint("refused", KEY).value())
    assert gate.answers() == []
    standing = gate.bindspace._at._space().query(preserves.parse("<group <rec resolve> {1: <bind <_>>}>"))
    tell(standing[0][0]).turn([["assert", 99, Tagged("rejected", [Symbol("no")])]])
    gate.settle()
    assert gate.answers() == ["rejected no"]


def test_a_bind_that_is_withdrawn_revokes_what_it_gave() -> None:
    """The answer is withdrawn, what was asserted by way of it too, and nothing passes any more; another bind answers anew."""
    gate = Gate()
    gate.ask(SturdyRef.mint("place", KEY).value())
    cap = gate.cap()
    tell(cap).turn([["assert", 1, "hello"]])
    gate.settle()
    gate.unbind()
    assert gate.answers() == ["accepted cap", "retract"]
    assert gate.told()[-1] == [["close"]]
    tell(cap).turn([["assert", 2, "again"]])
    gate.settle()
    assert gate.told()[-1] == [["close"]]
    gate.bind("place", KEY)
    gate.settle()
    assert gate.answers() == ["accepted cap", "retract", "accepted cap"]


def test_of_several_binds_one_that_proves_the_signature_answers() -> None:
    """A name may be bound with several keys; a rejection gives way to a bind that fits."""
    gate = Gate()
    gate.ask(SturdyRef.mint("place", b"other").value())
    assert gate.answers() == ["rejected sturdyref-failed-validation"]
    gate.bind("place", b"other")
    gate.settle()
    assert gate.answers() == ["rejected sturdyref-failed-validation", "retract", "accepted cap"]
    gate.done()


def test_the_binder_is_told_how_its_target_is_reached() -> None:
    """A bind's observer gets <bound step>, with the sturdyref."""
    gate = Gate()
    bound = gate.b.hear(gate.watcher)[0][0][2]
    assert bound.tag == "bound"
    assert SturdyRef.of(bound.value[0]) == SturdyRef.mint("place", KEY)


def test_caveats_of_the_sturdyref_apply_and_expire() -> None:
    """What is given is attenuated as the sturdyref says; when it expires, the answer says so and the assertions go."""
    gate = Gate()
    narrowed = SturdyRef.mint("place", KEY, preserves.parse("<reject SignedInteger>"), until(100))
    gate.ask(narrowed.value())
    tell(gate.cap()).turn([["assert", 1, 5], ["assert", 2, "five"]])
    gate.settle()
    assert gate.told()[0] == [["assert", "five"]]
    gate.alarm.move(100)
    gate.settle()
    assert gate.answers() == ["accepted cap", "retract", "rejected expired"]
    assert gate.told()[-1] == [["close"]]
    gate.ask(narrowed.value(), 2)
    assert gate.answers() == ["rejected expired"]


def test_syndicate_pys_first_bytes_are_understood() -> None:
    """The golden trace of syndicate-py 0.19.3: its resolve with handles and oids of its own numbering, and our answer."""
    gate = Gate()
    gate.bind("syndicate", b"")
    gate.far.received(
        wire('[[0 <A <resolve <ref {oid: "syndicate" sig: #x"69ca300c1dbfa08fba692102dd82311a"}> #:[0 0]> 1>]]')
    )
    gate.quiet()
    assert [shown(packet) for packet in gate.to_near] == ["[[0 <A <accepted #:[0 1]> 1>]]"]
    gate.far.received(wire("[[1 <A <Observe <group <rec Present> {0: <bind <_>>}> #:[0 1]> 4>]]"))
    gate.quiet()
    assert gate.b.hear(gate.target)[0][1][0] == "assert"
    gate.far.received(wire("[[1 <R 4>]]"))
    gate.far.received(wire("[[0 <R 1>]]"))
    gate.quiet()
    assert gate.far.left() == []
    assert [shown(packet) for packet in gate.to_near][1:] == ["[[0 <R 1>]]"]


# --- walks ------------------------------------------------------------------------------------------------


class Walked:
    def __init__(self, pair: Pair, *steps: Any) -> None:
        self.reached: list[Any] = []
        self.failures: list[Any] = []
        self.lost = 0
        self.walk = Walk(pair.a.vat, steps, reached=self.reached.append, lost=self._lost, failed=self.failures.append)
        self.walk.begin(pair.space)
        pair.settle()

    def _lost(self) -> None:
        self.lost += 1


def test_a_walk_of_no_steps_is_there_at_once() -> None:
    """A route without steps leads to what the peer gives for free."""
    gate = Gate()
    assert Walked(gate).reached == [gate.space]


def test_a_walk_goes_from_answer_to_answer() -> None:
    """Each step is resolved at what the one before gave; when an early answer is withdrawn, the later ones go, and come again."""
    gate = Gate()
    inner = Gatekeeper(gate.b.vat, gate.bindspace)
    target, gate.target = gate.target, inner.entrance
    gate.bind("inner", KEY)
    gate.target = target
    walked = Walked(gate, SturdyRef.mint("inner", KEY).value(), SturdyRef.mint("place", KEY).value())
    assert walked.failures == []
    assert len(walked.reached) == 1
    tell(walked.reached[0]).turn([["assert", 1, "hello"]])
    gate.settle()
    assert gate.told(target)[-1] == [["assert", "hello"]]
    gate.unbind()
    assert walked.lost == 1
    gate.target = inner.entrance
    gate.bind("inner", KEY)
    gate.settle()
    assert len(walked.reached) == 2
    assert len(walked.walk._under_way) == 2
    walked.walk.end()
    tell(walked.reached[0]).turn([["retract", 1]])
    gate.settle()
    assert walked.lost == 1
    gate.end()


def test_a_refused_step_says_which_and_why() -> None:
    """The failure names the step's number, what it is about, and the gatekeeper's word; never the signature."""
    gate = Gate()
    walked = Walked(gate, SturdyRef.mint("place", b"wrong").value())
    assert [failure.message for failure in walked.failures] == [
        'step 1 of 1 (ref "place"): the gatekeeper refused it: sturdyref-failed-validation'
    ]
    assert isinstance(walked.failures[0], Refused)
    walked.walk.end()
    gate.end()

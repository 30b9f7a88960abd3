"""Attenuated references: what passes, what breaks, and what is counted."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import BadArgument, Broken, Expired, Misuse, NotAllowed, NotNear
from remit.lib import Attenuated, Attenuation, Clock, attenuated, rules_of
from remit.values import Symbol
from remit.vat import Ref, Vat, actor, call, promise, resolved, send, tell
from tests.lib.objects import Table, outcome


@actor(kind="test.caller", version=1)
class Caller:
    """Does inside a turn what it is told."""

    def now(self, ref: Ref[Any], name: str, *args: Any) -> Any:
        return getattr(call(ref), name)(*args)

    def burst(self, ref: Ref[Any], count: int) -> None:
        for i in range(count):
            tell(ref).deposit_gift(i)

    def narrow(self, ref: Ref[Any], attenuation: Attenuation) -> Ref[Any]:
        return attenuated(ref, attenuation)

    def pending(self) -> Any:
        return [promise()[0]]


class Device:
    """Something outside the vat, with the time."""

    def __init__(self) -> None:
        self.time = 10.0

    def now(self) -> float:
        return self.time

    async def get(self, name: str) -> str:
        return name * 2


def test_allowed_messages_pass_as_they_are() -> None:
    """Positional and named arguments, any selector, results and errors are the target's own."""
    vat = Vat()
    table = vat.spawn(Table)
    ref = vat.spawn(Attenuated, table, Attenuation(methods=["echo", "fail", "deposit-gift", "me"]))
    assert outcome(vat, ref.echo(1, [2], a={"b": 3})) == [[1, [2]], {"a": {"b": 3}}]
    assert outcome(vat, send(ref, "deposit-gift", "rose")) == "rose"
    assert outcome(vat, ref.deposit_gift("lily")) == "lily"
    assert outcome(vat, ref.me()) is table
    assert "no such luck" in outcome(vat, ref.fail()).message


@pytest.mark.parametrize(
    "use",
    [
        lambda ref: ref.put("a", 1),
        lambda ref: ref(Symbol("put"), "a", 1),
        lambda ref: send(ref, "put", "a", 1),
        lambda ref: ref("a", 1),
        lambda ref: ref._at,
    ],
)
def test_other_messages_break_and_do_not_arrive(use: Any) -> None:
    """Whatever way a message is written, what is not allowed breaks with NotAllowed, naming method and attenuation."""
    vat = Vat()
    table = vat.spawn(Table)
    ref = vat.spawn(Attenuated, table, Attenuation(methods=["get"]))
    sent = use(ref)
    if isinstance(sent, Attenuated):
        sent = send(ref, "_onward", None)
    error = outcome(vat, sent)
    assert isinstance(error, NotAllowed) and "only get" in error.message
    assert outcome(vat, table.size()) == 0


def test_read_only_passes_methods_marked_reads() -> None:
    """Marked methods pass, others and unknown ones break."""
    vat = Vat()
    ref = vat.spawn(Attenuated, vat.spawn(Table, {"a": 1}), Attenuation(read_only=True))
    assert outcome(vat, ref.get("a")) == 1
    assert isinstance(outcome(vat, ref.put("a", 2)), NotAllowed)
    assert isinstance(outcome(vat, ref.nonsense()), NotAllowed)


def test_a_prefix_passes_keys_under_it() -> None:
    """Each key, given by position or name, must be text that begins with the prefix; methods without keys break."""
    vat = Vat()
    ref = vat.spawn(Attenuated, vat.spawn(Table, {"a/x": 1}), Attenuation(prefix="a/"))
    assert outcome(vat, ref.get("a/x")) == 1 and outcome(vat, ref.get(name="a/x")) == 1
    assert outcome(vat, ref.rename("a/x", new="a/y")) is None
    for refused in (ref.get("b"), ref.get(name="b"), ref.rename("a/y", "b"), ref.get(1), ref.get(), ref.size()):
        assert isinstance(outcome(vat, refused), NotAllowed)


def test_a_count_is_spent_by_every_message_that_passes() -> None:
    """Failed calls use it up as well, refused ones do not; then everything breaks with Expired."""
    vat = Vat()
    ref = vat.spawn(Attenuated, vat.spawn(Table), Attenuation(methods=["fail", "size"], count=2))
    assert isinstance(outcome(vat, ref.put("a", 1)), NotAllowed)
    assert outcome(vat, ref.fail()).kind == "ValueError"
    assert outcome(vat, ref.size()) == 0
    assert isinstance(outcome(vat, ref.size()), Expired)
    assert ref._at.used == 2


def test_until_is_compared_with_the_clock_at_each_message() -> None:
    """From the time on, messages break with Expired; a clock that goes back changes nothing."""
    vat = Vat()
    clock = vat.spawn(Clock, 9.0)
    ref = vat.spawn(Attenuated, vat.spawn(Table), Attenuation(until=10), clock)
    assert outcome(vat, ref.size()) == 0
    tell(clock).set(10.0)
    assert isinstance(outcome(vat, ref.size()), Expired)
    tell(clock).set(5.0)
    assert isinstance(outcome(vat, ref.size()), Expired)


def test_a_device_tells_the_time() -> None:
    """A device with a plain `now()` is a clock."""
    vat, device = Vat(), Device()
    ref = vat.spawn(Attenuated, vat.spawn(Table), Attenuation(until=11), vat.device("clock", device))
    assert outcome(vat, ref.size()) == 0
    device.time = 11.5
    assert isinstance(outcome(vat, ref.size()), Expired)


def test_without_a_clock_nothing_passes_a_time() -> None:
    """A reference granted until some time, and no way to know the time, breaks rather than lasting for ever."""
    vat = Vat()
    ref = vat.spawn(Attenuated, vat.spawn(Table), Attenuation(until=11))
    assert "clock" in outcome(vat, ref.size()).message


def test_a_rate_lets_bursts_and_then_a_stream_through() -> None:
    """At most n at once; afterwards n spread over each period."""
    vat, device = Vat(), Device()
    ref = vat.spawn(Attenuated, vat.spawn(Table), Attenuation(rate=[[2, 1.0]]), vat.device("clock", device))

    def allowed() -> list[bool]:
        return [not isinstance(outcome(vat, ref.size()), Broken) for _ in range(3)]

    assert allowed() == [True, True, False]
    device.time += 0.5
    assert allowed() == [True, False, False]
    device.time += 100
    assert allowed() == [True, True, False]


def test_messages_stay_in_order() -> None:
    """What one object sends through an attenuated reference arrives in the order sent, counted or not."""
    for attenuation in (Attenuation(methods=["deposit_gift"]), Attenuation(count=100)):
        vat = Vat()
        table = vat.spawn(Table)
        ref = vat.spawn(Attenuated, table, attenuation)
        vat.spawn(Caller).burst(ref, 50)
        vat.run()
        assert list(table._at.heard) == list(range(50))


def test_an_attenuated_call_takes_no_further_turn() -> None:
    """The message crosses in its own place in the queue."""
    vat = Vat()
    ref = vat.spawn(Attenuated, vat.spawn(Table), Attenuation(read_only=True))
    ref.size()
    assert vat.run() == 1


def test_call_reaches_through_at_once() -> None:
    """An immediate call gets the same checks, and is refused where uses are counted: undone calls would not be."""
    vat = Vat()
    caller, table = vat.spawn(Caller), vat.spawn(Table, {"a": 1})
    ref = vat.spawn(Attenuated, table, Attenuation(read_only=True))
    assert outcome(vat, caller.now(ref, "get", "a")) == 1
    assert isinstance(outcome(vat, caller.now(ref, "put", "a", 2)), NotAllowed)
    counted = vat.spawn(Attenuated, table, Attenuation(count=5))
    assert NotNear.__name__ in str(outcome(vat, caller.now(counted, "get", "a")))


def test_attenuated_references_stack() -> None:
    """Attenuating twice passes what both pass; marks of the class are seen through the first."""
    vat = Vat()
    first = vat.spawn(Attenuated, vat.spawn(Table), Attenuation(methods=["get", "put", "size"]))
    second = vat.spawn(Attenuated, first, Attenuation(read_only=True))
    assert outcome(vat, second.get("a")) is None and outcome(vat, second.size()) == 0
    assert isinstance(outcome(vat, second.put("a", 1)), NotAllowed)
    assert isinstance(outcome(vat, second.me()), NotAllowed)


def test_a_very_long_stack_breaks_nothing() -> None:
    """Gates before gates take a turn's place each, not the interpreter's stack."""
    vat = Vat()
    ref: Any = vat.spawn(Table)
    for _ in range(3000):
        ref = vat.spawn(Attenuated, ref)
    assert outcome(vat, ref.size()) == 0


def test_rules_speak_for_far_objects() -> None:
    """A far object's class cannot be seen: with rules its reading methods pass, without them nothing read-only does."""
    vat = Vat()
    far = vat.device("far", Device())
    blind = vat.spawn(Attenuated, far, Attenuation(read_only=True))
    told = vat.spawn(Attenuated, far, Attenuation(read_only=True, prefix="a"), None, rules_of(Table))
    blind_answer, told_answer, wrong = blind.get("a"), told.get("a"), told.get("b")
    vat.run()
    assert len(vat.unstarted) == 1
    vat.unstarted.pop().close()
    with pytest.raises(NotAllowed):
        resolved(blind_answer)
    with pytest.raises(NotAllowed):
        resolved(wrong)
    assert isinstance(told_answer, Ref)


def test_making_one_checks_the_attenuation() -> None:
    """`attenuated` refuses nonsense, a time without a clock, and a promise that would let messages overtake each other."""
    vat = Vat()
    caller, table = vat.spawn(Caller), vat.spawn(Table)
    assert outcome(vat, outcome(vat, caller.narrow(table, Attenuation(read_only=True))).size()) == 0
    assert isinstance(outcome(vat, caller.narrow(table, Attenuation(count=-1))), BadArgument)
    assert isinstance(outcome(vat, caller.narrow(table, Attenuation(until=1))), BadArgument)
    pending = outcome(vat, caller.pending())[0]
    assert Misuse.__name__ in str(outcome(vat, caller.narrow(pending, Attenuation())))

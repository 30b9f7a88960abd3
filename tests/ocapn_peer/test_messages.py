"""Deliveries, promises, garbage and the end, as the public suite's tests have them, in both dialects."""

from __future__ import annotations

import pytest

from remit.values import Symbol
from tests.ocapn_peer.client import BUILDER, ECHO, GREETER, RESOLVER, desc, mine, op, theirs

S = Symbol


def test_an_abort_before_the_hello_ends_the_connection(place, peer, dialect):
    """What comes after an early op:abort is not answered: our side reads an orderly end, no abort and no reset."""
    wire = place().dial(peer, dialect)
    wire.send(op("abort", "before anything"))
    wire.hello()
    with pytest.raises(EOFError):
        wire.receive()


def test_a_message_without_any_wish_is_done(open):
    """The greeter greets whom it is told to, though nobody waits for its answer."""
    wire = open()
    greeted = wire.new_object()
    wire.tell(wire.fetch(GREETER), mine(greeted))
    args, answer, resolver = wire.call_of(greeted)
    assert args == ["Hello"]
    assert type(answer) is int and resolver.label == S("desc:import-object"), "it wants to hear, and may pipeline"


def test_a_resolver_is_told_the_result(open):
    """Values of several kinds come back as they went."""
    wire = open()
    values = ["foo", 1, False, b"bar", ["baz"]]
    assert wire.result(wire.ask(wire.fetch(ECHO), *values)) == ("fulfill", values)


def pipelined(wire, spec):
    """Fetch the builder, build a factory and a car, and drive it, each by the answer of the one before."""
    answers = [wire.new_answer() for _ in range(3)]
    wire.ask(theirs(0), S("fetch"), BUILDER, answer=answers[0])
    wire.ask(desc("answer", answers[0]), answer=answers[1])
    wire.ask(desc("answer", answers[1]), spec, answer=answers[2])
    return wire.result(wire.ask(desc("answer", answers[2])))


def test_messages_go_ahead_to_answers(open):
    """Four messages, each but the first to the answer of the one before, come to one result."""
    assert pipelined(open(), [S("red"), S("zoomracer")]) == ("fulfill", "Vroom! I am a red zoomracer car!")


def test_a_part_of_an_answer_is_taken_before_it_is_there(open):
    """op:index of what the echo will answer, op:get of what stands there, and a message about a part that is not there."""
    wire = open()
    whole, part, field, nothing = (wire.new_answer() + 1 for _ in range(4))
    wire.ask(wire.fetch(ECHO), 1, {"name": "x"}, answer=whole)
    wire.send(op("index", desc("answer", whole), 1, part))
    wire.send(op("get", desc("answer", part), "name", field))
    wire.send(op("get", desc("answer", part), "no such name", nothing))
    assert wire.result(wire.listen(desc("answer", field))) == ("fulfill", "x")
    assert wire.result(wire.listen(desc("answer", nothing)))[0] == "break"


def test_a_broken_answer_breaks_what_went_ahead_to_it(open):
    """A specification of no car breaks the drive, with one value."""
    verb, reason = pipelined(open(), [1, 2, 3, 4, 5])
    assert verb == "break" and reason.label == S("desc:error")


def test_one_reference_is_given_back(open):
    """What the echo does not keep is given back, once for the one time it came."""
    wire = open()
    ours = wire.new_object()
    wire.tell(wire.fetch(ECHO), mine(ours))
    wire.until_counted(lambda: wire.given_back.get(ours) == 1)


def test_several_times_in_one_message_are_given_back(open):
    """A reference that came four times in one message is given back four times."""
    wire = open()
    ours = wire.new_object()
    wire.tell(wire.fetch(ECHO), *[mine(ours)] * 4)
    wire.until_counted(lambda: wire.given_back.get(ours) == 4)


def test_several_times_in_several_messages_are_given_back(open):
    """And so it is when it came in four messages, in however many of our own."""
    wire = open()
    echo, ours = wire.fetch(ECHO), wire.new_object()
    for _ in range(4):
        wire.tell(echo, mine(ours))
    wire.until_counted(lambda: wire.given_back.get(ours) == 4)


def test_an_answer_is_given_back_when_it_was_told(open):
    """The greeter's own question: once its promise is fulfilled, its answer position is given back."""
    wire = open()
    greeted = wire.new_object()
    wire.tell(wire.fetch(GREETER), mine(greeted))
    _, answer, resolver = wire.call_of(greeted)
    wire.tell(theirs(resolver.fields[0]), S("fulfill"), "Hello")
    wire.until_counted(lambda: answer in wire.answers_back)


@pytest.mark.parametrize(("verb", "value"), [("fulfill", S("ok")), ("break", S("oh-no"))])
def test_who_listens_to_a_promise_hears_how_it_was_settled(open, verb, value):
    """op:listen to a pending promise: its resolver is told, fulfilled or broken, with what it was settled with."""
    wire = open()
    vow, resolver = wire.result(wire.ask(wire.fetch(RESOLVER)))[1]
    listening = wire.listen(theirs(vow.fields[0]))
    wire.tell(theirs(resolver.fields[0]), S(verb), value)
    assert wire.result(listening) == (verb, value)


def test_who_listens_to_a_settled_promise_hears_at_once(open):
    """op:listen after the promise was fulfilled is answered, too."""
    wire = open()
    vow, resolver = wire.result(wire.ask(wire.fetch(RESOLVER)))[1]
    wire.tell(theirs(resolver.fields[0]), S("fulfill"), S("ok"))
    assert wire.result(wire.listen(theirs(vow.fields[0]))) == ("fulfill", S("ok"))

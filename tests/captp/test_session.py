"""Two engines, message by message."""

from __future__ import annotations

from typing import Any

import pytest

from remit.captp import OCAPN_1_0, SUITE_2026_02
from remit.errors import BadArgument, Broken, LinkLost, Missing, NoSuchMethod, Uncertain, Unreachable
from remit.testing import World
from remit.values import Record, Symbol, Tagged, encode
from remit.vat import PENDING, Ref, Vat, resolved, send, tell
from tests.captp.objects import Counter, Shelf


class Pair:
    """Nodes a and b with one session, and b's counter as a sees it."""

    def __init__(self, *dialects: Any) -> None:
        self.world = World()
        first, second = dialects or (OCAPN_1_0, OCAPN_1_0)
        self.a, self.b = self.world.node("a", first), self.world.node("b", second)
        self.near = self.b.vat.spawn(Counter)
        self.b.objects[b"counter"] = self.near
        self.session = self.world.open(self.a, self.b)
        self.world.settle()
        self.far: Any = self.a.remote(self.session, b"counter")
        self.world.settle()
        self.far = resolved(self.far)

    def result(self, promise: Any) -> Any:
        self.world.settle()
        return resolved(promise)

    def end(self) -> None:
        self.far = None
        self.near = None
        self.world.check_empty()


def test_hellos_are_exchanged_before_anything_else() -> None:
    """The initiator speaks first, the responder answers with its own hello, and then the session is open."""
    world = World()
    a, b = world.node("a"), world.node("b")
    session = world.open(a, b)
    assert session.state == "greeting"
    world.deliver(b, "op:start-session")
    world.deliver(a, "op:start-session")
    assert session.state == "open"
    assert session.id == world.pipes[session].receiver.id
    world.check_empty()


def test_a_call_is_one_message_there_and_one_back() -> None:
    """op:deliver with an answer position and a resolver; the resolver is told; then both are given back."""
    pair = Pair()
    promise = pair.far.increment(2)
    pair.world.deliver(pair.b, "op:deliver")
    assert resolved(promise) is PENDING
    pair.world.deliver(pair.a, "op:deliver")
    assert resolved(promise) == 2
    pair.world.deliver(pair.a, "op:gc-exports")
    pair.world.deliver(pair.b, "op:gc-answers")
    assert pair.world.pending() == []
    del promise
    pair.end()


def test_pipelined_calls_leave_together() -> None:
    """Messages to a promise go ahead to where its result will be: three calls, one round trip."""
    pair = Pair()
    last = pair.far.me().me().increment(3)
    sent = [pair.world.deliver(pair.b, "op:deliver") for _ in range(3)]
    assert b"desc:export" in sent[0]
    assert b"desc:answer" in sent[1]
    assert b"desc:answer" in sent[2]
    assert pair.result(last) == 3
    del last
    pair.end()


def test_fire_and_forget_has_no_answer() -> None:
    """`tell` sends op:deliver with false for answer position and resolver."""
    pair = Pair()
    tell(pair.far).note("x")
    message = pair.world.deliver(pair.b, "op:deliver")
    assert message.endswith(b"ff>")
    assert pair.result(pair.far.notes()) == ["x"]
    pair.end()


def test_values_arrive_as_they_were_sent() -> None:
    """Every kind of value of the model passes both ways, keyword arguments and references included."""
    pair = Pair()
    mine = pair.a.vat.spawn(Counter)
    args = [
        1,
        -7,
        2.5,
        "té",
        b"\0\xff",
        True,
        None,
        [1, [2]],
        {"k": {"l": 1}},
        Symbol("s"),
        Tagged("t", 5),
        mine,
        pair.far,
    ]
    got = pair.result(pair.far.echo(*args, key=[mine]))
    assert got[0][:-2] == args[:-2]
    assert got[0][-2] is mine
    assert got[0][-1] is pair.far
    assert got[1] == {"key": [mine]}
    del mine, args, got
    pair.end()


def test_errors_cross_as_kind_message_and_id() -> None:
    """The caller gets a copied `Broken` that names what was raised; classes of ours come out as themselves."""
    pair = Pair()
    with pytest.raises(Broken, match="as asked") as caught:
        pair.result(pair.far.fail())
    assert caught.value.kind == "ValueError"
    assert caught.value.id.startswith("b.")
    with pytest.raises(NoSuchMethod, match="has no method 'nothing'"):
        pair.result(pair.far.nothing())
    with pytest.raises(BadArgument, match="by must be int, not str"):
        pair.result(pair.far.increment("x"))
    caught = None  # type: ignore[assignment]
    pair.end()


def test_a_broken_answer_breaks_what_was_pipelined_on_it() -> None:
    """A call on a result that never comes breaks with the reason of the first."""
    pair = Pair()
    promise = pair.far.fail().increment(1)
    with pytest.raises(Broken, match="as asked"):
        pair.result(promise)
    del promise
    pair.end()


def test_a_call_on_data_breaks() -> None:
    """Delivery to something that is not a reference breaks."""
    pair = Pair()
    with pytest.raises(NoSuchMethod, match="int data"):
        pair.result(pair.far.increment(1).increment(1))
    pair.end()


def test_callbacks_run_at_home() -> None:
    """A reference that was passed along is called back over the same session."""
    pair = Pair()
    mine = pair.a.vat.spawn(Counter)
    assert pair.result(pair.far.ask(mine, 4)) == 4
    del mine
    pair.end()


@pytest.mark.parametrize(("selector", "part"), [("op:get", "name"), ("op:index", 1)])
def test_parts_of_results_can_be_asked_for(selector: str, part: Any) -> None:
    """op:get and op:index answer with a part of a result, and break where there is none."""
    pair = Pair()
    session = pair.session
    promise = pair.far.struct() if selector == "op:get" else pair.far.echo(1, 2)
    pair.world.quiet()
    answer = -promise._at
    which = b'4"name' if selector == "op:get" else b"0+"
    raw = b"<%d'%s<11'desc:answer%d+>%s900+>" % (len(selector), selector.encode(), answer, which)
    pair.world.pipes[session].messages.append(raw)
    pair.world.pipes[session].messages.append(b"<9'op:listen<11'desc:answer900+><18'desc:import-object0+>f>")
    pair.world.settle()
    expected = "x" if selector == "op:get" else [1, 2]
    assert resolved(pair.world.pipes[session].receiver.answers[900]) == expected
    pair.world.pipes[session].messages.append(b"<13'op:gc-answers[900+]>")
    pair.world.settle()
    del promise
    assert part is not None


def test_a_promise_is_passed_and_listened_to() -> None:
    """An unresolved promise crosses as desc:import-promise; op:listen brings its result."""
    pair = Pair()
    shelf = pair.b.vat.spawn(Shelf)
    pair.b.objects[b"shelf"] = shelf
    far_shelf = pair.result(pair.a.remote(pair.session, b"shelf"))
    mine = pair.a.vat.spawn(Shelf)
    later = mine.later()
    pair.a.vat.run()
    pair.result(far_shelf.put([later]))
    doubled = pair.result(far_shelf.get())[0]
    pair.result(mine.fulfil("now"))
    assert pair.result(doubled) == "now"
    del doubled, later, mine, far_shelf, shelf
    pair.end()


def test_the_same_reference_keeps_its_identity() -> None:
    """What goes out and comes back is the very same reference."""
    pair = Pair()
    assert pair.result(pair.far.me()) is pair.far
    pair.end()


def test_an_unknown_swiss_number_breaks() -> None:
    """fetch of what is not there breaks the promise and not the session."""
    pair = Pair()
    with pytest.raises(Missing):
        pair.result(pair.a.remote(pair.session, b"nothing"))
    assert pair.session.state == "open"
    pair.end()


def test_calls_in_flight_are_uncertain_when_the_link_breaks() -> None:
    """Sent but unanswered: may have been done. Later ones: not sent. Held references hear of the loss, once."""
    pair = Pair()
    listener = pair.a.vat.spawn(Counter)
    pair.session.on_sever(pair.far._at, listener)
    promise = pair.far.increment(1)
    pair.world.quiet()
    pair.world.cut(pair.session)
    with pytest.raises(Uncertain):
        pair.result(promise)
    with pytest.raises(Unreachable, match="nothing was sent"):
        pair.result(pair.far.increment(1))
    assert pair.b.ended_sessions[0][1].kind == "Unreachable"
    assert pair.session.left() == []


def test_a_question_whose_resolver_was_given_back_breaks() -> None:
    """A peer that lets go of our resolver (it may be dying) will never answer: whoever waits hears of it."""
    pair = Pair()
    promise = pair.far.increment(1)
    pair.world.quiet()
    (position,) = set(pair.session.exports.by_position) - {0}
    pair.session.received(encode(Record(Symbol("op:gc-exports"), [[position], [1]])))
    with pytest.raises(Uncertain, match="has let go of the answer"):
        resolved(promise)


def test_an_abort_ends_both_sides() -> None:
    """op:abort carries its reason to the peer, whose calls break."""
    pair = Pair()
    promise = pair.far.increment(1)
    pair.world.quiet()
    pair.world.pipes[pair.session].messages.clear()
    pair.world.pipes[pair.session].receiver.abort("enough")
    pair.world.quiet()
    with pytest.raises(LinkLost, match="enough"):
        pair.result(promise)
    assert pair.session.state == "ended"


@pytest.mark.parametrize("first", [OCAPN_1_0, SUITE_2026_02])
@pytest.mark.parametrize("second", [OCAPN_1_0, SUITE_2026_02])
def test_dialects_work_together(first: Any, second: Any) -> None:
    """Each side sends its own dialect and reads the other's."""
    pair = Pair(first, second)
    tell(pair.far).note(1)
    assert pair.result(pair.far.me().increment(2)) == 2
    assert pair.result(pair.far.notes()) == [1]
    pair.end()


def test_a_reference_is_given_back_as_often_as_it_came() -> None:
    """The exporter counts each writing; the importer gives all of them back when it lets go."""
    pair = Pair()
    mine = pair.a.vat.spawn(Counter)
    pair.result(pair.far.echo(mine, mine, [mine]))
    del mine
    pair.end()


def test_a_dump_shows_tables_and_no_faults() -> None:
    """`dump()` names every entry and marks what contradicts the invariants."""
    pair = Pair()
    promise = pair.far.increment(1)
    pair.world.quiet()
    text = pair.session.dump()
    assert "question" in text
    assert "FAULT" not in text
    pair.session.imports.by_position[pair.far._at].count = 0
    assert "FAULT import" in pair.session.dump()
    pair.session.imports.by_position[pair.far._at].count = 1
    assert pair.result(promise) == 1
    del promise
    pair.end()


def test_send_reaches_hyphenated_names_and_functions() -> None:
    """A selector that is not Python's name finds its method at the other end."""
    pair = Pair()
    assert pair.result(send(pair.far, "increment", by=5)) == 5
    pair.end()


def test_a_vat_of_its_own_answers_through_the_nodes_session() -> None:
    """An object of another vat of the node is exported, called and answered like the others."""
    pair = Pair()
    other = Vat("other")
    counter: Ref[Counter] | None = other.spawn(Counter)
    assert counter is not None
    pair.b.objects[b"other"] = counter
    far = pair.result(pair.a.remote(pair.session, b"other"))
    promise = far.increment(9)
    pair.world.settle()
    other.run()
    assert pair.result(promise) == 9
    del far, promise, counter
    pair.end()

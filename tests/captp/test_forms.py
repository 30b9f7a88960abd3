"""Every form that a known implementation sends is taken; one named dialect is sent; what cannot be sent leaves nothing behind."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from remit.captp import OCAPN_1_0, SUITE_2026_02, dialect
from remit.captp._outgoing import BATCH
from remit.errors import Broken, Misuse
from remit.testing import Pipe, World
from remit.values import Locator, Record, Symbol, Tagged, decode, encode, raw_record
from remit.vat import Message, Promise, actor, resolved, tell
from tests.captp.hostile import Scene, deliver, desc, export, op
from tests.captp.objects import Counter, Shelf

S = Symbol


# --- taken --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        deliver(S("note"), 7),
        op("deliver-only", export(1), [S("note"), 7]),
    ],
)
def test_a_message_without_any_wish_in_both_forms(form: Record) -> None:
    """op:deliver with false and false, and the older op:deliver-only."""
    scene = Scene()
    scene.inject(form)
    assert scene.result(scene.counter.notes()) == [7]
    assert scene.answers() == []


@pytest.mark.parametrize(
    "form",
    [
        op("gc-exports", [1], [1]),
        op("gc-export", [1], [1]),
        op("gc-export", 1, 1),
    ],
)
def test_references_are_given_back_in_three_forms(form: Record) -> None:
    """The plural and the singular label, lists and single integers."""
    scene = Scene()
    scene.inject(form)
    assert scene.session.left() == []
    assert scene.aborted() is None


@pytest.mark.parametrize("form", [op("gc-answers", [5]), op("gc-answer", [5]), op("gc-answer", 5)])
def test_answers_are_given_back_in_three_forms(form: Record) -> None:
    """The same for answers, whose positions may then be used again."""
    scene = Scene()
    scene.inject(deliver(S("notes"), answer=5), form)
    assert scene.session.answers == {}
    scene.inject(deliver(S("notes"), answer=5))
    assert scene.aborted() is None


@pytest.mark.parametrize("flags", [(), (False,), (True,)])
def test_a_promise_is_listened_to_with_two_or_three_fields(flags: tuple[Any, ...]) -> None:
    """op:listen with and without its third field; the answer comes at once if there is one."""
    scene = Scene()
    scene.inject(
        deliver(S("increment"), 4, answer=5), op("listen", desc("answer", 5), desc("import-object", 2), *flags)
    )
    fulfil, back = scene.answers()
    assert fulfil == op("deliver", export(2), [S("fulfill"), 4], False, False)
    assert back == op("gc-exports", [2], [1])


def test_an_answer_position_may_be_0_and_a_resolver_may_stand_at_0() -> None:
    """Some peers count both from 0: their first resolver has the number of their bootstrap object."""
    scene = Scene()
    scene.inject(deliver(S("increment"), 2, answer=0, resolver=desc("import-object", 0)))
    (fulfil, _) = scene.answers()
    assert fulfil == op("deliver", export(0), [S("fulfill"), 2], False, False)
    scene.inject(op("deliver", desc("answer", 0), [], False, False))
    assert scene.aborted() is None


def test_a_resolver_may_be_a_promise() -> None:
    """desc:import-promise names a resolver as well as desc:import-object."""
    scene = Scene()
    scene.inject(deliver(S("increment"), 2, resolver=desc("import-promise", 3)))
    assert scene.answers()[0] == op("deliver", export(3), [S("fulfill"), 2], False, False)


@pytest.mark.parametrize(
    ("made", "part", "expected"),
    [
        ({"a": 1, "b": [2]}, op("get", desc("answer", 5), "b", 6), [2]),
        ({"a": 1}, op("get", desc("answer", 5), S("a"), 6), 1),
        (["x", "y"], op("index", desc("answer", 5), 1, 6), "y"),
        (Tagged("t", 9), op("untag", desc("answer", 5), "t", 6), 9),
        (Tagged("t", 9), op("untag", desc("answer", 5), S("t"), 6), 9),
    ],
)
def test_parts_of_answers_are_taken(made: Any, part: Record, expected: Any) -> None:
    """op:get, op:index and op:untag give a part a position of its own, before or after the whole is there."""
    scene = Scene()
    shelf = scene.b.vat.spawn(Shelf, made)
    position = scene.session.exports.add(shelf)
    scene.inject(
        deliver(S("get"), to=position, answer=5), part, op("listen", desc("answer", 6), desc("import-object", 2))
    )
    assert scene.answers()[0] == op("deliver", export(2), [S("fulfill"), encoded(expected)], False, False)


def encoded(value: Any) -> Any:
    return decode(encode(value), record=raw_record)


@pytest.mark.parametrize(
    "part",
    [
        op("get", desc("answer", 5), "missing", 6),
        op("index", desc("answer", 5), 0, 6),
        op("untag", desc("answer", 5), "t", 6),
        op("get", export(1), "name", 6),
    ],
)
def test_a_part_that_is_not_there_breaks(part: Record) -> None:
    """The peer hears `break`; the session goes on."""
    scene = Scene()
    scene.inject(deliver(S("struct"), answer=5), part, op("listen", desc("answer", 6), desc("import-object", 2)))
    assert scene.answers()[0].fields[1][0] == S("break")


@pytest.mark.parametrize("args", [[S("increment"), 3], ["increment", 3]])
def test_an_object_that_is_called_as_a_function_finds_its_method_by_a_symbol(args: list[Any]) -> None:
    """On the wire a method's name is the first argument, as a symbol; a string is an argument like others."""
    scene = Scene()
    scene.inject(deliver(*args, resolver=desc("import-object", 2)))
    answer = scene.answers()[0].fields[1]
    assert answer[0] == (S("fulfill") if isinstance(args[0], Symbol) else S("break"))


# --- sent ----------------------------------------------------------------------------------------------------------------


def sent(form: Any) -> list[bytes]:
    """What a node of this dialect sends for a call and a told message, and when it gives back."""
    world = World()
    a, b = world.node("a", form), world.node("b")
    b.objects[b"c"] = b.vat.spawn(Counter)
    session = world.open(a, b)
    messages: list[bytes] = []

    def first(pipes: list[Pipe]) -> Pipe:
        if pipes[0].sender is session:
            messages.append(pipes[0].messages[0])
        return pipes[0]

    world.settle(first)
    far = a.remote(session, b"c")
    world.settle(first)
    tell(far).note(1)
    promise = far.me()
    world.settle(first)
    del far, promise
    gc.collect()
    world.settle(first)
    return messages[1:]  # the hello is signed with a fresh key


def test_the_dialects_differ_in_three_forms() -> None:
    """One-way messages and the two labels for what is given back; everything else is the same bytes."""
    new, old = sent(OCAPN_1_0), sent(SUITE_2026_02)
    translated = [
        message.replace(b"15'op:deliver-only", b"10'op:deliver").replace(b"12'op:gc-export[", b"13'op:gc-exports[")
        for message in old
    ]
    translated = [message.replace(b"12'op:gc-answer[", b"13'op:gc-answers[") for message in translated]
    translated = [m[:-1] + b"ff>" if b"'note" in m else m for m in translated]
    assert translated == new
    assert new != old
    assert any(b"op:gc-exports" in message for message in new)
    assert any(b"op:gc-answers" in message for message in new)


def test_dialects_have_names() -> None:
    """A wrong name is answered with the right ones."""
    assert dialect("ocapn-1.0") is OCAPN_1_0
    with pytest.raises(Misuse, match="known are: ocapn-1.0, suite-2026-02"):
        dialect("x")


def test_much_that_is_given_back_goes_in_several_messages() -> None:
    """No op:gc-exports or op:gc-answers is larger than what every peer takes."""
    scene = Scene()
    many = 2 * BATCH + 5
    for position in range(many):
        scene.session.imports.receive(position, promise=False)
    scene.session._gc_answers.extend(range(many))
    gc.collect()
    scene.world.dirty.append(scene.session)
    messages = scene.answers()
    assert [len(m.fields[0]) for m in messages] == [BATCH, BATCH, 5] * 2
    positions = sorted(p for m in messages if len(m.fields) == 2 for p in m.fields[0])
    assert positions == list(range(many))


# --- what is not sent after all ------------------------------------------------------------------------------------------------


@actor(kind="test.forms.giver")
class Giver:
    """Answers with more than can be sent."""

    def much(self) -> list[Any]:
        from remit.vat import this

        return [this(), b"x" * (2 << 20)]


def test_a_call_that_cannot_be_sent_leaves_nothing_behind() -> None:
    """The references in it do not count as sent, nor is a question kept."""
    scene = Scene()
    mine = scene.c.vat.spawn(Counter)
    for value in (b"x" * (2 << 20), mine):
        scene.honest.exports.limit = 0 if value is mine else 1000
        with pytest.raises(Broken) as caught:
            scene.result(scene.far.echo(mine, value))
        assert caught.value.kind in ("LimitExceeded", "NotPassable")
    scene.honest.exports.limit = 1000
    assert scene.result(scene.far.increment(1)) == 1
    assert [line for line in scene.honest.left() if "export" in line] == []
    assert scene.honest._questions == {}


def test_a_call_whose_answer_has_no_place_breaks() -> None:
    """When the peer holds as many references as it may, calls break with the limit, and told messages still go."""
    scene = Scene()
    scene.honest.exports.limit = 0
    promise = scene.far.increment(1)
    with pytest.raises(Broken, match="must give some back"):
        scene.result(promise)
    tell(scene.far).note("told")
    scene.world.settle()
    assert scene.result(scene.counter.notes()) == ["told"]
    scene.honest.exports.limit = 1
    assert scene.result(scene.far.increment(1)) == 1


def test_a_promise_that_cannot_be_listened_to_breaks() -> None:
    """The same for the promise of a peer's that somebody waits for."""
    scene = Scene()
    scene.inject(deliver(S("note"), desc("import-promise", 1)))
    held = scene.result(scene.counter.notes())[0]
    scene.session.exports.limit = 1
    waiting: Promise[Any] = Promise(scene.b.vat)
    waiting._settle(held, None)
    with pytest.raises(Broken, match="must give some back"):
        scene.result(scene.b.vat.spawn(Waiter).wait(held))


@actor(kind="test.forms.waiter")
class Waiter:
    async def wait(self, promise: Any) -> Any:
        return await promise


def test_an_answer_that_cannot_be_sent_is_a_break() -> None:
    """The caller hears why; the references in it don't count as sent."""
    scene = Scene()
    position = scene.session.exports.add(scene.b.vat.spawn(Giver))
    scene.inject(deliver(S("much"), to=position, resolver=desc("import-object", 2)))
    verb, error = scene.answers()[0].fields[1]
    assert verb == S("break")
    assert "above the limit" in error.fields[0]
    assert scene.session.exports.by_position[position].count == 1


# --- peers of another kind -------------------------------------------------------------------------------------------------------


def foreign(form: Any = OCAPN_1_0) -> tuple[World, Any, Any, Any]:
    """Our node a with a session to b, which is not of our kind."""
    world = World()
    a, b = world.node("a", form), world.node("b")
    b.locator = Locator("tcp-testing-only", "b", {"host": "h", "port": "1"})
    world.nodes["b"] = b
    session = world.open(a, b)
    world.settle()
    return world, a, b, session


@actor(kind="test.forms.function")
class Function:
    """An object that is a function: whatever comes is a call of it."""

    calls: list[Any] = []

    def __call__(self, *args: Any) -> int:
        self.calls.append(list(args))
        return len(self.calls)

    def all(self) -> list[Any]:
        return list(self.calls)


def test_a_foreign_peer_is_sent_no_flush() -> None:
    """Its objects may be functions, to which a flush would be a call; a promise that is shortened is just used."""
    world, a, b, session = foreign()
    function, shelf = b.vat.spawn(Function), b.vat.spawn(Shelf)
    b.objects[b"f"], b.objects[b"s"] = function, shelf
    mine = a.vat.spawn(Counter)
    far_shelf = a.remote(session, b"s")
    world.settle()
    tell(far_shelf).put(mine)
    back = far_shelf.get()
    notes = back.notes()
    world.settle()
    assert resolved(notes) == []
    assert resolved(back) is mine
    far = a.remote(session, b"f")
    world.settle()
    far("x")
    world.settle()
    calls = function.all()
    world.settle()
    assert resolved(calls) == [["x"]]


def test_a_flush_of_others_ends_at_a_foreign_peer() -> None:
    """A flush that is on its way to a foreign object is answered at the border."""
    world, a, b, session = foreign()
    function = b.vat.spawn(Function)
    b.objects[b"f"] = function
    far = a.remote(session, b"f")
    world.settle()
    answered: Promise[Any] = Promise(a.vat)
    far._route(Message(far, "op:flush", (), None, answered, session.context, True), None)
    world.settle()
    assert resolved(answered) is None
    calls = function.all()
    world.settle()
    assert resolved(calls) == []


def test_a_flush_reaches_no_object_of_ours() -> None:
    """It is answered when its turn comes, without a call; so a function is not called by it."""
    scene = Scene()
    function = scene.b.vat.spawn(Function)
    position = scene.session.exports.add(function)
    scene.inject(deliver("first", to=position), deliver(S("op:flush"), to=position, resolver=desc("import-object", 2)))
    assert scene.answers()[0] == op("deliver", export(2), [S("fulfill"), encoded(None)], False, False)
    assert scene.result(function.all()) == [["first"]]

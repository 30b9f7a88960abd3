"""What passes from one object to another, near or far: fresh copies of the model's data. (docs/design.md, section 3)"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from remit.errors import Broken, NotPassable
from remit.values import decode, encode, record, same
from remit.vat import Ref, Vat, actor, call, field, send, tell
from tests.strategies import VALUES
from tests.vat.kit import broken, run, settle


@record("tests.vat.pair")
class Pair:
    left: Any
    right: Any = None


@actor(kind="tests.box")
class Box:
    value: Any = None
    other: Ref[Any] | None = None
    got: list[Any] = field(list)

    def echo(self, value: Any) -> Any:
        return value

    def kw(self, *, value: Any) -> Any:
        return value

    def keep(self, value: Any) -> None:
        self.value = value

    def given(self) -> Any:
        return self.value

    def spoil(self, value: list[Any]) -> None:
        value.append("spoilt")

    def lend(self) -> list[Any]:
        mine: list[Any] = [[1], {"a": [2]}]
        tell(self.other).spoil(mine)
        mine.append("after")
        return mine

    def bad_result(self) -> Any:
        self.value = "changed"
        return {1, 2}

    def bad_send(self) -> None:
        self.value = "changed"
        tell(self.other).echo(object())

    def bad_send_caught(self) -> str:
        try:
            self.other.echo([1, {"x": object()}])  # type: ignore[union-attr]
        except NotPassable as error:
            return str(error)
        return "passed"

    def raise_broken(self, error: Broken) -> None:
        raise error

    def called(self, value: Any) -> Any:
        return call(self.other).echo(value)  # type: ignore[type-var]


def boxes() -> tuple[Vat, Ref[Box]]:
    vat = Vat()
    return vat, vat.spawn(Box, other=vat.spawn(Box))


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_near_passing_is_what_the_wire_does(value: Any) -> None:
    """For every value: what a method gets, keeps, returns and what `call` gives is decode(encode(value)), types included."""
    _, it = boxes()
    wire = decode(encode(value))
    for way in (it.echo(value), it.kw(value=value), it.called(value), send(it, "echo", value)):
        got = settle(way)
        assert same(got, wire)
        assert type(got) is type(wire)
    settle(it.keep(value))
    assert same(settle(it.given()), wire)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_passing_between_vats_is_the_same(value: Any) -> None:
    """A message into another vat and its answer pass by the same rule."""
    here, there = Vat("here"), Vat("there")
    asker, box = here.spawn(Asker), there.spawn(Box)
    assert same(settle(asker.ask(box, value), here, there), decode(encode(value)))


@actor(kind="tests.asker")
class Asker:
    async def ask(self, box: Ref[Box], value: Any) -> Any:
        return await box.echo(value)


def test_arguments_are_copied_when_sent() -> None:
    """A receiver that changes its argument changes its own copy, and the sender may go on changing its own."""
    _, it = boxes()
    assert settle(it.lend()) == [[1], {"a": [2]}, "after"]
    mine = [1]
    answer = it.echo(mine)
    mine.append(2)
    assert settle(answer) == [1]


def test_containers_of_fields_pass_as_plain_copies() -> None:
    """What leaves an object's state is a plain list or dict, cut off from it."""
    _, it = boxes()
    settle(it.keep({"a": [1]}))
    out = settle(it.given())
    assert type(out) is dict
    assert type(out["a"]) is list
    out["a"].append(2)
    assert settle(it.given()) == {"a": [1]}


BAD = [{1, 2}, object(), bytearray(b"x"), 1j, ValueError("x"), {1: 2}, "\ud800", 10**2000, lambda: None, range(3), Box]


@pytest.mark.parametrize("value", BAD, ids=lambda value: type(value).__name__)
def test_what_cannot_pass_is_refused_where_it_is_sent(value: Any) -> None:
    """The sender gets `NotPassable` at the call, for plain and keyword arguments and every way of sending."""
    vat, it = boxes()
    ways = (
        lambda: it.echo(value),
        lambda: it.kw(value=value),
        lambda: tell(it).echo(value),
        lambda: send(it, "echo", value),
        lambda: it.echo([{"deep": [value]}]),
    )
    for way in ways:
        with pytest.raises(NotPassable):
            way()
    assert run(vat) == 0


def test_a_refused_value_is_named_by_its_path() -> None:
    """The error says where in the arguments the value sits, and the turn may catch it and go on."""
    _, it = boxes()
    text = settle(it.bad_send_caught())
    assert "[1]['x']" in text


def test_a_turn_that_sends_what_cannot_pass_is_undone() -> None:
    """Unless caught, the refusal fails the sending turn, and it is the sender's promise that breaks."""
    _, it = boxes()
    assert broken(it.bad_send()).kind == "NotPassable"
    assert settle(it.given()) is None


def test_a_result_that_cannot_pass_fails_its_turn() -> None:
    """The turn that returned it is undone, and its promise says what was wrong."""
    _, it = boxes()
    error = broken(it.bad_result())
    assert error.kind == "NotPassable"
    assert "set" in error.message
    assert settle(it.given()) is None


def test_errors_pass_as_copies() -> None:
    """An error arrives as one `Broken` of the same class, kind, words and id, without traceback or cause."""
    _, it = boxes()
    from remit.errors import Missing

    error = Missing("lost", id="there.7")
    got = broken(it.raise_broken(error))
    assert got == error
    assert got is not error
    assert type(got) is Missing
    assert got.__cause__ is None
    foreign = broken(it.raise_broken(Broken("x", kind="Custom")))
    assert (type(foreign), foreign.kind) == (Broken, "Custom")


def test_records_arrive_as_their_class() -> None:
    """A record passes as a record, with copies inside."""
    _, it = boxes()
    inner = [1]
    got = settle(it.echo(Pair(inner, it)))
    assert type(got) is Pair
    assert got.left == [1]
    assert got.left is not inner
    assert got.right is it


def test_references_pass_as_they_are() -> None:
    """A reference is the same on the other side, wherever in a value it sits."""
    _, it = boxes()
    assert settle(it.echo([{"a": it}]))[0]["a"] is it


@pytest.mark.parametrize("error", [ValueError("\ud800 half"), RuntimeError()])
def test_words_of_errors_can_always_travel(error: Exception) -> None:
    """Whatever an error says, its promise can be passed on."""

    @actor(kind="tests.raiser")
    class Raiser:
        def go(self) -> None:
            raise error

    vat = Vat()
    got = broken(vat.spawn(Raiser).go())
    assert got.kind == type(error).__name__
    assert decode(encode(got)) == got


def test_an_error_without_words_breaks_the_promise() -> None:
    """An error whose own text fails does no harm to the vat."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    @actor(kind="tests.mute")
    class Speaker:
        def go(self) -> None:
            raise Mute

    assert broken(Vat().spawn(Speaker).go()).kind == "Mute"

"""Promises: resolvers, `on`, and broken ones, which carry their cause into every use. (docs/design.md, section 3)"""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from remit.errors import Broken, Missing, Misuse, NoSuchMethod
from remit.values import Symbol
from remit.vat import (
    PENDING,
    Failed,
    Promise,
    Ref,
    Resolver,
    Vat,
    _ref,
    _spelt,
    actor,
    call,
    failed,
    on,
    promise,
    resolved,
    send,
    tell,
    this,
)
from remit.vat._active import COMPILED
from tests.vat.kit import Log, broken, pending, run, settle


@actor(kind="tests.user")
class User:
    kept: Any = None
    notes: list[Any] = []
    log: Ref[Log] | None = None

    def pair(self) -> list[Any]:
        return list(promise())

    def same(self, value: Any) -> Any:
        return value

    def keep(self, value: Any) -> None:
        self.kept = value

    def given(self) -> Any:
        return self.kept

    def fail(self, text: str) -> None:
        raise Missing(text)

    def call_it(self, what: Any) -> Any:
        return call(what).read()

    async def await_it(self, what: Any) -> Any:
        return await what

    def when(self, what: Any, *, fail: bool = False) -> Any:
        def fulfilled(value: Any) -> Any:
            self.notes.append(["fulfilled", value, this() is me])
            if fail:
                tell(self.log).add("from a handler")
                raise ValueError("handler")
            return "handled"

        def caught(error: Broken) -> Any:
            self.notes.append(["broken", error.kind])
            return "mended"

        me = this()
        return on(what, fulfilled, caught)

    def when_only(self, what: Any) -> Any:
        return on(what, fulfilled=lambda value: [value, value])

    def when_broken_only(self, what: Any) -> Any:
        return on(what, broken=lambda error: error.kind)

    def when_then_fail(self, what: Any) -> None:
        on(what, lambda value: self.notes.append("never"))
        raise ValueError("no")

    def when_async(self, what: Any) -> Any:
        async def later(value: Any) -> Any:
            self.notes.append("first turn")
            more = await this().same(value)
            return [more, "async"]

        return on(what, later)

    def noted(self) -> list[Any]:
        return self.notes


def user() -> tuple[Vat, Ref[User]]:
    vat = Vat()
    return vat, vat.spawn(User, log=vat.spawn(Log))


def pair(it: Ref[User]) -> tuple[Promise[Any], Ref[Resolver]]:
    made, resolver = settle(it.pair())
    return made, resolver


def test_a_resolver_settles_once() -> None:
    """The first settlement counts; later ones, of either sort, are ignored."""
    vat, it = user()
    made, resolver = pair(it)
    assert pending(made)
    assert resolved(made) is PENDING
    tell(resolver).fulfill("first")
    tell(resolver).fulfill("second")
    send(resolver, "break", "third")
    run(vat)
    assert settle(made) == "first"


def test_a_resolver_breaks() -> None:
    """`break` with an error breaks with that error; with anything else, with words that describe it."""
    _, it = user()
    made, resolver = pair(it)
    settle(resolver.break_(Missing("not here")))
    assert isinstance(broken(made), Missing)
    made, resolver = pair(it)
    settle(send(resolver, "break", "some words"))
    assert broken(made).message == "some words"
    assert failed(Symbol("late")).reason == Symbol("late")


def test_a_resolver_can_be_handed_on() -> None:
    """Whoever holds the resolver may settle the promise, in another vat, too."""
    vat, it = user()
    there = Vat("there")
    made, resolver = pair(it)
    agent = there.spawn(Agent)
    settle(agent.use(resolver), there, vat)
    run(there, vat)
    assert settle(made) == "from there"


@actor(kind="tests.agent")
class Agent:
    def use(self, resolver: Ref[Resolver]) -> None:
        tell(resolver).fulfill("from there")


def test_on_runs_in_a_turn_of_its_object() -> None:
    """`on` calls the function that fits in a later turn, with the object as `this()`, and promises what it returns."""
    _, it = user()
    made, resolver = pair(it)
    outcome = it.when(made)
    settle(resolver.fulfill(7))
    assert settle(outcome) == "handled"
    assert settle(it.noted()) == [["fulfilled", 7, True]]


def test_on_a_broken_promise() -> None:
    """The other function hears the error, and mends it by returning."""
    _, it = user()
    assert settle(it.when(it.fail("x"))) == "mended"
    assert settle(it.noted()) == [["broken", "Missing"]]


def test_on_lets_the_other_outcome_through() -> None:
    """Without a function for an outcome, that outcome passes on."""
    _, it = user()
    assert settle(it.when_only(it.same(1))) == [1, 1]
    assert isinstance(broken(it.when_only(it.fail("x"))), Missing)
    assert settle(it.when_broken_only(it.same(1))) == 1
    assert settle(it.when_broken_only(it.fail("x"))) == "Missing"


def test_a_handler_that_raises_is_undone() -> None:
    """A handler's turn is a transaction like others; its error breaks the promise that `on` gave."""
    _, it = user()
    error = broken(it.when(it.same(1), fail=True))
    assert (error.kind, error.message) == ("ValueError", "handler")
    assert settle(it.noted()) == []
    assert settle(it._at.log.read()) == []


def test_on_belongs_to_its_turn() -> None:
    """What a turn asked for with `on` is forgotten if the turn raises."""
    vat, it = user()
    broken(it.when_then_fail(it.same(1)))
    run(vat)
    assert settle(it.noted()) == []


def test_on_takes_references_values_and_async_functions() -> None:
    """`on` of something that is there already runs all the same; an async function may await."""
    _, it = user()
    assert settle(it.when_only(it)) == [it, it]
    assert settle(it.when_async(it.same(3))) == [3, "async"]
    assert settle(it.noted()) == ["first turn"]


def test_every_use_of_a_broken_promise_breaks_with_its_cause() -> None:
    """Sending, calling, awaiting, and passing it on: each gives the same error."""
    vat, it = user()
    cause = broken(it.fail("the cause"))
    bad: Promise[Any] = it.fail("the cause")
    run(vat)
    causes = [
        broken(bad.anything()),
        broken(bad.anything().more()),
        broken(it.call_it(bad)),
        broken(it.await_it(bad)),
        broken(it.same(bad)),
    ]
    for error in causes:
        assert (type(error), error.message) == (Missing, cause.message)
    assert len({error.id for error in causes}) == 1


def test_a_broken_promise_is_a_value() -> None:
    """It can be kept in a field and handed on, and stays broken."""
    vat, it = user()
    bad: Promise[Any] = it.fail("kept")
    run(vat)
    settle(it.keep(bad))
    assert isinstance(broken(it.given()), Missing)
    with pytest.raises(Missing):
        resolved(bad)


def test_data_takes_no_messages() -> None:
    """A message to a promise that became data breaks and says so."""
    _, it = user()
    error = broken(it.same("text").upper())
    assert isinstance(error, NoSuchMethod)
    assert "str data" in error.message


def test_a_promise_of_another_vat_is_not_near() -> None:
    """`call` refuses a promise of another vat even if it has become something near: awaiting it is the way."""
    vat, it = user()
    there = Vat("there").spawn(User)
    log = it._at.log
    theirs: Promise[Any] = there.same(log)
    run(there._vat, vat)
    assert settle(theirs) is log
    assert broken(it.call_it(theirs)).kind == "NotNear"
    assert settle(it.await_it(theirs), vat, there._vat) is log


def test_promises_have_no_public_names() -> None:
    """No public attribute of references or promises hides a method of the object behind them."""
    vat, it = user()
    for ref in (it, it.same(1), vat.device("d", object())):
        own = [name for name in dir(type(ref)) if name not in _ref._LEARNT and name not in dir(User)]
        assert [name for name in own if not name.startswith("_")] == []


def test_a_name_means_the_same_before_and_after_it_was_learnt() -> None:
    """The first use of a name on a promise makes it an attribute of its class, and every use sends the same message; names are learnt up to a bound."""
    _, it = user()
    for _ in range(2):
        assert settle(it.same(it).same(7)) == 7
    assert "same" in _ref._LEARNT
    with mock.patch.object(_ref, "_MOST", 0):
        assert broken(it.same(it).never_heard_of(1)).kind == "NoSuchMethod"
    assert "never_heard_of" not in _ref._LEARNT
    with pytest.raises(AttributeError):
        it._secret


@pytest.mark.skipif(COMPILED, reason="there tell gives what looks names up each time")
def test_a_name_means_the_same_before_and_after_it_was_told() -> None:
    """`tell` of a promise learns the names of methods, up to a bound, and every use sends the same message."""
    vat, it = user()
    told = it.same(it)
    for _ in range(2):
        tell(told).keep(7)
        run(vat)
        assert settle(it.given()) == 7
        settle(it.keep(None))
    assert "keep" in _spelt._TOLD
    with mock.patch.object(_spelt, "_MOST", 0):
        tell(told).never_told(1)
    assert "never_told" not in _spelt._TOLD
    with pytest.raises(AttributeError):
        tell(told)._secret


def test_repr_tells_the_state_and_no_value() -> None:
    """A promise shows whether it is broken and the class of its value, not the value: it may be a secret."""
    vat, it = user()
    secret: Promise[Any] = it.same("s3cret")
    assert repr(secret) == "<promise in vat>"
    run(vat)
    assert repr(secret) == "<promise of str>"
    assert "s3cret" not in repr(it)
    bad: Promise[Any] = it.fail("x")
    run(vat)
    assert "Missing: x" in repr(bad)
    assert isinstance(bad._value, Failed)


def test_promise_needs_a_turn() -> None:
    """Outside a turn there is no vat to own the promise."""
    with pytest.raises(Misuse):
        promise()

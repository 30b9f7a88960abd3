"""`call` runs now, under a savepoint: a call that raises undoes the callee's own effects. (docs/design.md, section 3)"""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import Broken, Misuse, NotNear
from remit.vat import Ref, Vat, actor, become, call, promise, spawn, tell, this
from tests.vat.kit import Log, broken, settle


@actor(kind="tests.callee")
class Callee:
    count: int = 0
    items: list[int] = []
    table: dict[str, Any] = {}
    log: Ref[Log] | None = None

    def work(self, n: int, fail: bool = False) -> int:
        self.count += n
        self.items.append(n)
        self.table[f"k{n}"] = n
        self.table["last"] = n
        tell(self.log).add(n)
        if fail:
            raise ValueError("callee")
        return self.count

    def shrink(self, fail: bool) -> None:
        del self.items[0]
        if fail:
            raise ValueError("callee")

    def turn(self, fail: bool) -> None:
        become(Done())
        if fail:
            raise ValueError("callee")

    def who(self) -> Ref[Any]:
        return this()

    def state(self) -> list[Any]:
        return [self.count, self.items, self.table]

    async def slow(self) -> None:
        pass

    def bad_result(self) -> Any:
        self.count = 77
        return object()

    def mutate(self, given: list[Any]) -> list[Any]:
        given.append("theirs")
        return self.items


@actor(kind="tests.done")
class Done:
    def who(self) -> str:
        return "done"


@actor(kind="tests.caller")
class Caller:
    callee: Ref[Callee]
    note: str = ""

    def caught(self) -> list[Any]:
        """Good call, failing call that is caught, good call."""
        self.note = "before"
        first = call(self.callee).work(1)
        with pytest.raises(Broken, match="callee"):
            call(self.callee).work(2, fail=True)
        third = call(self.callee).work(3)
        return [first, third, self.note]

    def after_own_change(self, fail: bool) -> None:
        call(self.callee).work(1)
        call(self.callee).work(2)
        if fail:
            raise ValueError("caller")

    def grow_then_shrink(self, fail: bool) -> None:
        call(self.callee).work(5)
        try:
            call(self.callee).shrink(fail)
        except Broken:
            pass
        raise ValueError("caller")

    def becoming(self, fail: bool) -> Any:
        try:
            call(self.callee).turn(fail)
        except Broken:
            pass
        return call(self.callee).who()

    def whom(self) -> list[Any]:
        return [call(self.callee).who(), this()]

    def slowly(self) -> None:
        call(self.callee).slow()

    def bad(self) -> str:
        try:
            call(self.callee).bad_result()
        except Misuse as error:
            return type(error).__name__
        return "nothing"

    def copies(self) -> list[Any]:
        mine: list[Any] = ["mine"]
        theirs = call(self.callee).mutate(mine)
        theirs.append("mine too")
        return [mine, call(self.callee).state()[1]]

    def a_new_one(self) -> int:
        return call(spawn(Callee, log=self.callee)).work(1)

    def on_promise(self) -> None:
        call(promise()[0]).work(1)

    def missing(self) -> str:
        try:
            call(self.callee).nothing_like_it()
        except Broken as error:
            return error.kind
        return "nothing"


def pair() -> tuple[Vat, Ref[Caller], Ref[Callee], Ref[Log]]:
    vat = Vat()
    log = vat.spawn(Log)
    callee = vat.spawn(Callee, log=log)
    return vat, vat.spawn(Caller, callee), callee, log


def test_a_caught_call_leaves_nothing() -> None:
    """A callee that raised is undone, fields, containers and messages, even if the caller catches the error."""
    _, caller, callee, log = pair()
    assert settle(caller.caught()) == [1, 4, "before"]
    assert settle(callee.state()) == [4, [1, 3], {"k1": 1, "k3": 3, "last": 3}]
    assert settle(log.read()) == [1, 3]


def test_calls_belong_to_the_turn() -> None:
    """What calls did well is undone with the turn that made them."""
    _, caller, callee, log = pair()
    settle(caller.after_own_change(False))
    before = settle(callee.state())
    broken(caller.after_own_change(True))
    assert settle(callee.state()) == before
    assert settle(log.read()) == [1, 2]


@pytest.mark.parametrize("fail", [False, True])
def test_savepoints_of_lists_nest(fail: bool) -> None:
    """A list that grew in one call and shrank in the next comes back whole."""
    _, caller, callee, _ = pair()
    settle(caller.after_own_change(False))
    broken(caller.grow_then_shrink(fail))
    assert settle(callee.state())[1] == [1, 2]


def test_become_in_a_call() -> None:
    """A callee that becomes something else has done so for the next call of the same turn, unless it raised."""
    _, caller, callee, _ = pair()
    assert settle(caller.becoming(True)) is callee
    assert settle(caller.becoming(False)) == "done"


def test_this_in_a_call() -> None:
    """Within a call, `this()` is the callee; after it, the caller again."""
    _, caller, callee, _ = pair()
    assert settle(caller.whom()) == [callee, caller]


def test_only_near_plain_methods_can_be_called() -> None:
    """`call` refuses async methods, promises without a result, and objects of other vats, with `NotNear`."""
    _, caller, _, _ = pair()
    assert broken(caller.slowly()).kind == "NotNear"
    assert broken(caller.on_promise()).kind == "NotNear"
    far = Vat("elsewhere").spawn(Callee)
    stranger = caller._vat.spawn(Caller, far)
    error = broken(stranger.after_own_change(False))
    assert error.kind == "NotNear"
    assert "send instead" in error.message
    with pytest.raises(Misuse, match="only inside a turn"):
        call(far).state()
    assert issubclass(NotNear, Misuse)


def test_a_result_that_cannot_pass_undoes_the_call() -> None:
    """`call` applies the rules of passing to the result, and undoes the callee where they refuse it."""
    _, caller, callee, _ = pair()
    assert settle(caller.bad()) == "NotPassable"
    assert settle(callee.state())[0] == 0


def test_a_call_passes_copies() -> None:
    """Lists arrive and return as fresh copies: neither side can change the other's."""
    _, caller, _, _ = pair()
    assert settle(caller.copies()) == [["mine"], []]


def test_a_new_object_can_be_called() -> None:
    """An object spawned in this turn is near at once."""
    _, caller, _, _ = pair()
    assert settle(caller.a_new_one()) == 1


def test_a_missing_method_is_broken() -> None:
    """`call` of what is not there raises what a send would break with."""
    _, caller, _, _ = pair()
    assert settle(caller.missing()) == "NoSuchMethod"

"""Turns are transactions: all effects of a message happen, or none. (docs/design.md, section 3)"""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import Broken, Misuse
from remit.vat import Promise, Ref, Vat, actor, become, promise, send, spawn, tell, this
from tests.vat.kit import Log, broken, pending, run, settle


@actor(kind="tests.store")
class Store:
    number: int = 0
    items: list[Any] = []
    table: dict[str, Any] = {}
    tags: set[Any] = set()
    friend: Any = None

    def change(self, fail: bool) -> None:
        self.number += 1
        self.items.append("new")
        self.table["new"] = {"inner": [1]}
        self.table["new"]["inner"].append(2)
        self.tags.add("new")
        if fail:
            raise ValueError("no")

    def deep(self, fail: bool) -> None:
        self.table["a"]["b"][0]["c"] = "changed"
        if fail:
            raise ValueError("no")

    def seen(self) -> list[Any]:
        return [self.number, self.items, self.table, sorted(self.tags)]

    def put(self, table: Any) -> None:
        self.table = table

    def grow(self, log: Ref[Log], fail: bool) -> None:
        self.friend = spawn(Store)
        tell(self.friend).change(False)
        tell(log).add("sent")
        if fail:
            raise ValueError("no")

    def has_friend(self) -> bool:
        return self.friend is not None

    def turn_into(self, fail: bool) -> None:
        become(Other("other now"))
        if fail:
            raise ValueError("no")

    def name(self) -> str:
        return "store"

    def resolve(self, resolver: Ref[Any], fail: bool) -> None:
        send(resolver, "fulfill", "done")
        if fail:
            raise ValueError("no")

    def make_promise(self) -> list[Any]:
        return list(promise())

    def me(self) -> Ref[Any]:
        return this()

    def leave(self, how: int) -> None:
        self.number = 99
        raise KeyboardInterrupt if how else SystemExit(3)


@actor(kind="tests.other")
class Other:
    label: str

    def name(self) -> str:
        return self.label


def test_what_a_turn_did_stays_when_it_ends() -> None:
    """Fields and containers, nested ones too, keep what a turn that ended well did to them."""
    vat = Vat()
    store = vat.spawn(Store)
    settle(store.change(False))
    assert settle(store.seen()) == [1, ["new"], {"new": {"inner": [1, 2]}}, ["new"]]


def test_a_turn_that_raises_changes_nothing() -> None:
    """Fields, lists, dicts and sets are as before a turn that raised, and its promise is broken with the error."""
    vat = Vat()
    store = vat.spawn(Store)
    settle(store.change(False))
    before = settle(store.seen())
    error = broken(store.change(True))
    assert (error.kind, error.message) == ("ValueError", "no")
    assert settle(store.seen()) == before


def test_nested_containers_are_undone() -> None:
    """A change deep inside containers inside containers is undone, too."""
    vat = Vat()
    store = vat.spawn(Store)
    nested = {"a": {"b": [{"c": "as it was"}]}}
    settle(store.put(nested))
    broken(store.deep(True))
    assert settle(store.seen())[2] == nested
    settle(store.deep(False))
    assert settle(store.seen())[2] == {"a": {"b": [{"c": "changed"}]}}


def test_objects_and_messages_of_a_turn_that_raises_never_were() -> None:
    """What a failed turn spawned is not kept and what it sent does not arrive."""
    vat = Vat()
    store, log = vat.spawn(Store), vat.spawn(Log)
    broken(store.grow(log, True))
    assert settle(log.read()) == []
    assert settle(store.has_friend()) is False
    settle(store.grow(log, False))
    assert settle(log.read()) == ["sent"]


def test_messages_leave_after_the_turn() -> None:
    """A message sent in a turn is processed in a later turn, never within it."""
    vat = Vat()
    store, log = vat.spawn(Store), vat.spawn(Log)
    tell(store).grow(log, False)
    assert vat.run(1) == 1
    assert log._at.entries == []
    assert vat.run() == 2
    assert log._at.entries == ["sent"]


def test_become_is_kept_or_undone() -> None:
    """`become` counts from the next message on, under the same reference, unless its turn raises."""
    vat = Vat()
    store = vat.spawn(Store)
    broken(store.turn_into(True))
    assert settle(store.name()) == "store"
    settle(store.turn_into(False))
    assert settle(store.name()) == "other now"
    assert broken(store.seen()).kind == "NoSuchMethod"


def test_settlements_are_kept_or_undone() -> None:
    """A promise that a turn settles stays without a result if the turn raises."""
    vat = Vat()
    store = vat.spawn(Store)
    made, resolver = settle(store.make_promise())
    broken(store.resolve(resolver, True))
    assert pending(made)
    settle(store.resolve(resolver, False))
    run(vat)
    assert settle(made) == "done"


def test_this_is_the_object_itself() -> None:
    """`this()` is the very reference that others hold."""
    vat = Vat()
    store = vat.spawn(Store)
    assert settle(store.me()) is store


def test_turn_functions_need_a_turn() -> None:
    """What only makes sense inside a turn says so outside of one."""
    for function in (this, promise, lambda: spawn(Store), lambda: become(Other("x"))):
        with pytest.raises(Misuse, match="only inside a turn"):
            function()


def test_fields_change_only_during_a_turn() -> None:
    """An instance that leaked out of its vat cannot be changed behind the vat's back."""
    vat = Vat()
    instance = vat.spawn(Store)._at
    with pytest.raises(Misuse, match="only during a turn"):
        instance.number = 1
    for change in (lambda: instance.items.append(1), lambda: instance.table.update(a=1), lambda: instance.tags.add(1)):
        with pytest.raises(Misuse, match="inside a turn"):
            change()


@pytest.mark.parametrize("how", [0, 1])
def test_an_exit_undoes_the_turn_and_breaks_its_promise(how: int) -> None:
    """SystemExit and KeyboardInterrupt pass through `run`; the turn is undone and its caller hears of it."""
    vat = Vat()
    store = vat.spawn(Store)
    answer: Promise[Any] = store.leave(how)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        vat.run()
    assert store._at.number == 0
    with pytest.raises(Broken):
        settle(answer)
    settle(store.change(False))
    assert store._at.number == 1


def test_a_spawn_that_raises_leaves_nothing_behind() -> None:
    """If making an object from outside fails, what its fields' factories sent does not arrive."""
    from remit.vat import field

    vat = Vat()
    log = vat.spawn(Log)

    def fails() -> Any:
        tell(log).add("sent")
        raise ValueError("no")

    @actor(kind="tests.failing")
    class Failing:
        made: Any = field(fails)

    with pytest.raises(ValueError, match="no"):
        vat.spawn(Failing)
    run(vat)
    assert settle(log.read()) == []

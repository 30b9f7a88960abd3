"""Fields: what an object is, its constructor says; what they may hold, and what assignment refuses. (docs/design.md, section 3)"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from remit.errors import Misuse, NotPassable
from remit.values import Symbol, Tagged, record
from remit.vat import Ref, TurnDict, TurnList, TurnSet, Vat, actor, actor_type, field, spawn
from tests.vat.kit import Log, broken, settle


@record("tests.vat.data")
class Data:
    x: Any


@actor(kind="tests.fields", version=3)
class Fields:
    first: int
    second: Any = None
    items: list[Any] = []
    made: Any = field(list)
    shared: ClassVar[str] = "class"

    def set(self, value: Any) -> None:
        self.second = value

    def get(self) -> Any:
        return self.second

    def bad(self) -> None:
        self.first = 99
        self.second = object()

    def bad_inside(self, how: str) -> None:
        self.first = 99
        if how == "append":
            self.items.append(object())
        elif how == "setitem":
            self.second = {}
            self.second["x"] = {"y": object()}
        elif how == "key":
            self.second = {}
            self.second[1.5] = 1
        elif how == "bool key":
            self.second = {True: 1}
        elif how == "text key":
            self.second = {"\ud800": 1}
        elif how == "set":
            self.second = {1}
            self.second.add((1,))
        elif how == "coroutine":
            self.second = (x for x in ())

    def unknown(self) -> None:
        self.third = 1  # type: ignore[attr-defined]

    def delete(self) -> None:
        del self.first

    def types(self) -> list[str]:
        return [type(value).__name__ for value in (self.second, self.items, self.made)]

    def alias(self) -> list[Any]:
        """In-place operators keep the container that they change."""
        mine = self.items
        self.items += [1]
        mine.append(2)
        self.second = {"a": [1], "s": {1}}
        inner = self.second["a"]
        self.second["a"] += [2]
        self.second["s"] |= {2}
        inner.append(3)
        self.items.append([0])
        deep = self.items[2]
        self.items[2] += [1]
        deep.append(2)
        return [self.items, self.second["a"], sorted(self.second["s"]), mine is self.items]

    def copies(self) -> list[Any]:
        """Assigning a container to another place copies it."""
        self.second = self.items
        self.second.append("in second only")
        given = [1]
        self.items.append(given)
        given.append("not seen")
        return [self.items, self.second]

    def state(self) -> list[Any]:
        return [self.first, self.second, self.items]


@actor(kind="tests.base")
class Base:
    a: int = 1

    def sum(self) -> Any:
        return [getattr(self, name) for name in actor_type(type(self)).fields]


@actor(kind="tests.mixin")
class Mixin:
    m: int = 10

    def ten(self) -> int:
        return self.m


@actor(kind="tests.derived")
class Derived(Base, Mixin):
    b: int = 2
    c: int


def test_the_constructor_declares_the_state() -> None:
    """Fields become the constructor's parameters, with defaults, factories, and class variables left out."""
    vat = Vat()
    it = vat.spawn(Fields, 1, second="s")
    assert settle(it.state()) == [1, "s", []]
    assert actor_type(Fields).fields == ("first", "second", "items", "made")
    assert (actor_type(Fields).kind, actor_type(Fields).version) == ("tests.fields", 3)
    with pytest.raises(TypeError):
        vat.spawn(Fields)
    with pytest.raises(TypeError):
        vat.spawn(Fields, 1, nothing=2)


def test_defaults_are_not_shared() -> None:
    """Each object has its own copy of a default list, and its own product of a factory."""
    vat = Vat()
    one, two = vat.spawn(Fields, 1), vat.spawn(Fields, 2)
    settle(one.alias())
    assert settle(two.state())[2] == []
    assert one._at.made is not two._at.made


def test_factories_run_in_the_spawning_turn() -> None:
    """A factory may spawn: a field can be an object of its own."""

    @actor(kind="tests.with-part")
    class WithPart:
        part: Ref[Log] = field(lambda: spawn(Log))

        def get(self) -> Ref[Log]:
            return self.part

    vat = Vat()
    part = settle(vat.spawn(WithPart).get())
    settle(part.add(1))
    assert settle(part.read()) == [1]


def test_inherited_fields_come_first() -> None:
    """Fields of all base actors are part of the state; one without a default after one with is keyword-only."""
    it = Vat().spawn(Derived, c=3)
    assert settle(it.sum()) == [10, 1, 2, 3]
    assert settle(it.ten()) == 10


VALUES = [None, True, 5, 1.5, "text", b"bytes", Symbol("s"), [1, [2]], {"a": {"b": 1}}, Data([1])]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_fields_hold_passable_data(value: Any) -> None:
    """Passable data goes in and comes out."""
    it = Vat().spawn(Fields, 1)
    settle(it.set(value))
    assert settle(it.get()) == value


def test_fields_hold_references_and_containers() -> None:
    """References as they are; plain lists, dicts and sets become the vat's own."""
    vat = Vat()
    it = vat.spawn(Fields, 1, second={"a": [1]}, items=(1, 2))
    assert settle(it.types()) == ["TurnDict", "TurnList", "TurnList"]
    assert isinstance(it._at.second["a"], TurnList)
    settle(it.set(it))
    assert settle(it.get()) is it
    assert isinstance(vat.spawn(Fields, 1, second={1})._at.second, TurnSet)
    assert issubclass(TurnDict, dict)


def test_what_a_field_cannot_hold_is_refused_by_name() -> None:
    """Assignment refuses anything else, naming field and class, and the turn is undone."""
    it = Vat().spawn(Fields, 1)
    error = broken(it.bad())
    assert error.kind == "NotPassable"
    assert "'second' of Fields" in error.message
    assert settle(it.state())[0] == 1
    with pytest.raises(NotPassable, match="'first' of Fields"):
        Vat().spawn(Fields, object())


@pytest.mark.parametrize("how", ["append", "setitem", "key", "bool key", "text key", "set", "coroutine"])
def test_what_a_container_cannot_hold_is_refused(how: str) -> None:
    """Containers refuse what fields refuse, keys that would lose their kind included."""
    it = Vat().spawn(Fields, 1)
    assert broken(it.bad_inside(how)).kind == "NotPassable"
    assert settle(it.state()) == [1, None, []]


def test_only_declared_fields_exist() -> None:
    """Setting another name, or deleting a field, is an error that says what is declared."""
    it = Vat().spawn(Fields, 1)
    error = broken(it.unknown())
    assert error.kind == "AttributeError"
    assert "first, items, made, second" in error.message
    assert broken(it.delete()).kind == "AttributeError"


def test_in_place_operators_keep_the_container() -> None:
    """`self.items += …` changes the container that other names stand for, as in Python, and copies nothing."""
    it = Vat().spawn(Fields, 1)
    assert settle(it.alias()) == [[1, 2, [0, 1, 2]], [1, 2, 3], [1, 2], True]


def test_assigning_copies() -> None:
    """A container belongs to one place: assigning it elsewhere, or putting it into another one, copies it."""
    it = Vat().spawn(Fields, 1)
    assert settle(it.copies()) == [[[1]], ["in second only"]]


@actor(kind="tests.records")
class Records:
    value: Any
    table: dict[str, Any] = {}
    tags: Any = {Tagged("t", [1])}

    def change(self, how: str) -> None:
        parts = {"record": self.value.x, "inner": self.value.x[1], "dict": self.value.x[2], "nested": self.value.x[3].x}
        part: Any = parts.get(how)
        if how == "dict":
            part["new"] = 1
        elif how == "table":
            self.table["r"] = self.value
            self.table["r"].x.append(2)
        elif how == "tagged":
            self.table["t"] = Tagged("t", [1])
            self.table["t"].value.clear()
        elif how == "set":
            next(iter(self.tags)).value.append(2)
        elif how == "inplace":
            inside = self.value.x
            inside += [1]
        else:
            part.append(2)

    def replace(self) -> Any:
        self.value = Data([*self.value.x, 2])
        return self.value

    def get(self) -> Any:
        return self.value


@pytest.mark.parametrize("how", ["record", "inner", "dict", "nested", "table", "tagged", "set", "inplace"])
def test_records_are_replaced_not_changed_inside(how: str) -> None:
    """A turn could not undo a change inside a record, so lists and dicts there refuse it; a new record takes its place."""
    given = [0, [1], {"a": 1}, Data([1])]
    it = Vat().spawn(Records, Data(given))
    given.append("the caller's own")
    error = broken(it.change(how))
    assert error.kind == "Misuse"
    assert "make a new record" in error.message
    got = settle(it.get())
    assert got == Data([0, [1], {"a": 1}, Data([1])])
    assert [type(got.x), type(got.x[2]), type(got.x[3].x)] == [list, dict, list]
    assert settle(it.replace()).x[-1] == 2


def test_objects_show_no_state() -> None:
    """Fields may be secrets: neither an object nor its reference shows them."""
    it = Vat().spawn(Fields, 1, second="s3cret")
    assert repr(it) == "<ref tests.fields in vat>"
    assert repr(it._at) == "<tests.fields object>"


def test_bad_field_names() -> None:
    """Names that the vat uses itself cannot be fields."""
    with pytest.raises(Misuse):

        @actor(kind="tests.bad")
        class Bad:
            _remit_x: int = 0

"""Containers of fields: the built-in types' interface, undone when the turn raises. (docs/design.md, section 3)

The machine runs random scripts on an object whose turns randomly raise, with nested `call`s that randomly raise, and does the
same to plain Python containers that it copies and puts back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from remit.errors import Broken
from remit.values import key
from remit.vat import Vat, actor, call, this
from tests.vat.kit import broken, settle

KEYS = st.sampled_from(["a", "b", "c", "d", 0, 1, b"k"])
LEAVES = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["x", "y", 1.5, True, b"z"]))
DATA = st.recursive(LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from("abc"), v, max_size=3))
ELEMENTS = st.sampled_from([0, 1, 2, 3, "x", "y", b"z"])
INDEX = st.integers(-3, 4)

Op = Callable[..., Any]


def _slice(a: int, b: int, step: int) -> slice:
    return slice(a, b, step or None)


def times(items: list[Any], n: int) -> None:
    """`items *= n`, which in a field repeats copies: a container inside belongs to one place."""
    if type(items) is list:
        items[:] = [copy.deepcopy(item) for _ in range(n) for item in items]
    else:
        items *= n


DICT: dict[str, tuple[Op, tuple[Any, ...]]] = {
    "setitem": (lambda d, k, v: d.__setitem__(k, v), (KEYS, DATA)),
    "delitem": (lambda d, k: d.__delitem__(k), (KEYS,)),
    "pop": (lambda d, k: d.pop(k), (KEYS,)),
    "pop_default": (lambda d, k, v: d.pop(k, v), (KEYS, DATA)),
    "setdefault": (lambda d, k, v: d.setdefault(k, v), (KEYS, DATA)),
    "update": (lambda d, v: d.update(v), (st.dictionaries(st.sampled_from("abc"), DATA, max_size=2),)),
    "update_kw": (lambda d, v: d.update(b=v), (DATA,)),
    "ior": (lambda d, v: d.__ior__(v), (st.dictionaries(st.sampled_from("abc"), DATA, max_size=2),)),
    "clear": (lambda d: d.clear(), ()),
    "popitem_one": (lambda d: d.popitem() if len(d) == 1 else None, ()),
}
LIST: dict[str, tuple[Op, tuple[Any, ...]]] = {
    "append": (lambda x, v: x.append(v), (DATA,)),
    "extend": (lambda x, v: x.extend(v), (st.lists(DATA, max_size=3),)),
    "iadd": (lambda x, v: x.__iadd__(v), (st.lists(DATA, max_size=3),)),
    "imul": (lambda x, n: times(x, n) if len(x) < 8 else None, (st.integers(0, 2),)),
    "insert": (lambda x, i, v: x.insert(i, v), (INDEX, DATA)),
    "pop": (lambda x, i: x.pop(i), (INDEX,)),
    "pop_last": (lambda x: x.pop(), ()),
    "remove": (lambda x, v: x.remove(v), (LEAVES,)),
    "clear": (lambda x: x.clear(), ()),
    "reverse": (lambda x: x.reverse(), ()),
    "sort": (lambda x: x.sort(key=repr, reverse=True), ()),
    "setitem": (lambda x, i, v: x.__setitem__(i, v), (INDEX, DATA)),
    "delitem": (lambda x, i: x.__delitem__(i), (INDEX,)),
    "setslice": (lambda x, a, b, v: x.__setitem__(slice(a, b), v), (INDEX, INDEX, st.lists(DATA, max_size=3))),
    "setstep": (lambda x, v: x.__setitem__(slice(None, None, 2), v), (st.lists(LEAVES, max_size=3),)),
    "delslice": (lambda x, a, b: x.__delitem__(slice(a, b)), (INDEX, INDEX)),
}
SET: dict[str, tuple[Op, tuple[Any, ...]]] = {
    "add": (lambda s, v: s.add(v), (ELEMENTS,)),
    "discard": (lambda s, v: s.discard(v), (ELEMENTS,)),
    "remove": (lambda s, v: s.remove(v), (ELEMENTS,)),
    "clear": (lambda s: s.clear(), ()),
    "update": (lambda s, v: s.update(v), (st.lists(ELEMENTS, max_size=3),)),
    "intersection_update": (lambda s, v: s.intersection_update(v), (st.lists(ELEMENTS, max_size=3),)),
    "difference_update": (lambda s, v: s.difference_update(v), (st.lists(ELEMENTS, max_size=3),)),
    "symmetric_difference_update": (lambda s, v: s.symmetric_difference_update(v), (st.lists(ELEMENTS, max_size=3),)),
    "ior": (lambda s, v: s.__ior__(set(v)), (st.lists(ELEMENTS, max_size=3),)),
    "iand": (lambda s, v: s.__iand__(set(v)), (st.lists(ELEMENTS, max_size=3),)),
    "isub": (lambda s, v: s.__isub__(set(v)), (st.lists(ELEMENTS, max_size=3),)),
    "ixor": (lambda s, v: s.__ixor__(set(v)), (st.lists(ELEMENTS, max_size=3),)),
    "pop_one": (lambda s: s.pop() if len(s) == 1 else None, ()),
}
OPERATIONS: dict[str, dict[str, tuple[Op, tuple[Any, ...]]]] = {"dict": DICT, "list": LIST, "set": SET}
FIELDS = ("table", "items", "tags")


def kind_of(value: Any) -> str | None:
    return next((name for name, cls in (("dict", dict), ("list", list), ("set", set)) if isinstance(value, cls)), None)


def containers(value: Any, kind: str) -> list[Any]:
    """All containers of a kind inside a value, in an order that does not depend on a dict's."""
    found = [value] if kind_of(value) == kind else []
    if isinstance(value, dict):
        inside = [value[name] for name in sorted(value, key=repr)]
    else:
        inside = list(value) if isinstance(value, list) else []
    return found + [each for part in inside for each in containers(part, kind)]


def perform(state: dict[str, Any], kind: str, which: int, name: str, args: list[Any]) -> str:
    """One operation on one of the containers; the class of its error, if any."""
    found = [each for field in FIELDS for each in containers(state[field], kind)]
    try:
        OPERATIONS[kind][name][0](found[which % len(found)], *copy.deepcopy(args))
    except (KeyError, IndexError, ValueError, TypeError) as error:
        return type(error).__name__
    return ""


def plain(value: Any) -> Any:
    """The value in built-in types, each checked to have stayed what it was."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return set(value) if isinstance(value, set) else value


def frozen(value: Any) -> Any:
    """By kind, with dicts without order: 1, True and 1.0 differ."""
    if isinstance(value, dict):
        return ("dict", frozenset((key(name), frozen(part)) for name, part in value.items()))
    if isinstance(value, list):
        return ("list", tuple(frozen(part) for part in value))
    return ("set", frozenset(key(part) for part in value)) if isinstance(value, set) else key(value)


@actor(kind="tests.holder")
class Holder:
    table: Any = {"a": {"b": [1, {"c": [2]}]}, "l": []}
    items: Any = [[1, 2], {"x": []}, 3]
    tags: Any = {1, "x"}

    def script(self, steps: list[Any], fail: bool) -> list[Any]:
        errors = []
        for step in steps:
            if step[0] == "call":
                try:
                    errors.append(call(this()).script(step[1], step[2]))  # type: ignore[attr-defined]
                except Broken:
                    errors.append("undone")
            elif step[0] == "assign":
                setattr(self, step[1], set(step[2]) if step[1] == "tags" else step[2])
            elif step[0] == "move":
                self.items.append(self.table)
                self.table["moved"] = self.items[0] if self.items else None
            else:
                errors.append(perform({name: getattr(self, name) for name in FIELDS}, *step))
        if fail:
            raise RuntimeError("undo")
        return errors


def model_script(state: dict[str, Any], steps: list[Any], fail: bool) -> list[Any]:
    """What `Holder.script` does, on plain containers; restores them itself when it fails."""
    before = copy.deepcopy(state)
    errors: list[Any] = []
    for step in steps:
        if step[0] == "call":
            errors.append("undone" if step[2] else model_script(state, step[1], False))
        elif step[0] == "assign":
            state[step[1]] = set(step[2]) if step[1] == "tags" else copy.deepcopy(step[2])
        elif step[0] == "move":
            state["items"].append(copy.deepcopy(state["table"]))
            state["table"]["moved"] = copy.deepcopy(state["items"][0])
        else:
            errors.append(perform(state, *step))
    if fail:
        state.clear()
        state.update(before)
    return errors


@st.composite
def operations(draw: st.DrawFn) -> list[Any]:
    kind = draw(st.sampled_from(sorted(OPERATIONS)))
    name = draw(st.sampled_from(sorted(OPERATIONS[kind])))
    args = [draw(each) for each in OPERATIONS[kind][name][1]]
    return [kind, draw(st.integers(0, 7)), name, args]


ASSIGN = st.one_of(
    st.tuples(st.just("assign"), st.just("table"), st.dictionaries(st.sampled_from("abc"), DATA, max_size=3)),
    st.tuples(st.just("assign"), st.just("items"), st.lists(DATA, max_size=3)),
    st.tuples(st.just("assign"), st.just("tags"), st.lists(ELEMENTS, max_size=3)),
)
STEPS = st.recursive(
    operations() | operations() | operations() | ASSIGN,
    lambda steps: st.tuples(st.just("call"), st.lists(steps, max_size=4), st.booleans()),
    max_leaves=8,
)


class Containers(RuleBasedStateMachine):
    """Turns on one object against plain containers."""

    def __init__(self) -> None:
        super().__init__()
        self.vat = Vat()
        self.holder = self.vat.spawn(Holder)
        self.model: dict[str, Any] = {name: plain(getattr(self.holder._at, name)) for name in FIELDS}

    @rule(steps=st.lists(STEPS, max_size=6), fail=st.booleans())
    def turn(self, steps: list[Any], fail: bool) -> None:
        steps = [list(step) for step in steps]
        expected = model_script(self.model, steps, fail)
        answer = self.holder.script(steps, fail)
        if fail:
            assert broken(answer).message == "undo"
        else:
            assert settle(answer) == expected

    @rule(fail=st.booleans())
    def move(self, fail: bool) -> None:
        """Containers put into one another."""
        if len(repr(self.model)) < 2000:
            self.turn([["move"]], fail)

    @invariant()
    def the_same(self) -> None:
        state = {name: plain(getattr(self.holder._at, name)) for name in FIELDS}
        assert frozen(state) == frozen(self.model)
        assert self.vat._turn.before == {}


Containers.TestCase.settings = settings(max_examples=150, stateful_step_count=15, deadline=None)
TestContainers = Containers.TestCase


@actor(kind="tests.one-list")
class OneList:
    items: list[Any] = []

    def script(self, steps: list[Any], fail: bool) -> None:
        for step in steps:
            if step[0] == "call":
                try:
                    call(this()).script(step[1], step[2])  # type: ignore[attr-defined]
                except Broken:
                    pass
            else:
                perform({"table": {}, "items": self.items, "tags": set()}, "list", 0, *step)
        if fail:
            raise RuntimeError("undo")


@st.composite
def list_steps(draw: st.DrawFn) -> list[Any]:
    """What grows a list, of which a turn notes the length alone, mixed with what changes it otherwise."""
    name = draw(st.sampled_from(["append", "extend", "append", "extend", *sorted(LIST)]))
    return [name, [draw(each) for each in LIST[name][1]]]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(), max_size=3),
    st.lists(list_steps() | st.tuples(st.just("call"), st.lists(list_steps(), max_size=3), st.booleans()), max_size=5),
)
def test_a_list_that_grows_and_shrinks_comes_back(items: list[int], steps: list[Any]) -> None:
    """However a list is changed in a turn that fails, and in calls inside it, it comes back as it was."""
    it = Vat().spawn(OneList, items)
    broken(it.script([list(step) for step in steps], True))
    assert it._at.items == items


def test_reading_gives_built_in_types() -> None:
    """Copies, slices, sums and unions of containers are plain values that belong to nobody."""
    holder = Vat().spawn(Holder)._at
    for value in (holder.table.copy(), holder.table | {}, dict.fromkeys(holder.table), holder.table.fromkeys("ab")):
        assert type(value) is dict
    for value in (holder.items.copy(), holder.items[:], holder.items.__add__([1]), holder.items * 2):
        assert type(value) is list
    for value in (holder.tags.copy(), holder.tags | {1}, holder.tags - {1}):
        assert type(value) is set
    assert type(copy.deepcopy(holder.table)) is dict
    assert holder.table == {"a": {"b": [1, {"c": [2]}]}, "l": []}

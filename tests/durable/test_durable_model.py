"""A durable vat against a model in plain Python: random changes of an object graph, random crashes and restarts."""

from __future__ import annotations

import contextlib
import copy
import gc
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from remit.durable import DurableVat, MemoryStore
from remit.errors import Broken
from remit.testing import Crash, CrashStore
from remit.vat import Ref, actor, resolved, send
from tests.durable.vats import Box

FIELDS = ("value", "items", "table", "tags")


@actor(kind="test.model.named")
class Named(Box):
    name: str = ""

    def swap(self, first: str, second: str) -> None:
        a, b = getattr(self, first), getattr(self, second)
        setattr(self, first, b)
        setattr(self, second, a)


class Model:
    """The same box without a vat."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.value: Any = None
        self.items: Any = []
        self.table: Any = {}
        self.tags: Any = set()

    edit = Box.edit
    swap = Named.swap

    def __setattr__(self, field: str, value: Any) -> None:
        object.__setattr__(self, field, fresh(value))

    def __deepcopy__(self, memo: Any) -> Model:
        return self


def fresh(value: Any) -> Any:
    """Containers copied, boxes kept: what a field does with what is assigned to it."""
    return copy.deepcopy(value)


def shown(value: Any, name_of: Any) -> Any:
    """A value to be compared, boxes by their names."""
    if isinstance(value, dict):
        return "dict", sorted((repr(key), shown(entry, name_of)) for key, entry in value.items())
    if isinstance(value, set | frozenset):
        return "set", sorted(repr(shown(entry, name_of)) for entry in value)
    if isinstance(value, list):
        return "list", [shown(entry, name_of) for entry in value]
    if isinstance(value, Ref | Model):
        return "box", name_of(value)
    return type(value).__name__, repr(value)


def inside(value: Any) -> list[Any]:
    """The boxes in a value."""
    if isinstance(value, dict):
        return [box for entry in value.values() for box in inside(entry)]
    if isinstance(value, list | set):
        return [box for entry in value for box in inside(entry)]
    return [value] if isinstance(value, Ref | Model) else []


def world(root: Any, fields_of: Any, name_of: Any) -> dict[str, Any]:
    """Everything that a root reaches, by name."""
    found: dict[str, Any] = {}
    queue = [root]
    while queue:
        box = queue.pop()
        if name_of(box) not in found:
            values = fields_of(box)
            found[name_of(box)] = {field: shown(value, name_of) for field, value in values.items()}
            queue += [other for value in values.values() for other in inside(value)]
    return found


atoms = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["a", "b", b"a", 1.0, -0.0, ""]))
keys = st.sampled_from(["a", "b", b"a", 0, 1])
places = st.integers(-3, 3)


class Durable(RuleBasedStateMachine):
    """Each rule does the same to both; what Remit refuses, the model does not do either."""

    boxes: Bundle[str] = Bundle("boxes")

    @initialize()
    def start(self) -> None:
        self.disk = MemoryStore()
        self.count = 0
        self.models = {"root": Model("root")}
        self.open()

    def open(self, at: int | None = None, mode: Any = "before") -> None:
        """Open the vat on what is on the disk; the store will crash so many writes from now."""
        self.disk = self.disk.reopen()
        self.store = CrashStore(self.disk, None, mode)
        self.vat = DurableVat.open(self.store, classes=[Named], roots={"root": (Named, None, [], {}, set(), "root")})
        self.store.at = None if at is None else self.store.writes + at
        self.held: dict[str, Any] = {"root": self.vat.root("root")}

    def reached(self) -> dict[str, Any]:
        """The boxes that the root reaches, and those that the test holds."""
        found = {"root": self.vat.root("root"), **self.held}
        queue = list(found.values())
        while queue:
            for field in FIELDS:
                for box in inside(getattr(queue[-1]._at, field)):
                    if box._at.name not in found:
                        found[box._at.name] = box
                        queue.insert(0, box)
            queue.pop()
        return found

    def do(self, name: str, selector: str, *args: Any) -> None:
        """The same to a box and its model."""
        there = self.reached()
        if name not in there or any(box.name not in there for box in inside(list(args))):
            return
        real = [translate(arg, there) for arg in args]
        promise = send(there[name], selector, *real)
        try:
            self.vat.vat.run()
        except Crash:
            self.crashed(name, selector, args)
            return
        try:
            resolved(promise)
        except Broken:
            return
        getattr(self.models[name], selector)(*fresh(list(args)))

    def crashed(self, name: str, selector: str, args: Any) -> None:
        """The process died in a commit: the turn has happened, or it has not."""
        before = self.model_world()
        self.open()
        if self.real_world() != before:
            getattr(self.models[name], selector)(*fresh(list(args)))

    def real_world(self) -> dict[str, Any]:
        return world(
            self.vat.root("root"), lambda ref: {f: getattr(ref._at, f) for f in FIELDS}, lambda ref: ref._at.name
        )

    def model_world(self) -> dict[str, Any]:
        return world(self.models["root"], lambda box: {f: getattr(box, f) for f in FIELDS}, lambda box: box.name)

    # --- what happens ---------------------------------------------------------------------------------------------

    @rule(target=boxes)
    def root(self) -> str:
        return "root"

    @rule(target=boxes, keep=st.booleans())
    def new(self, keep: bool) -> str:
        """A new box in the root's table; the test may go on holding it when nothing in the vat does."""
        self.count += 1
        name = f"box{self.count}"
        self.models[name] = Model(name)
        self.held[name] = self.vat.vat.spawn(Named, None, [], {}, set(), name)
        self.do("root", "edit", ["table"], "set", name, self.models[name])
        if not keep:
            self.held.pop(name, None)
        return name

    @rule(name=boxes)
    def let_go(self, name: str) -> None:
        if name != "root":
            self.held.pop(name, None)
            gc.collect()

    @rule(name=boxes)
    def drop_from_root(self, name: str) -> None:
        self.do("root", "edit", ["table"], "pop", name)

    @rule(
        name=boxes,
        value=st.one_of(
            atoms, st.lists(atoms, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), atoms, max_size=2)
        ),
    )
    def assign(self, name: str, value: Any) -> None:
        self.do(name, "edit", ["value"], "replace", value)

    @rule(name=boxes, field=st.sampled_from(["value", "items", "table"]), other=boxes, how=st.integers(0, 3))
    def refer(self, name: str, field: str, other: str, how: int) -> None:
        box = self.models[other]
        self.do(name, "edit", [field], "replace", [box, [box], {"x": box}, {"y": [{"z": box}]}][how])

    @rule(
        name=boxes,
        key=keys,
        value=st.one_of(atoms, st.dictionaries(st.sampled_from(["a", "b"]), st.lists(atoms, max_size=2), max_size=2)),
    )
    def put(self, name: str, key: Any, value: Any) -> None:
        self.do(name, "edit", ["table"], "set", key, value)

    @rule(name=boxes, key=keys, op=st.sampled_from(["pop", "del"]))
    def take(self, name: str, key: Any, op: str) -> None:
        self.do(name, "edit", ["table"], op, key)

    @rule(name=boxes, key=keys, inner=keys, value=atoms)
    def put_inside(self, name: str, key: Any, inner: Any, value: Any) -> None:
        self.do(name, "edit", ["table", key], "set", inner, value)

    @rule(name=boxes, key=keys, inner=keys, value=atoms)
    def append_inside(self, name: str, key: Any, inner: Any, value: Any) -> None:
        self.do(name, "edit", ["table", key, inner], "append", value)

    @rule(name=boxes, other=boxes)
    def append_reference(self, name: str, other: str) -> None:
        self.do(name, "edit", ["items"], "append", self.models[other])

    @rule(
        name=boxes,
        op=st.sampled_from(["append", "insert", "set", "del", "pop", "slice", "reverse", "clear", "extend"]),
        at=places,
        to=places,
        values=st.lists(atoms, max_size=3),
    )
    def change_list(self, name: str, op: str, at: int, to: int, values: list[Any]) -> None:
        one = values[0] if values else [7]
        args = {
            "append": [one],
            "insert": [at, one],
            "set": [at, one],
            "del": [at],
            "pop": [at],
            "slice": [at, to, values],
            "extend": [values],
        }
        self.do(name, "edit", ["items"], op, *args.get(op, []))

    @rule(name=boxes, at=places, op=st.sampled_from(["append", "pop", "reverse"]), value=atoms)
    def change_inner_list(self, name: str, at: int, op: str, value: Any) -> None:
        self.do(name, "edit", ["items", at], op, *([value] if op == "append" else []))

    @rule(name=boxes, op=st.sampled_from(["add", "discard", "remove", "clear", "update"]), tag=atoms)
    def change_set(self, name: str, op: str, tag: Any) -> None:
        self.do(name, "edit", ["tags"], op, *([[tag]] if op == "update" else [tag] if op != "clear" else []))

    @rule(name=boxes, first=st.sampled_from(FIELDS), second=st.sampled_from(FIELDS))
    def swap(self, name: str, first: str, second: str) -> None:
        self.do(name, "swap", first, second)

    @rule(at=st.integers(0, 6), mode=st.sampled_from(["before", "after"]), close=st.booleans())
    def restart(self, at: int, mode: Any, close: bool) -> None:
        """A restart with or without an orderly end; the new process will crash at a later write."""
        if close:
            with contextlib.suppress(Crash):  # what is swept last may be the write at which it dies
                self.vat.close()
        self.open(at, mode)

    # --- what holds ---------------------------------------------------------------------------------------------------

    @invariant()
    def the_same(self) -> None:
        """The objects are those of the model, in memory and, when opened anew, on disk."""
        model = self.model_world()
        assert self.real_world() == model
        twin = MemoryStore()
        twin._tables = copy.deepcopy(self.disk._tables)
        kept = DurableVat.open(twin, classes=[Named], roots={})
        found = world(kept.root("root"), lambda ref: {f: getattr(ref._at, f) for f in FIELDS}, lambda ref: ref._at.name)
        assert found == model
        stored = {row[0] for row in kept._keeper.store.load().objects}
        assert len(stored) == len(model)


def translate(value: Any, there: dict[str, Any]) -> Any:
    """The model's boxes as references."""
    if isinstance(value, Model):
        return there[value.name]
    if isinstance(value, list):
        return [translate(entry, there) for entry in value]
    if isinstance(value, dict):
        return {key: translate(entry, there) for key, entry in value.items()}
    return value


TestDurable = Durable.TestCase
TestDurable.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)

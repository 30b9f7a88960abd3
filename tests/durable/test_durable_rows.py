"""What a durable vat writes: what changed, one row for each entry, and nothing else."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from remit.errors import Broken
from tests.durable.vats import Box, Spy, do, opened, state


class Kept:
    """A durable vat with one box, and how many rows each step wrote."""

    def __init__(self, **start: Any) -> None:
        self.store = Spy()
        self.vat = opened(self.store, roots={"main": (Box,)})
        self.box: Any = self.vat.root("main")
        for field, value in start.items():
            if field == "tags":
                do(self.vat, self.box, "edit", ["tags"], "tags", value)
            else:
                do(self.vat, self.box, "edit", [field], "replace", value)
        self.store.take()

    def rows(self, selector: str, *args: Any) -> int:
        """Do it, and count the rows that were written for it."""
        do(self.vat, self.box, selector, *args)
        return sum(len(batch) for batch in self.store.take())

    def edit(self, *args: Any) -> int:
        return self.rows("edit", *args)

    def reloaded(self) -> Any:
        """The box as a restarted process finds it; everything of it must be as it was."""
        before = state(self.vat, self.box)
        self.vat.close()
        self.store = self.store.reopen()
        self.vat = opened(self.store)
        self.box = self.vat.root("main")
        assert state(self.vat, self.box) == before
        return self.box._at


def test_a_new_root_writes_its_object_fields_and_name() -> None:
    """One row for the object, one for each field, one for its name, one for the next id."""
    store = Spy()
    opened(store)
    (batch,) = store.take()
    assert len(batch) == 1 + 4 + 1 + 1
    assert store.inner.load().meta == {"root:main": b"1", "next-id": b"2"}


def test_one_field_is_one_row() -> None:
    """Of an object with four fields only the changed one is written."""
    kept = Kept(value=1)
    assert kept.rows("set", 2) == 1
    assert kept.rows("set", {"a": [1, 2]}) == 3  # cleared, the field's own row, one entry
    assert kept.reloaded().value == {"a": [1, 2]}


@pytest.mark.parametrize("value", [None, True, b"same"])
def test_what_is_set_to_what_it_was_is_not_written(value: Any) -> None:
    """An assignment that changes nothing costs no row."""
    kept = Kept(value=value)
    assert kept.rows("set", value) == 0


def test_a_turn_that_only_reads_writes_nothing() -> None:
    """No commit at all, and so no sync."""
    kept = Kept(value=1)
    do(kept.vat, kept.box, "get")
    assert kept.store.take() == []


def test_a_turn_that_fails_writes_nothing() -> None:
    """What it changed is undone, in memory and on disk."""
    kept = Kept(value=1)
    with pytest.raises(Broken, match="as asked"):
        do(kept.vat, kept.box, "fail_after", 2)
    assert kept.store.take() == []
    assert kept.reloaded().value == 1


def test_an_entry_of_a_large_table_is_one_row() -> None:
    """Put, overwritten, deleted: one row each, however large the table."""
    kept = Kept(table={f"k{i}": i for i in range(1000)})
    assert kept.edit(["table"], "set", "new", 1) == 1
    assert kept.edit(["table"], "set", "k7", "changed") == 1
    assert kept.edit(["table"], "del", "k8") == 1
    assert kept.edit(["table"], "update", {"k1": -1, "k2": -2}) == 2
    assert kept.edit(["table"], "popitem") == 1
    assert len(kept.reloaded().table) == 999
    assert kept.edit(["table"], "clear") == 999
    assert kept.reloaded().table == {}


def test_a_dictionary_put_and_deleted_in_one_turn_leaves_no_row() -> None:
    """What came and went is deleted at most."""
    kept = Kept(table={"a": 1})
    kept.rows("edits", [[["table"], "set", "b", 1], [["table"], "del", "b"], [["table"], "set", "a", 2]])
    assert kept.reloaded().table == {"a": 2}


def test_keys_of_every_kind_are_kept_apart() -> None:
    """A text, bytes and a number that look alike are three keys."""
    kept = Kept()
    for name in ("1", b"1", 1):
        assert kept.edit(["table"], "set", name, [name]) == 1
    assert kept.reloaded().table == {"1": ["1"], b"1": [b"1"], 1: [1]}


def test_a_change_inside_a_nested_container_writes_the_entry_it_is_in() -> None:
    """One row of the outer container, whatever the depth."""
    kept = Kept(table={"a": {"deep": [1, {"x": []}]}, "b": {"other": 1}})
    assert kept.edit(["table", "a", "deep", 1, "x"], "append", 5) == 1
    assert kept.reloaded().table == {"a": {"deep": [1, {"x": [5]}]}, "b": {"other": 1}}


def test_a_change_in_a_list_of_tables_writes_one_element() -> None:
    """The other elements are left alone."""
    kept = Kept(items=[{"n": i} for i in range(100)])
    assert kept.edit(["items", 50], "set", "n", -1) == 1
    assert kept.reloaded().items[50] == {"n": -1}
    assert kept.edit(["items"], "append", {"n": 100}) == 1
    assert kept.rows("edits", [[["items"], "append", 1], [["items", 3], "set", "n", 0]]) == 2
    kept.reloaded()


@pytest.mark.parametrize(
    ("op", "rows"),
    [
        (("append", 9), 1),
        (("extend", [7, 8, 9]), 3),
        (("set", 4, 9), 1),
        (("set", -1, 9), 1),
        (("insert", 10, 9), 1),
        (("insert", 0, 9), 11),  # every element has a new place
        (("del", -1), 1),
        (("del", 0), 10),
        (("pop",), 1),
        (("slice", 8, 10, [1, 2, 3]), 3),
        (("slice", 5, 10, []), 5),
        (("reverse",), 10),
        (("clear",), 10),
    ],
)
def test_a_list_writes_the_places_that_changed(op: Any, rows: int) -> None:
    """One row for each index whose element is another, or gone."""
    kept = Kept(items=[100 + i for i in range(10)])
    assert kept.edit(["items"], *op) == rows
    kept.reloaded()


def test_a_list_changed_several_times_in_one_turn_writes_its_end_state() -> None:
    """Appended, inserted, deleted: the rows are those of what came out."""
    kept = Kept(items=["a", "b"])
    steps = [["append", "c"], ["insert", 0, "z"], ["append", "d"], ["del", 1], ["slice", 1, 2, []]]
    kept.rows("edits", [[["items"], *step] for step in steps])
    assert kept.reloaded().items == ["z", "c", "d"]


def test_an_element_of_a_set_is_one_row() -> None:
    """Added, discarded; elements that Python takes for equal are kept apart by kind."""
    kept = Kept(tags=["a", 1, b"x"])
    assert kept.edit(["tags"], "add", "new") == 1
    assert kept.edit(["tags"], "discard", "a") == 1
    assert kept.edit(["tags"], "add", "new") == 0
    assert kept.reloaded().tags == {"new", 1, b"x"}
    kept.rows("edits", [[["tags"], "discard", 1], [["tags"], "add", True]])
    assert [type(tag) for tag in kept.reloaded().tags if tag == 1] == [bool]


def test_a_container_that_is_replaced_leaves_no_old_rows() -> None:
    """Another container, or none, in the field: the entries of the old one are gone."""
    kept = Kept(items=[1, 2, 3], table={"a": 1})
    kept.rows("edit", ["items"], "replace", [9])
    kept.rows("edit", ["table"], "replace", None)
    assert kept.reloaded().items == [9]
    assert kept.box._at.table is None
    assert len(kept.store.inner.load().fields) == 4 + 1


def test_turns_are_committed_in_groups() -> None:
    """What ran in one batch is one commit."""
    kept = Kept()
    for i in range(50):
        kept.box.set(i)
    kept.vat.vat.run()
    (batch,) = kept.store.take()
    assert len(batch) == 1
    assert kept.reloaded().value == 49


def test_what_a_nested_call_changed_is_written() -> None:
    """`call` reaches another object of the vat within the same turn; when it fails only the caller's own change is kept."""
    kept = Kept()
    child = do(kept.vat, kept.box, "child")
    kept.store.take()
    assert kept.rows("call_set", child, "x") == 1
    assert kept.rows("call_fail", child, "y") == 1
    assert child._at.value == "x"
    assert kept.box._at.value == "caught"


def test_an_object_becomes_durable_when_it_is_first_referred_to() -> None:
    """Spawned but not kept anywhere: no row. In a field: object, fields, the reference."""
    kept = Kept()
    idle = do(kept.vat, kept.box, "spawn_idle")
    assert kept.store.take() == []
    assert kept.vat.id_of(idle) is None
    assert kept.rows("set", idle) == 1 + 4 + 1 + 1
    assert kept.vat.id_of(idle) == 2
    kept.store.take()
    do(kept.vat, idle, "set", "deep")
    assert len(kept.store.take()[0]) == 1
    assert kept.reloaded().value._at.value == "deep"


def test_an_object_is_forgotten_when_nothing_refers_to_it() -> None:
    """Its rows go with the last reference, not before: who else holds it may put it back."""
    kept = Kept()
    child: Any = do(kept.vat, kept.box, "child")
    kept.rows("set", None)
    assert [id for id, _, _ in kept.store.inner.load().objects] == [1, 2]
    kept.rows("set", [child])
    del child
    kept.rows("set", None)
    gc.collect()
    kept.rows("set", 1)
    assert [id for id, _, _ in kept.store.inner.load().objects] == [1]
    assert {row[0] for row in kept.store.inner.load().fields} == {1}


def test_ids_are_never_given_twice() -> None:
    """A forgotten object's id stays unused, after a restart too."""
    kept = Kept()
    for _ in range(3):
        do(kept.vat, kept.box, "child")
        do(kept.vat, kept.box, "set", None)
    kept.reloaded()
    assert kept.vat.id_of(do(kept.vat, kept.box, "child")) == 5


def test_cycles_are_kept_and_forgotten() -> None:
    """Objects that refer to each other come back so; when no root leads there, they go."""
    kept = Kept()
    child = do(kept.vat, kept.box, "child")
    do(kept.vat, child, "set", [kept.box, child])
    del child
    gc.collect()
    value = kept.reloaded().value
    assert value._at.value[0] is kept.box
    assert value._at.value[1] is value
    del value
    kept.rows("set", None)
    gc.collect()
    kept.rows("set", 1)
    assert len(kept.store.inner.load().objects) == 1


def test_what_becomes_something_else_is_written_whole() -> None:
    """Kind, version and all fields are the new behaviour's, and nothing is left of the old one's."""
    kept = Kept(items=[1, 2], table={"a": 1})
    child = do(kept.vat, kept.box, "child")
    do(kept.vat, child, "edit", ["items"], "append", 1)
    do(kept.vat, child, "turn_into", "granite")
    assert kept.store.inner.load().objects[1] == (2, "test.stone", 1)
    assert [row[1] for row in kept.store.inner.load().fields if row[0] == 2] == ["text"]
    kept.vat.close()
    again = opened(kept.store.reopen())
    assert do(again, again.root("main")._at.value, "get") == "granite"


def test_references_in_sets_and_tables_are_found_again() -> None:
    """An object that only a set, a table or a nested list leads to is kept like any other."""
    kept = Kept()
    for op in (["tags"], "add"), (["table"], "set", "a"), (["items"], "append"):
        idle = do(kept.vat, kept.box, "spawn_idle")
        do(kept.vat, idle, "set", op[0])
        kept.edit(op[0], *op[1:], idle)
    idle = do(kept.vat, kept.box, "spawn_idle")
    do(kept.vat, idle, "set", "nested")
    kept.edit(["table"], "set", "deep", [{"x": [idle]}])
    del idle
    kept.vat.close()
    again = opened(kept.store.reopen())
    box = again.root("main")._at
    assert [tag._at.value for tag in box.tags] == [["tags"]]
    assert box.table["a"]._at.value == ["table"]
    assert box.items[0]._at.value == ["items"]
    assert box.table["deep"][0]["x"][0]._at.value == "nested"
    assert again.unreachable == []


def test_objects_made_in_an_outside_spawn_are_kept_once_a_root_holds_them() -> None:
    """`vat.spawn` from outside makes nothing durable by itself."""
    kept = Kept()
    ref = kept.vat.vat.spawn(Box, "mine")
    kept.vat.vat.run()
    assert kept.store.take() == []
    assert kept.rows("set", ref) > 0
    assert kept.reloaded().value._at.value == "mine"

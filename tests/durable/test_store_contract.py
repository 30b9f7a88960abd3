"""What every store keeps to. PostgreSQL joins by one more name in `Kind`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from remit.durable import Batch, Snapshot
from remit.errors import NotStorable, StoreError
from tests.durable.stores import Kind, numbered, numbers

EMPTY = Snapshot({}, [], [], [], {})


def test_a_new_store_is_empty(kind: Kind) -> None:
    """Nothing is there before the first commit, and an empty commit changes nothing."""
    store = kind.open()
    store.commit(Batch())
    assert store.load() == EMPTY
    store.close()


def test_every_table_is_loaded_as_it_was_committed(kind: Kind) -> None:
    """What goes in comes out, before and after reopening, as plain values of the same types."""
    store = kind.open()
    batch = Batch()
    batch.put_meta("name", b"value")
    batch.put_object(1, "a.kind", 3)
    batch.put_field(1, "field", b"", b"itself")
    batch.put_field(1, "field", b"key", b"")
    batch.add_outbox(9, b"target", b"message")
    batch.note_inbox(b"sender", 12)
    store.commit(batch)
    expected = Snapshot(
        {"name": b"value"},
        [(1, "a.kind", 3)],
        [(1, "field", b"", b"itself"), (1, "field", b"key", b"")],
        [(9, b"target", b"message")],
        {b"sender": 12},
    )
    assert store.load() == expected
    store = kind.reopen(store)
    assert store.load() == expected
    store.close()


def test_the_last_write_of_a_key_wins_inside_a_batch(kind: Kind) -> None:
    """Operations on one key count in the order in which they were made."""
    store = kind.open()
    batch = Batch()
    for value in (b"1", b"2", b"3"):
        batch.put_field(1, "count", b"", value)
    batch.put_meta("gone", b"x")
    batch.delete_meta("gone")
    batch.delete_meta("there")
    batch.put_meta("there", b"y")
    store.commit(batch)
    assert store.load().fields == [(1, "count", b"", b"3")]
    assert store.load().meta == {"there": b"y"}
    store.close()


def test_clearing_a_field_takes_all_its_rows_and_no_others(kind: Kind) -> None:
    """Rows put before the clearing go, be they kept or new; rows put after it stay; other fields are untouched."""
    store = kind.open()
    batch = Batch()
    for object in (1, 2):
        for field in ("table", "table2"):
            for key in (b"", b"a", b"\xff\xff"):
                batch.put_field(object, field, key, b"old")
    store.commit(batch)
    batch = Batch()
    batch.put_field(1, "table", b"b", b"earlier in this batch")
    batch.clear_field(1, "table")
    batch.put_field(1, "table", b"c", b"later in this batch")
    store.commit(batch)
    kept = store.load().fields
    assert [row for row in kept if row[:2] == (1, "table")] == [(1, "table", b"c", b"later in this batch")]
    assert len(kept) == 10
    store.close()


def test_deleting_an_object_takes_its_fields(kind: Kind) -> None:
    """No field row is left of a deleted object, and one made again under its id starts without fields."""
    store = kind.open()
    store.commit(numbered(1))
    store.commit(numbered(2))
    batch = Batch()
    batch.put_field(1, "rows", b"new", b"x")
    batch.delete_object(1)
    batch.delete_object(2)
    batch.put_object(2, "again", 1)
    batch.put_field(2, "fresh", b"", b"y")
    store.commit(batch)
    assert store.load().objects == [(2, "again", 1)]
    assert store.load().fields == [(2, "fresh", b"", b"y")]
    store.close()


def test_deleting_what_is_not_there_changes_nothing(kind: Kind) -> None:
    """Every deletion may be repeated."""
    store = kind.open()
    store.commit(numbered(1))
    before = store.load()
    batch = Batch()
    batch.delete_meta("none")
    batch.delete_object(5)
    batch.delete_field(1, "rows", b"none")
    batch.clear_field(1, "none")
    batch.delete_outbox(5, b"target")
    store.commit(batch)
    assert store.load() == before
    store.close()


def test_keys_are_bytes_of_any_kind(kind: Kind) -> None:
    """Zero bytes, prefixes of one another and every byte value are different keys, loaded in the order of bytes."""
    keys = [b"", b"\0", b"\0\0", b"\0a", b"a", b"a\0", b"a\0b", b"\x7f", b"\x80", b"\xff", bytes(range(256))]
    store = kind.open()
    batch = Batch()
    for key in keys:
        batch.put_field(1, "map", key, key + b"\0")
        batch.note_inbox(key, 1)
        batch.add_outbox(1, key, b"")
    store.commit(batch)
    batch = Batch()
    batch.delete_field(1, "map", b"a\0")
    store.commit(batch)
    store = kind.reopen(store)
    kept = store.load()
    assert kept.fields == [(1, "map", key, key + b"\0") for key in sorted(keys) if key != b"a\0"]
    assert list(kept.inbox) == sorted(keys)
    assert [target for _, target, _ in kept.outbox] == sorted(keys)
    store.close()


def test_names_and_numbers_reach_to_their_ends(kind: Kind) -> None:
    """Names are any text but NUL and surrogates; integers have 64 bits with a sign."""
    store = kind.open()
    batch = Batch()
    for id in (-(1 << 63), -1, 0, (1 << 63) - 1):
        batch.put_object(id, "Größe.\U0001f40d", id)
    store.commit(batch)
    assert [row[0] for row in store.load().objects] == [-(1 << 63), -1, 0, (1 << 63) - 1]
    assert {row[1] for row in store.load().objects} == {"Größe.\U0001f40d"}
    store.close()


def test_large_values_are_kept(kind: Kind) -> None:
    """A value of 8 MiB comes back whole."""
    store = kind.open()
    value = bytes(range(256)) * (8 << 12)
    batch = Batch()
    batch.put_field(1, "large", b"", value)
    batch.put_meta("large", value)
    store.commit(batch)
    store = kind.reopen(store)
    assert store.load().fields == [(1, "large", b"", value)]
    assert store.load().meta == {"large": value}
    store.close()


def test_a_batch_may_have_thousands_of_rows_of_every_kind(kind: Kind) -> None:
    """However the rows are packed into statements, each is carried out once."""
    store = kind.open()
    batch = Batch()
    for number in range(3000):
        batch.put_meta(f"{number}", b"x")
        batch.put_object(number, "kind", number)
        batch.put_field(-1 - number % 7, "field", b"%d" % number, b"%d" % number)
        batch.add_outbox(number, b"t", b"m")
        batch.note_inbox(b"%d" % number, number)
    store.commit(batch)
    assert tuple(map(len, store.load())) == (3000,) * 5
    batch = Batch()
    for number in range(0, 3000, 3):
        batch.delete_meta(f"{number}")
        batch.delete_object(number)
        batch.delete_field(-1 - number % 7, "field", b"%d" % number)
        batch.delete_outbox(number, b"t")
        batch.clear_field(number, "none")
    store.commit(batch)
    assert tuple(map(len, store.load())) == (2000, 2000, 2000, 2000, 3000)
    store.close()


def test_outbox_messages_of_a_target_are_loaded_in_the_order_of_their_numbers(kind: Kind) -> None:
    """In whatever order they were committed; numbers of different targets do not meet."""
    store = kind.open()
    for number in (10, 2, 33, 1):
        batch = Batch()
        batch.add_outbox(number, b"b", b"to b %d" % number)
        batch.add_outbox(number, b"a", b"to a %d" % number)
        store.commit(batch)
    batch = Batch()
    batch.delete_outbox(2, b"a")
    store.commit(batch)
    store = kind.reopen(store)
    assert [(target, number) for number, target, _ in store.load().outbox] == [
        *((b"a", number) for number in (1, 10, 33)),
        *((b"b", number) for number in (1, 2, 10, 33)),
    ]
    store.close()


def test_an_inbox_mark_only_rises(kind: Kind) -> None:
    """A lower number, in the same batch or a later one, does not make a message new again."""
    store = kind.open()
    for seen, mark in (((5, 3), 5), ((4,), 5), ((7, 6), 7), ((), 7), ((-1,), 7)):
        batch = Batch()
        for number in seen:
            batch.note_inbox(b"sender", number)
        store.commit(batch)
        assert store.load().inbox == {b"sender": mark}
    store = kind.reopen(store)
    assert store.load().inbox == {b"sender": 7}
    store.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda batch: batch.put_field(1 << 63, "field", b"", b"x"),
        lambda batch: batch.put_field(1, "nul\0", b"", b"x"),
        lambda batch: batch.put_field(1, "\ud800", b"", b"x"),
        lambda batch: batch.put_field(1, "field", b"", "text"),
        lambda batch: batch.put_field(1, "field", None, b"x"),
        lambda batch: batch.clear_field(1 << 63, "field"),
        lambda batch: batch.delete_object(1 << 63),
        lambda batch: batch.put_object(1, "kind", True),
        lambda batch: batch.put_meta("\udcff", b"x"),
        lambda batch: batch.add_outbox(-1 << 64, b"t", b"m"),
        lambda batch: batch.note_inbox(b"s", 1 << 63),
    ],
)
def test_a_row_that_no_store_takes_is_refused_with_its_whole_batch(kind: Kind, spoil) -> None:
    """NotStorable comes before anything is written, and the store goes on."""
    store = kind.open()
    store.commit(numbered(1))
    batch = numbered(2)
    spoil(batch)
    with pytest.raises(NotStorable, match="nothing of the batch was kept"):
        store.commit(batch)
    assert numbers(store) == [1]
    store.commit(numbered(3))
    assert numbers(store) == [1, 3]
    store.close()


def test_a_snapshot_is_its_owners_own(kind: Kind) -> None:
    """Changing it does not change the store, and later commits do not change it."""
    store = kind.open()
    store.commit(numbered(1))
    first = store.load()
    first.meta["mine"] = b"x"
    first.fields.clear()
    store.commit(numbered(2))
    assert numbers(store) == [1, 2]
    assert first.meta == {"last": b"1", "mine": b"x"}
    store.close()


def test_a_closed_store_refuses_use_and_may_be_closed_again(kind: Kind) -> None:
    """The error says what to do."""
    store = kind.open()
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.load()
    with pytest.raises(StoreError, match="closed"):
        store.commit(numbered(1))


# --- against a model --------------------------------------------------------------------------------------------

IDS = st.integers(0, 4)
NAMES = st.sampled_from(["a", "ab", "b", "ü"])
KEYS = st.sampled_from([b"", b"\0", b"k", b"k\0"])
VALUES = st.binary(max_size=8)


class Model:
    """The five tables as plain dicts; operations are carried out one at a time."""

    def __init__(self) -> None:
        self.meta: dict = {}
        self.objects: dict = {}
        self.fields: dict = {}
        self.outbox: dict = {}
        self.inbox: dict = {}

    def copy(self) -> Model:
        other = Model()
        for name, table in vars(self).items():
            setattr(other, name, dict(table))
        return other

    def drop(self, object: int, field: str | None = None) -> None:
        gone = [row for row in self.fields if row[0] == object and field in (None, row[1])]
        for row in gone:
            del self.fields[row]

    def snapshot(self) -> Snapshot:
        return Snapshot(
            self.meta,
            [(id, *row) for id, row in sorted(self.objects.items())],
            [(*row, value) for row, value in sorted(self.fields.items())],
            [(number, target, message) for (target, number), message in sorted(self.outbox.items())],
            self.inbox,
        )


class Machine(RuleBasedStateMachine):
    """Batches of random operations, committed, merged, lost or reopened at random."""

    kind_name = "memory"

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.kind = Kind(self.kind_name, Path(self.folder.name))
        self.store = self.kind.open()
        self.kept, self.model = Model(), Model()
        self.batches = [Batch()]

    @rule(name=NAMES, value=VALUES)
    def put_meta(self, name: str, value: bytes) -> None:
        self.batches[-1].put_meta(name, value)
        self.model.meta[name] = value

    @rule(name=NAMES)
    def delete_meta(self, name: str) -> None:
        self.batches[-1].delete_meta(name)
        self.model.meta.pop(name, None)

    @rule(id=IDS, kind=NAMES, version=IDS)
    def put_object(self, id: int, kind: str, version: int) -> None:
        self.batches[-1].put_object(id, kind, version)
        self.model.objects[id] = (kind, version)

    @rule(id=IDS)
    def delete_object(self, id: int) -> None:
        self.batches[-1].delete_object(id)
        self.model.objects.pop(id, None)
        self.model.drop(id)

    @rule(object=IDS, field=NAMES, key=KEYS, value=VALUES)
    def put_field(self, object: int, field: str, key: bytes, value: bytes) -> None:
        self.batches[-1].put_field(object, field, key, value)
        self.model.fields[object, field, key] = value

    @rule(object=IDS, field=NAMES, key=KEYS)
    def delete_field(self, object: int, field: str, key: bytes) -> None:
        self.batches[-1].delete_field(object, field, key)
        self.model.fields.pop((object, field, key), None)

    @rule(object=IDS, field=NAMES)
    def clear_field(self, object: int, field: str) -> None:
        self.batches[-1].clear_field(object, field)
        self.model.drop(object, field)

    @rule(number=IDS, to=KEYS, message=VALUES)
    def add_outbox(self, number: int, to: bytes, message: bytes) -> None:
        self.batches[-1].add_outbox(number, to, message)
        self.model.outbox[to, number] = message

    @rule(number=IDS, to=KEYS)
    def delete_outbox(self, number: int, to: bytes) -> None:
        self.batches[-1].delete_outbox(number, to)
        self.model.outbox.pop((to, number), None)

    @rule(sender=KEYS, number=IDS)
    def note_inbox(self, sender: bytes, number: int) -> None:
        self.batches[-1].note_inbox(sender, number)
        self.model.inbox[sender] = max(number, self.model.inbox.get(sender, number))

    @rule()
    def next_batch(self) -> None:
        self.batches.append(Batch())

    @rule(merge=st.booleans())
    def commit(self, merge: bool) -> None:
        first, *others = self.batches
        for batch in others:
            if merge:
                first.extend(batch)
        for batch in [first] if merge else self.batches:
            self.store.commit(batch)
        self.batches = [Batch()]
        self.kept = self.model.copy()

    @rule()
    def lose(self) -> None:
        self.batches = [Batch()]
        self.model = self.kept.copy()

    @precondition(lambda self: self.kept.fields)
    @rule()
    def reopen(self) -> None:
        self.store = self.kind.reopen(self.store)

    @invariant()
    def holds_what_was_committed(self) -> None:
        if hasattr(self, "store"):
            assert self.store.load() == self.kept.snapshot()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


def _machine(name: str, examples: int) -> type:
    machine = type(f"{name.title()}Machine", (Machine,), {"kind_name": name})
    machine.TestCase.settings = settings(
        max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
    return machine.TestCase


TestMemoryAgainstModel = _machine("memory", 60)
TestSqliteAgainstModel = _machine("sqlite", 40)

"""Loading: versions, unknown kinds, damage. Everything is checked before anything is made or written."""

from __future__ import annotations

from typing import Any

import pytest

from remit.durable import Batch, DurableVat
from remit.errors import StoreCorrupt, StoreError, StoreTooNew, UnknownKind
from remit.values import Record, Symbol, encode
from remit.vat import actor, renew
from tests.durable.vats import Box, Spy, Stone, do, opened, state


def filled() -> Spy:
    """A store with a box that leads to another by a table, and to a stone by that."""
    store = Spy()
    kept = opened(store)
    box = kept.root("main")
    child = do(kept, box, "spawn_idle")
    do(kept, box, "edit", ["table"], "set", "child", child)
    do(kept, child, "edit", ["items"], "append", kept.vat.spawn(Stone, "granite"))
    do(kept, box, "edit", ["tags"], "add", "t")
    kept.close()
    return store.reopen()


def refused(store: Spy, error: type[Exception], text: str, **options: Any) -> None:
    """Opening fails so, and leaves the store as it was."""
    before = store.inner.load()
    with pytest.raises(error, match=text):
        opened(store, **options)
    assert store.commits == []
    assert store.reopen().inner.load() == before


# --- kinds and versions ----------------------------------------------------------------------------------------------


def test_a_missing_class_is_named_with_object_path_and_remedy() -> None:
    """Which object, how it is reached, what to do; nothing is half loaded or changed."""
    store = filled()
    before = store.inner.load()
    with pytest.raises(UnknownKind) as caught:
        DurableVat.open(store, classes=[Box], roots={"main": (Box,)})
    text = str(caught.value)
    assert "object 3" in text
    assert "root 'main'.table.items" in text
    assert "'test.stone'" in text
    assert "add it to the classes" in text
    assert store.reopen().inner.load() == before


def test_no_class_is_imported_because_a_store_names_it() -> None:
    """A kind that is a module's path is still unknown."""
    store = filled()
    change(store, lambda batch: batch.put_object(3, "tests.durable.vats.Stone", 1))
    refused(store, UnknownKind, "tests.durable.vats.Stone")


def test_a_newer_version_is_refused() -> None:
    """A program that is older than what it finds touches nothing."""
    store = filled()
    change(store, lambda batch: batch.put_object(3, "test.stone", 2))
    refused(
        store, StoreTooNew, r"object 3 \(root 'main'.table.items\).*version 2, this program knows version 1: upgrade"
    )


@actor(kind="test.stone", version=3)
class NewStone:
    """Stones weigh something since version 2, and their text is called a name since version 3."""

    name: str
    weight: int

    def get(self) -> list[Any]:
        return [self.name, self.weight]

    def rename(self, name: str) -> None:
        self.name = name

    @staticmethod
    def _upgrade(version: int, fields: dict[str, Any]) -> dict[str, Any]:
        assert version in (1, 2), f"upgraded from version {version}"
        weight = fields["weight"] if version == 2 else len(fields["text"])
        return {"name": fields["text"], "weight": weight}


def test_an_old_portrait_is_upgraded_once() -> None:
    """By an explicit function, for which the fields are what they were; what it gives is kept under the new version."""
    store = filled()
    kept = DurableVat.open(store, classes=[Box, NewStone], roots={})
    stone = kept.root("main")._at.table["child"]._at.items[0]
    assert do(kept, stone, "get") == ["granite", 7]
    do(kept, stone, "rename", "slate")
    kept.close()
    store = store.reopen()
    assert (3, "test.stone", 3) in store.inner.load().objects
    assert sorted(row[1] for row in store.inner.load().fields if row[0] == 3) == ["name", "weight"]
    again = DurableVat.open(store, classes=[Box, NewStone], roots={})
    assert do(again, again.root("main")._at.table["child"]._at.items[0], "get") == ["slate", 7]


def test_living_objects_get_a_newer_class_and_are_kept_so() -> None:
    """What `renew` made of them between two turns is in the store, without a restart."""
    kept = opened(filled())
    stone = kept.root("main")._at.table["child"]._at.items[0]
    assert renew(kept.vat, {Stone: NewStone}) == {"test.stone": 1}
    assert do(kept, stone, "get") == ["granite", 7]
    kept.close()
    store = kept._keeper.store.reopen()
    assert (3, "test.stone", 3) in store.inner.load().objects
    assert sorted(row[1] for row in store.inner.load().fields if row[0] == 3) == ["name", "weight"]


def test_an_upgrade_that_is_missing_or_fails_changes_nothing() -> None:
    """The error names object, versions and cause."""

    @actor(kind="test.stone", version=2)
    class Hard:
        text: str

    @actor(kind="test.stone", version=2)
    class Brittle:
        text: str

        @staticmethod
        def _upgrade(version: int, fields: dict[str, Any]) -> dict[str, Any]:
            raise KeyError("weight")

    for made, text in ((Hard, "has no _upgrade"), (Brittle, "its _upgrade failed: KeyError")):
        store = filled()
        before = store.inner.load()
        with pytest.raises(StoreError, match=text):
            DurableVat.open(store, classes=[Box, made], roots={})
        assert store.reopen().inner.load() == before


def test_a_field_that_the_class_has_not_is_not_lost() -> None:
    """It takes an upgrade to drop it."""
    store = filled()
    change(store, lambda batch: batch.put_field(3, "colour", b"", encode("grey")))
    refused(store, StoreError, "stored fields that 'test.stone' version 1 has not: colour; add an upgrade")


def test_a_new_field_takes_its_plain_default() -> None:
    """Without a default it takes an upgrade."""
    store = filled()
    change(store, lambda batch: batch.delete_field(1, "value", b""))
    kept = opened(store)
    assert kept.root("main")._at.value is None
    store = filled()
    change(store, lambda batch: batch.delete_field(3, "text", b""))
    refused(store, StoreError, "text is not stored and has no plain default: add an upgrade")


# --- damage ---------------------------------------------------------------------------------------------------------------


def change(store: Spy, how: Any) -> None:
    batch = Batch()
    how(batch)
    store.inner.commit(batch)


def put(object: int, field: str, key: bytes, value: bytes) -> Any:
    return lambda batch: batch.put_field(object, field, key, value)


def symbol_record(name: str, *fields: Any) -> bytes:
    return encode(Record(Symbol(name), list(fields)))


DAMAGE = {
    "not syrup": (put(1, "value", b"", b"\xff"), r"root 'main'.value cannot be read"),
    "cut off": (put(1, "value", b"", b"5:ab"), r"root 'main'.value cannot be read"),
    "an object that is not there": (
        put(1, "value", b"", b"<6'object99+>"),
        r"root 'main'.value \(object 99\) is missing",
    ),
    "an object without an id": (put(1, "value", b"", b"<6'object>"), "cannot be read"),
    "an object whose id is a text": (put(1, "value", b"", b"<6'object1\"x>"), "missing|cannot be read"),
    "an unknown record": (put(1, "value", b"", symbol_record("desc:export", 1)), "cannot be read"),
    "a live reference to nothing": (put(1, "value", b"", symbol_record("live", 5)), "cannot be read"),
    "a map with half a pair": (put(1, "value", b"", symbol_record("map", ["k"])), "cannot be read"),
    "a map without a list": (put(1, "value", b"", symbol_record("map", 5)), "cannot be read"),
    "entries without a field": (lambda batch: batch.delete_field(1, "table", b""), "has entries but no row of its own"),
    "entries of no container": (put(1, "table", b"", encode(5)), "has entries, and is no container"),
    "a table key that can't be one": (put(1, "table", encode([1]), encode(1)), "cannot be|cannot be read"),
    "a table key that is not Syrup": (put(1, "table", b"\xff", encode(1)), "cannot be read"),
    "a list with a gap": (put(2, "items", b"\0" * 7 + b"\5", encode(1)), "lacks elements"),
    "a list with a strange index": (put(2, "items", b"x", encode(1)), "lacks elements"),
    "a list of another kind": (put(2, "items", b"", symbol_record("dict")), "cannot be"),
    "an element of a set that can't be one": (put(1, "tags", encode([1]), b""), "cannot be"),
    "a root that is no number": (lambda batch: batch.put_meta("root:main", b"x"), "'root:main'.*is not a number"),
    "a root that is not there": (
        lambda batch: batch.put_meta("root:main", b"77"),
        r"root 'main' \(object 77\) is missing",
    ),
    "a next id that is no number": (lambda batch: batch.put_meta("next-id", b""), "'next-id'.*is not a number"),
    "an object without its row": (lambda batch: batch.objects.update({3: None}), r"\(object 3\) is missing"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_and_nothing_is_loaded(damage: str) -> None:
    """Each damaged row is a `StoreCorrupt` that says where and what to do."""
    how, text = DAMAGE[damage]
    store = filled()
    change(store, how)
    refused(store, StoreCorrupt, f"(?:{text}).*restore the store from a copy")


def test_what_no_root_reaches_is_swept_and_reported() -> None:
    """Left over from a crash between letting go and forgetting: it does no harm, even damaged or of an unknown kind."""
    store = filled()

    def orphans(batch: Batch) -> None:
        batch.put_object(50, "test.unknown", 9)
        batch.put_field(50, "x", b"", b"\xff")
        batch.put_object(51, "test.stone", 1)
        batch.put_field(51, "text", b"", encode("lost"))
        batch.put_field(52, "text", b"", encode("without an object"))

    change(store, orphans)
    kept = opened(store)
    assert sorted(kept.unreachable) == [50, 51, 52]
    kept.close()
    after = store.reopen().inner.load()
    assert [id for id, _, _ in after.objects] == [1, 2, 3]
    assert {row[0] for row in after.fields} == {1, 2, 3}


def test_reloading_is_stable() -> None:
    """A vat that is opened and closed without a turn writes nothing and finds the same."""
    store = filled()
    before, first = store.inner.load(), None
    for _ in range(3):
        kept = opened(store)
        found = state(kept, kept.root("main"))
        assert first in (None, found)
        first = found
        kept.close()
        assert store.commits == []
        store = store.reopen()
        assert store.inner.load() == before

"""Living objects get a newer class between two turns, with their state."""

from __future__ import annotations

from typing import Any

import pytest

import remit.values._record as records
from remit.errors import Broken, NoSuchMethod, StoreError
from remit.values import labels_kept, record, tagged
from remit.vat import Vat, actor, become, field, near_objects, promise, renew, resolved, spawn


@record("test.renew-price")
class Price:
    euros: int


@actor(kind="test.till", version=1)
class Till:
    sold: int = 0
    prices: dict = field(dict)
    other: Any = None

    def sell(self, what: str) -> int:
        self.sold += 1
        self.prices[what] = Price(5)
        return self.sold

    async def slowly(self, waited: Any) -> int:
        prices = self.prices
        prices["late"] = await waited
        self.sold += 100
        return self.sold

    def close(self) -> str:
        return "closed"


@actor(kind="test.till", version=2)
class NewTill:
    sold: int = 0
    prices: dict = field(dict)
    names: list = field(list)

    def sell(self, what: str) -> str:
        self.sold += 1
        return f"{what} {self.sold}"

    def look(self) -> Any:
        return [self.sold, dict(self.prices), list(self.names)]

    @staticmethod
    def _upgrade(version: int, fields: dict[str, Any]) -> dict[str, Any]:
        assert version == 1
        return {"sold": fields["sold"], "prices": fields["prices"], "names": sorted(fields["prices"])}

    @staticmethod
    def _downgrade(version: int, fields: dict[str, Any]) -> dict[str, Any]:
        assert version == 1
        return {"sold": fields["sold"], "prices": fields["prices"]}


def outcome(vat: Vat, sent: Any) -> Any:
    vat.run()
    try:
        return resolved(sent)
    except Broken as error:
        return error


def test_objects_become_instances_of_the_newer_class_with_their_state() -> None:
    """References stay valid, and answer what the new class answers; its `_upgrade` has made the fields; other vats and kinds are left alone."""
    vat, other = Vat("one"), Vat("two")
    tills = [vat.spawn(Till), vat.spawn(Till)]
    strange = other.spawn(Till)
    outcome(vat, tills[0].sell("tea"))
    waiting = tills[0].sell("milk")  # queued before, run after
    assert renew(vat, {Till: NewTill}) == {"test.till": 2}
    assert outcome(vat, waiting) == "milk 2"
    assert outcome(vat, tills[0].look()) == [2, {"tea": Price(5)}, ["tea"]]
    assert outcome(vat, tills[1].look()) == [0, {}, []]
    assert isinstance(outcome(vat, tills[0].close()), NoSuchMethod)
    assert outcome(other, strange.close()) == "closed"


def test_a_suspended_method_goes_on_on_the_same_object() -> None:
    """What it changes after its `await` is not lost, in the fields as in a container that it holds."""
    vat = Vat()
    till = vat.spawn(Till)

    @actor
    class Keeper:
        def begin(self) -> Any:
            return list(promise())

    waited, resolver = outcome(vat, vat.spawn(Keeper).begin())
    answer = till.slowly(waited)
    vat.run()
    renew(vat, {Till: NewTill})
    resolver.fulfill(7)
    assert outcome(vat, answer) == 100
    assert outcome(vat, till.look()) == [100, {"late": 7}, []]


def test_one_object_that_cannot_be_brought_up_leaves_all_as_they_were() -> None:
    """All or nothing: neither class nor fields of any object change."""

    @actor(kind="test.till", version=2)
    class Picky:
        sold: int = 0

        @staticmethod
        def _upgrade(version: int, fields: dict[str, Any]) -> dict[str, Any]:
            if fields["sold"]:
                raise ValueError("sold already")
            return {"sold": 0}

    vat = Vat()
    fresh, used = vat.spawn(Till), vat.spawn(Till)
    outcome(vat, used.sell("tea"))
    with pytest.raises(StoreError, match="its _upgrade failed: ValueError"):
        renew(vat, {Till: Picky})
    assert outcome(vat, used.sell("tea")) == 2 and outcome(vat, fresh.close()) == "closed"


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"sold": 1, "more": 2}, "has not: more"), ({"sold": object()}, "field 'sold'"), (None, "not its fields by name")],
)
def test_what_an_upgrade_gives_has_to_fit(fields: Any, words: str) -> None:
    """A field too many, what no field can hold, and no fields at all are refused before anything changes."""

    @actor(kind="test.till", version=2)
    class Made:
        sold: int = 0

        @staticmethod
        def _upgrade(version: int, old: dict[str, Any]) -> dict[str, Any]:
            return fields

    vat = Vat()
    till = vat.spawn(Till)
    with pytest.raises(StoreError, match=words):
        renew(vat, {Till: Made})
    assert outcome(vat, till.close()) == "closed"


def test_a_version_without_upgrade_is_refused_and_the_same_version_needs_none() -> None:
    """As for stored portraits; fields that would be lost are named."""

    @actor(kind="test.till", version=1)
    class Same:
        sold: int = 0
        prices: dict = field(dict)
        other: Any = None

        def sell(self, what: str) -> str:
            return "same " + what

    @actor(kind="test.till", version=1)
    class Less:
        sold: int = 0

    @actor(kind="test.till", version=2)
    class Hard:
        sold: int = 0

    vat = Vat()
    till = vat.spawn(Till)
    with pytest.raises(StoreError, match="has no _upgrade"):
        renew(vat, {Till: Hard})
    with pytest.raises(StoreError, match="has not: other, prices"):
        renew(vat, {Till: Less})
    assert renew(vat, {Till: Same}) == {"test.till": 1}
    assert outcome(vat, till.sell("tea")) == "same tea"


def test_the_way_back_needs_a_downgrade() -> None:
    """The newer class says how; without that it is refused, and nothing changes."""
    vat = Vat()
    till = vat.spawn(Till)
    outcome(vat, till.sell("tea"))
    renew(vat, {Till: NewTill})
    assert renew(vat, {NewTill: Till}) == {"test.till": 1}
    assert outcome(vat, till.sell("tea")) == 2 and outcome(vat, till.close()) == "closed"

    @actor(kind="test.till", version=3)
    class Stays:
        sold: int = 0
        prices: dict = field(dict)
        other: Any = None

        @staticmethod
        def _upgrade(version: int, fields: dict[str, Any]) -> dict[str, Any]:
            return fields

    renew(vat, {Till: Stays})
    with pytest.raises(StoreError, match="has no _downgrade"):
        renew(vat, {Stays: Till})


def test_objects_that_became_another_class_are_found() -> None:
    """By what they are now, not by what they were spawned as; broken up and held objects alike."""

    @actor
    class Caterpillar:
        def change(self) -> None:
            become(Till(4))

    @actor
    class Owner:
        child: Any = None

        def have(self) -> None:
            self.child = spawn(Till)

    vat = Vat()
    ref, owner = vat.spawn(Caterpillar), vat.spawn(Owner)
    outcome(vat, ref.change())
    outcome(vat, owner.have())
    assert len(near_objects(vat, lambda cls: cls is Till)) == 2
    assert renew(vat, {Till: NewTill}) == {"test.till": 2}
    assert outcome(vat, ref.look()) == [4, {}, []]


def test_records_in_fields_are_of_the_newer_class_too() -> None:
    """As a store brings them back: by the class that has the label now."""
    vat = Vat()
    till = vat.spawn(Till)
    outcome(vat, till.sell("tea"))

    newer = _another_price()
    try:
        renew(vat, {Till: NewTill})
        assert type(till._at.prices["tea"]) is newer
    finally:
        records.CLASSES["test.renew-price"] = Price


def _another_price() -> Any:
    """The module's record, defined anew as when its module is loaded anew."""
    scope: dict[str, Any] = {"__name__": __name__}
    source = "from remit.values import record\n@record('test.renew-price')\nclass Price:\n    euros: int\n"
    exec(source, scope)
    return scope["Price"]


def test_labels_stay_where_code_fails() -> None:
    """A record class of code that raised later on does not stay behind."""

    def fail() -> None:
        with labels_kept():
            _another_price()
            raise RuntimeError("no good")

    with pytest.raises(RuntimeError):
        fail()
    assert type(tagged("test.renew-price", [5])) is Price


def test_it_is_refused_inside_a_turn() -> None:
    """What runs could not be put back."""

    @actor
    class Eager:
        def go(self) -> None:
            renew(vat, {})

    vat = Vat()
    assert "between turns" in str(outcome(vat, vat.spawn(Eager).go()))

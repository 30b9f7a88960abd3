"""`@record` classes."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import Any, ClassVar, Generic, TypeVar, get_type_hints

import pytest

from remit.errors import Misuse
from remit.values import Locator as Place
from remit.values import SturdyRef, Tagged, decode, encode, passable, record, same
from tests.strategies import Point

T = TypeVar("T")


@record("tests.order")
class Order:
    """What a customer wants."""

    RATE: ClassVar[int] = 3

    item: str
    count: int = 1
    notes: tuple[str, ...] = ()

    def total(self) -> int:
        return self.count * self.RATE

    def __str__(self) -> str:
        return f"{self.count} of {self.item} {super().__str__()}"


@record("tests.gift")
class Gift(Order):
    """An order with a card."""

    card: str = ""


def test_fields_are_given_by_position_and_by_name() -> None:
    """The constructor has the annotated fields, with their defaults; methods and class variables stay."""
    assert (Order("a").item, Order("a").count, Order("a").notes) == ("a", 1, ())
    assert Order("a", count=2) == Order("a", 2) == Order(item="a", count=2)
    assert Order("a", 2).total() == 6
    assert repr(Order("a", 2)) == "Order(item='a', count=2, notes=())"
    assert Order.__doc__ == "What a customer wants."
    assert get_type_hints(Order)["count"] is int


@pytest.mark.parametrize(
    "make",
    [lambda: Order(), lambda: Order("a", 1, (), 4), lambda: Order("a", item="b"), lambda: Order("a", other=1)],  # type: ignore[call-arg,misc]
)
def test_wrong_arguments_are_a_type_error(make: Any) -> None:
    """As with any Python constructor, named after the class."""
    with pytest.raises(TypeError, match=r"Order\.__init__\(\)"):
        make()


def test_records_are_frozen_and_slotted() -> None:
    """No field can be set or deleted, and none added."""
    order = Order("a")
    for name in ("item", "other"):
        with pytest.raises(AttributeError, match="Order is immutable"):
            setattr(order, name, "b")
        with pytest.raises(AttributeError, match="Order is immutable"):
            delattr(order, name)
    assert not hasattr(order, "__dict__")


def test_records_compare_by_same() -> None:
    """By kind and structure; a subclass has another label and so is another value."""
    assert Order("a", 1) != Order("a", True)
    assert Order("a", 1) != Order("a", 1.0)  # type: ignore[arg-type]
    assert hash(Order("a", 1)) == hash(Order("a", 1))
    assert Order("a") != Gift("a")
    assert Order("a") == Tagged("tests.order", ["a", 1, []])
    assert Tagged("tests.order", ["a", 1, []]) == Order("a")
    assert Order("a") != "a"


def test_records_extend_records() -> None:
    """The fields of the record above come first; super() finds its way in the rebuilt class."""
    gift = Gift("a", 2, (), "with love")
    assert gift.card == "with love"
    assert gift.total() == 6
    assert isinstance(gift, Order)
    assert str(gift).startswith("2 of a Gift(item='a'")
    assert decode(encode(gift)) == gift and type(decode(encode(gift))) is Gift


def test_generic_records_work() -> None:
    """A record may have type parameters."""

    @record("tests.pair")
    class Pair(Generic[T]):
        a: T
        b: T

    assert Pair[int](1, 2) == Pair(1, 2)
    assert decode(encode(Pair(1, 2))) == Pair(1, 2)


def test_records_copy_pickle_match_and_replace() -> None:
    """What Python offers for data works."""
    order = Order("a", 2)
    assert copy.copy(order) is order
    assert copy.deepcopy(order) == order
    assert pickle.loads(pickle.dumps(order)) == order
    assert order.__replace__(count=3) == Order("a", 3)  # type: ignore[attr-defined]
    match order:
        case Order(item, count):
            assert (item, count) == ("a", 2)
        case _:
            pytest.fail("no match")


def test_decoding_gives_the_class_where_the_fields_fit() -> None:
    """Known label and right number of fields: the class. Anything else: a Tagged, so nothing is lost."""
    assert type(decode(b"<11'desc:tagged11'tests.point[1+2+]>")) is Point
    assert decode(b"<11'desc:tagged11'tests.point[1+]>") == Tagged("tests.point", [1])
    assert decode(b"<11'desc:tagged11'tests.point1+>") == Tagged("tests.point", 1)
    assert decode(b"<11'desc:tagged7'unknown[1+2+]>") == Tagged("unknown", [1, 2])


def test_decoding_and_passing_run_no_code_of_the_class() -> None:
    """A peer's bytes set fields and nothing more: no hook of the class is called."""
    called: list[str] = []

    @record("tests.trap")
    class Trap:
        x: Any

        def __getattribute__(self, name: str) -> Any:
            called.append(name)
            return super().__getattribute__(name)

        @classmethod
        def __class_getitem__(cls, item: object) -> object:
            called.append("item")
            return cls

    trap = decode(b"<11'desc:tagged10'tests.trap[1+]>")
    assert called == []
    assert trap.x == 1


def test_a_label_belongs_to_one_class() -> None:
    """A second class with the label is refused, naming both; the same class defined again takes its place."""

    def define() -> Any:
        @record("tests.again")
        class Again:
            x: int

        return Again

    define()
    newest = define()
    assert type(passable(Tagged("tests.again", [1]))) is newest
    with pytest.raises(Misuse, match=r"'tests.again' is used by two classes, .*Again and .*Thief: give one"):

        @record("tests.again")
        class Thief:
            x: int

    assert type(passable(Tagged("tests.again", [1]))) is newest


@pytest.mark.parametrize("label", ["", None, b"x", "\ud800", Order])
def test_a_record_needs_a_label(label: Any) -> None:
    """The decorator takes a text: `@record` without it is found at once."""
    with pytest.raises(Misuse, match="takes its label"):
        record(label)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("x: list = []", "the default of 'x' can be changed"),
        ("x: dict = {}", "the default of 'x' can be changed"),
        ("_x: int", "'_x' cannot be private"),
        ("x: int = 1\n y: int", "a field without default follows"),
        ("def __init__(self): pass", "may not define __init__"),
        ("def __post_init__(self): pass", "may not define __post_init__"),
        ("def __eq__(self, other): pass", "may not define __eq__, __hash__"),
        ("__slots__ = ('x',)", "may not define __slots__"),
    ],
)
def test_parts_that_cannot_be_kept_are_refused(body: str, words: str) -> None:
    """A record is data: what would be shared, hidden or overwritten is refused when the class is made."""
    scope: dict[str, Any] = {"record": record, "__name__": __name__}
    with pytest.raises(Misuse, match=words):
        exec(f"@record('tests.refused')\nclass Wrong:\n {body}\n", scope)


def test_a_base_that_is_not_frozen_is_refused() -> None:
    """Else its instances could be changed after all."""

    class Loose:
        pass

    with pytest.raises(Misuse, match="extends a class that is neither a record nor slotted"):

        @record("tests.loose")
        class Tight(Loose):
            x: int


def test_repr_shows_no_secret() -> None:
    """A sturdyref in a record keeps its swiss number to itself."""
    point = Point(SturdyRef(Place("tls", "k"), b"hunter2"), Tagged("t", [SturdyRef(Place("tls", "k"), b"hunter2")]))
    assert "hunter2" not in repr(point) + str(point)
    assert "aHVudGVyMg" not in repr(point) + str(point)


def test_importing_values_is_cheap() -> None:
    """Neither dataclasses nor other heavy modules are loaded for it: `import remit` has a budget."""
    heavy = ("dataclasses", "inspect", "asyncio", "urllib", "base64", "json", "ssl")
    code = f"import sys, remit.values; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=_path())
    assert out.stdout.strip() == "[]"


def _path() -> dict[str, str]:
    import remit.values

    return {"PYTHONPATH": str(remit.values.__file__).rsplit("/remit/", 1)[0]}


def test_a_label_that_is_not_known_stays_free() -> None:
    """`known=False`: decoding gives a Tagged, which is the same; any number of classes may have the label."""

    @record("test.record.free", known=False)
    class One:
        a: int

    @record("test.record.free", known=False)
    class Two:
        a: int

    found = decode(encode(One(5)))
    assert type(found) is Tagged
    assert found == One(5) == Two(5) and same(One(5), Two(5))
    assert passable(One(5)) == One(5)

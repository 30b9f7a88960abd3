"""Short labels of our vocabularies are nobody's: a user's own records with the same labels stand beside them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from remit.dataspace import ANY, Bind, Dataspace, Group, bind, during, message, on_message, pattern, publish
from remit.services import Data, ServiceState
from remit.values import Tagged, as_record, decode, encode, record
from remit.values._record import CLASSES
from remit.vat import Vat, actor

OURS = "import remit.services, remit.dataspace, remit.dataspace.syndicate, remit.machines, remit.cli._space_trace"
USERS = """
from typing import Any
from remit.values import record

@record("data")
class Data:
    series: Any
    unit: Any

@record("group")
class Group:
    name: Any
    members: Any

@record("daemon")
class Daemon:
    id: Any

@record("Observe")
class Observe:
    star: Any
    telescope: Any
"""
WORK = """
import asyncio
from remit import Vat, actor
from remit.dataspace import ANY, Dataspace, bind, during, on_message, message, pattern, publish
from remit.services import Data as Piece, Daemon as Process, ServiceState, READY
from remit.values import as_record, decode, encode, preserves

assert type(decode(encode(Data([1], "m")))) is Data
assert type(preserves.decode(preserves.encode(Piece(b"x", "lf")))) is Data  # the label is the user's where it says so
assert as_record(decode(encode(Piece(b"x", "lf"))), Piece).payload == b"x"

@actor(kind="test.both")
class Both:
    space: Any
    seen: list = []

    def begin(self):
        on_message(self.space, Data, lambda data: self.seen.append(["mine", data.unit]))
        on_message(self.space, Piece, lambda piece: self.seen.append(["ours", piece.mode]))
        during(self.space, ServiceState(bind(Process), READY), lambda name: self.seen.append([type(name).__module__, name.id]))
        during(self.space, Group("admins", bind()), lambda members: self.seen.append(["members", members]))
        publish(self.space, ServiceState(Process("web"), READY))
        publish(self.space, Group("admins", ["ada"]))
        message(self.space, Data([1], "m"))

    def read(self):
        return self.seen

async def main():
    async with Vat("both") as vat:
        space = vat.spawn(Dataspace)
        both = vat.spawn(Both, space)
        await both.begin()
        await space.size()
        seen = await both.read()
        assert sorted(map(str, seen)) == [
            "['members', ['ada']]", "['mine', 'm']", "['ours', 'm']", "['remit.services._records', 'web']"
        ], seen
        assert await space.query(pattern(Group(bind(), ANY))) == [["admins"]]

asyncio.run(main())
"""


@pytest.mark.parametrize("order", [[OURS, USERS], [USERS, OURS]], ids=["ours first", "ours last"])
def test_a_users_own_records_stand_beside_ours(order: list[str]) -> None:
    """Whatever is imported first, a user's `@record("data")` is his, our services read theirs, and patterns give the class they name."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*order, WORK])], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_decoding_knows_only_our_own_labels() -> None:
    """Of the classes that decoding gives, those of ours have labels that begin with `remit.`."""
    ours = {label: cls for label, cls in CLASSES.items() if cls.__module__.startswith("remit.")}
    assert [label for label in ours if not label.startswith(("remit.", "preserves:"))] == []


@record("data", known=False)
class Reading:
    """Has as many fields as a stream's `<data payload mode>`."""

    series: Any
    unit: Any


@record("bind", known=False)
class Binding:
    """Has as many fields as the pattern `<bind p>`."""

    book: Any


@actor(kind="test.labels.hears")
class Hears:
    space: Any
    seen: list[Any] = []

    def begin(self) -> None:
        on_message(self.space, Reading, lambda found: self.seen.append([type(found).__name__, found.unit]))
        on_message(
            self.space, bind(Data(ANY, "lf")), lambda found: self.seen.append([type(found).__name__, found.mode])
        )
        during(self.space, Binding(bind()), lambda book: self.seen.append(["book", book]))
        publish(self.space, Binding("atlas"))
        message(self.space, Data(b"x", "lf"))


@pytest.fixture
def known() -> Iterator[None]:
    """Decoding gives the two classes above, as if they were not `known=False`; the rest of the tests goes without."""
    mine: dict[str, Any] = {"data": Reading, "bind": Binding}
    CLASSES.update(mine)
    yield
    for label in mine:
        del CLASSES[label]


@pytest.mark.usefixtures("known")
def test_a_pattern_says_which_class_its_function_gets() -> None:
    """Two classes with one label are one value: each handler gets the class that its pattern names; one's own `bind` is a record."""
    vat = Vat("labels")
    space = vat.spawn(Dataspace)
    hears = vat.spawn(Hears, space)
    hears.begin()
    vat.run()
    seen = sorted(map(str, hears._at.seen))  # type: ignore[attr-defined]
    assert seen == ["['Data', 'lf']", "['Reading', 'lf']", "['book', 'atlas']"]


@pytest.mark.usefixtures("known")
def test_patterns_from_elsewhere_are_patterns_whatever_class_their_label_has() -> None:
    """A query that was decoded where `bind` is a user's record still asks what it asked."""
    vat = Vat("labels")
    space = vat.spawn(Dataspace)
    party = space.open()
    vat.run()
    party.turn([["assert", 1, Binding("atlas")], ["assert", 2, ServiceState("web", "ready")]])
    vat.run()
    wanted = decode(encode(pattern(ServiceState(bind(), "ready"))))
    assert type(decode(encode(Bind(1)))) is Binding
    heart = space._at._space()
    assert heart.query(wanted) == [["web"]]
    assert heart.query(decode(encode(ServiceState(bind(), "ready")))) == [["web"]]
    assert type(pattern(Tagged("group", [Tagged("arr", []), {}]))) is Group


def test_as_record_fits_label_and_number_of_fields() -> None:
    """What has the label and as many fields is an instance, whatever class it came as; anything else is None."""
    assert as_record(Tagged("data", [b"x", "lf"]), Data) == Data(b"x", "lf")
    assert type(as_record(Reading(b"x", "lf"), Data)) is Data
    assert type(as_record(Tagged("data", [1, 2]), ServiceState, Data)) is Data
    for other in (Tagged("data", [1]), Tagged("data", 1), Tagged("other", [1, 2]), "data", None, [1, 2]):
        assert as_record(other, Data) is None

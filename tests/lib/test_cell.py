"""Cells and their views."""

from __future__ import annotations

from remit.errors import NotAllowed
from remit.lib import Cell, supports
from remit.vat import Vat
from tests.lib.objects import outcome


def test_a_cell_holds_what_was_set_last() -> None:
    """Data or a reference, nothing at first."""
    vat = Vat()
    cell = vat.spawn(Cell)
    assert outcome(vat, cell.get()) is None
    for value in (1, {"a": [2]}, cell):
        assert outcome(vat, cell.set(value)) is None
        assert outcome(vat, cell.get()) == value


def test_views_of_a_cell_do_half() -> None:
    """The reader can't write, the writer can't read, and neither leads to the other."""
    vat = Vat()
    cell = vat.spawn(Cell, 1)
    reader, writer = outcome(vat, cell.reader()), outcome(vat, cell.writer())
    assert outcome(vat, writer.set(2)) is None and outcome(vat, reader.get()) == 2
    assert outcome(vat, outcome(vat, reader.reader()).get()) == 2
    for refused in (reader.set(3), reader.writer(), writer.get(), writer.reader(), writer.writer()):
        assert isinstance(outcome(vat, refused), NotAllowed)
    assert outcome(vat, cell.get()) == 2


def test_a_cell_can_be_granted_read_only() -> None:
    """Its reading methods are marked."""
    assert "read_only" in supports(Cell)

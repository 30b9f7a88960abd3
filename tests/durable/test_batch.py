from __future__ import annotations

import pytest

from remit.durable import Batch, _rows
from remit.errors import NotStorable
from tests.durable.stores import ROWS, numbered


def test_the_length_counts_row_operations_that_are_left() -> None:
    """Replaced operations do not count, so an index into the writes of a batch is exact."""
    batch = numbered(1)
    assert len(batch) == ROWS + 1
    batch.put_field(1, "rows", b"0", b"again")
    assert len(batch) == ROWS + 1
    batch.clear_field(1, "rows")
    assert len(batch) == 4
    batch.delete_object(1)
    assert len(batch) == 4  # meta, the object, its fields, outbox
    assert not Batch()


def test_extending_leaves_the_later_batch_as_it_is() -> None:
    """So a batch may be merged and still be read by whoever holds it."""
    first, later = numbered(1), numbered(2)
    first.extend(later)
    first.delete_object(2)
    assert len(later) == ROWS + 1
    assert later.fields[2]["rows", b"0"] == b"value"


def test_a_value_above_the_limit_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names object and field, and not the value, which may be secret."""
    monkeypatch.setattr(_rows, "MAX_VALUE", 10)
    batch = Batch()
    batch.put_field(7, "password", b"", b"0123456789x")
    with pytest.raises(NotStorable, match="'password' of object 7") as caught:
        batch.check()
    assert "0123456789" not in str(caught.value)

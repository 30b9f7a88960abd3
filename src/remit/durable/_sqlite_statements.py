"""A batch as SQL: as few statements as possible, each for many rows.

Each step of a statement gives up Python's interpreter lock and takes it back, which a busy event loop makes wait for
its switch interval (5 ms). So a batch of 100 rows is two or three statements of many rows and not 100 of one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from remit.durable._rows import Batch

__all__ = ["statements"]

Statement = tuple[str, list[object]]

# Numbers of rows that one statement takes. Few, so that SQLite's compiled statements are found again; dense enough
# that any number up to 256 takes at most three. 256 rows of 4 columns stay below the 32766 variables of SQLite.
_SIZES = (256, 192, 128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1)

# Up to so many bytes, a value is given to SQLite as a bytearray, which Python's module takes as it is: for bytes it looks for adapters each time,
# which takes ten times as long as the copy.
_COPIED: Final = 1 << 16

# head, what stands for one row, what stands between rows, tail
Form = tuple[str, str, str, str]

_PUT_META = ("INSERT OR REPLACE INTO meta VALUES ", "(?,?)", ",", "")
_PUT_OBJECT = ("INSERT OR REPLACE INTO objects VALUES ", "(?,?,?)", ",", "")
_PUT_FIELD = ("INSERT OR REPLACE INTO fields VALUES ", "(?,?,?,?)", ",", "")
_PUT_OUTBOX = ("INSERT OR REPLACE INTO outbox VALUES ", "(?,?,?)", ",", "")
_PUT_INBOX = (
    "INSERT INTO inbox VALUES ",
    "(?,?)",
    ",",
    " ON CONFLICT (sender) DO UPDATE SET number = excluded.number WHERE excluded.number > number",
)
_DELETE_META = ("DELETE FROM meta WHERE name IN (", "?", ",", ")")
_DELETE_OBJECT = ("DELETE FROM objects WHERE id IN (", "?", ",", ")")
_DROP_FIELDS = ("DELETE FROM fields WHERE object IN (", "?", ",", ")")
# OR and not a list of row values: for such a list SQLite reads the whole table.
_CLEAR_FIELD = ("DELETE FROM fields WHERE ", "(object=? AND field=?)", " OR ", "")
_DELETE_FIELD = ("DELETE FROM fields WHERE ", "(object=? AND field=? AND key=?)", " OR ", "")
_DELETE_OUTBOX = ("DELETE FROM outbox WHERE ", "(target=? AND number=?)", " OR ", "")

_ONE: Final[dict[Form, str]] = {
    form: form[0] + form[1] + form[3]
    for form in (
        *(_PUT_META, _PUT_OBJECT, _PUT_FIELD, _PUT_OUTBOX, _PUT_INBOX, _DELETE_META, _DELETE_OBJECT),
        *(_DROP_FIELDS, _CLEAR_FIELD, _DELETE_FIELD, _DELETE_OUTBOX),
    )
}
"""The statements for one row: of most batches that are not large."""


def statements(batch: Batch) -> list[Statement]:
    """The statements of a batch with their parameters, in the order in which they must run."""
    out: list[Statement] = []
    if batch.dropped:
        _add(out, _DROP_FIELDS, [(object,) for object in batch.dropped])
    if batch.cleared:
        _add(out, _CLEAR_FIELD, [(object, field) for object, names in batch.cleared.items() for field in names])
    if batch.fields:
        _fields(out, batch)
    if batch.objects:
        _add(out, _PUT_OBJECT, [(id, *row) for id, row in batch.objects.items() if row is not None])
        _add(out, _DELETE_OBJECT, [(id,) for id, row in batch.objects.items() if row is None])
    if batch.meta:
        _add(out, _PUT_META, [(name, value) for name, value in batch.meta.items() if value is not None])
        _add(out, _DELETE_META, [(name,) for name, value in batch.meta.items() if value is None])
    if batch.outbox:
        kept = batch.outbox.items()
        _add(out, _PUT_OUTBOX, [(number, target, text) for (target, number), text in kept if text is not None])
        _add(out, _DELETE_OUTBOX, [row for row, text in kept if text is None])
    if batch.inbox:
        _add(out, _PUT_INBOX, list(batch.inbox.items()))
    return out


def _fields(out: list[Statement], batch: Batch) -> None:
    put: list[tuple[object, ...]] = []
    delete: list[tuple[object, ...]] = []
    for object, rows in batch.fields.items():
        for (field, key), value in rows.items():
            if value is None:
                delete.append((object, field, key))
            else:
                put.append((object, field, bytearray(key), bytearray(value) if len(value) < _COPIED else value))
    _add(out, _PUT_FIELD, put)
    _add(out, _DELETE_FIELD, delete)


def _add(out: list[Statement], form: Form, rows: Sequence[Iterable[object]]) -> None:
    if not rows:
        return
    head, row, between, tail = form
    if len(rows) == 1:
        out.append((_ONE[form], [*rows[0]]))
        return
    done = 0
    for size in _SIZES:
        while len(rows) - done >= size:
            values = [value for one in rows[done : done + size] for value in one]
            out.append((head + between.join([row] * size) + tail, values))
            done += size

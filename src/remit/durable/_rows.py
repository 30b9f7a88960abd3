"""What a store keeps, as rows: the `Store` protocol, the `Snapshot` it loads and the `Batch` it commits.

A store knows rows and nothing of objects. Five tables, keyed as the comment says:

    meta    name, value                  name
    objects id, kind, version            id
    fields  object, field, key, value    object, field, key   (key b"" = the field itself)
    outbox  number, target, message      target, number
    inbox   sender, number               sender               (the highest number seen)

Every store keeps to the same rules; `tests/durable/test_store_contract.py` runs on all of them.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn, Protocol

from remit.errors import NotStorable

__all__ = ["MAX_VALUE", "Batch", "Snapshot", "Store"]

MAX_VALUE = 256 << 20
"""Bytes in one key, value, target or message: well under the 1 GB that SQLite and PostgreSQL take."""

_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1


class Snapshot(NamedTuple):
    """All that a store holds at one moment: plain rows in the order of their keys.

    Owned by whoever asked for it; the store keeps no part of it and later commits do not change it.
    """

    meta: dict[str, bytes]
    objects: list[tuple[int, str, int]]
    fields: list[tuple[int, str, bytes, bytes]]
    outbox: list[tuple[int, bytes, bytes]]
    inbox: dict[bytes, int]


class Store(Protocol):
    """Where the rows of one durable vat are kept; open from its making to `close`.

    One call at a time, from any thread; while a `Writer` has the store, only the writer commits. After a commit
    that raised `StoreError` the store refuses everything but `close`, with the same kind of error: what it holds
    is found by opening it again.
    """

    def load(self) -> Snapshot:
        """Everything that is kept, or `StoreCorrupt`: never a part of it."""

    def commit(self, batch: Batch) -> None:
        """Keep the whole batch, on disk on return, or nothing of it.

        Raises `NotStorable` for a row that no store takes (the store stays usable), `StoreFull`, `StoreError`.
        """

    def close(self) -> None:
        """Let go of files and locks; a second call does nothing."""


class Batch:
    """Changes to be committed together; built in memory, by one thread, and handed over with `commit`.

    The operations count as if carried out one after another: a later one on the same key replaces an earlier one.
    `len()` is the number of row operations that are left to do. Nothing is checked until `check`, so that
    building one stays cheap. The attributes are the net effect, for stores to read: None stands for deletion, and
    `dropped` and `cleared` come before the rows in `fields`.
    """

    __slots__ = ("cleared", "dropped", "fields", "inbox", "meta", "objects", "outbox")

    def __init__(self) -> None:
        self.meta: dict[str, bytes | None] = {}
        self.objects: dict[int, tuple[str, int] | None] = {}
        self.dropped: dict[int, None] = {}  # objects that lose all fields that are kept of them
        self.cleared: dict[int, dict[str, None]] = {}  # object -> fields that lose all their rows
        self.fields: dict[int, dict[tuple[str, bytes], bytes | None]] = {}  # object -> (field, key) -> value
        self.outbox: dict[tuple[bytes, int], bytes | None] = {}
        self.inbox: dict[bytes, int] = {}

    def __len__(self) -> int:
        flat = len(self.meta) + len(self.objects) + len(self.dropped) + len(self.outbox) + len(self.inbox)
        for rows in self.fields.values():
            flat += len(rows)
        return flat + sum(map(len, self.cleared.values())) if self.cleared else flat

    def __bool__(self) -> bool:
        return bool(
            self.fields or self.meta or self.objects or self.dropped or self.cleared or self.outbox or self.inbox
        )

    def put_meta(self, name: str, value: bytes) -> None:
        """Keep a value under a name; for what belongs to the vat as a whole."""
        self.meta[name] = value

    def delete_meta(self, name: str) -> None:
        """Forget a name; nothing happens where it is not kept (so with every deletion here)."""
        self.meta[name] = None

    def put_object(self, id: int, kind: str, version: int) -> None:
        """Keep an object's row; its fields stay as they are."""
        self.objects[id] = (kind, version)

    def delete_object(self, id: int) -> None:
        """Forget an object, together with all rows of all its fields."""
        self.objects[id] = None
        self.dropped[id] = None
        self.cleared.pop(id, None)
        self.fields.pop(id, None)

    def put_field(self, object: int, field: str, key: bytes, value: bytes) -> None:
        """Keep one row of a field: key b"" is the field itself, any other key an entry of a container."""
        rows = self.fields.get(object)
        if rows is None:
            rows = self.fields[object] = {}
        rows[field, key] = value

    def delete_field(self, object: int, field: str, key: bytes) -> None:
        """Forget one row of a field."""
        self.fields.setdefault(object, {})[field, key] = None

    def clear_field(self, object: int, field: str) -> None:
        """Forget all rows of a field, those put earlier in this batch included."""
        rows = self.fields.get(object, {})
        for row in [row for row in rows if row[0] == field]:
            del rows[row]
        if object not in self.dropped:
            self.cleared.setdefault(object, {})[field] = None

    def add_outbox(self, number: int, target: bytes, message: bytes) -> None:
        """Keep a message to be sent; a target's messages are loaded in the order of their numbers."""
        self.outbox[target, number] = message

    def delete_outbox(self, number: int, target: bytes) -> None:
        """Forget a message that its target has acknowledged."""
        self.outbox[target, number] = None

    def note_inbox(self, sender: bytes, number: int) -> None:
        """Note that this sender's messages up to `number` have been seen; the mark only ever rises."""
        if number > self.inbox.get(sender, _LOWEST - 1):
            self.inbox[sender] = number

    def extend(self, later: Batch) -> None:
        """Append the operations of a later batch, which is left as it is."""
        for object in later.dropped:
            self.delete_object(object)
        if later.cleared:
            for object, names in later.cleared.items():
                for field in names:
                    self.clear_field(object, field)
        for object, rows in later.fields.items():
            kept = self.fields.get(object)
            if kept is None:
                self.fields[object] = rows.copy()
            else:
                kept.update(rows)
        if later.meta or later.objects or later.outbox or later.inbox:
            self.meta.update(later.meta)
            self.objects.update(later.objects)
            self.outbox.update(later.outbox)
            for sender, number in later.inbox.items():
                self.note_inbox(sender, number)

    def absorb(self, later: Batch) -> None:
        """As `extend`, and the later batch is empty afterwards: it may be filled again. Most have nothing but fields, which costs least."""
        if later.dropped or later.cleared or later.meta or later.objects or later.outbox or later.inbox:
            self.extend(later)
            later.__init__()  # type: ignore[misc]  # as new
            return
        fields = self.fields
        for object, rows in later.fields.items():
            kept = fields.get(object)
            if kept is None:
                fields[object] = rows
            else:
                kept.update(rows)
        later.fields.clear()

    def check(self) -> None:
        """Raise `NotStorable`, naming the row, unless every store can keep this batch.

        Integers have 64 bits, texts are UTF-8 without NUL (which PostgreSQL refuses), bytes are at most `MAX_VALUE`.
        """
        self._check_fields()
        if self.meta or self.objects or self.outbox or self.inbox:
            self._check_rest()

    def _check_fields(self) -> None:
        for object, names in self.cleared.items():
            for field in names:
                if not (_integer(object) and _text(field)):
                    _refuse(f"field {field!r} of object {object!r}")
        for object, rows in self.fields.items():
            good = _integer(object)
            for (field, key), value in rows.items():
                if not (good and _text(field) and _bytes(key) and (value is None or _bytes(value))):
                    _refuse(f"field {field!r} of object {object!r}")

    def _check_rest(self) -> None:
        for name, value in self.meta.items():
            if not (_text(name) and (value is None or _bytes(value))):
                _refuse(f"meta {name!r}")
        for id, row in self.objects.items():
            if not (_integer(id) and (row is None or (_text(row[0]) and _integer(row[1])))):
                _refuse(f"object {id!r}")
        for (target, number), message in self.outbox.items():
            if not (_integer(number) and _bytes(target) and (message is None or _bytes(message))):
                _refuse(f"message {number!r} of the outbox")
        for sender, number in self.inbox.items():
            if not (_integer(number) and _bytes(sender)):
                _refuse(f"mark {number!r} of the inbox")


def _integer(value: object) -> bool:
    return type(value) is int and _LOWEST <= value <= _HIGHEST


def _bytes(value: object) -> bool:
    return type(value) is bytes and len(value) <= MAX_VALUE


def _text(value: object) -> bool:
    if type(value) is not str or "\0" in value:
        return False
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _refuse(row: str) -> NoReturn:
    raise NotStorable(
        f"no store can keep {row}: integers have 64 bits, names are text without NUL or lone surrogates, "
        f"values and keys are bytes of at most {MAX_VALUE} bytes; nothing of the batch was kept"
    )

"""A store in memory: for tests and for vats that need turns but no disk."""

from __future__ import annotations

from typing import TypeVar

from remit.durable._rows import Batch, Snapshot
from remit.errors import StoreError

__all__ = ["MemoryStore"]

K = TypeVar("K")
V = TypeVar("V")


class _Tables:
    __slots__ = ("fields", "inbox", "meta", "objects", "outbox")

    def __init__(self) -> None:
        self.meta: dict[str, bytes] = {}
        self.objects: dict[int, tuple[str, int]] = {}
        self.fields: dict[int, dict[tuple[str, bytes], bytes]] = {}
        self.outbox: dict[tuple[bytes, int], bytes] = {}
        self.inbox: dict[bytes, int] = {}


class MemoryStore:
    """Rows in memory, gone with the process; keeps to the same rules as the stores on disk.

    Owned by whoever made it. `close` ends its use but not its rows: `reopen` gives them to a new store, as a
    restarted process would find them.
    """

    __slots__ = ("_open", "_tables")

    def __init__(self) -> None:
        self._tables = _Tables()
        self._open = True

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._tables.objects)} objects{'' if self._open else ', closed'}>"

    def reopen(self) -> MemoryStore:
        """A new store on the same rows; this one is closed."""
        self.close()
        store = MemoryStore()
        store._tables = self._tables
        return store

    def load(self) -> Snapshot:
        """See `Store.load`."""
        self._usable()
        kept = self._tables
        return Snapshot(
            dict(sorted(kept.meta.items())),
            [(id, kind, version) for id, (kind, version) in sorted(kept.objects.items())],
            [(id, *row, value) for id, rows in sorted(kept.fields.items()) for row, value in sorted(rows.items())],
            [(number, target, message) for (target, number), message in sorted(kept.outbox.items())],
            dict(sorted(kept.inbox.items())),
        )

    def commit(self, batch: Batch) -> None:
        """See `Store.commit`; nothing can fail once the batch has been checked."""
        self._usable()
        batch.check()
        kept = self._tables
        _apply(kept.meta, batch.meta)
        _apply(kept.objects, batch.objects)
        _apply(kept.outbox, batch.outbox)
        self._apply_fields(batch)
        for sender, number in batch.inbox.items():
            kept.inbox[sender] = max(number, kept.inbox.get(sender, number))

    def close(self) -> None:
        """See `Store.close`."""
        self._open = False

    def _apply_fields(self, batch: Batch) -> None:
        fields = self._tables.fields
        for object in batch.dropped:
            fields.pop(object, None)
        for object, names in batch.cleared.items():
            rows = fields.get(object, {})
            for row in [row for row in rows if row[0] in names]:
                del rows[row]
        for object, changes in batch.fields.items():
            _apply(fields.setdefault(object, {}), changes)

    def _usable(self) -> None:
        if not self._open:
            raise StoreError("the memory store is closed: go on with the store that reopen() gives")


def _apply(table: dict[K, V], changes: dict[K, V | None]) -> None:
    for key, value in changes.items():
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value

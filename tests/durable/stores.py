"""What the tests of stores share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remit.durable import Batch, MemoryStore, SqliteStore, Store


class Kind:
    """One implementation under contract: how to make an empty store and how to open it again."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.path = folder / "state" / "vat.db"

    def open(self) -> Store:
        return MemoryStore() if self.name == "memory" else SqliteStore(self.path)

    def reopen(self, store: Store) -> Store:
        if isinstance(store, MemoryStore):
            return store.reopen()
        store.close()
        return SqliteStore(self.path)


ROWS = 7
"""Rows in a numbered batch, `last` not counted."""


def numbered(number: int) -> Batch:
    """A batch of several rows in three tables that all belong to one number."""
    batch = Batch()
    batch.put_meta("last", b"%d" % number)
    batch.put_object(number, "test.numbered", 1)
    batch.add_outbox(number, b"target", b"message")
    for row in range(ROWS - 2):
        batch.put_field(number, "rows", b"%d" % row, b"value")
    return batch


def numbers(store: Store) -> list[int]:
    """The numbers whose batches are kept; fails when one is kept in part."""
    kept = store.load()
    rows: dict[int, int] = {}
    for number in [row[0] for table in (kept.objects, kept.fields, kept.outbox) for row in table]:
        rows[number] = rows.get(number, 0) + 1
    assert all(count == ROWS for count in rows.values()), f"a batch is kept in part: {rows}"
    assert kept.meta.get("last", b"-1") == b"%d" % max(rows, default=-1)
    return sorted(rows)


@contextmanager
def child(script: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process that runs `script`, with pipes for stdin and stdout; killed on leaving, if it still runs."""
    root = Path(__file__).parents[2]
    path = [str(root / "src"), str(root), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        try:
            yield process
        finally:
            process.kill()

"""Remit's variant of commits: turns of a durable vat, each of which keeps one record; an answer comes when it is kept."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from remit.durable import DurableVat, SqliteStore
from remit.vat import actor, field

from .durable import RECORD


@actor(kind="bench.ledger", version=1)
class Ledger:
    records: dict[int, bytes] = field(dict)

    def put(self, at: int, record: bytes) -> None:
        self.records[at] = record


class Kept:
    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.runner = asyncio.Runner()
        self.runner.run(self._open())

    async def _open(self) -> None:
        store = SqliteStore(self.folder / "state")
        self.durable = await DurableVat.open(store, roots={"ledger": (Ledger,)}).__aenter__()
        self.ledger = self.durable.root("ledger")
        self.at = 0

    def measure(self, records: int, seconds: float) -> float:
        """Records a second, so many under way at a time."""
        return self.runner.run(self._measure(records, seconds))

    async def _measure(self, records: int, seconds: float) -> float:
        first, began = self.at, time.perf_counter()
        now, end = began, began + seconds
        while now < end:
            for answer in [self._put() for _ in range(records)]:
                await answer
            now = time.perf_counter()
        return (self.at - first) / (now - began)

    def _put(self) -> Any:
        self.at += 1
        return self.ledger.put(self.at, RECORD)

    def close(self) -> None:
        self.runner.run(self.durable.__aexit__(None, None, None))
        shutil.rmtree(self.folder)

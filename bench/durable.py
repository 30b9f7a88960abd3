"""Commits of 300-byte records that are on the disk when the call returns; all files in one temporary folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

RECORD = os.urandom(300)
GROUP = 100
TABLES = {
    1: Table("durable", "One record at a time, each on the disk before the next", "records/s", "higher"),
    GROUP: Table(
        "durable_100", f"{GROUP} records at a time, on the disk before the next {GROUP}", "records/s", "higher"
    ),
}
BASELINE = "SQLite (WAL, FULL)"


class Journal:
    """Something with a `commit(records)`, in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))

    def commit(self, records: int) -> None:
        raise NotImplementedError

    def measure(self, records: int, seconds: float) -> float:
        """Records a second, for as long as that."""
        done, began = 0, time.perf_counter()
        now, end = began, began + seconds
        while now < end:
            self.commit(records)
            done += records
            now = time.perf_counter()
        return done / (now - began)

    def close(self) -> None:
        shutil.rmtree(self.folder)


class Append(Journal):
    """Bytes at the end of a file and one fdatasync: what the disk allows."""

    def __init__(self) -> None:
        super().__init__()
        self.file = os.open(self.folder / "log", os.O_RDWR | os.O_CREAT)

    def commit(self, records: int) -> None:
        os.write(self.file, RECORD * records)
        os.fdatasync(self.file)


class Sqlite(Journal):
    def __init__(self) -> None:
        super().__init__()
        self.database = sqlite3.connect(self.folder / "store", isolation_level=None)
        self.database.execute("pragma journal_mode=wal")
        self.database.execute("pragma synchronous=full")
        self.database.execute("create table t(id integer primary key, vat int, data blob)")

    def commit(self, records: int) -> None:
        self.database.execute("begin immediate")
        for at in range(records):
            self.database.execute("insert into t(vat, data) values(?, ?)", (at, RECORD))
        self.database.execute("commit")


def _remit() -> Any:
    from ._remit_kept import Kept

    return Kept()


PEERS: dict[str, Callable[[], Any]] = {"append + fdatasync (limit)": Append, BASELINE: Sqlite, "Remit": _remit}


def _measure(peer: Peer, records: int, seconds: float) -> Measure:
    return lambda: [peer.ask("measure", records, seconds)]


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(both(PEERS), [table.key for table in TABLES.values()], BASELINE, options)
    with peers("durable", names) as (started, skipped):
        for records, table in TABLES.items():
            measures = {name: _measure(peer, records, 0.6 * options.scale) for name, peer in started.items()}
            if records == GROUP and "Remit" in started:  # what the group is worth, in the same run
                measures["Remit, one at a time"] = _measure(started["Remit"], 1, 0.6 * options.scale)
            yield Experiment((table,), BASELINE, measures, ("remit",), skipped)

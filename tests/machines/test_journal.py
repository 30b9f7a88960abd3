"""A node's own memory: a bounded file of JSON lines that only its owner can read."""

from __future__ import annotations

import stat
from pathlib import Path

from remit.machines._journal import Journal


def test_lines_are_kept_in_order_and_private(tmp_path: Path) -> None:
    """What is written is read again, by the next process too; the file is its owner's."""
    journal = Journal(tmp_path / "j.jsonl")
    for n in range(3):
        journal.write({"n": n})
    journal.close()
    journal.write({"n": 3, "odd": b"\xff"})
    assert [entry["n"] for entry in Journal(tmp_path / "j.jsonl").read()] == [0, 1, 2, 3]
    assert stat.S_IMODE((tmp_path / "j.jsonl").stat().st_mode) == 0o600
    journal.close()


def test_a_journal_is_bounded(tmp_path: Path) -> None:
    """Two files of the size given, whatever is written; the newest lines are the ones that stay."""
    journal = Journal(tmp_path / "j.jsonl", size=1000)
    for n in range(500):
        journal.write({"n": n})
    journal.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2000
    assert {path.name for path in tmp_path.iterdir()} == {"j.jsonl", "j.jsonl.1"}
    kept = [entry["n"] for entry in journal.read()]
    assert kept == list(range(kept[0], 500))
    assert len(kept) > 100


def test_a_torn_line_or_a_full_disk_is_passed_over(tmp_path: Path) -> None:
    """A journal is for people: what it cannot read or write keeps nobody from working."""
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2, "cut')
    journal = Journal(path)
    assert journal.read() == [{"n": 1}]
    journal.write({"n": 3})
    journal.close()
    assert journal.read() == [{"n": 1}, {"n": 3}]
    gone = Journal(tmp_path / "missing" / "j.jsonl")
    gone.write({"n": 1})
    assert gone.read() == []

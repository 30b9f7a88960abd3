"""The audit log: nothing is done that is not written down."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from remit.ensemble.admin import AuditLog, _audit, read_audit
from remit.errors import StoreError, StoreExposed, StoreFull


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def noted(directory: Path, *uses: tuple[str, str, str], **options: Any) -> None:
    async def main() -> None:
        log = AuditLog(directory, lambda: 5.0, **options)
        try:
            for use in uses:
                log.note(*use)
        finally:
            await log.close()

    asyncio.run(main())


def test_a_use_is_one_line(directory: Path) -> None:
    """Who, when, what; whatever is in the words."""
    noted(directory, ("console", "eval", 'print("a\nb")\u2028'), ("local", "shutdown", ""))
    assert list(read_audit(directory)) == [
        {"at": 5.0, "who": "console", "part": "eval", "what": 'print("a\nb")\u2028'},
        {"at": 5.0, "who": "local", "part": "shutdown", "what": ""},
    ]
    assert (directory / "audit.jsonl").read_bytes().count(b"\n") == 2
    assert (directory / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_long_program_is_cut_and_its_length_said(directory: Path) -> None:
    """A gigabyte of source does not fill the disk."""
    noted(directory, ("x", "eval", "y" * 100_000))
    (use,) = read_audit(directory)
    assert (len(use["what"]), use["characters"]) == (4096, 100_000)


def test_files_are_rotated_and_bounded(directory: Path) -> None:
    """The oldest ones go; what is left is in order."""
    noted(directory, *[("x", "eval", f"{number}") for number in range(40)], most=500, files=3)
    names = sorted(path.name for path in directory.iterdir())
    assert names == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3"]
    assert all(path.stat().st_size <= 500 for path in directory.iterdir())
    numbers = [int(use["what"]) for use in read_audit(directory)]
    assert numbers == list(range(40 - len(numbers), 40))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_costs_the_use_and_not_the_record(
    directory: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """The use is refused, with what to do; once there is room, it goes on."""

    def full(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    noted(directory, ("x", "eval", "1"))
    with monkeypatch.context() as patch:
        patch.setattr(_audit.os, "write", full)
        with pytest.raises(StoreFull, match=r"eval was refused to x: nothing is done unrecorded; free some room"):
            noted(directory, ("x", "eval", "2"))
    noted(directory, ("x", "eval", "3"))
    assert [use["what"] for use in read_audit(directory)] == ["1", "3"]


def test_half_a_line_is_taken_back(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk was full in the middle of it."""
    write = os.write
    noted(directory, ("x", "eval", "1"))
    with monkeypatch.context() as patch:
        patch.setattr(_audit.os, "write", lambda file, data: write(file, data[:10]))
        with pytest.raises(StoreFull):
            noted(directory, ("x", "eval", "2"))
    noted(directory, ("x", "eval", "3"))
    assert [use["what"] for use in read_audit(directory)] == ["1", "3"]
    assert (directory / "audit.jsonl").read_bytes().count(b"\n") == 2


def test_what_a_crash_has_cut_off_spoils_no_other_line(directory: Path) -> None:
    """The next use begins a line of its own."""
    noted(directory, ("x", "eval", "1"))
    with (directory / "audit.jsonl").open("ab") as file:
        file.write(b'{"at": 5.0, "who"')
    noted(directory, ("x", "eval", "3"))
    assert [use["what"] for use in read_audit(directory)] == ["1", "3"]


def test_a_disk_that_fails_later_costs_the_next_use(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be brought to disk is no record."""

    async def main() -> None:
        log = AuditLog(directory, lambda: 5.0)
        log.note("x", "eval", "0")
        await log.close()
        broken = [True]

        def fsync(descriptor: int) -> None:
            if broken[0]:
                raise OSError(errno.EIO, "bad sector")

        monkeypatch.setattr(_audit.os, "fsync", fsync)
        log.note("x", "eval", "1")
        await log.close()
        with pytest.raises(StoreError, match="bad sector"):
            log.note("x", "eval", "2")
        broken[0] = False
        log.note("x", "eval", "3")
        await log.close()

    asyncio.run(main())


def test_a_log_that_others_can_read_is_not_written(directory: Path) -> None:
    """Programs are in it, and what they hold."""
    noted(directory, ("x", "eval", "1"))
    (directory / "audit.jsonl").chmod(0o644)
    with pytest.raises(StoreExposed, match="chmod 600"):
        noted(directory, ("x", "eval", "2"))

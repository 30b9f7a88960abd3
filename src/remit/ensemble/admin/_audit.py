"""The audit log: who used what of a server's control object, and when; one line of JSON for each use.

A use is written down, and on disk, before it happens. Where it cannot be written, the use is refused: a full disk costs the use, never the
record. Files are private (0600); the newest is `audit.jsonl`, older ones have numbers.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import Any, Final

from remit.durable import check_private, sync_dir
from remit.errors import StoreError, StoreFull

__all__ = ["AuditLog", "read_audit"]

NAME: Final = "audit.jsonl"
MOST_BYTES: Final = 4 << 20
"""Bytes of one file; at about 200 bytes a use, 20 000 uses."""
SOON: Final = 0.05
"""Seconds after which lines are brought to disk: those of a script come faster than a disk syncs."""
FILES: Final = 8
"""Older files that are kept: with the newest one, at most 36 MiB."""
_FULL: Final = (ENOSPC, EDQUOT, EFBIG)
LONGEST: Final = 4096
"""Characters of what was done that are written down: the whole of a command, the beginning of a program."""


class AuditLog:
    """The device `audit` of one server: `await audit.note(who, part, what)` before each use.

    Owned by the server, which closes it. `now` gives seconds since the epoch. It holds no file open between two lines.
    """

    def __init__(
        self, directory: Path, now: Callable[[], float], *, most: int = MOST_BYTES, files: int = FILES
    ) -> None:
        self._path = directory / NAME
        self._now = now
        self._most = most
        self._files = files
        self._written = 0  # lines
        self._syncing: asyncio.Task[None] | None = None
        self._unsynced: OSError | None = None

    def note(self, who: str, part: str, what: str) -> None:
        """Write down that `who` (an id, a key or "local") uses this part for `what`: when this returns, no end of this process loses it.

        Bringing it to disk, which a failure of power would need, begins then, and is not waited for. Raises `StoreFull`, or
        another `StoreError`, which says that the use was refused for it.
        """
        use = {"at": self._now(), "who": who[:LONGEST], "part": part[:LONGEST], **_cut(what)}
        try:
            if self._unsynced is not None:
                self._sync()
            line = json.dumps(use).encode() + b"\n"
            self._rotate(len(line))
            self._append(line)
        except OSError as error:
            words = f"{self._path} cannot be written ({error.strerror}), so {part} was refused to {who}: nothing is done unrecorded"
            if error.errno in _FULL:
                raise StoreFull(f"{words}; free some room") from None
            raise StoreError(f"{words}; mend that") from None
        self._written += 1
        if self._syncing is None:
            self._syncing = asyncio.get_running_loop().create_task(self._sync_all())

    async def close(self) -> None:
        """Wait until all lines are on disk."""
        if self._syncing is not None:
            await self._syncing

    async def _sync_all(self) -> None:
        done = -1
        while done != self._written and self._unsynced is None:
            await asyncio.sleep(SOON)  # one sync for many lines that come one after the other
            done = self._written
            try:
                await asyncio.to_thread(self._sync)
            except OSError as error:  # the next use hears of it
                self._unsynced = error
        self._syncing = None

    def _sync(self) -> None:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._unsynced = None

    def _append(self, line: bytes) -> None:
        new = not self._path.exists()
        check_private(self._path)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # what a crash has cut off stays alone
            if os.write(descriptor, line) != len(line):
                os.ftruncate(descriptor, size)
                raise OSError(_FULL[0], os.strerror(_FULL[0]))
        finally:
            os.close(descriptor)
        if new:
            sync_dir(self._path.parent)

    def _rotate(self, coming: int) -> None:
        if not self._path.exists() or self._path.stat().st_size + coming <= self._most:
            return
        self._sync()
        for number in range(self._files - 1, 0, -1):
            if (older := self._numbered(number)).exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{NAME}.{number}")


def read_audit(directory: Path) -> Iterator[dict[str, Any]]:
    """The uses that a server's files tell of, oldest first. A line that is none (a crash has cut it off) is left out."""
    numbered = sorted(
        directory.glob(f"{NAME}.*"), key=lambda path: -int(path.suffix[1:] if path.suffix[1:].isdigit() else 0)
    )
    for path in [*numbered, directory / NAME]:
        check_private(path)
        if not path.is_file():
            continue
        with path.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                try:
                    use = json.loads(line)
                except ValueError:
                    continue
                if isinstance(use, dict):
                    yield use


def _cut(what: str) -> dict[str, Any]:
    return {"what": what} if len(what) <= LONGEST else {"what": what[:LONGEST], "characters": len(what)}

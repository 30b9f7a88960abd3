"""What components have written, merged by time, and what they write from now on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from remit.app.targets._target import LogLine

__all__ = ["read_logs"]

_POLL: Final = 0.1  # seconds between two looks at files that are followed


async def read_logs(logs: Path, names: Mapping[str, str], *, follow: bool, lines: int) -> AsyncIterator[LogLine]:
    """The last lines of each log, in order of time, and with `follow` what comes. `names`: the id of each log's component."""
    tails = {name: _Tail(logs / f"{name}.log") for name in names}
    first = [(line, name) for name, tail in tails.items() for line in tail.last(lines)]
    for line, name in sorted(first, key=lambda pair: pair[0].partition(" ")[0]):
        yield LogLine(names[name], _text(line))
    while follow:
        new = [(line, name) for name, tail in tails.items() for line in tail.more()]
        for line, name in sorted(new, key=lambda pair: pair[0].partition(" ")[0]):
            yield LogLine(names[name], _text(line))
        await asyncio.sleep(_POLL)


def _text(line: str) -> str:
    """Without the time and the stream: `2026-11-25T17:00:00.000Z out text`."""
    parts = line.split(" ", 2)
    return parts[2] if len(parts) > 2 else line


class _Tail:
    """One log, over the borders of its files."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        self._inode = 0

    def last(self, lines: int) -> list[str]:
        """The last lines that there are."""
        older = self._path.with_name(f"{self._path.name}.1")
        before = older.read_text(errors="replace").splitlines() if older.exists() else []
        return [*before, *self.more()][-lines:] if lines else self.more()[:0]

    def more(self) -> list[str]:
        """What has come since the last look."""
        try:
            with self._path.open("rb") as file:
                inode = os.fstat(file.fileno()).st_ino
                if inode != self._inode:
                    self._inode, self._at = inode, 0
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._at += len(whole)
        return whole.decode(errors="replace").splitlines()

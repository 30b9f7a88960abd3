"""Memory: a bound for the process, and a look at what it has grown by."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

__all__ = ["GROWTH", "Growth", "bound", "resident"]

GROWTH: Final = 200 << 20
"""Bytes that a target's process may grow by over all its inputs; caches, corpora and hypothesis' own tables are in it."""
ROOM: Final = 1 << 30
"""Bytes of address space above what the process has at the start: one input that asks for more gets a MemoryError."""


def _pages(field: int) -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[field]) * resource.getpagesize()


def resident() -> int:
    """Bytes of this process that are in memory now."""
    return _pages(1)


def bound() -> None:
    """From here on this process gets no more than `ROOM`."""
    most = _pages(0) + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


class Growth:
    """Notes how much the process has grown since the first look."""

    def __init__(self) -> None:
        self.first = resident()
        self.most = self.first

    def look(self) -> str | None:
        """What is wrong, if it has grown too much."""
        now = resident()
        self.most = max(self.most, now)
        if now - self.first > GROWTH:
            return f"memory grew from {self.first >> 20} to {now >> 20} MiB"
        return None

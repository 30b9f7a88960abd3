"""What a node remembers of itself for its operator: a bounded file of JSON lines, 0600, in its state directory.

    NAME      the newest lines; when it is full it becomes
    NAME.1    the lines before those, and what was there is gone

Nothing is promised of it: it is not synced, and a disk that is full or a line that was cut short by a crash is passed over.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

__all__ = ["Journal"]

SIZE: Final = 1 << 20
"""Bytes of one of the two files."""


class Journal:
    """One such file. Owned by its node's process; opened when something is written for the first time."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size
        self._descriptor: int | None = None
        self._written = 0

    def write(self, entry: dict[str, Any]) -> None:
        """Add one line."""
        line = json.dumps(entry, separators=(",", ":"), default=repr).encode() + b"\n"
        try:
            if self._descriptor is not None and self._written + len(line) > self._size:
                self._turn_over()
            if self._descriptor is None:
                self._open()
            assert self._descriptor is not None
            self._written += os.write(self._descriptor, line)
        except OSError:
            self.close()  # no room, or the directory is gone: what is remembered is for people, and no reason to end

    def read(self) -> list[dict[str, Any]]:
        """All lines that are there, oldest first."""
        entries: list[dict[str, Any]] = []
        for path in (self._older, self._path):
            try:
                lines = path.read_bytes().splitlines()
            except OSError:
                continue
            entries += [entry for entry in map(_entry, lines) if entry is not None]
        return entries

    def close(self) -> None:
        """Let go of the file; it is opened again by the next line."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @property
    def _older(self) -> Path:
        return self._path.with_name(f"{self._path.name}.1")

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._written = os.fstat(self._descriptor).st_size
        if self._written > self._size:
            self._turn_over()
            self._open()
        elif self._written:
            os.write(self._descriptor, b"\n")  # the last line may have been cut short

    def _turn_over(self) -> None:
        self.close()
        os.replace(self._path, self._older)


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None

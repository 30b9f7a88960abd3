"""The end of a log, and what is added to it: over the borders of its files, which are renamed when they are full (`remit.warden`)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from remit.errors import BadArgument

__all__ = ["MOST_LINES", "Follower", "check_lines", "tail"]

MOST_LINES: Final = 10_000
_PAUSE: Final = 0.1  # seconds between two looks
_PIECE: Final = 1 << 16  # bytes that are read at once; what comes faster waits in the file


def tail(path: Path, lines: int) -> list[str]:
    """The last lines, at most 10,000, out of the newest files; none where there is no log yet."""
    check_lines(lines)
    return _before(path, lines, _read(path))


def check_lines(lines: object) -> None:
    """Raise `BadArgument` for a number of lines that cannot be had."""
    if type(lines) is not int or not 0 <= lines <= MOST_LINES:
        raise BadArgument(f"from 0 to {MOST_LINES} lines of a log can be had, not {str(lines)[:40]}")


def _before(path: Path, lines: int, newest: bytes) -> list[str]:
    """The last lines of `newest`, and if there are too few, of the files before it."""
    found = _last(newest, lines)
    number = 1
    while len(found) < lines and (place := _numbered(path, number)).exists():
        found = _last(_read(place), lines - len(found)) + found
        number += 1
    return found


def _last(data: bytes, lines: int) -> list[str]:
    return data.decode(errors="replace").splitlines()[-lines:] if lines else []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


class Follower:
    """Owned by whoever follows; the end of its task ends it. `hear(lines)` is awaited: a slow listener is waited for, and misses nothing that is still kept then."""

    def __init__(
        self, path: Path, hear: Callable[[list[str]], Awaitable[Any]], over: Callable[[], bool] = lambda: False
    ) -> None:
        self._path = path
        self._hear = hear
        self._over = over
        self._descriptor = -1
        self._rest = b""

    async def run(self, lines: int) -> None:
        """Say the last lines, then each that is added; ends when `over` says that there will be no more."""
        try:
            self._open(self._path)
            if self._descriptor >= 0:
                said = _before(self._path, lines, self._whole())
                if said:
                    await self._hear(said)
            while True:
                last = self._over()  # asked before looking: what was written before the end is heard
                while await self._more():
                    pass
                if last:
                    return
                await asyncio.sleep(_PAUSE)
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)

    def _whole(self) -> bytes:
        """What is in the file up to its last whole line, and no more than that: the rest is told as it is added."""
        data = bytearray()
        while piece := os.read(self._descriptor, _PIECE):
            data += piece
        end = data.rfind(b"\n") + 1
        self._rest = bytes(data[end:])
        return bytes(data[:end])

    def _open(self, path: Path) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        with suppress(FileNotFoundError):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    async def _more(self) -> bool:
        """Read on; whether there was anything."""
        if self._descriptor < 0:
            self._open(self._path)
            if self._descriptor < 0:
                return False
        following = (
            self._next_file()
        )  # looked for before the file is read to its end: nothing is written to it any more then
        data = os.read(self._descriptor, _PIECE)
        if data:
            *whole, self._rest = (self._rest + data).split(b"\n")
            if whole:
                await self._hear([line.decode(errors="replace") for line in whole])
            return True
        if following is None:
            return False
        self._open(following)
        return True

    def _next_file(self) -> Path | None:
        """The file that goes on where this one has ended, if it has: it was renamed, perhaps more than once."""
        own = os.fstat(self._descriptor)
        number, oldest = 0, None
        while True:
            place = _numbered(self._path, number)
            try:
                there = place.stat()
            except FileNotFoundError:
                if number:
                    return oldest  # ours is not kept any more
                number = 1
                continue
            if (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino):
                return _numbered(self._path, number - 1) if number else None
            oldest, number = place, number + 1

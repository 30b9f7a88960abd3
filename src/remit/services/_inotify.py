"""Hearing that something in a directory has changed: inotify(7), by way of the C library.

What has changed is not told, only that something has: whoever listens looks again. (A library such as watchfiles brings 400 kB of Rust for that.)
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

__all__ = ["Inotify"]

_CHANGES: Final = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800  # MODIFY … MOVE_SELF (inotify(7))
_FLAGS: Final = os.O_CLOEXEC | os.O_NONBLOCK
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Inotify:
    """Owned by one watcher, in a running loop; ends by `close`. Where the kernel gives none, nothing is ever heard: look now and then."""

    def __init__(self) -> None:
        self._descriptor: int = _libc.inotify_init1(_FLAGS)
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._read)

    def watch(self, directories: Iterable[str]) -> None:
        """Hear of changes in these, too; again is no harm."""
        for directory in directories:
            if self._descriptor >= 0:
                _libc.inotify_add_watch(self._descriptor, os.fsencode(directory), _CHANGES)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._descriptor, 65536):
                self._news.set()

    async def wait(self, seconds: float) -> bool:
        """Whether something has changed within this time."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    def close(self) -> None:
        """Hear no more."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

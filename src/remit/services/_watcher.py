"""The configuration watcher: a directory of files, each in force as a script for as long as it is there, changed live.

A file that has changed is read and begun first, then its old version ends, so that what both say does not flap. One that cannot be read keeps
its old version; what is wrong is logged, with line and column, and stands in `faults`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from remit.services._inotify import Inotify
from remit.services._interpreter import Loaded, Script
from remit.services._narrowing import narrowed
from remit.services._reading import Fault, is_script, read_file
from remit.values import printable
from remit.vat import Ref, Vat

__all__ = ["Watcher", "files_of"]

_DEBOUNCE: Final = 0.1  # seconds without a change before files are looked at: editors and copies write in steps
_LOOK: Final = 5.0  # seconds after which they are looked at in any case
_LARGEST: Final = 1 << 20  # bytes of a file
_log = logging.getLogger("remit.services")


class Watcher:
    """Owned by the supervisor; `run` until it is cancelled. `env` has what scripts begin with: `config` and more, by name."""

    def __init__(
        self,
        vat: Vat,
        directory: str | os.PathLike[str],
        env: Mapping[str, Any],
    ) -> None:
        self.directory = Path(directory).absolute()
        self.faults: dict[str, Fault] = {}
        self._vat = vat
        self._env = dict(env)
        self._seen: dict[str, tuple[int, ...]] = {}
        self._running: dict[str, Ref[Script]] = {}
        self._ended = asyncio.Event()
        self.loaded = asyncio.Event()  # all that was there at the beginning is in force

    async def run(self) -> None:
        """Load what is there, then follow it. Being cancelled leaves what is in force as it is."""
        inotify = Inotify()
        try:
            while True:
                inotify.watch(_directories(self.directory))
                await self.look()
                self.loaded.set()
                if await inotify.wait(_LOOK):
                    while await inotify.wait(_DEBOUNCE):
                        pass
        finally:
            self._ended.set()
            inotify.close()

    async def over(self) -> None:
        """Wait until it has ended."""
        await self._ended.wait()

    async def look(self) -> None:
        """Bring into force what has changed, and end what is gone, in the order of the files' names."""
        there = files_of(self.directory)
        for place in [place for place in self._seen if place not in there]:
            self._seen.pop(place)
            self.faults.pop(place, None)
            await self._end(self._running.pop(place, None))
        for place, mark in there.items():
            if self._seen.get(place) != mark:
                self._seen[place] = mark
                await self._load(place)

    async def _load(self, place: str) -> None:
        try:
            step = await asyncio.to_thread(_read, place)
        except Fault as fault:
            self.faults[place] = fault
            kept = ": what it said before stays in force" if place in self._running else ""
            _log.error("%s%s", printable(fault.at(place)), kept)
            return
        self.faults.pop(place, None)
        script = self._vat.spawn(Script, place)
        object.__setattr__(script._at, "_load", Loaded(step, self._env, _timestamp, narrowed))
        await script.run()
        await self._end(self._running.get(place))
        self._running[place] = script

    async def _end(self, script: Ref[Script] | None) -> None:
        if script is not None:
            await script.stop()


def files_of(directory: Path) -> dict[str, tuple[int, ...]]:
    """The files of a directory and those below it, by path, in the order of names; with what changes when they do."""
    found: dict[str, tuple[int, ...]] = {}
    for place in _directories(directory):
        for name in sorted(os.listdir(place)):
            path = os.path.join(place, name)
            if is_script(name) and os.path.isfile(path):
                status = os.stat(path)
                found[path] = (status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns)
    return dict(sorted(found.items()))


def _directories(directory: Path) -> Iterator[str]:
    for place, inner, _ in os.walk(directory, followlinks=False):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield place


def _read(place: str) -> Any:
    try:
        data = Path(place).read_bytes()
    except OSError as error:
        raise Fault(f"cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise Fault(f"is larger than {_LARGEST} bytes")
    try:
        return read_file(place, data.decode())
    except UnicodeDecodeError as error:
        raise Fault(f"is not UTF-8 text (at byte {error.start})") from None


def _timestamp() -> str:
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1e6):06d}Z"

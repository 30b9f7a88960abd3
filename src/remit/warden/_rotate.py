"""Logs of services: lines with their time, in files of a bounded size and number.

    NAME.log        what is written now
    NAME.log.1      what was before; .2 is older, and so on

A file that is full is renamed, not copied. A line is written with one call, so that it is whole or not there.
"""

from __future__ import annotations

import os
import time
from typing import Final

__all__ = ["Lines", "Log", "stamped"]

LONGEST: Final = 16 * 1024  # bytes of one line; a longer one is cut into several


class Log:
    """One log that is open; owned by the warden. `size` is bytes of one file, `files` how many are kept, the open one included.

    What cannot be written (a full disk) is counted, and said when it can be again: a service never waits for its log.
    """

    def __init__(self, path: str, size: int = 1 << 20, files: int = 10) -> None:
        self.path = path
        self.size = size
        self.files = files
        self.lost = 0
        self._open()

    def _open(self) -> None:
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._written = os.fstat(self._descriptor).st_size

    def write(self, stream: str, lines: list[bytes]) -> None:
        """Add lines, each with its time (UTC) and stream."""
        if not lines:
            return
        stamp = f"{stamped()} {stream} ".encode()
        for data in _portions(stamp, lines, self.size):
            self._put(data)

    def _put(self, data: bytes) -> None:
        try:
            if self._written and self._written + len(data) > self.size:
                self._rotate()
            if self.lost:
                note = f"(here {self.lost} bytes could not be written)\n".encode()
                self._written += os.write(self._descriptor, note)
                self.lost = 0
            self._written += os.write(self._descriptor, data)
        except OSError:
            self.lost += len(data)

    def _rotate(self) -> None:
        for number in range(self.files - 1, 0, -1):
            older = f"{self.path}.{number}"
            newer = f"{self.path}.{number - 1}" if number > 1 else self.path
            if os.path.exists(newer):
                os.replace(newer, older)
        if self.files == 1:
            os.unlink(self.path)
        os.close(self._descriptor)
        self._open()

    def close(self) -> None:
        """Nothing is written any more."""
        os.close(self._descriptor)


def stamped() -> str:
    """The time now (UTC), as logs write it (RFC 3339)."""
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"


def _portions(stamp: bytes, lines: list[bytes], size: int) -> list[bytes]:
    """The lines with their stamp, joined to writes that fit into one file."""
    portions, there = [], bytearray()
    for line in lines:
        if there and len(there) + len(stamp) + len(line) + 1 > size:
            portions.append(bytes(there))
            there.clear()
        there += stamp + line + b"\n"
    portions.append(bytes(there))
    return portions


class Lines:
    """What a service writes, cut into lines. The last one may wait for its end; `rest` gives it up at the end of the stream."""

    def __init__(self) -> None:
        self._part = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now."""
        *whole, self._part = (self._part + data).split(b"\n")
        while len(self._part) > LONGEST:
            whole.append(self._part[:LONGEST])
            self._part = self._part[LONGEST:]
        return [line[at : at + LONGEST] for line in whole for at in range(0, len(line) or 1, LONGEST)]

    def rest(self) -> list[bytes]:
        """What stands after the last line's end."""
        part, self._part = self._part, b""
        return [part] if part else []

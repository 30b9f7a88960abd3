"""The log of a server: its last lines in memory, a file that is rotated where one is wanted, and whoever follows.

a line ──► ring (the last 2000)
       ├──► FILE, FILE.1 … FILE.5, of 4 MiB each; a full disk costs lines and stops nothing, and is told when there is room again
       └──► followers, in the server's loop
"""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

from remit.errors import BadArgument
from remit.values import printable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FORMAT", "LogFile", "Logbook", "log_path"]

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
KEPT: Final = 2000
"""Lines in memory."""
LONGEST: Final = 16_000
"""Characters of one line, tracebacks included."""
MOST: Final = 4 << 20
"""Bytes of one file."""
FILES: Final = 5
"""Older files that are kept."""
DEFAULT: Final = "server.log"


class Logbook(logging.Handler):
    """Takes what is logged in this process. Made by a server, which removes it at its end; `file` is where it is written as well.

    Lines may come from any thread; followers hear of them there, and hop to where they belong.
    """

    def __init__(self, file: LogFile | None = None) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter(FORMAT))
        self._ring: deque[str] = deque(maxlen=KEPT)
        self._followers: dict[Callable[[str], None], None] = {}
        self.file = file

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, and pass it on."""
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001  # arguments that do not fit their format cost this line only
            text = f"{record.name}: a line that could not be formatted: {record.msg!r:.200}"
        self.take(text)

    def take(self, text: str) -> None:
        """Keep some text as lines; what would steer a terminal is spelled out."""
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 2]}\n[… {len(text) - LONGEST} characters …]\n{text[-LONGEST // 2 :]}"
        with self.lock or _no_lock():
            for line in printable(text, lines=True).split("\n"):
                self._ring.append(line)
                if self.file is not None:
                    self.file.write(line)
                for follower in list(self._followers):
                    follower(line)

    def tail(self, lines: int) -> list[str]:
        """The last so many lines, of the file where there is one."""
        if lines <= 0:
            return []
        if self.file is not None:
            found = self.file.tail(lines)
            if found is not None:
                return found
        return list(self._ring)[-lines:]

    def follow(self, follower: Callable[[str], None], lines: int) -> list[str]:
        """From now on tell this one of each line; the last so many until now."""
        with self.lock or _no_lock():
            before = self.tail(lines)
            self._followers[follower] = None
        return before

    def leave(self, follower: Callable[[str], None]) -> None:
        """Tell this one no more."""
        self._followers.pop(follower, None)

    def close(self) -> None:
        """Take nothing any more."""
        super().close()
        if self.file is not None:
            self.file.close()


class LogFile:
    """A private file (0600) that is written line by line, rotated by size, and never stops anybody. Not safe for threads by itself.

    `lost` counts lines since it could be written last; they are told in the file when it can be, and once on stderr.
    """

    def __init__(self, path: Path, *, most: int = MOST, files: int = FILES) -> None:
        self.path = path
        self.lost = 0
        self.why = ""
        self._most = most
        self._files = files
        self._descriptor: int | None = None
        self._size = 0

    def write(self, line: str) -> None:
        """Write one line, or count it as lost."""
        data = f"{line}\n".encode(errors="replace")
        try:
            if self.lost:
                data = f"[{self.lost} lines are missing here: {self.why}]\n".encode() + data
            self._append(data)
        except OSError as error:
            if not self.lost:
                self.why = error.strerror or str(error)
                _complain(f"remit: the log {self.path} cannot be written: {self.why}; the server goes on without it")
            self.lost += 1
            self.close()
        else:
            self.lost, self.why = 0, ""

    def tail(self, lines: int) -> list[str] | None:
        """The last so many lines, older files included; None where there is nothing to read."""
        found: list[str] = []
        for path in (self.path, *(self._numbered(number) for number in range(1, self._files + 1))):
            try:
                found = path.read_text(errors="replace").splitlines() + found
            except OSError:
                break
            if len(found) >= lines:
                break
        return found[-lines:] if found else None

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, data: bytes) -> None:
        if self._descriptor is not None and self._size + len(data) > self._most:
            self.close()
            self._rotate()
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o600)
            self._size = os.fstat(self._descriptor).st_size
        written = os.write(self._descriptor, data)
        self._size += written
        if written != len(data):  # no room for all of it: a line is whole or not there
            self._size -= written
            os.ftruncate(self._descriptor, self._size)
            raise OSError(28, os.strerror(28))  # ENOSPC

    def _rotate(self) -> None:
        for number in range(self._files - 1, 0, -1):
            if (older := self._numbered(number)).exists():
                older.replace(self._numbered(number + 1))
        self.path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")


def log_path(directory: Path, name: str) -> Path:
    """Where a log of this name is: "-" is `server.log`. Raises `BadArgument` for one that leads out of the server's own directory."""
    path = directory / (DEFAULT if name == "-" else name)
    inside = Path(os.path.normpath(path))
    if not name or not inside.is_relative_to(directory) or inside.parent != directory or inside.is_symlink():
        raise BadArgument(
            f"a log is a file in the server's own directory, {directory}, and {name[:80]!r} leads elsewhere: give a plain name, or '-' for "
            f"{DEFAULT}; for another place redirect stderr"
        )
    return inside


def _complain(text: str) -> None:
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody listens


class _no_lock:  # noqa: N801  # a stand-in for a lock
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

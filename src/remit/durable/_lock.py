"""A lock on a file that says who holds it: "two bosses on one state directory" is refused here."""

from __future__ import annotations

import contextlib
import fcntl
import os
from io import FileIO
from pathlib import Path
from typing import Self

from remit.durable._files import store_error
from remit.errors import StoreLocked

__all__ = ["FileLock"]


class FileLock:
    """An exclusive lock on the file at `path` (made with mode 0600), held from the making until `release`.

    The kernel lets go of it when the process ends, however it ends. The file stays, with the pid of the
    last holder: deleting it would let two processes lock two files of one name. A second lock in the same process is
    refused as well. Raises `StoreLocked`, naming `what` and the holder's pid.
    """

    __slots__ = ("_file", "path")

    def __init__(self, path: str | os.PathLike[str], what: str = "") -> None:
        self.path = Path(path).absolute()
        self._file: FileIO | None = None
        try:
            file = _locked(self.path)
        except OSError as error:
            raise store_error(error, f"{self.path} cannot be locked") from error
        if file is None:
            raise StoreLocked(f"{what or self.path} is in use by {_holder(self.path)}: end that one first")
        self._file = file
        with contextlib.suppress(OSError):  # a full disk: the pid is only for the message
            os.truncate(file.fileno(), 0)
            file.write(b"%d\n" % os.getpid())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<FileLock {self.path} {'held' if self._file else 'released'}>"

    def release(self) -> None:
        """Let others have it; a second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _locked(path: Path) -> FileIO | None:
    """The file, opened and locked, or None when somebody else has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        file = FileIO(descriptor, "r+")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return file
        except BlockingIOError:
            file.close()
            return None
        except FileNotFoundError:
            pass  # deleted between opening and locking: what we locked has no name any more
        except BaseException:
            file.close()
            raise
        file.close()


def _holder(path: Path) -> str:
    try:
        pid = int(path.read_bytes()[:20])
    except (OSError, ValueError):
        return "another process"
    return f"this same process (pid {pid})" if pid == os.getpid() else f"the process with pid {pid}"

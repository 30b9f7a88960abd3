"""The state directory: private files, written whole, and one holder at a time.

A state directory holds keys, sturdyrefs and stores. It belongs to the user that runs the process, nobody else may
enter it, and no file in it may be read by others: anything else is refused with the command that mends it.
"""

from __future__ import annotations

import os
import stat
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path

from remit.errors import Conflict, Missing, StoreError, StoreExposed, StoreFull

__all__ = [
    "check_private",
    "is_full",
    "open_state_dir",
    "read_secret_file",
    "store_error",
    "sync_dir",
    "write_secret_file",
]

MAX_SECRET_FILE = 1 << 20
"""Bytes: keys and references take a few hundred, so whatever is larger is not one of ours."""


def open_state_dir(path: str | os.PathLike[str]) -> Path:
    """The directory at `path`, made with mode 0700 (its parents too) where it is missing.

    Raises `StoreExposed` when others may use it or another user owns it, `StoreError` when it is no directory or
    cannot be made. The caller may keep the path; nothing is held open.
    """
    directory = Path(path).absolute()
    try:
        if not directory.exists():
            _make(directory)
        status = directory.stat()
    except OSError as error:
        raise store_error(error, f"the state directory {directory} cannot be used") from error
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError(f"the state directory {directory} is not a directory: name another one")
    _check(status, directory, "700")
    return directory


def check_private(path: Path) -> None:
    """Raise `StoreExposed` when the file at `path` may be used by others; a missing file is fine."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise store_error(error, f"{path} cannot be looked at") from error
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is not a plain file: move it away")
    _check(status, path, "600")


def write_secret_file(path: str | os.PathLike[str], data: bytes, *, replace: bool = False) -> None:
    """Write a file with mode 0600 that is there whole, and on disk on return, or not there at all.

    Raises `Conflict` when the file exists, unless `replace`; `StoreFull` or `StoreError` when it cannot be written.
    """
    target = Path(path).absolute()
    temporary = target.with_name(f".{target.name}.{os.urandom(8).hex()}")
    try:
        try:
            _write_new(temporary, data)
            _put_in_place(temporary, target, replace)
        finally:
            temporary.unlink(missing_ok=True)
        sync_dir(target.parent)
    except FileExistsError as error:
        raise Conflict(f"{target} exists already and was left as it is") from error
    except OSError as error:
        raise store_error(error, f"{target} cannot be written") from error


def read_secret_file(path: str | os.PathLike[str], *, limit: int = MAX_SECRET_FILE) -> bytes:
    """The contents of a private file of at most `limit` bytes.

    Raises `Missing` when there is none, `StoreExposed` when others may use it or another user owns it, `StoreError`
    when it is a link, not a plain file, too large or unreadable.
    """
    target = Path(path).absolute()
    try:
        # O_NONBLOCK, so that a pipe put there by somebody does not hold us up.
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read(descriptor, target, limit)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise Missing(f"there is no file {target}") from error
    except OSError as error:
        raise store_error(error, f"{target} cannot be read") from error


def sync_file(path: Path) -> None:
    """Bring a file that another library has written to disk, and its name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_dir(path.parent)


def sync_dir(directory: Path) -> None:
    """Bring a directory's entries to disk: without it a new name may be gone after a power failure."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def store_error(error: OSError, what: str) -> StoreError:
    """The `StoreError` that says what failed and why; `StoreFull` when room, quota or a size limit ran out."""
    if is_full(error):
        return StoreFull(f"{what}: {error.strerror}: free some room, then start again")
    return StoreError(f"{what}: {error.strerror or error}")


def is_full(error: OSError) -> bool:
    """Whether it failed for want of room: on the disk, in the user's quota, or under the process's size limit."""
    return error.errno in (ENOSPC, EDQUOT, EFBIG)


def _make(directory: Path) -> None:
    missing = [directory, *(parent for parent in directory.parents if not parent.exists())]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        sync_dir(each.parent)


def _check(status: os.stat_result, path: Path, mode: str) -> None:
    if status.st_uid != os.geteuid():
        raise StoreExposed(
            f"{path} belongs to user {status.st_uid}, and this process runs as user {os.geteuid()}: "
            f"run as its owner, or: chown {os.geteuid()} '{path}'"
        )
    if status.st_mode & 0o077:
        raise StoreExposed(
            f"{path} has mode {stat.S_IMODE(status.st_mode):04o}, so others may use it; nothing was opened. "
            f"To mend: chmod {mode} '{path}'"
        )


def _read(descriptor: int, path: Path, limit: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is not a plain file: move it away")
    _check(status, path, "600")
    if status.st_size > limit:
        raise StoreError(f"{path} has {status.st_size} bytes, more than the {limit} that such a file may have")
    with open(descriptor, "rb", closefd=False) as file:
        return file.read(limit)


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _put_in_place(temporary: Path, target: Path, replace: bool) -> None:
    if replace:
        temporary.replace(target)
    else:
        os.link(temporary, target)  # unlike rename, it fails where the name is taken

"""What is left of a machine's directory when Remit is taken off it: what its owner goes on using, and nothing else.

services/       while the keeper of its processes (the warden) runs: their logs
services.d/     the files that describe them, if there are any
bindings/       credentials that were kept, if there are any
"""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["strip"]


def strip(directory: Path) -> str:
    """Remove the rest; in words, what was left and where. Nothing happens where there is nothing."""
    if not directory.exists():
        return ""
    left = []
    for path in sorted(directory.iterdir()):
        why = _use(path)
        if why:
            left.append(why)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if not left:
        directory.rmdir()
        return ""
    return f"{'; '.join(left)} (in {directory})"


def _use(path: Path) -> str:
    """What somebody goes on using it for, "" if nobody does."""
    if path.name == "services" and _is_held(path / "warden.lock"):
        return "processes of services, with their logs in services/, until they end"
    if path.name in ("services.d", "bindings") and path.is_dir() and any(path.iterdir()):
        return {"services.d": "the files in services.d/", "bindings": "credentials in bindings/"}[path.name]
    return ""


def _is_held(lock: Path) -> bool:
    """Whether a process holds this lock."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        with suppress(OSError):
            os.close(descriptor)
    return False

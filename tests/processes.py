"""What tests see of other processes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["open_files"]


def open_files(pid: int) -> list[str]:
    """What a running process has open, as `/proc` names it: paths, `socket:[…]`, `pipe:[…]`. It may close some of it meanwhile."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(path))
    return found

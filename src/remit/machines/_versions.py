"""Which parcel a machine's agent is started out of, and which one it was before: two links in the machine's directory.

current -> …/DIGEST     what is started; without it, whatever its provider starts by itself
previous -> …/DIGEST    what was, until the last upgrade; `.` where that was what the provider starts by itself
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from remit.errors import Conflict

__all__ = ["CURRENT", "PREVIOUS", "begin", "current", "go_back", "switch"]

CURRENT: Final = "current"
PREVIOUS: Final = "previous"
_OWN: Final = Path()


def current(directory: Path, link: str = CURRENT) -> Path | None:
    """The parcel that this link leads to; None where there is none."""
    try:
        target = Path(os.readlink(directory / link))
    except FileNotFoundError:
        return None
    return None if target == _OWN else target


def begin(directory: Path, parcel: Path) -> None:
    """Have the first agent start out of this parcel, unless there is one."""
    if not (directory / CURRENT).is_symlink():
        _link(directory, CURRENT, parcel)


def switch(directory: Path, parcel: Path) -> bool:
    """Have the next agent start out of this parcel; whether that is another one than before. Done in steps that a crash may come between."""
    before = current(directory)
    if before == parcel:
        return False
    _link(directory, PREVIOUS, before or _OWN)
    _link(directory, CURRENT, parcel)
    return True


def go_back(directory: Path) -> bool:
    """Have the next agent start out of what was before the last upgrade; whether that is another one. Raises `Conflict` where nothing was."""
    if not (directory / PREVIOUS).is_symlink():
        raise Conflict(f"there is no earlier version in {directory} to go back to")
    before, now = current(directory, PREVIOUS), current(directory)
    if before is None:
        (directory / CURRENT).unlink(missing_ok=True)
    else:
        _link(directory, CURRENT, before)
    return before != now


def _link(directory: Path, name: str, target: Path) -> None:
    """Turn a link over in one step."""
    draft = directory / f".{name}.link"
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(directory / name)

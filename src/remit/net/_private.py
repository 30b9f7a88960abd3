"""Directories and files that only their owner may enter or read."""

from __future__ import annotations

import os
import stat

from remit.errors import StoreError, StoreExposed

__all__ = ["make_private", "refuse_exposed"]

_OTHERS = 0o077


def refuse_exposed(found: os.stat_result, path: str) -> None:
    """Raise `StoreExposed` where anybody but this user (or root) owns or may enter, read or change `path`."""
    mode = stat.S_IMODE(found.st_mode)
    kind, private = ("directory", "700") if stat.S_ISDIR(found.st_mode) else ("file", "600")
    if found.st_uid not in (os.geteuid(), 0):
        raise StoreExposed(f"{path} belongs to user {found.st_uid}, not to {os.geteuid()}: use a {kind} of your own")
    if mode & _OTHERS:
        raise StoreExposed(f"others may use {path} (mode {mode:03o}): chmod {private} {path}, and think what they saw")


def make_private(directory: str) -> None:
    """Make the directory with mode 0700 where it is missing; raise `StoreExposed` where others may enter it."""
    try:
        os.makedirs(os.path.dirname(directory) or ".", exist_ok=True)
        os.mkdir(directory, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise StoreError(f"cannot make the directory {directory}: {error.strerror}") from error
    found = os.stat(directory)
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{directory} is not a directory: remove it or name another")
    refuse_exposed(found, directory)

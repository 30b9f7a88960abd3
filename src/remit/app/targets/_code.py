"""The program as it was when it was deployed: a copy by digest, so that what runs does not change under its feet, and the previous version can be run again."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from remit.durable import open_state_dir
from remit.errors import BadArgument, StoreError, StoreFull

__all__ = ["snapshot"]

IGNORED: Final = (
    *("__pycache__", "node_modules", "build", "dist", "venv", "site-packages", "*.pyc"),
    *("*.log", "*.sqlite*", "*.db", "*.sock"),  # what programs write
)
MOST: Final = 64 << 20
"""Bytes of a program with what is beside it; more is data that somebody keeps there."""


def snapshot(program: Path, code: Path) -> tuple[str, Path]:
    """Copy a program and the files beside and below it, but hidden and private ones, what programs write, and what `.dockerignore` names; their digest, and the program's copy."""
    top = program.parent
    files = sorted(_files(top))
    total = hashlib.sha256()
    size = 0
    for path in files:
        data = path.read_bytes()
        size += len(data)
        if size > MOST:
            raise BadArgument(
                f"{top} has more than {MOST >> 20} MiB of files: put the program into a directory of its own, or name what does not belong to it in .dockerignore"
            )
        total.update(f"{path.relative_to(top)}\n{len(data)}\n".encode() + data)
    digest = total.hexdigest()[:20]
    place = code / digest
    if not place.exists():
        open_state_dir(code)
        draft = code / f".{digest}.{os.getpid()}"
        shutil.rmtree(draft, ignore_errors=True)
        try:
            for path in files:
                there = draft / path.relative_to(top)
                there.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.copyfile(path, there)
            draft.rename(place)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            kind = StoreFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StoreError
            raise kind(
                f"the program cannot be copied to {place}: {error.strerror}: free some room, then start again"
            ) from None
    return digest, place / program.name


def _files(top: Path) -> Iterator[Path]:
    ignored = (*IGNORED, *_named(top / ".dockerignore"))

    def taken(name: str) -> bool:
        return not name.startswith(".") and not any(fnmatch(name, pattern) for pattern in ignored)

    for directory, folders, names in os.walk(top):
        folders[:] = filter(taken, folders)
        paths = (Path(directory) / name for name in names if taken(name))
        yield from (path for path in paths if path.is_file() and not _is_secret(path))


def _is_secret(path: Path) -> bool:
    """Whether only its owner may read it, as it is with secrets; there are none in a program's own modules."""
    return path.suffix != ".py" and not path.stat().st_mode & 0o077


def _named(path: Path) -> list[str]:
    """The patterns of names of an ignore file, a line each."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return []
    return [line.strip().strip("/") for line in lines if line.strip() and not line.startswith(("#", "!"))]

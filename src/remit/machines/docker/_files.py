"""Tar archives of a few files, as the Engine unpacks them in a container: owners by number, dates none."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from typing import NamedTuple

from remit.machines._parcel import Parcel

__all__ = ["Entry", "directory", "file", "link", "parcel_tar", "tar_of"]


class Entry(NamedTuple):
    """One thing to be unpacked."""

    info: tarfile.TarInfo
    data: bytes


def file(name: str, data: bytes, user: str, mode: int = 0o600) -> Entry:
    """A file of this user, as `user:group` by number."""
    info = tarfile.TarInfo(name)
    info.mode, info.size = mode, len(data)
    info.uid, info.gid = map(int, user.split(":"))
    return Entry(info, data)


def directory(name: str, user: str, mode: int) -> Entry:
    """A directory of this user. Those that an archive lacks are made by the Engine, writable for everybody."""
    made = file(name, b"", user, mode)
    made.info.type = tarfile.DIRTYPE
    return made


def link(name: str, target: str) -> Entry:
    """A symbolic link, root's; one that is there is replaced."""
    made = file(name, b"", "0:0", 0o777)
    made.info.type, made.info.linkname = tarfile.SYMTYPE, target
    return made


def tar_of(entries: Iterable[Entry]) -> bytes:
    """The archive of these, in this order."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in entries:
            tar.addfile(entry.info, io.BytesIO(entry.data))
    return made.getvalue()


def parcel_tar(parcel: Parcel, place: str) -> bytes:
    """A parcel below this directory, all root's. Blocks for some tenths of a second: call it from a thread."""
    parts = place.split("/")
    entries = [directory("/".join(parts[: count + 1]), "0:0", 0o755) for count in range(len(parts))]
    for path in sorted(parcel.path.rglob("*")):
        name = path.relative_to(parcel.path)
        if "__pycache__" in name.parts:
            continue
        inside = f"{place}/{name.as_posix()}"
        if path.is_dir():
            entries.append(directory(inside, "0:0", 0o755))
        else:
            entries.append(file(inside, path.read_bytes(), "0:0", 0o755 if path.stat().st_mode & 0o100 else 0o644))
    return tar_of(entries)

"""Archives that somebody has sent: unpacked inside of a new directory, or refused whole.

Refused are members with an absolute name or `..`, links that lead out of the archive, members that stand below a link, devices and pipes, two members of one
name, and more files or bytes than fit. Owners are not kept, nor the bits that give a program another user.
"""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import Final

from remit.errors import BadArgument

__all__ = ["put_program", "unpack"]

MOST_FILES: Final = 100_000
MOST_BYTES: Final = 4 << 30
"""Unpacked: an environment with a large library or two. An archive of zeros would else fill the disk."""
_PIECE: Final = 1 << 20


def put_program(file: Path, target: Path) -> None:
    """A file as a program that can be run."""
    with file.open("rb") as source, target.open("xb") as out:
        shutil.copyfileobj(source, out, _PIECE)
        out.flush()
        os.fsync(out.fileno())
    target.chmod(0o755)


def unpack(file: Path, directory: Path, *, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES) -> None:
    """Unpack a tar archive, compressed or not. Raises `BadArgument` that names the member which may not be in it; the directory is the caller's to remove then."""
    count, left = 0, most_bytes
    links: set[PurePosixPath] = set()
    seen: set[PurePosixPath] = set()
    try:
        with tarfile.open(file, "r:*") as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                count, left = count + 1, left - member.size
                if count > most_files or left < 0:
                    raise BadArgument(f"the archive has more than {most_files} members, or {most_bytes} bytes")
                if name == PurePosixPath("."):
                    continue
                _check(name, member, links, seen)
                _put(archive, member, directory / name)
                seen.add(name)
                if member.issym():
                    links.add(name)
    except (tarfile.TarError, zlib.error, LZMAError, EOFError) as error:
        raise BadArgument(f"this is no tar archive: {error}") from None
    except OSError as error:
        if error.errno is not None and error.errno not in (
            20,
            17,
            36,
        ):  # ENOTDIR, EEXIST, ENAMETOOLONG are the archive's fault
            raise
        raise BadArgument(f"the archive cannot be unpacked: {error}") from None
    if not count:
        raise BadArgument("the archive is empty")


def _check(name: PurePosixPath, member: tarfile.TarInfo, links: set[PurePosixPath], seen: set[PurePosixPath]) -> None:
    shown = member.name[:100]
    if name.is_absolute() or ".." in name.parts or "\0" in member.name:
        raise BadArgument(f"the archive has a member outside of itself: {shown!r}")
    if any(each in links for each in name.parents):
        raise BadArgument(f"the archive has a member behind a link: {shown!r}")
    if name in seen and not member.isdir():
        raise BadArgument(f"the archive has two members of one name: {shown!r}")
    if member.issym() and not _inside(name.parent / member.linkname):
        raise BadArgument(f"the archive has a link that leads out of it: {shown!r} to {member.linkname[:100]!r}")
    if member.islnk() and PurePosixPath(member.linkname) not in seen - links:
        raise BadArgument(f"the archive has a link to what is not in it: {shown!r} to {member.linkname[:100]!r}")
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise BadArgument(f"the archive has something that is neither file, directory nor link: {shown!r}")


def _inside(path: PurePosixPath) -> bool:
    """Whether a path, read from the top of the archive, never leaves it on its way."""
    depth = 0
    for part in path.parts:
        depth += -1 if part == ".." else 1
        if part == "/" or depth < 0:
            return False
    return True


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if member.isdir():
        target.mkdir(mode=0o755, exist_ok=True)
    elif member.issym():
        target.symlink_to(member.linkname)
    elif member.islnk():
        first = target.parents[len(PurePosixPath(member.name).parts) - 1] / member.linkname
        os.link(first, target, follow_symlinks=False)
    else:
        data = archive.extractfile(member)
        assert data is not None
        with target.open("xb") as out:
            shutil.copyfileobj(data, out, _PIECE)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)

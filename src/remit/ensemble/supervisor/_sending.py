"""Uploading, from the side of the operator: any file or directory, and on from where an earlier attempt was cut off."""

from __future__ import annotations

import asyncio
import os
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from remit.ensemble.supervisor._uploads import PIECE
from remit.errors import BadArgument
from remit.vat import Ref

__all__ = ["archive_of", "upload"]

_AHEAD: Final = 4  # pieces that are on their way at one time


async def upload(
    part: Ref[Any],
    kind: str,
    name: str,
    file: IO[bytes],
    *,
    switch: bool = True,
    say: Callable[[int, int], object] = lambda done, size: None,  # noqa: ARG005  # nobody listens
) -> dict[str, Any]:
    """Bring a file to the host whose part `exec` this is, as a version of `name`; the versions then. What has come of it earlier is not sent again.

    `say(done, size)` hears how far it is, in bytes.
    """
    digest, size = await asyncio.to_thread(_digest, file)
    begun = await part.begin_upload(kind, name, digest, size)
    offset: int = begun["offset"]
    if begun["done"]:
        if switch:
            return dict(await part.rollback(kind, name, digest))
        return dict((await part.versions(kind, name))[0])
    file.seek(offset)
    asked: list[Any] = []
    while offset < size:
        piece = await asyncio.to_thread(file.read, PIECE)
        if not piece:
            raise BadArgument("the file has become shorter while it was sent: begin again")
        asked.append(part.put(begun["upload"], offset, piece))
        offset += len(piece)
        if len(asked) >= _AHEAD:
            say(await asked.pop(0), size)
    for each in asked:
        say(await each, size)
    return dict(await part.finish_upload(begun["upload"], switch))


def _digest(file: IO[bytes]) -> tuple[str, int]:
    found, size = sha256(), 0
    file.seek(0)
    while piece := file.read(PIECE):
        found.update(piece)
        size += len(piece)
    return found.hexdigest(), size


def archive_of(directory: Path, out: IO[bytes]) -> None:
    """A directory as an archive, the same bytes each time: sorted, without owners and times, so that the same content is the same version."""

    def bare(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if "__pycache__" in Path(info.name).parts:
            return None
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return info

    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as made:
        for path in sorted(directory.rglob("*"), key=os.fspath):
            made.add(path, str(path.relative_to(directory)), recursive=False, filter=bare)

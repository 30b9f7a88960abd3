"""What is being uploaded: pieces that are put one after the other, until they are what they were said to be.

    begun = uploads.begin(kind, name, digest, size)     {"upload", "offset", "done"}: how far it has come already
    uploads.put(upload, offset, data)                   the offset after it
    uploads.finish(upload)                              the version, once its SHA-256 is right

An upload is found again by what it is to become: after a lost connection, and after a restart of the supervisor, `begin` says where to go on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from remit.ensemble.supervisor._places import Places
from remit.ensemble.supervisor._settings import check_name
from remit.ensemble.supervisor._versions import Versions
from remit.errors import BadArgument, Conflict, LimitExceeded, Missing

__all__ = ["LARGEST", "PIECE", "Uploads"]

LARGEST: Final = 1 << 30
"""Bytes of one upload."""
PIECE: Final = 1 << 18
"""Bytes of one piece: several fit into one message of a session (`remit.values` bounds those)."""
_MOST: Final = 16  # uploads that are on their way at one time
_STALE: Final = 86400.0  # seconds after which one that nobody goes on with is forgotten


class Uploads:
    """Owned by the supervisor. Blocks: its methods are called in a thread, one at a time for each upload."""

    def __init__(self, places: Places, versions: Versions, clock: Callable[[], float], largest: int = LARGEST) -> None:
        self._places = places
        self._versions = versions
        self._clock = clock
        self._largest = largest

    def begin(self, kind: str, name: str, digest: str, size: int) -> dict[str, Any]:
        """Say what is to come; `digest` is the SHA-256 of all of it, in 64 digits. `done` where this very version is here."""
        self._places.kept(kind, name)
        if type(digest) is not str or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise BadArgument("the digest of an upload is its SHA-256, in 64 hexadecimal digits")
        if type(size) is not int or not 0 < size <= self._largest:
            raise LimitExceeded(f"an upload has from 1 to {self._largest} bytes, not {str(size)[:40]}")
        id = sha256(f"{kind}\n{name}\n{digest}\n{size}".encode()).hexdigest()[:32]
        if self._versions.has(kind, name, digest):
            self._drop(id)
            return {"upload": id, "offset": size, "done": True}
        self._make_room(id)
        note = self._places.uploads / f"{id}.json"
        note.write_text(json.dumps({"kind": kind, "name": name, "digest": digest, "size": size}))
        part = self._part(id)
        part.touch(mode=0o600)
        return {"upload": id, "offset": part.stat().st_size, "done": False}

    def put(self, upload: str, offset: int, data: bytes) -> int:
        """Add a piece. What is there already is not written again; where pieces are missing before it, it is refused with the offset to go on from."""
        note = self._note(upload)
        with self._part(upload).open("r+b") as part:
            there = part.seek(0, os.SEEK_END)
            if type(offset) is not int or not 0 <= offset <= there:
                raise Conflict(f"the upload has {there} bytes: go on from there, not from {str(offset)[:40]}")
            if offset + len(data) > note["size"]:
                raise LimitExceeded(
                    f"the upload was to have {note['size']} bytes, and this would make it {offset + len(data)}"
                )
            part.write(data[there - offset :])
            return max(there, offset + len(data))

    def finish(self, upload: str, *, switch: bool = True) -> dict[str, Any]:
        """Make a version of it, and with `switch` put it to use. One that is not what it was said to be is thrown away."""
        note = self._note(upload)
        part = self._part(upload)
        there = part.stat().st_size
        if there != note["size"]:
            raise Conflict(f"the upload has {there} of {note['size']} bytes: go on from there")
        with part.open("rb") as file:
            found = sha256()
            while piece := file.read(PIECE):
                found.update(piece)
            os.fsync(file.fileno())
        if found.hexdigest() != note["digest"]:
            self._drop(upload)
            raise BadArgument(
                f"{note['kind']} {note['name']} has come as {found.hexdigest()[:12]} and was to be {note['digest'][:12]}: it was damaged on its way; send it again"
            )
        try:
            return self._versions.add(note["kind"], note["name"], note["digest"], part, switch=switch)
        finally:
            self._drop(upload)

    def cancel(self, upload: str) -> None:
        """Forget it."""
        self._note(upload)
        self._drop(upload)

    def _note(self, upload: str) -> dict[str, Any]:
        try:
            note: dict[str, Any] = json.loads(
                (self._places.uploads / f"{check_name('upload', upload)}.json").read_text()
            )
        except (FileNotFoundError, ValueError):
            raise Missing(
                f"there is no upload {upload}: it was finished, or nobody went on with it for a day"
            ) from None
        return note

    def _part(self, upload: str) -> Path:
        return self._places.uploads / f"{upload}.part"

    def _drop(self, upload: str) -> None:
        for suffix in ("json", "part"):
            (self._places.uploads / f"{upload}.{suffix}").unlink(missing_ok=True)

    def _make_room(self, upload: str) -> None:
        others = [path for path in self._places.uploads.glob("*.part") if path.stem != upload]
        for path in others:
            if path.stat().st_mtime < self._clock() - _STALE:
                self._drop(path.stem)
        if len([path for path in others if path.exists()]) >= _MOST:
            raise LimitExceeded(f"{_MOST} uploads are on their way already: finish one, or cancel it")

"""Copies of a boss, out of which it can be made again on this host or another: who it is, what it keeps, and how it is reached.

    remit-backup 1              what this is
    {"cipher": …}               "plain", or how a passphrase makes the key (`remit.durable.seal`)
    …                           the archive, a gzipped tar: manifest.json first, then the files

A copy is taken between two commits. What belongs to machines, what can be made again, and what is for one process only is left out.
"""

from __future__ import annotations

import fnmatch
import io
import json
import os
import shutil
import tarfile
import time
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

from remit.durable import open_state_dir, read_secret_file, seal, unseal, write_secret_file
from remit.errors import BadArgument, Conflict, Missing, StoreCorrupt

__all__ = ["check_not_moved", "mark_moved", "pack_state", "read_copy", "unpack_state", "write_state"]

MAGIC: Final = b"remit-backup 1\n"
MOVED: Final = "moved"  # a file in the state directory of a boss that runs elsewhere now
STATE: Final = "state.db"
_HERE: Final = ("*.sock", "*.lock", "lock", "*-wal", "*-shm", "copy-*", "*.jsonl*", "*.log", MOVED, ".*")
_MADE_AGAIN: Final = ("parcels",)
_SMALL: Final = 1 << 16  # bytes of a file that a provider keeps of a machine
_MOST: Final = 1 << 30  # bytes of a whole copy
_PLAIN: Final = b'{"cipher": "plain"}\n'


def pack_state(directory: Path, state: Path, passphrase: str | None) -> bytes:
    """A copy of the boss in this directory, `state` being a copy of its store; readable only with the passphrase, unless that is None."""
    open_state_dir(directory)
    files = {str(path.relative_to(directory)): path.read_bytes() for path in _belonging(directory)}
    files[STATE] = state.read_bytes()
    if "key.pem" not in files:
        raise Missing(f"{directory} holds no boss: there is no key in it")
    manifest = {
        "version": 1,
        "at": time.time(),
        "files": {name: sha256(data).hexdigest() for name, data in files.items()},
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, data in {"manifest.json": json.dumps(manifest, sort_keys=True).encode(), **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            tar.addfile(entry, io.BytesIO(data))
    return _sealed(archive.getvalue(), passphrase)


def _belonging(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        if any(fnmatch.fnmatch(path.name, pattern) for pattern in _HERE) or path.name in (*_MADE_AGAIN, STATE):
            continue
        if path.name.startswith("machines") and path.is_dir():
            yield from _of_provider(path)
        elif path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.is_file() and not each.is_symlink())
        elif path.is_file():
            yield path


def _of_provider(root: Path) -> Iterator[Path]:
    """What a provider keeps of its machines, labels and pinned keys; what is a machine's own stays with that machine."""
    for machine in sorted(root.iterdir()):
        if machine.is_file() and machine.stat().st_size <= _SMALL:
            yield machine
        elif machine.is_dir() and not (machine / "key.pem").exists():
            yield from (
                each
                for each in sorted(machine.iterdir())
                if each.is_file()
                and not each.is_symlink()
                and each.stat().st_size <= _SMALL
                and each.name != "user-data"
            )


def unpack_state(data: bytes, passphrase: str | None) -> dict[str, bytes]:
    """The files of a copy by their names, each checked. `Refused` for a wrong passphrase, `StoreCorrupt` for what is no whole copy."""
    if not data.startswith(MAGIC):
        raise StoreCorrupt("this is no copy of a boss: such a file begins with 'remit-backup 1'")
    archive = _opened(data, passphrase)
    try:
        files = _read(archive)
        manifest = json.loads(files.pop("manifest.json"))
        kept = dict(manifest["files"])
    except (tarfile.TarError, OSError, EOFError, zlib.error, KeyError, ValueError, TypeError) as error:
        raise StoreCorrupt(f"the copy is damaged ({type(error).__name__}): use another one") from None
    if {name: sha256(each).hexdigest() for name, each in files.items()} != kept:
        raise StoreCorrupt("the copy is damaged: its files are not those that its list names; use another one")
    return files


def _read(archive: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = _MOST
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        for entry in tar:
            parts = Path(entry.name).parts
            if not entry.isreg() or entry.name.startswith("/") or ".." in parts or entry.size > left:
                raise ValueError(entry.name)
            left -= entry.size
            file = tar.extractfile(entry)
            assert file is not None  # it is a regular one
            files[entry.name] = file.read()
    return files


def write_state(directory: Path, files: dict[str, bytes]) -> None:
    """Make the state directory with these files: all of them, or none. `Conflict` where there is something already."""
    if directory.exists() and any(directory.iterdir()):
        raise Conflict(
            f"{directory} is not empty, and was left as it is: name another directory, or remove that one first"
        )
    draft = open_state_dir(directory.with_name(f".{directory.name}.{os.urandom(8).hex()}"))
    try:
        for name, data in files.items():
            place = draft / name
            open_state_dir(place.parent)
            write_secret_file(place, data)
        if directory.exists():
            directory.rmdir()
        draft.rename(directory)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


# --- passphrases ------------------------------------------------------------------------------------------


def _sealed(archive: bytes, passphrase: str | None) -> bytes:
    return MAGIC + _PLAIN + archive if passphrase is None else seal(MAGIC, archive, passphrase)


def _opened(data: bytes, passphrase: str | None) -> bytes:
    if data.startswith(MAGIC + _PLAIN):
        return data[len(MAGIC + _PLAIN) :]
    if passphrase is None:
        raise BadArgument("this copy is readable only with its passphrase: name it with --passphrase")
    return unseal(MAGIC, data, passphrase, "the copy")


def read_copy(path: Path) -> bytes:
    """A copy's bytes. `Missing` where there is none, and `StoreExposed` where others may read it."""
    return read_secret_file(path, limit=_MOST)


# --- moving -----------------------------------------------------------------------------------------------


def mark_moved(directory: Path, copy: Path) -> None:
    """From now on no boss runs out of this directory: the one in the copy is it."""
    write_secret_file(
        directory / MOVED, f"{time.strftime('%Y-%m-%d %H:%M', time.localtime())} into {copy}\n".encode(), replace=True
    )


def check_not_moved(directory: Path) -> None:
    """Refuse to run a boss that has moved: two with one key would take turns in being believed."""
    try:
        words = read_secret_file(directory / MOVED).decode(errors="replace").strip()
    except Missing:
        return
    raise Conflict(
        f"the boss of {directory} has moved ({words}): run it where that copy was restored. If it was never restored anywhere: "
        f"rm {directory / MOVED}"
    )

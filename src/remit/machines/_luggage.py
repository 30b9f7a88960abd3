"""What user data names of this host's files, packed for a machine that does not see them: the agent's `path` and `services`.

Of a directory of `path` go the Python modules in it, and whatever lies in a package; of `services` all files. What is hidden, made by tools, or another
node's state (a directory that holds a key) stays here. The tar is the same for the same files, and belongs to root: the agent cannot change it.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from remit.errors import ProviderError

__all__ = ["Packed", "packed"]

MOST_FILES: Final = 20_000
MOST_BYTES: Final = 64 << 20  # of all files together: code, not data
LEFT: Final = frozenset({"__pycache__", "node_modules", "build", "dist"})  # and all whose names begin with a dot
STATE: Final = "key.pem"  # what makes a directory a node's state, and no code


class Packed:
    """`tar`: bytes to unpack in the directory that `packed` was told, b"" if there is nothing; `agent`: the section as the machine is to have it."""

    __slots__ = ("agent", "tar")

    def __init__(self, tar: bytes, agent: dict[str, Any]) -> None:
        self.tar = tar
        self.agent = agent


def packed(agent: Mapping[str, Any], place: str) -> Packed:
    """The files that an `agent` section of user data names, for a machine that has them below `place`.

    Blocks while it reads: call it from a thread. Raises `ProviderError` for a directory that is not there, or for more than code usually is.
    """
    told = dict(agent)
    found: dict[str, Path] = {}
    told["path"] = [_take(found, "path", directory, place) for directory in agent.get("path") or []]
    if agent.get("services"):
        told["services"] = _take(found, "services", agent["services"], place)
    if not told["path"]:
        del told["path"]
    return Packed(_tar(found) if found else b"", told)


def _take(found: dict[str, Path], kind: str, directory: Any, place: str) -> str:
    root = Path(str(directory)).expanduser()
    if not root.is_dir():
        raise ProviderError(f"the machine's {kind} names {root}, which is no directory of this host")
    short = f"{kind}-{sum(name.startswith(f'{kind}-') and '/' not in name for name in found)}"
    found[short] = root
    for inner, path in _files(root, everything=kind == "services"):
        found[f"{short}/{inner}"] = path
        if len(found) > MOST_FILES:
            raise ProviderError(
                f"{root} holds more than {MOST_FILES} files to bring to the machine: name the directory of its code alone"
            )
    return f"{place}/{short}"


def _files(root: Path, *, everything: bool) -> Iterator[tuple[str, Path]]:
    """Files to take, by their names below the root, in a fixed order."""
    for parent, directories, files in os.walk(root):
        here = Path(parent)
        if here != root and STATE in files:
            directories.clear()
            continue
        directories[:] = sorted(name for name in directories if not name.startswith(".") and name not in LEFT)
        package = everything or "__init__.py" in files
        for name in sorted(files):
            path = here / name
            if (
                (package or name.endswith(".py"))
                and not name.startswith(".")
                and not name.endswith(".pyc")
                and path.is_file()
            ):
                yield path.relative_to(root).as_posix(), path


def _tar(found: Mapping[str, Path]) -> bytes:
    made = io.BytesIO()
    left = MOST_BYTES
    directories: set[str] = set()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, path in found.items():
            for parent in reversed(Path(name).parents if path.is_file() else [*Path(name).parents, Path(name)]):
                if str(parent) not in directories | {"."}:
                    directories.add(str(parent))
                    tar.addfile(_entry(str(parent), tarfile.DIRTYPE, 0o755))
            if not path.is_file():
                continue
            data = path.read_bytes()
            left -= len(data)
            if left < 0:
                raise ProviderError(
                    f"more than {MOST_BYTES >> 20} MiB to bring to the machine ({path} is too much): name the directories of its code alone"
                )
            entry = _entry(name, tarfile.REGTYPE, 0o755 if os.access(path, os.X_OK) else 0o644)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    """One entry that says nothing of who made it, and when."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, 0
    entry.uid = entry.gid = 0
    return entry

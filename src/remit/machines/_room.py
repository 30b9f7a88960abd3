"""The directories of machines that a provider keeps on this host: one each, with a label that says whose it is.

ROOT/<machine id>/      0700
    label.json          id, name and owner, written first: what `list` goes by
    process             pid, start time and boot id of what runs there, by which only it is ever signalled
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import Missing, ProviderError
from remit.machines._process_table import Process, reap
from remit.machines._provider import Observed

__all__ = ["MachineRoom", "note_process", "running_in"]

_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", re.ASCII)


class MachineRoom:
    """The machines of one owner (the boss's designator) below `root`, made 0700 when the first one comes. Owned by a provider."""

    def __init__(self, root: str | os.PathLike[str], owner: str) -> None:
        self.root = Path(root).absolute()
        self.owner = owner
        self._locks: dict[str, asyncio.Lock] = {}

    def prepare(self, id: str, name: str) -> Path:
        """The machine's directory with its label; made where there is none. Raises `ProviderError` for another owner's."""
        open_state_dir(self.root)
        directory = open_state_dir(self.path(id))
        label = {"id": id, "name": name, "owner": self.owner}
        if label_of(directory) is None:
            write_secret_file(directory / "label.json", json.dumps(label).encode(), replace=True)
        self.check_owner(directory)
        return directory

    def path(self, id: str) -> Path:
        """Where a machine of this id is or would be."""
        if not _ID.fullmatch(id):
            raise ProviderError(f"{id[:80]!r} cannot be a machine id: letters, digits, '-' and '_' only")
        return self.root / id

    def find(self, id: str) -> Path:
        """The directory of a machine that was made. Raises `ProviderError` where there is none, or it is another owner's."""
        directory = self.path(id)
        if label_of(directory) is None:
            raise ProviderError(f"machine {id} is not here: it was never made, or was destroyed; create it again")
        self.check_owner(directory)
        return directory

    def check_owner(self, directory: Path) -> None:
        """Raise `ProviderError` where another owner's label is."""
        label = label_of(directory)
        if label is not None and label.get("owner") != self.owner:
            raise ProviderError(f"machine {directory.name} belongs to another boss, and was left alone")

    def name_of(self, directory: Path) -> str | None:
        """The name of this owner's machine in this directory; "" where it is half made, None where there is none of this owner's."""
        label = label_of(directory)
        if label is None:
            return "" if directory.exists() else None
        return label.get("name", "") if label.get("owner") == self.owner else None

    def every(self) -> list[Path]:
        """The directories that there are, of any owner."""
        if not self.root.exists():
            return []
        return [each for each in sorted(self.root.iterdir()) if each.is_dir() and _ID.fullmatch(each.name)]

    def looks(self, look: Callable[[Path], Observed]) -> list[Observed]:
        """All machines of this owner, each as `look` sees it in its directory."""
        found = [look(directory) for directory in self.every()]
        return [each for each in found if each.state != "absent"]

    def observed(self, directory: Path, process: Process | None, running: str, log: str) -> Observed:
        """A machine that is this process of this host: what that is called, and the file in which to look where there is none."""
        name = self.name_of(directory)
        if name is None:
            return Observed(directory.name)
        if process is None:
            return Observed(directory.name, name, "made", f"it does not run; see {directory / log}")
        return Observed(directory.name, name, "running", f"{running} {process.pid}")

    def lock(self, id: str) -> asyncio.Lock:
        """What keeps two questions about one machine apart."""
        return self._locks.setdefault(id, asyncio.Lock())


def label_of(directory: Path) -> dict[str, str] | None:
    """The label in this directory; None where none was written whole."""
    try:
        label = json.loads(read_secret_file(directory / "label.json"))
    except (Missing, ValueError):
        return None
    return label if isinstance(label, dict) else None


def note_process(directory: Path, process: Process) -> None:
    """Record which process is this directory's machine."""
    write_secret_file(directory / "process", process.text().encode(), replace=True)


def running_in(directory: Path) -> Process | None:
    """The process that was recorded, if it still runs; reaps it if it has ended and was our child."""
    try:
        process = Process.parse(read_secret_file(directory / "process").decode())
    except Missing:
        return None
    if process is None:
        return None
    reap(process.pid)
    return process if process.alive else None

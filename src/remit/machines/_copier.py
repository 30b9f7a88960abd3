"""The device `copier`: a copy of what the boss keeps, taken between two commits while it goes on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from remit.durable import SqliteStore
from remit.errors import Unreachable

__all__ = ["Copier"]


class Copier:
    """Owned by the boss's process; knows its store once that is open."""

    def __init__(self) -> None:
        self._store: SqliteStore | None = None
        self._directory = Path()

    def attach(self, store: SqliteStore, directory: Path) -> None:
        """The boss's store, and its state directory. What earlier copies have left behind is removed."""
        self._store, self._directory = store, directory
        for old in directory.glob("copy-*"):
            old.unlink(missing_ok=True)

    async def copy(self) -> str:
        """The path of a fresh copy in the state directory, for whoever asked to read and remove."""
        if self._store is None:
            raise Unreachable("the boss is not up yet: ask again")
        path = self._directory / f"copy-{os.urandom(8).hex()}.db"
        await asyncio.to_thread(self._store.copy_to, path)
        return str(path)

"""What a server's steward keeps outside of its vat: the file of grants; and which administrators' key its home has, at the moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from remit.durable import read_secret_file, write_secret_file
from remit.ensemble.admin._audit import read_audit
from remit.ensemble.admin._key import admin_public
from remit.ensemble.admin._table import Grant, GrantTable
from remit.errors import Missing

__all__ = ["StewardFiles"]

GRANTS: Final = "grants"
_LIMIT: Final = 1 << 20  # bytes of a table: a thousand grants are a quarter of it


class StewardFiles:
    """The device `steward-files` of one server. Owned by the server; nothing is held open.

    `home`: where `admin.pub` is, looked at each time, so that a key counts from the moment on that it is there. `directory`: the server's own.
    """

    def __init__(self, home: Path, directory: Path) -> None:
        self._home = home
        self._directory = directory
        self._path = directory / GRANTS
        self._turn = asyncio.Lock()

    def grants(self) -> list[Grant]:
        """The grants that were kept. A file that cannot be read is an error, not an empty table."""
        try:
            data = read_secret_file(self._path, limit=_LIMIT)
        except Missing:
            return []
        return GrantTable.from_bytes(data, str(self._path)).grants

    def admin(self) -> bytes | None:
        """The administrators' raw public key, or None where the home has none."""
        return admin_public(self._home)

    async def keep(self, grants: list[Grant]) -> None:
        """Have exactly these grants on disk when this returns. What was asked for first is written first."""
        data = GrantTable(grants).to_bytes()
        async with self._turn:
            await asyncio.to_thread(write_secret_file, self._path, data, replace=True)

    async def uses(self, most: int) -> list[dict[str, Any]]:
        """The last uses of the audit log, at most so many, oldest first."""
        most = max(0, most) if type(most) is int else 0
        return (await asyncio.to_thread(lambda: list(read_audit(self._directory))))[-most:] if most else []

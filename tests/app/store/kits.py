"""The stores under contract: how to make an empty one, and how to open what one has kept."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remit.app.store import Index, MemoryBackend, MemoryTables, PostgresBackend, SqliteBackend, StoreBackend
from remit.values import Secret
from tests.credentials.servers import OWNER_PASSWORD, Server


class Kit:
    """One kind of store; `closed` is called at the end of a test."""

    name: str

    def __init__(self) -> None:
        self.made: list[StoreBackend] = []

    def make(self) -> StoreBackend:
        """A backend over what this kit's earlier ones have kept."""
        raise NotImplementedError

    async def opened(self, indexes: Sequence[Index] = ()) -> StoreBackend:
        backend = self.make()
        self.made.append(backend)
        await backend.open(indexes)
        await backend.ready()
        return backend

    async def reopened(self, indexes: Sequence[Index] = ()) -> StoreBackend:
        await self.closed()
        return await self.opened(indexes)

    async def closed(self) -> None:
        while self.made:
            await self.made.pop().close()

    def tables(self, backend: Any) -> Any:
        """The steps of building, of this backend."""
        return backend._tables


class MemoryKit(Kit):
    name = "memory"

    def __init__(self, _folder: Path, _server: Server | None) -> None:
        super().__init__()
        self.data = MemoryTables()

    def make(self) -> StoreBackend:
        return MemoryBackend(self.data)


class SqliteKit(Kit):
    name = "sqlite"

    def __init__(self, folder: Path, _server: Server | None) -> None:
        super().__init__()
        self.path = folder / "store" / "kv.db"

    def make(self) -> StoreBackend:
        backend = SqliteBackend(self.path)
        assert stat.S_IMODE(os.stat(self.path).st_mode) == 0o600
        return backend


class PostgresKit(Kit):
    """A schema of its own for each test, in one database of one server."""

    name = "postgres"
    number = 0

    def __init__(self, _folder: Path, server: Server | None) -> None:
        super().__init__()
        assert server is not None
        self.server = server
        PostgresKit.number += 1
        self.schema = f"store_{PostgresKit.number}"

    def uri(self, user: str = "boss") -> Secret:
        return Secret(f"postgresql://{user}:{OWNER_PASSWORD}@127.0.0.1:{self.server.port}/postgres")

    def make(self) -> StoreBackend:
        return PostgresBackend(self.uri(), self.schema)


KITS = {kit.name: kit for kit in (MemoryKit, SqliteKit, PostgresKit)}

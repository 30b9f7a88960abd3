"""Stores on PostgreSQL: who holds one goes to the database itself, with the login of its edge, and not by way of the store's persona.

    holder ──(the edge: only its key may fetch it)──► persona of the store ──► login, made for this edge
    holder ──(login: the rights of the edge's attenuation)──► PostgreSQL

What PostgreSQL cannot enforce (a count, a rate, single methods) stays behind the persona's gate, and so does who cannot reach the database. An edge that is no more loses its login when the persona starts
without it, and all of them when the store is taken down.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from remit.app._component import Edge, body_of
from remit.app._gate import Gate
from remit.app.store import PostgresBackend, PostgresEdges, problem_at, schema_for
from remit.credentials import Owner
from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import BadArgument
from remit.values import Secret

__all__ = ["Direct", "Roles", "release_store"]

_KEY: Final = "roles.key"  # what the passwords of the logins are derived from


class Roles:
    """The logins of the edges to one store. Owned by the store's body, until `close`. `settings` are those of `backend_for`."""

    def __init__(self, settings: Mapping[str, Any], name: str, directory: Path) -> None:
        self._schema = schema_for(name)
        connection = Secret(read_secret_file(settings["connection"]).decode().strip())
        self._edges = PostgresEdges(Owner(connection, _tag(self._schema), _key(directory)), self._schema)

    async def keep(self, edges: Sequence[Edge]) -> None:
        """Take back what belongs to other edges than these."""
        wanted = {_role(edge) for edge in edges}
        for held in await self._edges.observe():
            if held.edge not in wanted:
                await self._edges.revoke(held.edge)

    async def credential(self, edge: Edge) -> dict[str, Any] | None:
        """What its holder needs to go to the database; None where its attenuation cannot be enforced there."""
        try:
            self._edges.rights(edge.attenuation)
        except BadArgument:
            return None
        credential = await self._edges.grant(_role(edge), edge.attenuation, until=edge.attenuation.until)
        return {"connection": credential.secrets["uri"], "schema": self._schema}

    async def end(self, *, data: bool) -> None:
        """Take all logins back; with `data`, remove what is kept, too."""
        await self.keep([])
        if data:
            await self._edges.remove()

    async def close(self) -> None:
        """End the connections."""
        await self._edges.close()


class Direct:
    """A store in PostgreSQL as the holder of one edge has it: the same gate as at the store's persona, over the login of the edge. Owned by the holder's wiring."""

    def __init__(self, edge: Edge, given: Mapping[str, Any], now: Callable[[], float]) -> None:
        self._connection: Secret = given["connection"]
        self._backend = PostgresBackend(given["connection"], given["schema"], builds=False)
        self._indexes = edge.target.component.indexes()  # type: ignore[attr-defined]  # it is a store
        body = body_of(edge.target, lambda _: None)
        body.__dict__["_backend"] = self._backend
        self._gate = Gate(edge, body, now)

    async def open(self) -> bool:
        """Connect; False where the database cannot be reached from here, and the store's persona is the way."""
        if await asyncio.to_thread(problem_at, self._connection):
            return False
        await self._backend.open(self._indexes)
        return True

    async def call(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See `Wiring.call`."""
        return await self._gate.call(method, args, kwargs)

    async def close(self) -> None:
        """End the connections."""
        await self._backend.close()


async def release_store(settings: Mapping[str, Any], name: str, directory: Path, *, data: bool) -> None:
    """When a store is taken down: nobody has a login to it any more, and with `data` its schema is removed."""
    if settings.get("kind") == "postgres":
        roles = Roles(settings, name, directory)
        try:
            await roles.end(data=data)
        finally:
            await roles.close()


def _role(edge: Edge) -> str:
    """A name for the edge that fits into names of roles; they are no secret, and say nothing."""
    return hashlib.sha256(edge.id.encode()).hexdigest()[:24]


def _tag(schema: str) -> str:
    return hashlib.sha256(schema.encode()).hexdigest()[:10]


def _key(directory: Path) -> bytes:
    path = directory / _KEY
    if not path.exists():
        open_state_dir(directory)
        write_secret_file(path, secrets.token_bytes(32), replace=True)
    return read_secret_file(path)

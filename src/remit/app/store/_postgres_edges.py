"""Edges to a store in PostgreSQL: a login for each, with the rights of its attenuation and no others.

Logins, holders and groups are those of `remit.credentials`, with rights on the tables `kv_…` of the store's schema: a read-only edge may read them, another
one may write them; none may change what the tables are. A prefix of keys is a policy of row-level security for the edge's holder, on each table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.app.store._names import check_prefix
from remit.app.store._postgres_link import Link, database
from remit.app.store._postgres_schema import Schema
from remit.credentials import Credential, Description, Held, Owner, find_driver
from remit.errors import BadArgument, Conflict
from remit.lib import Attenuation

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["PostgresEdges"]

_SUPPORTS: Final = ("read_only", "prefix", "until")
# Whose sessions act as this one: each login is a member of its edge's holder.
_HOLDER: Final = b"""
SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles l ON l.oid = m.member WHERE l.rolname = %s
"""
_TABLES: Final = b"""
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r' AND starts_with(c.relname, 'kv_')
ORDER BY 1
"""
_POLICIES: Final = b"SELECT tablename FROM pg_policies WHERE schemaname = %s AND policyname = %s"


class PostgresEdges:
    """A driver, as `remit.credentials.Driver` says, for one store. The owner is the one who has built it (`PostgresBackend`, `builds`)."""

    kind = "postgres-store"

    def __init__(self, owner: Owner, schema: str) -> None:
        self._schema = Schema(schema)
        self._logins: Any = find_driver("postgres")(owner)
        self._link = Link(owner.connection)

    def describe(self) -> Description:
        """See `Driver.describe`."""
        return Description(self.kind, "postgresql", _SUPPORTS, (), "prefix is of the store's keys")

    async def check(self) -> None:
        """See `Driver.check`."""
        await self._logins.check()
        await self._link.work(self._schema.check, changes=False)

    async def grant(
        self, edge: str, attenuation: Attenuation, *, until: float | None = None, generation: int = 1
    ) -> Credential:
        """See `Driver.grant`."""
        rights = self.rights(attenuation)
        await self._link.work(self._schema.check, changes=False)
        credential: Credential = await self._logins.grant(edge, rights, until=until, generation=generation)
        login = credential.entries["username"]
        prefix = attenuation.checked().prefix

        async def narrow(connection: AsyncConnection[Any]) -> None:
            async with connection.transaction():
                await self._schema.lock(connection)  # no table is made meanwhile
                await self._narrow(connection, login, prefix)

        await self._link.work(narrow)
        return credential

    def rights(self, attenuation: Attenuation) -> Attenuation:
        """What this attenuation means for the tables of the store. Raises `BadArgument` for what PostgreSQL cannot enforce."""
        checked = attenuation.checked()
        unable = [name for name in checked.kinds() if name not in _SUPPORTS]
        if unable:
            raise BadArgument(
                f"a store on PostgreSQL cannot enforce {', '.join(unable)} of an edge; it can: {', '.join(_SUPPORTS)}. "
                "Narrow it so, or have the store on SQLite, behind its own persona"
            )
        methods = ["read"] if checked.read_only else ["read", "write"]
        return Attenuation(methods=methods, prefix=f"{self._schema.name}.kv_", until=checked.until)

    async def _narrow(self, connection: AsyncConnection[Any], login: str, prefix: str | None) -> None:
        sql = database().sql
        rows = await (await connection.execute(_HOLDER, (login,))).fetchall()
        if not rows:
            raise Conflict("the login of this edge was taken away while it was made: try again")
        holder = sql.Identifier(rows[0][0])
        for (table,) in await (await connection.execute(_POLICIES, (self._schema.name, rows[0][0]))).fetchall():
            await connection.execute(
                sql.SQL("DROP POLICY {} ON {}").format(holder, sql.Identifier(self._schema.name, table))
            )
        if prefix is None:
            return
        begins = sql.SQL("starts_with(key, {})").format(sql.Literal(check_prefix(prefix)))
        for (table,) in await (await connection.execute(_TABLES, (self._schema.name,))).fetchall():
            words = sql.SQL("CREATE POLICY {} ON {} AS RESTRICTIVE TO {} USING ({}) WITH CHECK ({})")
            await connection.execute(
                words.format(holder, sql.Identifier(self._schema.name, table), holder, begins, begins)
            )

    async def retire(self, edge: str, below: int) -> None:
        """See `Driver.retire`."""
        await self._logins.retire(edge, below)

    async def revoke(self, edge: str) -> bool:
        """See `Driver.revoke`."""
        return bool(await self._logins.revoke(edge))

    async def observe(self) -> list[Held]:
        """See `Driver.observe`."""
        held: list[Held] = await self._logins.observe()
        return held

    async def remove(self) -> None:
        """Remove the store with all that it keeps, where it is one. For good."""

        async def drop(connection: AsyncConnection[Any]) -> None:
            found = await connection.execute(
                b"SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'remit_state'", (self._schema.name,)
            )
            if await found.fetchall():
                await connection.execute(self._schema.words("DROP SCHEMA {s} CASCADE"))

        await self._link.work(drop)

    async def close(self) -> None:
        """See `Driver.close`."""
        await self._logins.close()
        await self._link.close()

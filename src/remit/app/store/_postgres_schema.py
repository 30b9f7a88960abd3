"""The schema of a store in PostgreSQL: one for each, with the same tables in all.

    kv_entries      key, value (jsonb)                     kv_index_…     index_key, key, place, inline (jsonb): one table for each version of an index
    kv_stale        tab, key: whose rows are to be computed anew, since the writer did not know the function
    remit_indexes   what the tables of indexes are         remit_state    the format, and the epoch

The *epoch* counts changes of the set of tables. Each write names the epoch that it knows, in the same statement; whoever changes the set locks out all
writers for that moment. So no write ever misses a table.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from remit.app.store._building import ACTIVE, Kept
from remit.errors import BadArgument, Conflict, StoreTooNew

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["Schema"]

FORMAT: Final = 1
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
_TABLES: Final = """
CREATE TABLE {s}.kv_entries (key text COLLATE "C" PRIMARY KEY, value jsonb NOT NULL);
CREATE TABLE {s}.kv_stale (tab text COLLATE "C", key text COLLATE "C" REFERENCES {s}.kv_entries (key) ON DELETE CASCADE, PRIMARY KEY (tab, key));
CREATE INDEX ON {s}.kv_stale (key);
CREATE TABLE {s}.remit_indexes (tab text PRIMARY KEY, name text NOT NULL, version integer NOT NULL, fingerprint text NOT NULL, state text NOT NULL,
    cursor text);
CREATE TABLE {s}.remit_state (one boolean PRIMARY KEY DEFAULT true CHECK (one), format integer NOT NULL, epoch bigint NOT NULL);
INSERT INTO {s}.remit_state (format, epoch) VALUES ({format}, 1);
GRANT SELECT ON {s}.remit_indexes, {s}.remit_state TO PUBLIC;
ALTER TABLE {s}.kv_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE {s}.kv_stale ENABLE ROW LEVEL SECURITY;
CREATE POLICY remit_all ON {s}.kv_entries USING (true) WITH CHECK (true);
CREATE POLICY remit_all ON {s}.kv_stale USING (true) WITH CHECK (true);
COMMENT ON SCHEMA {s} IS 'a store of Remit';
"""
_INDEX: Final = """
CREATE TABLE {s}.{t} (index_key text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL REFERENCES {s}.kv_entries (key) ON DELETE CASCADE,
    place integer NOT NULL, inline jsonb, PRIMARY KEY (index_key, key, place));
CREATE INDEX ON {s}.{t} (key);
ALTER TABLE {s}.{t} ENABLE ROW LEVEL SECURITY;
"""
# Who may do what with the values may do it with an index of them.
_GRANTS: Final = """
SELECT format('GRANT %%s ON %%I.%%I TO %%s', string_agg(a.privilege_type, ', '), n.nspname, %s::text, CASE WHEN a.grantee = 0 THEN 'PUBLIC'
    ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
WHERE n.nspname = %s AND c.relname = 'kv_entries' AND a.grantee <> c.relowner GROUP BY n.nspname, a.grantee
UNION ALL
SELECT format('CREATE POLICY %%I ON %%I.%%I AS %%s TO %%s USING (%%s) WITH CHECK (%%s)', p.polname, n.nspname, %s::text,
    CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ') FROM unnest(p.polroles) r),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = 'kv_entries'
"""
_KEPT: Final = """
SELECT coalesce(i.name, ''), coalesce(i.version, 0), coalesce(i.fingerprint, ''), c.relname, coalesce(i.state, ''), i.cursor,
    (SELECT count(*) FROM {s}.kv_stale s WHERE s.tab = c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN {s}.remit_indexes i ON i.tab = c.relname
WHERE n.nspname = %s AND c.relkind = 'r' AND starts_with(c.relname, 'kv_index_') ORDER BY 4
"""


class Schema:
    """The name of a store's schema, and statements about all of it. They run on a connection of the owner's."""

    def __init__(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise BadArgument(
                f"the schema of a store has a name of small letters, digits and '_', at most 63 of them, not {name!r}"
            )
        self.name = name
        self.quoted = f'"{name}"'

    def words(self, text: str, **more: Any) -> bytes:
        """A statement in which {s} is the schema."""
        return text.format(s=self.quoted, **more).encode()

    async def make(self, connection: AsyncConnection[Any]) -> None:
        """Make the schema and its tables, where they are missing. Raises `Conflict` where it has others, and touches nothing then."""
        async with connection.transaction():
            await connection.execute(
                b"SELECT pg_advisory_xact_lock(hashtext('remit store'), hashtext(%s))", (self.name,)
            )
            rows = await (
                await connection.execute(b"SELECT 1 FROM pg_namespace WHERE nspname = %s", (self.name,))
            ).fetchall()
            if not rows:
                await connection.execute(self.words("CREATE SCHEMA {s}"))
            there = await self._relations(connection)
            if "remit_state" in there:
                await self.check(connection)
                return
            if there:
                raise Conflict(
                    f"the schema {self.name} of PostgreSQL has tables that are not of a store ({', '.join(there[:5])}): nothing was touched; give the "
                    "store another name, or those tables another schema"
                )
            await connection.execute(self.words(_TABLES, format=FORMAT))

    async def check(self, connection: AsyncConnection[Any]) -> None:
        """Raise what keeps this version from using the tables."""
        ((found,),) = await (await connection.execute(self.words("SELECT format FROM {s}.remit_state"))).fetchall()
        if found > FORMAT:
            raise StoreTooNew(
                f"the store in the schema {self.name} has format {found}, and this Remit reads {FORMAT}: upgrade it; nothing was touched"
            )

    async def _relations(self, connection: AsyncConnection[Any]) -> list[str]:
        words = b"SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind <> 'i' ORDER BY 1"
        return [name for (name,) in await (await connection.execute(words, (self.name,))).fetchall()]

    async def lock(self, connection: AsyncConnection[Any]) -> None:
        """In a transaction: wait for the writers that are at work, and let no other begin until it ends; then the epoch is another."""
        await connection.execute(self.words("LOCK TABLE {s}.kv_entries IN SHARE ROW EXCLUSIVE MODE"))
        await connection.execute(self.words("UPDATE {s}.remit_state SET epoch = epoch + 1"))

    async def make_index(self, connection: AsyncConnection[Any], table: str) -> None:
        """An empty table for an index, which those may use who may use the values."""
        await connection.execute(self.words(_INDEX, t=table))
        for (words,) in await (
            await connection.execute(_GRANTS.encode(), (table, self.name, table, self.name))
        ).fetchall():
            await connection.execute(words.encode())

    async def kept(self, connection: AsyncConnection[Any]) -> list[Kept]:
        """All tables of indexes."""
        rows = await (await connection.execute(self.words(_KEPT), (self.name,))).fetchall()
        return [Kept(*row) for row in rows]

    @staticmethod
    def active(kept: list[Kept], name: str, version: int) -> str | None:
        """The table that programs read which declare this version."""
        return next(
            (each.table for each in kept if (each.name, each.version, each.state) == (name, version, ACTIVE)), None
        )

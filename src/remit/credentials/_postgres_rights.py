"""What an attenuation means in a PostgreSQL database: the rights of its group role.

A table's key is `schema.table.`, and a schema's `schema.`: a prefix of `sales.` is that schema, with the tables that will be made in it;
`sales.orders.` is that table; `sales.ord` are the tables whose names begin so, as they are when the grant is made or renewed. Names that are no plain
identifiers are quoted in a key, so that no table's name can make it look like another's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from remit.credentials._postgres_link import Link, database
from remit.lib import Attenuation

if TYPE_CHECKING:
    from psycopg.sql import Composed

__all__ = ["METHODS", "key_of", "privileges", "quoted", "renew_rights", "share_with_groups", "statement"]

METHODS: Final = ("create", "read", "write")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_$]+", re.ASCII)
_TABLE: Final = {"read": ("SELECT",), "write": ("INSERT", "UPDATE", "DELETE")}  # privileges of tables and views
_SEQUENCE: Final = {"read": ("SELECT",), "write": ("USAGE",)}
_SCHEMAS: Final = """
SELECT nspname, has_schema_privilege(%s, oid, 'USAGE'), has_schema_privilege(%s, oid, 'CREATE')
FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1
"""
_RELATIONS: Final = """
SELECT n.nspname, c.relname, c.relkind = 'S', coalesce(t.relname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON c.relkind = 'S' AND d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
LEFT JOIN pg_class t ON t.oid = d.refobjid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname = ANY(%s)
AND EXISTS (SELECT FROM unnest(CASE WHEN c.relkind = 'S' THEN %s::text[] ELSE %s::text[] END) AS p
    WHERE NOT (CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(%s, c.oid, p) ELSE has_table_privilege(%s, c.oid, p) END))
ORDER BY 1, 2
"""
# Whoever makes objects in the schemas: what they make later is for the groups as well.
_MAKERS: Final = """
SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) OR (starts_with(rolname, %s)
    AND EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = ANY(%s) AND has_schema_privilege(rolname, n.oid, 'CREATE')))
"""
_MODEL: Final = """
SELECT n.nspname, d.defaclobjtype::text, g.rolname, array_agg(a.privilege_type)
FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a JOIN pg_roles g ON g.oid = a.grantee
WHERE d.defaclrole = %s::regrole AND starts_with(g.rolname, %s) GROUP BY 1, 2, 3
"""
_DEFAULTS: Final = """
SELECT DISTINCT m.rolname, n.nspname, d.defaclobjtype::text
FROM pg_default_acl d JOIN pg_roles m ON m.oid = d.defaclrole JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
WHERE a.grantee = %s::regrole
"""


def key_of(*names: str) -> str:
    """The key of a schema, or of a table in it, with which prefixes are compared."""
    return "".join(f"{name if _PLAIN.fullmatch(name) else quoted(name)}." for name in names)


def quoted(name: str) -> str:
    """The name as PostgreSQL quotes identifiers, for casts to `regrole` and its like."""
    return '"' + name.replace('"', '""') + '"'


async def renew_rights(link: Link, group: str, attenuation: Attenuation, makers: Iterable[str], holders: str) -> None:
    """Give a group what its attenuation allows and it does not have yet.

    What `makers` make later is included; and what the roles make whose names begin with `holders`, unless that is "".
    """
    prefix = attenuation.prefix or ""
    methods = METHODS if attenuation.methods is None else attenuation.methods
    schemas = {name: (uses, creates) for name, uses, creates in await link.run(_SCHEMAS, (group, group))}
    whole = [name for name in schemas if key_of(name).startswith(prefix)]
    parts = [name for name in schemas if name not in whole and prefix.startswith(key_of(name))]
    for schema in [*whole, *parts]:
        uses, creates = schemas[schema]
        if not uses:
            await link.run(statement("GRANT USAGE ON SCHEMA {} TO {}", schema, group))
        if not creates and "create" in methods and schema in whole:
            await link.run(statement("GRANT CREATE ON SCHEMA {} TO {}", schema, group))
    table, sequence = privileges(methods)
    if not table:
        return
    values = ([*whole, *parts], sequence, table, group, group)
    for schema, name, is_sequence, owner in await link.run(_RELATIONS, values):
        if key_of(schema, owner).startswith(prefix):
            kind, rights = ("SEQUENCE", sequence) if is_sequence else ("TABLE", table)
            await link.run(statement(f"GRANT {', '.join(rights)} ON {kind} {{}}.{{}} TO {{}}", schema, name, group))
    if holders:
        found = await link.run(_MAKERS, (list(makers), holders, whole))
        makers = [name for (name,) in found]
    await _renew_defaults(link, group, whole, (table, sequence), makers)


async def _renew_defaults(
    link: Link, group: str, schemas: list[str], rights: tuple[list[str], list[str]], makers: Iterable[str]
) -> None:
    """What is made later in these schemas is for the group, too."""
    there = set(await link.run(_DEFAULTS, (quoted(group),)))
    for maker in makers:
        for schema in schemas:
            for letter, kind, privileges in (("r", "TABLES", rights[0]), ("S", "SEQUENCES", rights[1])):
                if (maker, schema, letter) not in there:
                    words = f"ALTER DEFAULT PRIVILEGES FOR ROLE {{}} IN SCHEMA {{}} GRANT {', '.join(privileges)} ON {kind} TO {{}}"
                    await link.run(statement(words, maker, schema, group))


async def share_with_groups(link: Link, holder: str, model: str, groups: str) -> None:
    """Let every group whose name begins with `groups` have of what this holder makes as much as of what the role `model` makes."""
    for schema, letter, group, privileges in await link.run(_MODEL, (quoted(model), groups)):
        kind = "TABLES" if letter == "r" else "SEQUENCES"
        words = f"ALTER DEFAULT PRIVILEGES FOR ROLE {{}} IN SCHEMA {{}} GRANT {', '.join(privileges)} ON {kind} TO {{}}"
        await link.run(statement(words, holder, schema, group))


def _privileges(kinds: Mapping[str, tuple[str, ...]], methods: Iterable[str]) -> list[str]:
    return [privilege for method, privileges in kinds.items() if method in methods for privilege in privileges]


def privileges(methods: Iterable[str]) -> tuple[list[str], list[str]]:
    """What these methods mean on tables and on sequences."""
    return _privileges(_TABLE, methods), _privileges(_SEQUENCE, methods)


def statement(words: str, *names: str) -> Composed:
    """A statement around names, each quoted as an identifier."""
    sql = database().sql
    made: Composed = sql.SQL(words).format(*map(sql.Identifier, names))
    return made

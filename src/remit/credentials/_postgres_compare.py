"""What the roles of an edge at PostgreSQL can do, compared with what they were made for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from remit.credentials._postgres_link import Link
from remit.credentials._postgres_rights import METHODS, key_of, privileges
from remit.lib import Attenuation

__all__ = ["more_than"]

_SHOWN: Final = 5  # rights that are named
_FLAGS: Final = """
SELECT r.rolname, r.rolcanlogin, r.rolconnlimit, array_remove(ARRAY[CASE WHEN r.rolsuper THEN 'superuser' END,
    CASE WHEN r.rolcreatedb THEN 'createdb' END, CASE WHEN r.rolcreaterole THEN 'createrole' END,
    CASE WHEN r.rolreplication THEN 'replication' END, CASE WHEN r.rolbypassrls THEN 'bypassrls' END], NULL)
FROM pg_roles r WHERE r.rolname = ANY(%s)
"""
_MEMBERS: Final = """
SELECT m.rolname, g.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
WHERE m.rolname = ANY(%s)
"""
_GRANTED: Final = """
SELECT r.rolname, n.nspname, c.relname, c.relkind = 'S', coalesce(t.relname, c.relname), a.privilege_type
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
LEFT JOIN LATERAL (SELECT o.relname FROM pg_depend d JOIN pg_class o ON o.oid = d.refobjid
    WHERE c.relkind = 'S' AND d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1) t ON true
WHERE r.rolname = ANY(%s) AND a.grantee <> c.relowner
UNION ALL
SELECT r.rolname, n.nspname, '', false, '', a.privilege_type
FROM pg_namespace n, aclexplode(n.nspacl) a JOIN pg_roles r ON r.oid = a.grantee WHERE r.rolname = ANY(%s) AND a.grantee <> n.nspowner
ORDER BY 1, 2, 3, 6
"""


async def more_than(link: Link, chain: Sequence[str], attenuation: Attenuation, limit: int) -> str:
    """How login, holder and group (`chain`) differ from what this attenuation makes of them, for people; "" if they do not."""
    login, holder, group = chain
    texts: list[str] = []
    for name, enters, connections, flags in await link.run(_FLAGS, (list(chain),)):
        texts += [f"is {flag} now" for flag in flags]
        if name == login and not enters:
            texts.append("may not log in any more")
        elif name != login and enters:
            texts.append("may be logged in to as another role, too")
        if name == login and connections != limit:
            texts.append(f"has a limit of {connections} connections instead of {limit}")
    wanted = {(login, holder), (holder, group)}
    found = set(await link.run(_MEMBERS, (list(chain),)))
    texts += [f"is a member of {role} as well" for _, role in sorted(found - wanted)]
    if wanted - found:
        texts.append("has lost its rights, since it is no member any more of the role that has them")
    more = await _rights(link, chain, attenuation)
    shown = more[:_SHOWN] + ([f"and {len(more) - _SHOWN} more"] if len(more) > _SHOWN else [])
    return "; ".join([*texts, *([f"has besides: {', '.join(shown)}"] if more else [])])


async def _rights(link: Link, chain: Sequence[str], attenuation: Attenuation) -> list[str]:
    """The rights on tables, sequences and schemas that these roles have, and were not given by the driver."""
    _, _, group = chain
    prefix = attenuation.prefix or ""
    table, sequence, schema = _allowed(METHODS if attenuation.methods is None else attenuation.methods)
    more = []
    for role, space, name, is_sequence, owner, right in await link.run(_GRANTED, (list(chain), list(chain))):
        able = sequence if is_sequence else table if name else schema
        key = key_of(space, owner) if name else key_of(space)
        meant = key.startswith(prefix) or (not name and prefix.startswith(key))
        if role != group or right not in able or not meant:
            more.append(f"{right} on {space}.{name}" if name else f"{right} on schema {space}")
    return more


def _allowed(methods: Iterable[str]) -> tuple[set[str], set[str], set[str]]:
    """What a group may have on tables, sequences and schemas."""
    table, sequence = privileges(methods)
    return set(table), set(sequence), {"USAGE", *(["CREATE"] if "create" in methods else [])}

"""PostgreSQL: a login role for each generation of an edge.

    group  (NOLOGIN)   has the rights of one attenuation; shared by all edges that have the same
    holder (NOLOGIN)   one for each edge, member of its group; sessions act as it, so that what one generation makes belongs to the next as well
    login              one for each generation, member of its holder; password, connection limit, expiry

No object is ever granted to a login, and none belongs to one: they belong to the owner of the database, or to holders, whose objects the owner
gets when the edge ends. Names carry no meaning, since every role of the server can read them. A grant is one transaction. A revocation is not, since
sessions end only after a commit; its steps stand in the one order in which nothing is left open (`_end`).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from remit.credentials._credential import TUNNEL, TUNNEL_HOST, TUNNEL_PORT, Credential
from remit.credentials._driver import Description, Held, check_attenuation
from remit.credentials._owner import Owner, check_edge
from remit.credentials._place import Place, is_local
from remit.credentials._postgres_compare import more_than
from remit.credentials._postgres_link import Link
from remit.credentials._postgres_rights import METHODS, renew_rights, share_with_groups, statement
from remit.errors import BadArgument, Conflict, Refused
from remit.lib import Attenuation
from remit.net import End
from remit.values import Secret

__all__ = ["Postgres"]

LIMIT: Final = 20  # connections of one generation, unless the owner says otherwise
ENDING: Final = 5000  # milliseconds for one session to end
_ROLES: Final = "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s) ORDER BY 1"
_SESSIONS: Final = "SELECT pid FROM pg_stat_activity WHERE usename = ANY(%s)"
_SEEN: Final = """
SELECT r.rolname, count(a.pid), extract(epoch FROM max(greatest(a.backend_start, a.state_change)))::float8
FROM pg_roles r LEFT JOIN pg_stat_activity a ON a.usesysid = r.oid WHERE starts_with(r.rolname, %s) GROUP BY 1
"""
_PUBLIC: Final = """
SELECT a.privilege_type FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
WHERE d.datname = current_database() AND a.grantee = 0
"""
_OPEN_SCHEMAS: Final = """
SELECT n.nspname FROM pg_namespace n, aclexplode(n.nspacl) a
WHERE a.grantee = 0 AND a.privilege_type = 'CREATE' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
"""
_STRANGERS: Final = """
SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND NOT starts_with(rolname, 'remit_')
"""
_RIGHTS: Final = """
SELECT rolsuper, rolcreaterole, (SELECT datdba = r.oid OR pg_has_role(r.oid, datdba, 'USAGE') FROM pg_database WHERE datname = current_database())
FROM pg_roles r WHERE rolname = current_user
"""


class Postgres:
    """The driver `postgres`. The owner is a superuser, or a role with CREATEROLE that owns the database.

    Options beside the connection: `host` and `port` as grantees reach the server, `limit` (connections of each credential), `owner` (the role that
    gets what grantees have made; else the database's owner), `sslmode` for grantees.
    """

    kind = "postgres"

    def __init__(self, owner: Owner) -> None:
        owner.check_options("host", "port", "limit", "owner", "sslmode")
        self._owner = owner
        self._limit: int = owner.option("limit", int, LIMIT)
        if not 0 < self._limit < 1 << 31:
            raise BadArgument("the option 'limit' is a number of connections, from 1 up")
        self._mark = f"remit_{owner.tag}_"
        self._link = Link(owner.connection)

    def describe(self) -> Description:
        """See `Driver.describe`."""
        text = "prefix is of schema.table., such as sales. or sales.orders."
        return Description(self.kind, "postgresql", ("methods", "prefix", "read_only", "until"), METHODS, text)

    async def check(self) -> None:
        """See `Driver.check`."""
        async with self._link.work() as link:
            ((superuser, creates, owns),) = await link.run(_RIGHTS)
            if not superuser and not (creates and owns):
                raise Refused(
                    "the owner's role at PostgreSQL is neither superuser, nor has CREATEROLE and owns the database"
                )
            await self._heir(link)

    async def close(self) -> None:
        """See `Driver.close`."""
        await self._link.close()

    # --- making -------------------------------------------------------------------------------------

    async def grant(
        self, edge: str, attenuation: Attenuation, *, until: float | None = None, generation: int = 1
    ) -> Credential:
        """See `Driver.grant`."""
        checked = check_attenuation(self.describe(), attenuation)
        login, holder, password = (
            self._login(edge, generation),
            self._holder(edge),
            self._owner.password(edge, generation),
        )
        group, makes = (
            f"{self._mark}g_{_digest(checked)}",
            "create" in (METHODS if checked.methods is None else checked.methods),
        )
        async with self._link.work() as link:
            async with link.transaction():
                await self._alone(link, "pg_advisory_xact_lock")
                heir, here = await self._heir(link)
                there = {name for (name,) in await link.run(_ROLES, (self._mark,))}
                await self._shut_out_strangers(link)
                if group not in there:
                    await self._make(link, group)
                    rights = "CONNECT" if checked.methods == ["read"] else "CONNECT, TEMPORARY"
                    await link.run(statement(f"GRANT {rights} ON DATABASE {{}} TO {{}}", link.place()[2], group))
                if holder not in there:
                    await self._make(link, holder)
                others = [other for other in await self._groups(link, holder) if other != group]
                for other in others:  # it was narrowed otherwise before
                    await link.run(statement("REVOKE {} FROM {}", other, holder))
                await link.run(statement("GRANT {} TO {}", group, holder))
                known = group in there  # to a known one, each holder gives when it is made
                await renew_rights(link, group, checked, sorted({heir, here}), "" if known else f"{self._mark}h_")
                if makes and (others or holder not in there):
                    await share_with_groups(link, holder, heir, f"{self._mark}g_")
                if login not in there:
                    await self._make(link, login)
                await self._admit(link, login, holder, password, until)
            return self._credential(link, login, password, generation, until)

    async def _make(self, link: Link, role: str) -> None:
        """A role without any right, whose objects the owner may deal with."""
        await link.run(statement("CREATE ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION", role))
        await link.run(statement("GRANT {} TO CURRENT_USER", role))

    async def _admit(self, link: Link, login: str, holder: str, password: Secret, until: float | None) -> None:
        ends = "infinity" if until is None else datetime.fromtimestamp(until, UTC).isoformat()
        verifier = link.verifier(login, password)
        words = f"ALTER ROLE {{}} LOGIN PASSWORD '{verifier}' CONNECTION LIMIT {self._limit} VALID UNTIL '{ends}'"
        await link.run(statement(words, login))
        await link.run(statement("GRANT {} TO {}", holder, login))
        await link.run(statement("ALTER ROLE {} SET role = {}", login, holder))

    async def _shut_out_strangers(self, link: Link) -> None:
        """Take from PUBLIC what would let any role of the server in; those who are there and are not ours keep it by name."""
        base = link.place()[2]
        words = sorted({word for (word,) in await link.run(_PUBLIC)})
        schemas = [name for (name,) in await link.run(_OPEN_SCHEMAS)]
        if not words and not schemas:
            return
        strangers = [name for (name,) in await link.run(_STRANGERS)]
        for rights, kind, names in (
            (", ".join(words), "DATABASE", [base] if words else []),
            ("CREATE", "SCHEMA", schemas),
        ):
            for name in names:
                for stranger in strangers:
                    await link.run(statement(f"GRANT {rights} ON {kind} {{}} TO {{}}", name, stranger))
                await link.run(statement(f"REVOKE {rights} ON {kind} {{}} FROM PUBLIC", name))

    def _credential(self, link: Link, login: str, password: Secret, generation: int, until: float | None) -> Credential:
        host, port, base = link.place()
        host, port = self._owner.option("host", str, host), self._owner.option("port", int, port)
        return self._written(
            host, str(port), base, Credential("", {"username": login}, {"password": password}, generation, until)
        )

    def _written(self, host: str, port: str, base: str, whose: Credential) -> Credential:
        """The credential for a server at this place; login, password and the rest are those of `whose`."""
        login, password = whose.entries["username"], whose.secrets["password"]
        mode = self._owner.option("sslmode", str)
        options = [f"sslmode={quote(mode, safe='')}"] if mode else []
        address = f"{f'[{host}]' if ':' in host else host}:{port}"
        if host.startswith("/"):
            address, options = "", [f"host={quote(host, safe='')}", f"port={port}", *options]
        uri = f"postgresql://{quote(login)}:{password.text}@{address}/{quote(base, safe='')}{'?' * bool(options)}{'&'.join(options)}"
        entries = {"provider": "remit", "host": host, "port": port, "database": base, "username": login}
        if mode:
            entries["sslmode"] = mode
        pgpass = ":".join(_escaped(word) for word in (host, port, base, login, password.text)) + "\n"
        secrets = {"password": password, "uri": Secret(uri), "pgpass": Secret(pgpass)}
        return Credential("postgresql", entries, secrets, whose.generation, whose.until)

    # --- tunnels ------------------------------------------------------------------------------------

    def through(self, credential: Credential) -> Credential | None:
        """See `Led.through`: by a tunnel where the server listens on this machine only."""
        if "host" in self._owner.options or not is_local(credential.entries["host"]):
            return None
        made = self._written(TUNNEL_HOST, TUNNEL_PORT, credential.entries["database"], credential)
        return Credential(made.type, {**made.entries, TUNNEL: "port"}, made.secrets, made.generation, made.until)

    async def connect(self, edge: str, attenuation: Attenuation) -> End:
        """See `Led.connect`."""
        async with self._link.work() as link:
            host, port, _ = link.place()
        return await Place(
            f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{f'[{host}]' if ':' in host else host}:{port}"
        ).connect()

    # --- ending -------------------------------------------------------------------------------------

    async def retire(self, edge: str, below: int) -> None:
        """See `Driver.retire`."""
        holder = self._holder(edge)
        async with self._link.work() as link:
            await self._alone(link, "pg_advisory_lock")
            mine = await self._logins(link, edge)
            old = [login for login, generation in mine.items() if generation < below]
            if old:
                await self._end(link, old, [(holder, login) for login in old], heir=holder)
            await self._together(link)

    async def revoke(self, edge: str) -> bool:
        """See `Driver.revoke`."""
        holder = self._holder(edge)
        async with self._link.work() as link:
            await self._alone(link, "pg_advisory_lock")
            logins = list(await self._logins(link, edge))
            there = {name for (name,) in await link.run(_ROLES, (self._mark,))}
            roles = [*logins, *([holder] if holder in there else [])]
            if roles:
                heir, _ = await self._heir(link)
                groups = await self._groups(link, holder)
                await self._end(
                    link, logins, [(group, holder) for group in groups], heir=heir, also=roles[len(logins) :]
                )
            for group in await self._unused_groups(link):
                await self._drop(link, [group])
            await self._together(link)
            return bool(roles)

    async def _end(
        self, link: Link, logins: list[str], memberships: list[tuple[str, str]], *, heir: str, also: Any = ()
    ) -> None:
        """No new sessions; no rights for the open ones; no open ones; what they have made to the heir; no role."""
        for login in logins:
            await link.run(statement("ALTER ROLE {} NOLOGIN PASSWORD NULL", login))
        for role, member in memberships:
            await link.run(statement("REVOKE {} FROM {}", role, member))
        for _ in range(3):  # one that was being opened at the first look is there at the second
            pids = [pid for (pid,) in await link.run(_SESSIONS, (logins,))]
            for pid in pids:
                await link.run("SELECT pg_terminate_backend(%s, %s)", (pid, ENDING))
            if not pids:
                break
        if left := await link.run(_SESSIONS, (logins,)):
            raise Conflict(
                f"{len(left)} sessions have not ended within {ENDING / 1000:g} s; they have no rights any more"
            )
        async with link.transaction():
            for role in (*logins, *also):
                await link.run(statement("REASSIGN OWNED BY {} TO {}", role, heir))
            await self._drop(link, [*logins, *also])

    async def _drop(self, link: Link, roles: list[str]) -> None:
        for role in roles:
            await link.run(statement("DROP OWNED BY {}", role))
            await link.run(statement("DROP ROLE {}", role))

    # --- looking ------------------------------------------------------------------------------------

    async def observe(self) -> list[Held]:
        """See `Driver.observe`."""
        found: dict[str, tuple[list[int], int, float | None]] = {}
        async with self._link.work() as link:
            for name, sessions, used in await link.run(_SEEN, (self._mark,)):
                kind, _, rest = name.removeprefix(self._mark).partition("_")
                edge, _, generation = rest.partition("_")
                if kind == "g":
                    continue
                generations, open_now, last = found.get(edge, ([], 0, None))
                if kind == "l":
                    generations = sorted([*generations, int(generation)])
                    last = max((each for each in (last, used) if each is not None), default=None)
                found[edge] = (generations, open_now + sessions, last)
        return [Held(edge, *each) for edge, each in sorted(found.items())]

    async def compare(self, edge: str, attenuation: Attenuation, generation: int) -> str:
        """See `Comparing.compare`. Rights that a group lacks are no difference: tables that others make later are for it when it is renewed."""
        checked = check_attenuation(self.describe(), attenuation)
        chain = [self._login(edge, generation), self._holder(edge), f"{self._mark}g_{_digest(checked)}"]
        async with self._link.work() as link:
            return await more_than(link, chain, checked, self._limit)

    async def _logins(self, link: Link, edge: str) -> dict[str, int]:
        start = f"{self._mark}l_{edge}_"
        return {name: int(name.removeprefix(start)) for (name,) in await link.run(_ROLES, (start,))}

    async def _groups(self, link: Link, holder: str) -> list[str]:
        rows = await link.run(
            "SELECT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles h ON h.oid = m.member"
            " WHERE h.rolname = %s",
            (holder,),
        )
        return [name for (name,) in rows]

    async def _unused_groups(self, link: Link) -> list[str]:
        rows = await link.run(
            "SELECT r.rolname FROM pg_roles r WHERE starts_with(r.rolname, %s) AND NOT EXISTS (SELECT FROM pg_auth_members m"
            " JOIN pg_roles h ON h.oid = m.member WHERE m.roleid = r.oid AND starts_with(h.rolname, %s))",
            (f"{self._mark}g_", self._mark),
        )
        return [name for (name,) in rows]

    async def _heir(self, link: Link) -> tuple[str, str]:
        """Who owns what is not the grantees' any more, and who we are."""
        wanted = self._owner.option("owner", str)
        rows = await link.run(
            "SELECT r.rolname, current_user::text FROM pg_roles r, pg_database d WHERE d.datname = current_database()"
            " AND CASE WHEN %s::text IS NULL THEN r.oid = d.datdba ELSE r.rolname = %s END",
            (wanted, wanted),
        )
        if not rows:
            raise BadArgument("the option 'owner' names no role of this server")
        return rows[0][0], rows[0][1]

    async def _alone(self, link: Link, function: str) -> None:
        """One piece of work on this tag at a time, by whatever process; the lock ends with transaction or connection."""
        await link.run(f"SELECT {function}(hashtextextended(%s, 0))", (self._mark,))

    async def _together(self, link: Link) -> None:
        await link.run("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (self._mark,))

    def _holder(self, edge: str) -> str:
        return f"{self._mark}h_{check_edge(edge)}"

    def _login(self, edge: str, generation: int) -> str:
        if type(generation) is not int or not 0 < generation < 1_000_000:
            raise BadArgument("a generation is a whole number from 1 up")
        return f"{self._mark}l_{check_edge(edge)}_{generation}"


def _digest(attenuation: Attenuation) -> str:
    """One name for all grants that are narrowed alike."""
    form = repr((attenuation.methods, attenuation.prefix))
    return hashlib.sha256(form.encode()).hexdigest()[:16]


def _escaped(word: str) -> str:
    """As PostgreSQL documents for the password file: backslashes and colons are escaped."""
    return word.replace("\\", "\\\\").replace(":", "\\:")

"""Redis (7 or newer): an ACL user for each generation of an edge.

A user's rules are set in one command, so that it is never half made. Taking away: first the rules, which stops open connections at their next command,
then the user, which closes them. `off` would do neither.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from remit.credentials._credential import TUNNEL, TUNNEL_HOST, TUNNEL_PORT, Credential
from remit.credentials._driver import Description, Held, check_attenuation
from remit.credentials._owner import Owner, check_edge
from remit.credentials._place import Place, is_local
from remit.credentials._redis_rules import categories, difference
from remit.errors import BadArgument, Conflict, Missing, Refused, Uncertain, Unreachable
from remit.lib import Attenuation
from remit.net import End
from remit.values import Secret

if TYPE_CHECKING:
    from redis.asyncio import Redis as Client

__all__ = ["Redis"]

PATIENCE: Final = 10  # seconds to connect, and for one answer
# What `--only` may name: categories of Redis's own (`ACL CAT`) that are neither the owner's business nor about one kind of value.
METHODS: Final = ("pubsub", "read", "scripting", "write")
_ALWAYS: Final = ("+@connection", "+@transaction")  # what every client says, whatever it may do
_NEVER: Final = ("-@admin", "-@dangerous")
_OTHERS_KEYS: Final = (
    "-scan",
    "-randomkey",
    "-dbsize",
    "-pubsub",
)  # commands that see keys and channels outside any pattern
_PATTERN: Final = frozenset("*?[]^\\")


class Redis:
    """The driver `redis`. The owner may run ACL commands. Options beside the connection: `host` and `port` as grantees reach the server.

    Where the server has an ACL file it is saved after each change. Where it has none, a restart of the server forgets the users, and whoever keeps the
    grants makes them again.
    """

    kind = "redis"

    def __init__(self, owner: Owner) -> None:
        owner.check_options("host", "port")
        self._owner = owner
        self._mark = f"remit_{owner.tag}_"
        self._client: Client | None = None
        self._seen: dict[str, str] = {}  # in which run of the server each user was last seen

    def describe(self) -> Description:
        """See `Driver.describe`."""
        text = "prefix is of keys and of channels; methods are command classes"
        return Description(self.kind, "redis", ("methods", "prefix", "read_only", "until"), METHODS, text)

    async def check(self) -> None:
        """See `Driver.check`."""
        async with self._asking() as client:
            info: Any = await client.info("server")
            if int(str(info["redis_version"]).split(".")[0]) < 7:
                raise Refused(f"Redis {info['redis_version']} knows no ACLs that suffice: version 7 is needed")
            await client.acl_users()

    async def close(self) -> None:
        """See `Driver.close`."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def grant(
        self, edge: str, attenuation: Attenuation, *, until: float | None = None, generation: int = 1
    ) -> Credential:
        """See `Driver.grant`."""
        checked = check_attenuation(self.describe(), attenuation)
        rules, name, password = _rules(checked), self._name(edge, generation), self._owner.password(edge, generation)
        digest = hashlib.sha256(
            password.text.encode()
        ).hexdigest()  # what the server would keep: it never hears the password from us
        async with self._asking() as client:
            await client.execute_command("ACL", "SETUSER", name, "reset", "on", f"#{digest}", *rules)
            await self._save(client)
            self._seen[name] = await self._run(client)
        return self._credential(name, password, generation, until)

    async def retire(self, edge: str, below: int) -> None:
        """See `Driver.retire`."""
        async with self._asking() as client:
            users = await self._users(client, check_edge(edge))
            await self._end(client, [name for name, generation in users.items() if generation < below])

    async def revoke(self, edge: str) -> bool:
        """See `Driver.revoke`."""
        async with self._asking() as client:
            users = await self._users(client, check_edge(edge))
            await self._end(client, list(users))
            return bool(users)

    async def _end(self, client: Any, names: list[str]) -> None:
        for name in names:
            await client.execute_command(
                "ACL", "SETUSER", name, "off", "resetkeys", "resetchannels", "clearselectors", "-@all"
            )
        if names:
            await client.execute_command("ACL", "DELUSER", *names)
        await self._save(client)

    async def observe(self) -> list[Held]:
        """See `Driver.observe`."""
        async with self._asking() as client:
            names: list[str] = await client.acl_users()
            clients: Any = await client.client_list()
            run = await self._run(client)
        self._seen |= {name: run for name in names if name.startswith(self._mark)}
        held: dict[str, tuple[list[int], int, float | None]] = {}
        for name in names:
            edge, generation = self._parts(name)
            if edge:
                seen = [time.time() - float(each["idle"]) for each in clients if each.get("user") == name]
                generations, sessions, used = held.get(edge, ([], 0, None))
                last = max([*seen, *([used] if used is not None else [])], default=None)
                held[edge] = (sorted([*generations, generation]), sessions + len(seen), last)
        return [Held(edge, *each) for edge, each in sorted(held.items())]

    async def remembers(self, edge: str, generation: int) -> bool:
        """See `Comparing.remembers`. A server without an ACL file forgets its users with each start."""
        name = self._name(edge, generation)
        async with self._asking() as client:
            return await self._keeps(client) or self._seen.get(name) == await self._run(client)

    async def compare(self, edge: str, attenuation: Attenuation, generation: int) -> str:
        """See `Comparing.compare`."""
        name, password = self._name(edge, generation), self._owner.password(edge, generation)
        digest = hashlib.sha256(password.text.encode()).hexdigest()
        async with self._asking() as client:
            found: Any = await client.execute_command("ACL", "GETUSER", name)
            if found is None:
                return ""
            user = found if isinstance(found, dict) else dict(zip(found[::2], found[1::2], strict=True))
            return difference(
                user, _rules(check_attenuation(self.describe(), attenuation)), digest, await categories(client)
            )

    async def _run(self, client: Any) -> str:
        info: Any = await client.info("server")
        return str(info["run_id"])

    # --- the server ---------------------------------------------------------------------------------

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[Any]:
        """The owner's client; its errors come out as ours."""
        client = self._connected()
        from redis import exceptions

        try:
            yield client
        except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
            raise Refused(f"Redis does not let the owner do this: {_words(error)}") from None
        except exceptions.TimeoutError:
            raise Uncertain(f"Redis has not answered within {PATIENCE} s") from None
        except exceptions.ConnectionError as error:
            raise Unreachable(f"Redis cannot be reached: {_words(error)}") from None
        except exceptions.RedisError as error:
            raise Conflict(f"Redis refuses: {_words(error)}") from None

    def _connected(self) -> Any:
        try:
            from redis.asyncio import Redis as Client
            from redis.asyncio.retry import Retry
            from redis.backoff import ExponentialBackoff
        except ImportError:
            raise Missing("Redis needs the package redis, which is not installed: pip install 'remit[redis]'") from None
        if self._client is None:
            try:
                self._client = Client.from_url(
                    self._owner.connection.text,
                    decode_responses=True,
                    socket_timeout=PATIENCE,
                    socket_connect_timeout=PATIENCE,
                    client_name="remit",
                    retry=Retry(ExponentialBackoff(0.5, 0.05), 3),  # whatever we ask may be asked again
                )
            except Exception:  # noqa: BLE001  # its words may have parts of the text
                raise BadArgument(
                    "the owner's connection cannot be read: write redis://user:password@host:port or unix://user:password@/path"
                ) from None
        return self._client

    async def _save(self, client: Any) -> None:
        """To the ACL file, where there is one."""
        from redis.exceptions import ResponseError

        with suppress(ResponseError):  # the server has no ACL file
            await client.acl_save()

    async def _keeps(self, client: Any) -> bool:
        """Whether there is an ACL file. One that may not ask is told nothing, and takes it that there is."""
        from redis.exceptions import NoPermissionError

        try:
            return bool((await client.config_get("aclfile")).get("aclfile"))
        except NoPermissionError:
            return True

    async def _users(self, client: Any, edge: str) -> dict[str, int]:
        found = {name: self._parts(name) for name in await client.acl_users()}
        return {name: generation for name, (whose, generation) in found.items() if whose == edge}

    def _credential(self, name: str, password: Secret, generation: int, until: float | None) -> Credential:
        parts = urlsplit(self._owner.connection.text)
        entries = {"provider": "remit", "username": name}
        login = f"{quote(name)}:{password.text}@"
        if parts.scheme == "unix" and "host" not in self._owner.options:
            entries["path"] = parts.path
            db = int(parse_qs(parts.query).get("db", ["0"])[0])
            uri = f"unix://{login}{quote(parts.path)}?db={db}"
        else:
            host = self._owner.option("host", str, parts.hostname or "localhost")
            port = self._owner.option("port", int, parts.port or 6379)
            entries |= {"host": host, "port": str(port)}
            scheme = "rediss" if parts.scheme == "rediss" else "redis"
            uri = f"{scheme}://{login}{f'[{host}]' if ':' in host else host}:{port}{parts.path}"
        return Credential("redis", entries, {"password": password, "uri": Secret(uri)}, generation, until)

    def through(self, credential: Credential) -> Credential | None:
        """See `Led.through`: by a tunnel where the server listens on this machine only."""
        parts = urlsplit(self._owner.connection.text)
        if "host" in self._owner.options or not (parts.scheme == "unix" or is_local(parts.hostname or "localhost")):
            return None
        entries = {
            "provider": "remit",
            "username": credential.entries["username"],
            "host": TUNNEL_HOST,
            "port": TUNNEL_PORT,
        }
        database = parse_qs(parts.query).get("db", ["0"])[0] if parts.scheme == "unix" else parts.path.removeprefix("/")
        login = f"{quote(entries['username'])}:{credential.secrets['password'].text}@"
        scheme = "rediss" if parts.scheme == "rediss" else "redis"
        uri = Secret(f"{scheme}://{login}{TUNNEL_HOST}:{TUNNEL_PORT}/{database}")
        secrets = {"password": credential.secrets["password"], "uri": uri}
        return Credential("redis", {**entries, TUNNEL: "port"}, secrets, credential.generation, credential.until)

    async def connect(self, edge: str, attenuation: Attenuation) -> End:
        """See `Led.connect`."""
        parts = urlsplit(self._owner.connection.text)
        host = parts.hostname or "localhost"
        where = parts.path if parts.scheme == "unix" else f"{f'[{host}]' if ':' in host else host}:{parts.port or 6379}"
        return await Place(where).connect()

    def _name(self, edge: str, generation: int) -> str:
        if type(generation) is not int or not 0 < generation < 1_000_000:
            raise BadArgument("a generation is a whole number from 1 up")
        return f"{self._mark}{check_edge(edge)}_{generation}"

    def _parts(self, name: str) -> tuple[str, int]:
        """Edge and generation of a user's name; "" for one that is not ours."""
        edge, _, generation = name.removeprefix(self._mark).rpartition("_")
        return (edge, int(generation)) if name.startswith(self._mark) and generation.isdecimal() else ("", 0)


def _rules(attenuation: Attenuation) -> list[str]:
    """The rules of an ACL user (Redis documentation, *ACL*, "ACL rules")."""
    prefix, methods = attenuation.prefix or "", attenuation.methods
    if any(character.isspace() or not character.isprintable() for character in prefix):
        raise BadArgument("a prefix of Redis keys has no white space and no control characters")
    pattern = "".join(f"\\{character}" if character in _PATTERN else character for character in prefix) + "*"
    reading = methods is not None and "write" not in methods and "scripting" not in methods
    keys = [f"{'%R' if reading else ''}~{pattern}"]
    channels = [f"&{pattern}"] if methods is None or "pubsub" in methods else []
    commands = ["+@all"] if methods is None else [f"+@{name}" for name in methods]
    return [*keys, *channels, *commands, *_ALWAYS, *_NEVER, *(_OTHERS_KEYS if prefix else ())]


def _words(error: Exception) -> str:
    """The error's message in one line."""
    return " ".join(str(error).split())[:400]

"""Services to try drivers on: how to make a driver for each, and how a grantee uses a credential of it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from remit.credentials import Credential, Driver, Owner, Secret, find_driver
from remit.testing import FakeDriver, FakeServer, FakeSession
from tests.credentials.servers import OWNER_PASSWORD, Server

KEY = b"a key of the tests, 32 bytes long"


class FakeKit:
    """Accounts in memory."""

    def __init__(self, _server: object = None) -> None:
        self.server = FakeServer("fake://boss")

    def driver(self, tag: str = "mine") -> Driver:
        return FakeDriver(Owner(Secret("fake://boss"), tag, KEY))

    async def log_in(self, credential: Credential) -> FakeSession:
        texts = credential.texts()
        return self.server.log_in(texts["username"], texts["password"])


class PostgresSession:
    """A grantee's session with PostgreSQL."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    async def run(self, statement: str) -> list[tuple[Any, ...]]:
        cursor = await self.connection.execute(statement)
        return await cursor.fetchall() if cursor.description else []

    async def works(self) -> bool:
        return await self.run("SELECT 1") == [(1,)]

    async def close(self) -> None:
        await self.connection.close()


class PostgresKit:
    """A database `shop` with a table, owned by the superuser or by a role that may make roles."""

    def __init__(self, server: Server, owner: str = "boss") -> None:
        self.server = server
        self.owner = owner

    def uri(self, owner: str | None = None, database: str = "shop") -> str:
        return f"postgresql://{owner or self.owner}:{OWNER_PASSWORD}@127.0.0.1:{self.server.port}/{database}"

    def driver(self, tag: str = "mine", more: str = "") -> Driver:
        text = f'connection = "{self.uri()}"\n{more}'
        made: Driver = find_driver("postgres")(Owner(Secret(text), tag, KEY))
        return made

    async def log_in(self, credential: Credential) -> PostgresSession:
        import psycopg

        return PostgresSession(await psycopg.AsyncConnection.connect(credential.texts()["uri"], autocommit=True))

    async def as_owner(self) -> PostgresSession:
        import psycopg

        return PostgresSession(await psycopg.AsyncConnection.connect(self.uri(), autocommit=True))

    async def reset(self) -> None:
        """A fresh database, and none of the roles of earlier tests."""
        import psycopg

        async with await psycopg.AsyncConnection.connect(self.uri("boss", "postgres"), autocommit=True) as boss:
            await boss.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
            for (name,) in await (
                await boss.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^(remit_|keeper|stranger)'")
            ).fetchall():
                await boss.execute(f'DROP ROLE "{name}"')
            await boss.execute(f"CREATE ROLE keeper LOGIN CREATEROLE PASSWORD '{OWNER_PASSWORD}'")
            await boss.execute(f"CREATE DATABASE shop OWNER {self.owner}")
        session = await self.as_owner()
        await session.run("CREATE SCHEMA sales; CREATE TABLE sales.orders (id serial PRIMARY KEY, what text);")
        await session.run("CREATE TABLE sales.secrets (what text); CREATE TABLE public.notes (id serial, what text);")
        await session.run(
            "INSERT INTO sales.orders (what) VALUES ('tea'); INSERT INTO public.notes (what) VALUES ('x')"
        )
        await session.close()


class RedisSession:
    """A grantee's connection to Redis."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def works(self) -> bool:
        return bool(await self.client.ping())

    async def close(self) -> None:
        with suppress(Exception):
            await self.client.aclose()


class RedisKit:
    """One server, several owners' marks."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def uri(self) -> str:
        return f"redis://boss:{OWNER_PASSWORD}@127.0.0.1:{self.server.port}/0"

    def driver(self, tag: str = "mine", more: str = "") -> Driver:
        made: Driver = find_driver("redis")(Owner(Secret(f'connection = "{self.uri()}"\n{more}'), tag, KEY))
        return made

    def client(self, uri: str) -> Any:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        return Redis.from_url(uri, single_connection_client=True, retry=Retry(NoBackoff(), 0), decode_responses=True)

    async def log_in(self, credential: Credential) -> RedisSession:
        session = RedisSession(self.client(credential.texts()["uri"]))
        try:
            await session.works()
        except BaseException:
            await session.close()
            raise
        return session

    async def reset(self) -> None:
        """No keys, and no users of earlier tests."""
        owner = self.client(self.uri())
        await owner.flushall()
        for name in await owner.acl_users():
            if name.startswith("remit_"):
                await owner.acl_deluser(name)
        await owner.aclose()

"""PostgreSQL: what an attenuation gives, whose objects are whose, and what a crash or a revocation leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from remit.credentials import Owner, Secret, find_driver
from remit.errors import BadArgument, Broken, Conflict, Refused, Unreachable
from remit.lib import Attenuation
from tests.credentials.kits import KEY, PostgresKit, PostgresSession
from tests.credentials.servers import OWNER_PASSWORD

FREE = Attenuation()
READ, WRITE = Attenuation(methods=["read"]), Attenuation(methods=["read", "write"])
Work = Callable[[PostgresKit, Any], Awaitable[None]]


@pytest.fixture(params=["boss", "keeper"])
def kit(request: pytest.FixtureRequest) -> PostgresKit:
    made = PostgresKit(request.getfixturevalue("postgres_server"), request.param)
    asyncio.run(made.reset())
    return made


def on(kit: PostgresKit, work: Work) -> None:
    """Do this with a driver of the service; nothing that is ours is left when everything is revoked."""

    async def main() -> None:
        driver = kit.driver()
        await work(kit, driver)
        for each in await driver.observe():
            await driver.revoke(each.edge)
        await driver.close()
        assert await left(kit) == []

    asyncio.run(main())


async def left(kit: PostgresKit) -> list[str]:
    """What is left in the server's tables of roles, rights and defaults that names one of ours, or a role that is gone."""
    owner = await kit.as_owner()
    found = [name for (name,) in await owner.run("SELECT rolname FROM pg_roles WHERE rolname ~ '^remit_'")]
    for table, column in (
        ("pg_class", "relacl"),
        ("pg_namespace", "nspacl"),
        ("pg_database", "datacl"),
        ("pg_default_acl", "defaclacl"),
    ):
        rows = await owner.run(f"SELECT {column}::text FROM {table} WHERE {column}::text ~ 'remit_|[{{,][0-9]+='")
        found += [f"{table}: {acl}" for (acl,) in rows]
    rows = await owner.run(
        "SELECT refobjid::text FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid NOT IN (SELECT oid FROM pg_roles)"
    )
    await owner.close()
    return [*found, *(oid for (oid,) in rows)]


async def can(session: PostgresSession, statement: str) -> bool:
    """Whether the server lets this session do it."""
    try:
        await session.run(statement)
    except Exception as error:
        if "permission denied" in str(error) or "must be owner" in str(error):
            return False
        raise
    return True


async def allowed(kit: PostgresKit, driver: Any, attenuation: Attenuation, *statements: str) -> list[bool]:
    session = await kit.log_in(await driver.grant("e1", attenuation))
    found = [await can(session, statement) for statement in statements]
    await session.close()
    await driver.revoke("e1")
    return found


SELECT, INSERT, CREATE = (
    "SELECT * FROM sales.orders",
    "INSERT INTO sales.orders (what) VALUES ('x')",
    "CREATE TABLE sales.more ()",
)


def test_methods_are_reading_writing_and_creating(kit: PostgresKit) -> None:
    """`read` reads, `write` writes besides (with the sequences of columns), and only an edge that may create makes tables."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        everything = (
            SELECT,
            INSERT,
            "DELETE FROM sales.orders",
            CREATE,
            "TRUNCATE sales.orders",
            "DROP TABLE sales.orders",
        )
        assert await allowed(kit, driver, READ, *everything) == [True, False, False, False, False, False]
        assert await allowed(kit, driver, Attenuation(read_only=True), SELECT, INSERT) == [True, False]
        assert await allowed(kit, driver, WRITE, *everything) == [True, True, True, False, False, False]
        assert await allowed(kit, driver, FREE, *everything) == [True, True, True, True, False, False]
        assert await allowed(kit, driver, Attenuation(methods=[]), SELECT, "SELECT 1") == [False, True]

    on(kit, work)


def test_a_prefix_is_a_schema_or_tables_of_it(kit: PostgresKit) -> None:
    """`sales.` is the schema, `sales.orders.` that table alone, and no table's name can look like another's."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        owner = await kit.as_owner()
        await owner.run('CREATE TABLE sales."orders.more" (); CREATE TABLE sales.orders_old ()')
        notes, secrets, more = (
            "SELECT * FROM public.notes",
            "SELECT * FROM sales.secrets",
            'SELECT FROM sales."orders.more"',
        )
        old = "SELECT FROM sales.orders_old"
        sales = Attenuation(methods=["read", "write"], prefix="sales.")
        assert await allowed(kit, driver, sales, SELECT, INSERT, secrets, notes) == [True, True, True, False]
        orders = Attenuation(methods=["read", "write"], prefix="sales.orders.")
        assert await allowed(kit, driver, orders, SELECT, INSERT, more, old, secrets, notes) == [
            True,
            True,
            False,
            False,
            False,
            False,
        ]
        begun = Attenuation(methods=["read"], prefix="sales.ord")
        assert await allowed(kit, driver, begun, SELECT, old, more, secrets) == [True, True, False, False]
        assert await allowed(kit, driver, Attenuation(prefix="sales.orders."), CREATE, SELECT) == [False, True]
        await owner.close()

    on(kit, work)


def test_tables_made_later_are_included(kit: PostgresKit) -> None:
    """What the owner or another edge makes in a schema afterwards is for those who may read that schema, whoever came first."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        early = await kit.log_in(await driver.grant("early", READ))
        maker = await kit.log_in(await driver.grant("maker", FREE))
        late = await kit.log_in(await driver.grant("late", Attenuation(methods=["read"], prefix="sales.")))
        owner = await kit.as_owner()
        await owner.run("CREATE TABLE sales.by_owner ()")
        await maker.run("CREATE TABLE sales.by_maker (id serial)")
        for reader in (early, late):
            assert await can(reader, "SELECT FROM sales.by_owner") and await can(reader, "SELECT FROM sales.by_maker")
            assert not await can(reader, "INSERT INTO sales.by_maker DEFAULT VALUES")
        for session in (early, maker, late, owner):
            await session.close()

    on(kit, work)


def test_objects_are_kept_and_get_the_owner(kit: PostgresKit) -> None:
    """What an edge has made is its next generation's as well; when the edge ends it is there still, and the database owner's."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        first = await kit.log_in(await driver.grant("e1", FREE))
        await first.run("CREATE TABLE sales.mine (what text); INSERT INTO sales.mine VALUES ('kept')")
        await first.run("RESET ROLE; CREATE TABLE sales.stray (); CREATE TEMPORARY TABLE passing ()")
        second = await kit.log_in(await driver.grant("e1", FREE, generation=2))
        await second.run("ALTER TABLE sales.mine ADD COLUMN more int; CREATE TABLE sales.later ()")
        assert await can(first, "SELECT * FROM sales.later")
        await driver.retire("e1", 2)
        assert await can(second, "ALTER TABLE sales.stray ADD COLUMN x int")
        await driver.revoke("e1")
        owner = await kit.as_owner()
        rows = await owner.run(
            "SELECT relname, relowner::regrole::text FROM pg_class WHERE relname IN ('mine', 'stray', 'later') ORDER BY 1"
        )
        assert rows == [(name, kit.owner) for name in ("later", "mine", "stray")]
        assert await owner.run("SELECT what FROM sales.mine") == [("kept",)]
        for session in (first, second, owner):
            await session.close()

    on(kit, work)


def test_revoking_ends_what_is_in_the_middle(kit: PostgresKit) -> None:
    """Sessions in a transaction, waiting for a lock or running a long statement end within a second, and nothing of theirs is committed."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        made = await driver.grant("e1", FREE)
        sessions = [await kit.log_in(made) for _ in range(3)]
        await sessions[0].run("BEGIN; INSERT INTO sales.orders (what) VALUES ('open'); LOCK TABLE public.notes")
        tasks = [
            asyncio.ensure_future(sessions[1].run("SELECT * FROM public.notes")),
            asyncio.ensure_future(sessions[2].run("SELECT pg_sleep(60)")),
        ]
        (held,) = await driver.observe()
        assert held.sessions == 3
        began = time.monotonic()
        assert await driver.revoke("e1")
        assert time.monotonic() - began < 5
        for task in tasks:
            with pytest.raises(Exception, match="terminating|closed|permission denied"):
                await asyncio.wait_for(task, 5)
        owner = await kit.as_owner()
        assert await owner.run("SELECT * FROM sales.orders WHERE what = 'open'") == []
        for session in (*sessions, owner):
            await session.close()

    on(kit, work)


def test_strangers_are_shut_out_and_who_was_there_stays(kit: PostgresKit) -> None:
    """A role that comes later cannot enter the database by what PUBLIC had; one that was there before still can."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        import psycopg

        server = await psycopg.AsyncConnection.connect(kit.uri("boss", "postgres"), autocommit=True)
        await server.execute(f"CREATE ROLE stranger_old LOGIN PASSWORD '{OWNER_PASSWORD}'")
        await driver.grant("e1", READ)
        await server.execute(f"CREATE ROLE stranger_new LOGIN PASSWORD '{OWNER_PASSWORD}'")
        old = await psycopg.AsyncConnection.connect(kit.uri("stranger_old"))
        await old.close()
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            await psycopg.AsyncConnection.connect(kit.uri("stranger_new"))
        await server.close()

    on(kit, work)


def test_a_credential_expires_and_has_a_limit(kit: PostgresKit) -> None:
    """`until` is the role's own expiry, and no credential takes all connections of the server."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        few = kit.driver(more="limit = 1")
        made = await few.grant("e1", READ, until=time.time() + 60)
        session = await kit.log_in(made)
        with pytest.raises(Exception, match="too many connections"):
            await kit.log_in(made)
        await session.close()
        with pytest.raises(Exception, match="authentication failed"):
            await kit.log_in(await few.grant("e1", READ, until=time.time() - 1))
        await few.close()

    on(kit, work)


def test_where_grantees_find_the_server_is_an_option(kit: PostgresKit) -> None:
    """Host, port and sslmode of the credential are what the owner says; a unix socket is spelt as libpq reads it; pgpass is libpq's."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        elsewhere = kit.driver(more='host = "10.1.2.3"\nport = 6543\nsslmode = "require"')
        texts = (await elsewhere.grant("e1", READ)).texts()
        assert (texts["host"], texts["port"], texts["database"], texts["type"]) == (
            "10.1.2.3",
            "6543",
            "shop",
            "postgresql",
        )
        assert texts["uri"].endswith("@10.1.2.3:6543/shop?sslmode=require")
        assert texts["pgpass"] == f"10.1.2.3:6543:shop:{texts['username']}:{texts['password']}\n"
        await elsewhere.close()
        near = kit.driver(more=f'host = "{kit.server.directory}"')
        session = await kit.log_in(await near.grant("e2", READ))
        assert await session.works()
        await session.close()
        await near.close()

    on(kit, work)


class Cut(Exception):
    """The driver's process was killed."""


async def killed_at(number: int, driver: Any, work: Callable[[], Awaitable[Any]]) -> bool:
    """Do it with a driver whose connection is lost just before this statement; whether that was reached."""
    real, count = driver._link.run, 0

    async def run(statement: Any, values: Any = ()) -> Any:
        nonlocal count
        count += 1
        if count == number:
            await driver._link._drop()
            raise Cut
        return await real(statement, values)

    driver._link.run = run
    try:
        await work()
    except Cut:
        return True
    finally:
        driver._link.run = real
        await driver.close()
    return False


@pytest.mark.parametrize("kit", ["boss"], indirect=True)
def test_a_crash_at_any_statement_is_finished_by_doing_it_again(kit: PostgresKit) -> None:
    """Killed before each statement of a grant, a rotation, a retirement and a revocation, the same again ends as if nothing had been."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        steps: list[Callable[[Any], Awaitable[Any]]] = [
            lambda each: each.grant("e1", FREE),
            lambda each: each.grant("e1", FREE, generation=2),
            lambda each: each.retire("e1", 2),
            lambda each: each.revoke("e1"),
        ]
        after: list[Any] = [[("e1", [1])], [("e1", [1, 2])], [("e1", [2])], []]
        tried = 0
        for step, wanted in zip(steps, after, strict=True):
            number = 1
            while await killed_at(number, victim := kit.driver(), lambda step=step, victim=victim: step(victim)):
                number += 1
                tried += 1
                assert number < 60
            await step(driver)
            assert [(each.edge, list(each.generations)) for each in await driver.observe()] == wanted
            assert wanted or await left(kit) == []
        assert tried > 40

    on(kit, work)


@pytest.mark.parametrize("kit", ["boss"], indirect=True)
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_200_grants_leave_nothing_behind(kit: PostgresKit) -> None:
    """200 edges, narrowed in several ways, each used once to make something or read: when they are revoked no role, right or default is left."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        ways = [READ, WRITE, FREE, Attenuation(prefix="sales.")]
        for number in range(200):
            made = await driver.grant(f"e{number}", ways[number % 4])
            if number % 20 == 2:
                session = await kit.log_in(made)
                await session.run(f"CREATE TABLE sales.t{number} ()")
                await session.close()
        assert len(await driver.observe()) == 200
        for number in range(200):
            assert await driver.revoke(f"e{number}")
        owner = await kit.as_owner()
        assert await owner.run(
            "SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]+$' AND relowner = 'boss'::regrole"
        ) == [(10,)]
        await owner.close()
        assert await left(kit) == []

    on(kit, work)


def test_the_servers_log_has_no_secret(kit: PostgresKit) -> None:
    """A server that logs each statement writes down no password: it is sent as the verifier that the server keeps."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        made = await driver.grant("e1", FREE)
        session = await kit.log_in(made)
        await session.close()
        log = kit.server.log()
        assert made.entries["username"] in log
        assert all(secret.text.strip() not in log for secret in made.secrets.values())

    on(kit, work)


def test_names_carry_no_meaning(kit: PostgresKit) -> None:
    """Every role of the server can read all names, so ours say neither who holds what nor how much."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        await driver.grant("0123abcd", Attenuation(methods=["read"], prefix="sales."))
        owner = await kit.as_owner()
        names = " ".join(name for (name,) in await owner.run("SELECT rolname FROM pg_roles WHERE rolname ~ '^remit_'"))
        assert "sales" not in names and "read" not in names and "shop" not in names
        await owner.close()

    on(kit, work)


def test_errors_say_what_to_do_and_no_secret(kit: PostgresKit) -> None:
    """A connection that cannot be read, a wrong password, a server that is not there, too little right: each has its class and shows no secret."""
    port = kit.server.port
    cases: list[tuple[str, type[Broken], str]] = [
        ("postgresql://boss:pass word sesame@:x:/", BadArgument, "cannot be read"),
        ("passwrod=sesame host=127.0.0.1", BadArgument, "cannot be read"),
        (f"postgresql://boss:sesame@127.0.0.1:{port}/shop", Refused, "password authentication failed"),
        (f"postgresql://boss:{OWNER_PASSWORD}@127.0.0.1:{port}/none", Refused, "does not exist"),
        ("postgresql://boss:sesame@127.0.0.1:1/shop", Unreachable, "cannot be reached"),
        (f'connection = "{kit.uri()}"\nowner = "nobody-here"', BadArgument, "names no role"),
        (f'connection = "{kit.uri()}"\nlimit = "sesame"', BadArgument, "of type int"),
        (f'connection = "{kit.uri()}"\nlimmit = 3', BadArgument, "limmit"),
    ]
    for text, kind, words in cases:
        with pytest.raises(kind, match=words) as caught:
            asyncio.run(checked(text))
        said = f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {caught.value.__notes__ if hasattr(caught.value, '__notes__') else ''}"
        assert "sesame" not in said and OWNER_PASSWORD not in said


async def checked(text: str) -> None:
    driver: Any = find_driver("postgres")(Owner(Secret(text), "mine", KEY))
    try:
        await driver.check()
    finally:
        await driver.close()


def test_an_owner_that_may_not_make_roles_is_told(kit: PostgresKit) -> None:
    """The owner's rights are checked when the offer is made, not when the first grant fails."""

    async def work(kit: PostgresKit, driver: Any) -> None:
        made = await driver.grant("e1", FREE)
        weak: Any = find_driver("postgres")(Owner(made.secrets["uri"], "other", KEY))
        with pytest.raises(Refused, match="CREATEROLE"):
            await weak.check()
        with pytest.raises((Refused, Conflict)), suppress(Unreachable):
            await weak.grant("e1", FREE)
        await weak.close()

    on(kit, work)


def test_what_was_changed_by_hand_is_seen(kit: PostgresKit) -> None:
    """More rights, on what is outside the prefix too; other memberships; attributes of roles. Ended and granted again, nothing of it is left."""
    read = Attenuation(methods=["read"], prefix="public.orders.")

    async def work(kit: PostgresKit, driver: Any) -> None:
        owner = await kit.as_owner()
        for table in ("orders", "others"):
            await owner.run(f"CREATE TABLE public.{table} (id serial PRIMARY KEY)")
        login = (await driver.grant("e1", read)).entries["username"]
        holder = login.replace("_l_", "_h_").rpartition("_")[0]
        (group,) = [name for (name,) in await owner.run("SELECT rolname FROM pg_roles WHERE rolname ~ '^remit_.*_g_'")]
        for change, says in (
            (f"GRANT INSERT ON public.orders TO {group}", "has besides: INSERT on public.orders"),
            (f"GRANT SELECT ON public.others TO {group}", "has besides: SELECT on public.others"),
            (f"GRANT SELECT ON public.others TO {login}", "has besides: SELECT on public.others"),
            (f"GRANT CREATE ON SCHEMA public TO {holder}", "has besides: CREATE on schema public"),
            (f"REVOKE {holder} FROM {login}", "has lost its rights"),
            (f"ALTER ROLE {login} CONNECTION LIMIT -1", "a limit of -1 connections instead of"),
            (f"ALTER ROLE {login} NOLOGIN", "may not log in any more"),
            (f"ALTER ROLE {holder} LOGIN", "another role"),
        ):
            assert await driver.compare("e1", read, 1) == ""
            await owner.run(change)
            assert says in await driver.compare("e1", read, 1)
            await driver.revoke("e1")
            await driver.grant("e1", read)
        for table in ("orders", "others"):
            await owner.run(f"DROP TABLE public.{table}")
        await owner.close()

    on(kit, work)

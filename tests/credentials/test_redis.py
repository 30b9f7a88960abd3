"""Redis: what an attenuation gives, and how fast it is gone from open connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from remit.credentials import Owner, Secret, find_driver
from remit.errors import BadArgument, Refused, Unreachable
from remit.lib import Attenuation
from tests.credentials.kits import KEY, RedisKit
from tests.credentials.servers import OWNER_PASSWORD

FREE = Attenuation()
Work = Callable[[RedisKit, Any], Awaitable[None]]


@pytest.fixture
def kit(redis_server: Any) -> RedisKit:
    made = RedisKit(redis_server)
    asyncio.run(made.reset())
    return made


def on(kit: RedisKit, work: Work) -> None:
    """Do this with a driver of the service."""

    async def main() -> None:
        driver = kit.driver()
        await work(kit, driver)
        for each in await driver.observe():
            await driver.revoke(each.edge)
        await driver.close()

    asyncio.run(main())


async def can(client: Any, *words: str) -> bool:
    """Whether the server lets this client do it."""
    try:
        await client.execute_command(*words)
    except Exception as error:
        if "permission" in str(error).lower():
            return False
        raise
    return True


async def allowed(kit: RedisKit, driver: Any, attenuation: Attenuation, *commands: str) -> list[bool]:
    session = await kit.log_in(await driver.grant("e1", attenuation))
    found = [await can(session.client, *command.split()) for command in commands]
    await session.close()
    await driver.revoke("e1")
    return found


def test_methods_are_classes_of_commands(kit: RedisKit) -> None:
    """`read` reads, `write` writes; what is the owner's, or dangerous, is nobody's."""

    async def work(kit: RedisKit, driver: Any) -> None:
        commands = (
            "GET a",
            "SET a 1",
            "PUBLISH c x",
            "EVAL return(1) 0",
            "FLUSHALL",
            "CONFIG GET *",
            "KEYS *",
            "ACL LIST",
            "PING",
        )
        reading = await allowed(kit, driver, Attenuation(methods=["read"]), *commands)
        assert reading == [True, False, False, False, False, False, False, False, True]
        assert await allowed(kit, driver, Attenuation(read_only=True), *commands) == reading
        both = await allowed(kit, driver, Attenuation(methods=["read", "write"]), *commands)
        assert both == [True, True, False, False, False, False, False, False, True]
        everything = await allowed(kit, driver, FREE, *commands)
        assert everything == [True, True, True, True, False, False, False, False, True]

    on(kit, work)


def test_a_prefix_is_of_keys_and_channels(kit: RedisKit) -> None:
    """Keys and channels outside the prefix are neither read, written nor seen; characters of patterns mean themselves."""

    async def work(kit: RedisKit, driver: Any) -> None:
        shop = Attenuation(prefix="shop:")
        commands = (
            "SET shop:a 1",
            "GET shop:a",
            "SET other 1",
            "GET other",
            "SCAN 0",
            "DBSIZE",
            "RANDOMKEY",
            "PUBLISH shop:c x",
            "PUBLISH c x",
        )
        assert await allowed(kit, driver, shop, *commands) == [
            True,
            True,
            False,
            False,
            False,
            False,
            False,
            True,
            False,
        ]
        odd = Attenuation(prefix="a*[b]?\\")
        assert await allowed(kit, driver, odd, "SET a*[b]?\\c 1", "SET axxb?c 1", "SET a*bx\\c 1") == [
            True,
            False,
            False,
        ]
        with pytest.raises(BadArgument, match="white space"):
            await driver.grant("e1", Attenuation(prefix="a ~*"))

    on(kit, work)


def test_open_connections_lose_the_power_at_once(kit: RedisKit) -> None:
    """The next command of an open connection fails after a revocation, one in a subscription or a blocking call included."""

    async def work(kit: RedisKit, driver: Any) -> None:
        made = await driver.grant("e1", FREE)
        idle, blocked = await kit.log_in(made), await kit.log_in(made)
        waiting = asyncio.ensure_future(blocked.client.blpop(["nothing"], timeout=30))
        while (await driver.observe())[0].sessions < 2:
            await asyncio.sleep(0)
        assert await driver.revoke("e1")
        with pytest.raises(Exception, match=r"(?i)closed|permission|unblocked|reset"):
            await idle.client.get("a")
        with pytest.raises(Exception, match=r"(?i)closed|permission|unblocked|reset"):
            await asyncio.wait_for(waiting, 1.0)
        await idle.close()
        await blocked.close()

    on(kit, work)


def test_users_are_in_the_acl_file(kit: RedisKit) -> None:
    """What is granted is in the server's ACL file at once, and what is revoked is not: a restart of the server changes nothing."""

    async def work(kit: RedisKit, driver: Any) -> None:
        made = await driver.grant("e1", FREE)
        file = kit.server.directory / "users.acl"
        assert made.entries["username"] in file.read_text()
        owner = kit.client(kit.uri())
        await owner.execute_command("ACL", "LOAD")
        session = await kit.log_in(made)
        await driver.revoke("e1")
        assert "remit_mine" not in file.read_text()
        await owner.aclose()
        await session.close()

    on(kit, work)


def test_nothing_of_the_server_has_the_password(kit: RedisKit) -> None:
    """The server is told a digest: neither its ACL file, its log of commands nor its list of users has the password."""

    async def work(kit: RedisKit, driver: Any) -> None:
        owner = kit.client(kit.uri())
        await owner.config_set("slowlog-log-slower-than", 0)
        made = await driver.grant("e1", FREE)
        seen = f"{await owner.execute_command('SLOWLOG', 'GET', '-1')} {await owner.acl_list()} {kit.server.log()}"
        seen += (kit.server.directory / "users.acl").read_text()
        assert made.entries["username"] in seen
        assert made.secrets["password"].text not in seen
        await owner.aclose()

    on(kit, work)


def test_the_place_of_the_server_is_spelt_as_clients_read_it(kit: RedisKit) -> None:
    """A unix socket, another host and port, the number of the database: the uri works, or names what the owner said."""

    async def work(kit: RedisKit, driver: Any) -> None:
        text = f"unix://boss:{OWNER_PASSWORD}@{kit.server.directory}/redis.sock?db=2"
        near: Any = find_driver("redis")(Owner(Secret(text), "mine", KEY))
        session = await kit.log_in(await near.grant("e1", FREE))
        assert await session.works()
        await session.close()
        await near.close()
        elsewhere = kit.driver(more='host = "10.1.2.3"\nport = 7000')
        texts = (await elsewhere.grant("e2", FREE)).texts()
        assert texts["uri"].endswith("@10.1.2.3:7000/0") and (texts["host"], texts["port"]) == ("10.1.2.3", "7000")
        await elsewhere.close()

    on(kit, work)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("http://boss:sesame@host", BadArgument, "cannot be read"),
        ("redis://boss:ses/ame@host:x", BadArgument, "cannot be read"),
        ("redis://boss:sesame@127.0.0.1:{port}/0", Refused, "owner"),
        ("redis://boss:sesame@127.0.0.1:1/0", Unreachable, "cannot be reached"),
    ],
)
def test_errors_say_what_to_do_and_no_secret(kit: RedisKit, text: str, kind: Any, words: str) -> None:
    """A connection that cannot be read, a wrong password, a server that is not there: each has its class and shows no secret."""

    async def main() -> None:
        driver: Any = find_driver("redis")(Owner(Secret(text.replace("{port}", str(kit.server.port))), "mine", KEY))
        try:
            await driver.check()
        finally:
            await driver.close()

    with pytest.raises(kind, match=words) as caught:
        asyncio.run(main())
    assert "ses" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_what_was_changed_by_hand_is_seen(kit: RedisKit) -> None:
    """More commands, more keys, another password, selectors, or off: each is told; granted again, nothing is left of it."""
    read = Attenuation(methods=["read"], prefix="a-")

    async def work(kit: RedisKit, driver: Any) -> None:
        name = (await driver.grant("e1", read)).entries["username"]
        owner = kit.client(kit.uri())
        for change, says in (
            (["+set"], "may also run set"),
            (["-get"], "may not run get"),
            (["~b-*"], "reaches keys"),
            ([">more"], "has another password"),
            (["(+@all ~*)"], "has selectors"),
            (["&c"], "reaches channels"),
            (["off"], "is off"),
        ):
            assert await driver.compare("e1", read, 1) == ""
            await owner.execute_command("ACL", "SETUSER", name, *change)
            assert says in await driver.compare("e1", read, 1)
            await driver.grant("e1", read)
        await owner.aclose()

    on(kit, work)


def test_a_server_without_a_file_forgets_at_its_start(kit: RedisKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen in this run and is gone was dropped; what was never seen in it was forgotten. One with an ACL file forgets nothing."""

    async def no_file(client: Any) -> bool:
        return False

    async def work(kit: RedisKit, driver: Any) -> None:
        await driver.grant("e1", FREE)
        fresh = kit.driver()
        assert await fresh.remembers("e1", 1)
        for each in (driver, fresh):
            monkeypatch.setattr(each, "_keeps", no_file)
        assert await driver.remembers("e1", 1) and not await fresh.remembers("e1", 1)
        await fresh.observe()
        assert await fresh.remembers("e1", 1)
        await fresh.close()

    on(kit, work)

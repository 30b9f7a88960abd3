"""Membership: who is in the ensemble, what members may claim, and how they find each other."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from remit.ensemble import Console, Home, Server, serve
from remit.ensemble._cookie import make_cookie
from remit.errors import BadArgument, Broken, Missing, Refused, Unreachable
from remit.net import NodeKey, sign_address
from remit.values import SturdyRef
from remit.vat import Ref, actor
from tests.ensemble.town import Town, home_of, town, until


@actor(kind="test.member.anchor")
class Anchor:
    """What a registration hangs on."""


def test_a_wrong_cookie_admits_nobody(tmp_path: Path) -> None:
    """E5: without the cookie's number the registry says nothing, and what it says of a wrong one is what it says of any other."""

    async def main() -> None:
        async with town(tmp_path) as here:
            right, stranger = here.home.cookie(), home_of(tmp_path / "stranger")
            stranger.keep_cookie(SturdyRef(right.locator, os.urandom(32)))
            async with Console(stranger) as console:
                with pytest.raises(Refused, match="never given out, or has been taken back"):
                    await console.entry("registry")
            with pytest.raises(Refused):
                async with serve("web1", home=stranger):
                    pass
            with pytest.raises(Missing):
                await here.console.entry("web1")

    asyncio.run(main())


def test_a_new_cookie_puts_an_end_to_the_old_one(tmp_path: Path) -> None:
    """An operator renews the cookie of a registry that runs: whoever has the old one does not get in, and members stay."""

    async def main() -> None:
        async with town(tmp_path) as here, serve("web1", home=here.home):
            old = home_of(tmp_path / "old")
            old.keep_cookie(here.home.cookie())
            desk = await (await here.console.control("registry")).part("registry")
            await desk.renew_cookie()
            async with Console(old) as console:
                with pytest.raises(Refused):
                    await console.entry("web1")
            async with Console(here.home) as console:
                assert (await console.entry("web1")).id == "web1@/"

    asyncio.run(main())


def test_a_registry_of_another_key_is_not_believed(tmp_path: Path) -> None:
    """E5: the cookie pins the registry's key: who listens in its place with another one is told nothing."""

    async def main() -> None:
        async with town(tmp_path) as here:
            fooled = home_of(tmp_path / "fooled")
            right = here.home.cookie()
            other = SturdyRef(sign_address(NodeKey.generate(), dict(right.locator.hints), 1).locator(), right.swiss)
            fooled.keep_cookie(other)
            async with Console(fooled) as console:
                with pytest.raises(Unreachable):
                    await console.entry("registry")

    asyncio.run(main())


async def register(here: Town, **changed: Any) -> Any:
    """Register by hand, with one thing different."""
    key, vat = here.console.key, here.console.node.vat
    address = sign_address(key, {"unix": "/nowhere"}, 1)
    anchor: Ref[Any] = vat.spawn(Anchor)
    given = {
        "id": "me@/",
        "roles": ["r"],
        "address": address,
        "door": SturdyRef(address.locator(), b"d" * 32),
        "owner": anchor,
        "info": {},
        "since": 1.0,
    } | changed
    membership = await here.console.membership()
    try:
        return await membership.register(*given.values())
    finally:
        here.anchor = anchor  # type: ignore[attr-defined]  # or it would be let go of


def test_a_member_says_nothing_of_others(tmp_path: Path) -> None:
    """E5: an address that another key has signed, one that is altered, and a door of another node are refused."""

    async def main() -> None:
        async with town(tmp_path) as here:
            stranger = sign_address(NodeKey.generate(), {"unix": "/x"}, 1)
            own = sign_address(here.console.key, {"unix": "/x"}, 1)
            altered = type(own)(own.key, {"unix": "/y"}, own.serial, own.signature)
            for address in (stranger, altered, None, "here"):
                with pytest.raises(Refused, match="must be signed by the node"):
                    await register(here, address=address)
            with pytest.raises(Refused, match="door"):
                await register(here, door=SturdyRef(stranger.locator(), b"d" * 32))
            for id in ("me", "me@shop", "../me@/", ""):
                with pytest.raises(BadArgument):
                    await register(here, id=id)
            with pytest.raises(BadArgument, match="64 roles"):
                await register(here, roles=[f"r{number}" for number in range(65)])
            with pytest.raises(Broken):
                await register(here, roles="httpd me")
            await register(here)
            assert (await here.console.entry("me")).roles == ["r"]

    asyncio.run(main())


def test_look_ups_are_remembered_until_something_changes(tmp_path: Path) -> None:
    """E4: the second look-up asks nobody; what has gone, come or changed is asked anew."""

    async def main() -> None:
        async with town(tmp_path) as here:
            directory = here.console.directory
            async with serve("web1", roles=["httpd"], home=here.home):
                for _ in range(3):
                    await directory.find("web1")
                    await directory.with_role("httpd")
                assert directory.asked == 2
                async with serve("web2", roles=["httpd"], home=here.home):

                    async def both() -> bool:
                        return len(await directory.with_role("httpd")) == 2

                    await until(both)
                    assert (await directory.find("web1")).id == "web1@/"

                async def one() -> bool:
                    return len(await directory.with_role("httpd")) == 1

                await until(one)
            asked = directory.asked

            async def gone() -> bool:
                try:
                    await directory.find("web1")
                except Missing:
                    return True
                return False

            await until(gone)
            assert directory.asked > asked

    asyncio.run(main())


def test_what_many_ask_at_once_is_asked_once(tmp_path: Path) -> None:
    """Look-ups of the same server that come together are one question."""

    async def main() -> None:
        async with town(tmp_path) as here, serve("web1", home=here.home):
            found = await asyncio.gather(*(here.console.directory.find("web1") for _ in range(50)))
            assert len({each.door for each in found}) == 1
            assert here.console.directory.asked == 1

    asyncio.run(main())


async def greeting(server: Server, id: str) -> dict[str, Any]:
    """What a server says of itself to another."""
    found: dict[str, Any] = await (await server.directory.presence(id)).describe()
    return found


def test_servers_connect_on_demand_and_notice_a_restart(tmp_path: Path) -> None:
    """One server reaches another by its id, and again after that was started anew."""

    async def main() -> None:
        async with town(tmp_path) as here, serve("web1", home=here.home) as one:
            for _ in range(2):
                async with serve("db", home=here.home):
                    assert (await greeting(one, "db"))["id"] == "db@/"

    asyncio.run(main())


def test_servers_of_other_hosts_are_reached_over_tls(tmp_path: Path) -> None:
    """Who cannot use a server's unix socket comes over TLS, and to what is announced."""

    async def main() -> None:
        async with town(tmp_path) as here, serve("web1", home=here.home, listen=["127.0.0.1:0"]) as server:
            hints = (await here.console.entry("web1")).address.hints
            assert list(hints) == ["tls", "unix"] or set(hints) == {"tls", "unix"}
            here.home.socket(server.id).unlink()  # another host does not see it
            presence = await here.console.presence("web1")
            assert (await presence.describe())["id"] == "web1@/"
            assert [
                row["transport"] for row in here.console.network.debts() if row["peer"] == server.node.designator
            ] == ["tls"]

    asyncio.run(main())


def test_what_is_announced_is_what_others_are_told(tmp_path: Path) -> None:
    """`announce` stands in the signed address instead of where a server listens; nobody announces without listening."""

    async def main() -> None:
        async with town(tmp_path) as here:
            told = ["web.example.org:4433", "10.0.0.1:4433"]
            async with serve("web1", home=here.home, listen=["127.0.0.1:0"], announce=told):
                entry = await here.console.entry("web1")
                assert entry.address.hints["tls"] == ",".join(told)
                assert entry.address.holds()
            with pytest.raises(BadArgument, match="give --listen"):
                async with serve("web2", home=here.home, announce=told):
                    pass
            with pytest.raises(BadArgument, match="host:port"):
                async with serve("web2", home=here.home, listen=["nowhere"]):
                    pass

    asyncio.run(main())


def test_what_is_known_is_of_use_while_the_registry_is_away(tmp_path: Path) -> None:
    """A server that was looked up is reached without the registry."""

    async def main() -> None:
        home = home_of(tmp_path)
        make_cookie(home)
        async with serve("web1", home=home, patience=0.0) as server, Console(Home(home.path)) as console:
            async with town(tmp_path):
                await until(lambda: server.registering.state == "registered")
                await console.presence("web1")
            assert await (await console.presence("web1")).ping() > 0
            with pytest.raises(Unreachable):
                await console.entry("web2")

    asyncio.run(main())

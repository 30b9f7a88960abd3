"""The registry: who is there, whose an id is, and what becomes of both."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from remit.ensemble import Console, Home, run_registry, serve
from remit.errors import Conflict, Missing, Refused
from tests.ensemble.town import home_of, town, until


def test_a_server_is_found_by_id_and_role_while_it_runs(tmp_path: Path) -> None:
    """A registration lives as long as its server."""

    async def main() -> None:
        async with town(tmp_path) as here:
            async with serve("web1", roles=["httpd"], home=here.home):
                entry = await here.console.entry("web1")
                assert (entry.id, entry.roles) == ("web1@/", ["httpd"])
                assert [each.id for each in await here.console.directory.with_role("httpd")] == ["web1@/"]
            await until(lambda: not here.console.directory._ids)
            with pytest.raises(Missing, match="is not there now"):
                await here.console.entry("web1")
            assert await here.console.directory.with_role("httpd") == []

    asyncio.run(main())


def test_a_missing_id_names_the_nearest(tmp_path: Path) -> None:
    """Who mistypes an id is told which one it may be."""

    async def main() -> None:
        async with town(tmp_path) as here, serve("web1", home=here.home):
            with pytest.raises(Missing, match="did you mean web1@/"):
                await here.console.entry("wed1")

    asyncio.run(main())


def test_an_id_belongs_to_the_key_that_first_registered_it(tmp_path: Path) -> None:
    """E5: no member of the ensemble can claim the id of another, not even when that one is not there."""

    async def main() -> None:
        async with town(tmp_path) as here:
            other = home_of(tmp_path / "other")
            other.keep_cookie(here.home.cookie())
            async with serve("web1", home=here.home):
                with pytest.raises(Refused, match="belongs to another key"):
                    async with serve("web1", home=other):
                        pass
            with pytest.raises(Refused, match="belongs to another key"):
                async with serve("web1", home=other):
                    pass
            desk = await (await here.console.control("registry")).part("registry")
            assert await desk.release("web1@/") is True
            async with serve("web1", home=other) as taken:
                assert taken.registering.state == "registered"

    asyncio.run(main())


def test_servers_come_back_by_themselves_when_the_registry_does(tmp_path: Path) -> None:
    """A registry that is started again knows whose ids are, and hears from its servers without anybody's help."""

    async def main() -> None:
        home = home_of(tmp_path)
        async with run_registry(home):
            pass
        stranger = Home(tmp_path / "stranger")
        stranger.keep_cookie(home.cookie())
        async with serve("web1", roles=["httpd"], home=home, patience=0.1) as server:
            for _ in range(2):
                async with run_registry(home), Console(home) as console:
                    await until(lambda: server.registering.state == "registered")
                    assert (await console.entry("web1")).key == server.node.key.public
                    with pytest.raises(Refused):
                        async with serve("web1", home=stranger):
                            pass
                await until(lambda: server.registering.state == "away")

    asyncio.run(main())


def test_one_server_of_an_id_runs_from_a_home(tmp_path: Path) -> None:
    """A second one is refused, with the process that runs the first."""

    async def main() -> None:
        async with town(tmp_path) as here, serve("web1", home=here.home):
            with pytest.raises(Conflict, match="runs already"):
                async with serve("web1", home=here.home):
                    pass

    asyncio.run(main())


def test_everybody_in_the_ensemble_may_ping_and_nobody_gets_a_part_without_a_grant(tmp_path: Path) -> None:
    """E6: being a member is no right to manage: parts need a grant, or the private file of the server's own user."""

    async def main() -> None:
        async with town(tmp_path) as here, serve("web1", home=here.home) as server:
            presence = await here.console.presence("web1")
            assert await presence.ping() > 0
            assert (await presence.describe())["id"] == "web1@/"
            with pytest.raises(Refused):
                await presence.part("ping")
            control = await here.console.control("web1")
            assert await (await control.part("ping")).ping() > 0
            with pytest.raises(Missing, match="it has: admin, "):
                await control.part("pin")
            assert (server.home.server(server.id) / "control.ref").stat().st_mode & 0o777 == 0o600

    asyncio.run(main())

"""Administration of real servers: over sockets, with the registry, consoles and restarts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from remit.ensemble import Console, serve
from remit.ensemble.admin import AdminKey, read_audit
from remit.errors import Refused, Revoked
from remit.net import NodeKey, designator_of
from remit.vat import Ref, actor
from tests.ensemble.stewards import WORDS
from tests.ensemble.town import Town, town, until


@actor(kind="test.till")
class Till:
    """A part of an application."""

    def use(self) -> str:
        return "used"


def told(path: Path, story: Any) -> None:
    async def main() -> None:
        async with town(path) as place:
            await story(place)

    asyncio.run(main())


def other_home(place: Town, path: Path) -> Path:
    """The home of another user or host: it has the cookie, and nothing else."""
    path.mkdir(mode=0o700)
    cookie = path / "cookie"
    cookie.write_bytes(place.home.cookie_file.read_bytes())
    cookie.chmod(0o600)
    return path


def test_members_ping_and_the_local_user_does_everything(tmp_path: Path) -> None:
    """Without an administrators' key: the cookie alone gives no part but `ping`."""

    async def story(place: Town) -> None:
        async with serve("till", home=place.home) as server, Console(other_home(place, tmp_path / "else")) as other:
            server.part("till", server.vat.spawn(Till))
            assert await (await (await place.console.control("till", ["till"])).part("till")).use() == "used"
            assert await (await other.control("till")).ping()
            with pytest.raises(Refused, match="no grant of till"):
                await other.control("till", ["till"])

    told(tmp_path, story)


def test_an_unlock_reaches_a_server_from_another_host(tmp_path: Path) -> None:
    """With the administrators' key; and it ends with the console's session."""

    async def story(place: Town) -> None:
        key = AdminKey.make(place.home.path, WORDS)
        async with serve("till", home=place.home) as server:
            server.part("till", server.vat.spawn(Till), sensitive=True)
            with pytest.raises(Refused, match="needs an unlock"):
                await place.console.control("till", ["till"])
            home = other_home(place, tmp_path / "else")
            async with Console(home) as other:
                control = await other.control("till", ["till"], unlock=key)
                assert await (await control.part("till")).use() == "used"
                assert await control.ping()
                assert len(await server.steward.open_uses()) == 1
            await until(lambda: ended(server))
            async with Console(home) as other:
                control = await other.control("till", ["till"], unlock=key, seconds=1)
                part = await control.part("till")
                await control.lock()
                with pytest.raises(Revoked):
                    await part.use()

    async def ended(server: Any) -> bool:
        return not await server.steward.open_uses()

    told(tmp_path, story)


def test_a_grant_is_for_another_servers_key_and_lasts_over_restarts(tmp_path: Path) -> None:
    """Of both servers; the id alone is worth nothing."""

    async def story(place: Town) -> None:
        front = NodeKey.generate()
        for run in range(2):
            async with serve("till", home=place.home) as server:
                server.part("till", server.vat.spawn(Till))
                if run == 0:
                    giver = await (await place.console.control("till", ["admin"])).part("admin")
                    await giver.authorize(front.designator, "front", ["till"])
                async with Console(place.home, key=front) as mine:
                    presence: Ref[Any] = await mine.presence("till")
                    assert await (await presence.part("till")).use() == "used"
                async with Console(place.home, key=NodeKey.generate()) as other:
                    with pytest.raises(Refused, match="no grant"):
                        await (await other.presence("till")).part("till")

    told(tmp_path, story)


def test_retracting_ends_what_is_open_over_the_wire(tmp_path: Path) -> None:
    """At once."""

    async def story(place: Town) -> None:
        key = NodeKey.generate()
        async with serve("till", home=place.home) as server, Console(place.home, key=key) as holder:
            server.part("till", server.vat.spawn(Till))
            giver = await (await place.console.control("till", ["admin"])).part("admin")
            await giver.authorize(designator_of(key.public), "holder", ["till"])
            part = await (await holder.presence("till")).part("till")
            assert await part.use() == "used"
            await giver.retract("holder")
            with pytest.raises(Revoked, match="retracted"):
                await part.use()
            assert [use["what"].split(" (")[0] for use in read_audit(server.file_directory)] == [
                "authorize holder",
                "retract holder",
            ]

    told(tmp_path, story)


@pytest.mark.parametrize("end", ["retract", "lock", "console"])
def test_code_that_runs_ends_with_what_it_was_started_by(tmp_path: Path, end: str) -> None:
    """A running REPL, by a grant or by an unlock: its code is interrupted, and its session is out of reach."""

    async def story(place: Town) -> None:
        running = tmp_path / "running"
        code = f"import pathlib, time\npathlib.Path({str(running)!r}).touch()\nwhile True: time.sleep(0.01)"
        code = code.replace("while", "try:\n  while").replace(
            "sleep(0.01)", f"sleep(0.01)\nfinally: pathlib.Path({str(running)!r}).unlink()"
        )
        node = NodeKey.generate()
        async with serve("till", home=place.home):
            async with Console(place.home, key=node) as holder:
                if end == "retract":
                    giver = await (await place.console.control("till", ["admin"])).part("admin")
                    await giver.authorize(node.designator, "holder", ["eval"])
                    control: Any = await holder.presence("till")
                else:
                    key = AdminKey.make(place.home.path, WORDS)
                    control = await holder.control("till", ["eval"], unlock=key)
                session = await (await control.part("eval")).session("mine")
                result = session.run(code)
                await until(running.exists)
                if end == "retract":
                    await giver.retract("holder", ["eval"])
                elif end == "lock":
                    await control.lock()
                if end != "console":
                    for broken in (result, session.run("1")):
                        with pytest.raises(Revoked):
                            await broken
            await until(lambda: not running.exists())

    told(tmp_path, story)


def test_the_servers_own_program_needs_no_unlock(tmp_path: Path) -> None:
    """It is the server."""

    async def story(place: Town) -> None:
        AdminKey.make(place.home.path, WORDS)
        async with serve("till", home=place.home) as server:
            server.part("till", server.vat.spawn(Till), sensitive=True)
            assert await (await server.control.part("till")).use() == "used"
            assert "admin" in await server.control.granted()

    told(tmp_path, story)

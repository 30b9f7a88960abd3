"""Parts of a server's control object that look, tell and end: `inspect`, `logs`, `shutdown`; and the log itself."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from remit.ensemble import Server, current_server, run_server, serve
from remit.ensemble._logbook import Logbook, LogFile, log_path
from remit.ensemble.admin import read_audit
from remit.errors import BadArgument, Missing, Misuse, NoSuchMethod, Refused
from remit.vat import Ref, actor, field
from tests.ensemble.town import Town, town, until


@actor(kind="test.parts.lamp")
class Lamp:
    """Answers, and can be ended."""

    def ping(self) -> str:
        return "here"

    def shutdown(self) -> None:
        pass


@actor(kind="test.parts.stone")
class Stone:
    """Knows nothing."""


@actor(kind="test.parts.sink")
class Sink:
    """Hears lines of a log."""

    heard: list[str] = field(list)

    def __call__(self, lines: list[str]) -> None:
        self.heard.extend(lines)

    def lines(self) -> list[str]:
        return list(self.heard)


@asynccontextmanager
async def one(place: Path, **options: Any) -> AsyncIterator[tuple[Town, Server, Any]]:
    """A server with two actors, and its control object."""
    async with town(place) as here, serve("web1", roles=["httpd"], home=here.home, **options) as server:
        server.name("lamp", server.vat.spawn(Lamp))
        server.name("stone", server.vat.spawn(Stone))
        yield here, server, await here.console.control("web1")


def test_a_server_and_its_actors_are_pinged(tmp_path: Path) -> None:
    """E8: the list of actors lists actors, and each of them can be asked whether it lives, even one that knows no `ping`."""

    async def main() -> None:
        async with one(tmp_path) as (_, _, control):
            inspect = await control.part("inspect")
            assert await inspect.actors() == [
                {"name": "lamp", "kind": "test.parts.lamp"},
                {"name": "stone", "kind": "test.parts.stone"},
            ]
            for name in (None, "lamp", "stone"):
                assert await control.ping(name) > 0
            with pytest.raises(Missing, match="did you mean lamp"):
                await control.ping("lmp")

    asyncio.run(main())


def test_who_is_connected_is_listed_by_id_and_address(tmp_path: Path) -> None:
    """E8: connections are those of the server that was asked, with the ids that the registry knows."""

    async def main() -> None:
        async with one(tmp_path) as (here, server, control):
            rows = await (await control.part("inspect")).connections()
            by_id = {each: row for row in rows for each in row["ids"]}
            assert set(by_id) == {"registry@/"}
            assert by_id["registry@/"]["addresses"] == dict(here.registry.locate().hints)
            assert {row["peer"] for row in rows} == {here.registry.node.designator, here.console.key.designator}
            assert server.node.designator not in {row["peer"] for row in rows}

    asyncio.run(main())


def test_the_process_is_shown_without_its_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like a secret in the environment is hidden, by its name or as a password in a URI."""
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgres://me:hunter2@db/x")
    monkeypatch.setenv("COLOUR", "blue")

    async def main() -> None:
        async with one(tmp_path) as (_, _, control):
            inspect = await control.part("inspect")
            seen = await inspect.env()
            assert seen["pid"] == os.getpid()
            assert seen["variables"]["COLOUR"] == "blue"
            assert "hunter2" not in repr(seen)
            assert "postgres://(hidden)@db/x" in seen["variables"].values()
            stacks = await inspect.stack()
            assert any("test_parts.py" in each["stack"] for each in stacks)
            assert any("await" in each["stack"] or each["doing"] for each in await inspect.tasks())
            assert (await inspect.describe())["registered"] == "registered"

    asyncio.run(main())


def test_an_actor_is_ended_and_each_use_is_written_down_before(tmp_path: Path) -> None:
    """One that knows no `shutdown` is left as it is, unless by force; the audit log has all of it."""

    async def main() -> None:
        async with one(tmp_path) as (_, server, control):
            shutdown = await control.part("shutdown")
            await shutdown.shutdown("lamp")
            with pytest.raises(NoSuchMethod, match="left as it is"):
                await shutdown.shutdown("stone")
            assert sorted(server.names) == ["stone"]
            await shutdown.shutdown("stone", True)
            assert not server.names
            with pytest.raises(Missing):
                await shutdown.shutdown("lamp")
            assert not server.stopping.is_set()
            await shutdown.shutdown()
            await until(server.stopping.is_set)
            assert [(use["who"], use["what"]) for use in read_audit(server.file_directory)] == [
                ("local", "actor lamp"),
                ("local", "actor stone"),
                ("local", "actor stone, by force"),
                ("local", "actor lamp"),
                ("local", "the server"),
            ]

    asyncio.run(main())


def test_a_log_is_shown_and_followed(tmp_path: Path) -> None:
    """The last lines, then each that comes, until it is stopped."""

    async def main() -> None:
        async with one(tmp_path) as (here, _, control):
            log = logging.getLogger("test.parts")
            log.warning("first")
            logs = await control.part("logs")
            assert (await logs.tail(1))[0].endswith("WARNING test.parts: first")
            sink: Ref[Any] = here.console.node.vat.spawn(Sink)
            following = await logs.follow(sink, 1)
            log.warning("second\x1b[2J")

            async def heard() -> bool:
                return len(await sink.lines()) == 2

            await until(heard)
            assert [line.rpartition(": ")[2] for line in await sink.lines()] == ["first", "second\\x1b[2J"]
            await following.stop()
            log.warning("third")
            assert (await logs.tail(1))[0].endswith("third")
            assert len(await sink.lines()) == 2
            with pytest.raises(BadArgument):
                await logs.tail(-1)

    asyncio.run(main())


def test_a_log_file_is_in_the_directory_of_its_server(tmp_path: Path) -> None:
    """E23: a name of a log that leads out of the server's own directory is refused, by whatever way."""
    tmp_path.chmod(0o700)
    (tmp_path / "link").symlink_to(tmp_path.parent / "elsewhere")
    assert log_path(tmp_path, "-") == tmp_path / "server.log"
    assert log_path(tmp_path, "web.log") == tmp_path / "web.log"
    for name in ("../x", "/etc/passwd", "a/b", "..", ".", "", "link", "sub/../../x"):
        with pytest.raises(BadArgument, match="own directory"):
            log_path(tmp_path, name)


def test_logs_are_rotated(tmp_path: Path) -> None:
    """A file has so many bytes and so many older ones beside it, all private; the last lines are found in them, too."""
    file = LogFile(tmp_path / "x.log", most=100, files=2)
    for number in range(50):
        file.write(f"line {number}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.log", "x.log.1", "x.log.2"]
    assert all(path.stat().st_size <= 100 and path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())
    tail = file.tail(15)
    assert tail == [f"line {number}" for number in range(35, 50)]
    file.close()


def test_a_full_log_disk_stops_nothing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines that cannot be written are counted; the server goes on, says so once, and in the file when there is room again."""
    book = Logbook(LogFile(tmp_path / "x.log"))
    book.take("before")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        for number in range(3):
            book.take(f"lost {number}")
    assert capsys.readouterr().err.count("No space left on device; the server goes on without it") == 1
    assert book.file is not None
    assert book.file.lost == 3
    book.take("after")
    assert book.file.lost == 0
    assert (tmp_path / "x.log").read_text().splitlines() == [
        "before",
        "[3 lines are missing here: No space left on device]",
        "after",
    ]
    book.close()


def test_a_program_with_its_own_main_is_a_server(tmp_path: Path) -> None:
    """A plain function or a coroutine runs as a server, knows which one it is, and its result is the result."""

    def plain(word: str) -> str:
        return f"{word} in {current_server().id}"

    async def coroutine(word: str) -> str:
        return f"{word} in {current_server().id}"

    async def main() -> None:
        async with town(tmp_path) as here:
            for function in (plain, coroutine):
                assert await run_server("web1", function, "hello", home=here.home) == "hello in web1@/"
            with pytest.raises(Misuse, match="runs in no server"):
                current_server()

            def ends() -> None:
                raise SystemExit(3)

            with pytest.raises(SystemExit):
                await run_server("web1", ends, home=here.home)
            running = asyncio.ensure_future(run_server("web1", asyncio.Event().wait, home=here.home))
            control = await until(lambda: _control(here))
            await (await control.part("shutdown")).shutdown()
            assert await running is None

    asyncio.run(main())


async def _control(here: Town) -> Any:
    try:
        control = await here.console.control("web1")
        await control.ping()
    except Exception:  # it is not there yet
        return None
    return control


def test_a_program_adds_parts_of_its_own(tmp_path: Path) -> None:
    """They are given and refused as the others are."""

    async def main() -> None:
        async with one(tmp_path) as (here, server, control):
            server.part("lamp", server.vat.spawn(Lamp))
            assert await (await control.part("lamp")).ping() == "here"
            with pytest.raises(Refused):
                await (await here.console.presence("web1")).part("lamp")
            with pytest.raises(Exception, match="has a part 'ping' already"):
                server.part("ping", server.vat.spawn(Lamp))

    asyncio.run(main())

"""A supervisor as a server of an ensemble: who may give it orders, what is written down, and what its servers find."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from remit.cli._server_start import settings_of
from remit.ensemble import Console, Home, Server, run_registry, serve
from remit.ensemble.admin import read_audit
from remit.ensemble.supervisor import archive_of, run_supervisor, upload
from remit.errors import Broken, Conflict, Missing, Refused
from tests.ensemble.supervisor.stage import CONFIG, eventually

MODULE = """
import asyncio

async def main(*words):
    print("main", *words, flush=True)
    await asyncio.Event().wait()
"""


@asynccontextmanager
async def ensemble(directory: Path, config: str = CONFIG) -> AsyncIterator[Server]:
    """A registry and a supervisor in one process."""
    home = Home(directory / "home").make()
    (home.path / "config.toml").write_text(config)
    async with run_registry(home), run_supervisor(home) as server:
        yield server


def test_the_user_of_the_home_gives_orders_and_they_are_written_down(tmp_path: Path) -> None:
    """By control.ref, without a grant; the audit log of the supervisor has who and what."""

    async def main() -> None:
        async with ensemble(tmp_path) as server, Console(server.home) as console:
            part = await (await console.control("supervisor", ["exec"])).part("exec")
            assert (await part.start("echo", "e1"))["state"] == "ready"
            assert [row["id"] for row in await part.servers()] == ["e1"]
            uses = [use for use in read_audit(server.file_directory) if use["part"] == "exec"]
            assert [(use["who"], use["what"]) for use in uses] == [("local", "start echo e1")]
            assert [entry.id for entry in await console.directory.with_role("supervisor")] == ["supervisor@/"]

    asyncio.run(main())


def test_whoever_has_no_grant_gives_no_orders(tmp_path: Path) -> None:
    """E7: Another member pings and describes; with a grant of exec it gives orders, as itself, until that is taken back."""

    async def main() -> None:
        async with ensemble(tmp_path) as server:
            other = Home(tmp_path / "other").make()
            other.keep_cookie(server.home.cookie())
            async with Console(other) as console, Console(server.home) as own:
                presence = await console.presence("supervisor")
                assert await presence.ping() > 0
                with pytest.raises(Refused):
                    await presence.part("exec")
                admin = await (await own.control("supervisor")).part("admin")
                await admin.authorize(console.node.designator, "them", ["exec"], None)
                part = await presence.part("exec")
                await part.start("echo", "e1")
                uses = [use for use in read_audit(server.file_directory) if use["part"] == "exec"]
                assert console.node.designator in uses[-1]["who"]
                await admin.retract(console.node.designator)
                with pytest.raises(Refused):
                    await part.servers()

    asyncio.run(main())


def test_a_module_is_a_server_of_the_ensemble_with_its_roles(tmp_path: Path) -> None:
    """Started by its role, it is found by it, and answers; what it writes is in its output; stopped, it is not found any more."""
    (tmp_path / "hello_service.py").write_text(MODULE)
    config = f'[roles.web]\nmodule = "hello_service"\nroles = ["front"]\narguments = ["{{id}}"]\nenvironment = {{ PYTHONPATH = "{tmp_path}" }}\n'

    async def main() -> None:
        async with ensemble(tmp_path, config) as server, Console(server.home) as console:
            part = await (await console.control("supervisor")).part("exec")
            await part.start("web", "web1")

            async def there() -> bool:
                return [each.id for each in await console.directory.with_role("front")] == ["web1@/"]

            await eventually(there, "it is registered")
            assert await (await console.presence("web1")).ping() > 0

            async def written() -> bool:
                return any(line.endswith("out main web1") for line in await part.log("web1"))

            await eventually(written, "it has run main")
            await part.stop(["web1"])

            async def gone() -> bool:
                return not await console.directory.with_role("front")

            await eventually(gone, "it is gone")

    asyncio.run(main())


def test_a_server_is_authorised_beforehand_by_its_settings(tmp_path: Path) -> None:
    """E16: what `authorize` says of an id is granted to the key that has it, once that has come; to nobody else, and nothing more."""
    (tmp_path / "hello_service.py").write_text(MODULE)
    config = f'[roles.web]\nmodule = "hello_service"\nauthorize = {{ friend = ["ping"] }}\nenvironment = {{ PYTHONPATH = "{tmp_path}" }}\n'

    async def main() -> None:
        async with ensemble(tmp_path, config) as server, Console(server.home) as console:
            part = await (await console.control("supervisor")).part("exec")
            await part.start("web", "web1")
            async with serve("friend", home=server.home) as friend, serve("stranger", home=server.home) as stranger:

                async def granted(who: Server) -> list[str]:
                    presence = await who.directory.presence(server.home.id_of("web1"))
                    return list(await presence.granted())

                async def friendly() -> bool:
                    try:
                        return await granted(friend) == ["ping"]
                    except Missing:  # it has not registered yet
                        return False

                await eventually(friendly, "the friend has its part")
                assert await granted(stranger) == []

    asyncio.run(main())


def test_an_upload_is_resumed_by_the_next_attempt(tmp_path: Path) -> None:
    """E22: cut off in the middle, the same order sends the rest only, and what is whole is not sent again; a directory is the same version each time."""

    async def main() -> None:
        async with ensemble(tmp_path) as server, Console(server.home) as console:
            part = await (await console.control("supervisor")).part("exec")
            data, sent = os.urandom(1 << 20), list[int]()

            class Cut(io.BytesIO):
                def read(self, size: int | None = -1) -> bytes:
                    if self.tell() >= 1 << 19 and len(sent) == 0 and self.hashed:
                        raise ConnectionError("cut off")
                    return super().read(size)

                hashed = False

                def seek(self, place: int, whence: int = 0) -> int:
                    self.hashed = bool(self.tell())
                    return super().seek(place, whence)

            with pytest.raises(ConnectionError):
                await upload(part, "program", "tool", Cut(data))
            found = await upload(part, "program", "tool", io.BytesIO(data), say=lambda done, _: sent.append(done))
            assert len(found["versions"]) == 1 and sent and min(sent) > 1 << 18
            again: list[int] = []
            await upload(part, "program", "tool", io.BytesIO(data), say=lambda done, _: again.append(done))
            assert again == []

    asyncio.run(main())
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_text("x")
    one, two = io.BytesIO(), io.BytesIO()
    archive_of(tmp_path / "d", one)
    os.utime(tmp_path / "d" / "a", (1, 1))
    archive_of(tmp_path / "d", two)
    assert one.getvalue() == two.getvalue()


def test_two_supervisors_do_not_run_from_one_home(tmp_path: Path) -> None:
    """The second one says that there is one; it starts nothing."""

    async def main() -> None:
        async with ensemble(tmp_path) as server:
            with pytest.raises(Conflict, match="runs already"):
                async with run_supervisor(server.home):
                    pass

    asyncio.run(main())


def test_the_commands_give_orders_and_their_exit_codes_say_what_came_of_it(tmp_path: Path) -> None:
    """start, exec and output as a person gives them, to processes; the program's exit code is the command's."""
    home = Home(tmp_path / "home").make()
    (home.path / "config.toml").write_text(CONFIG)
    environment = {**os.environ, "REMIT_ENSEMBLE": str(home.path)}

    def remit(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "remit.cli", "server", *words],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    async def main() -> None:
        async with run_registry(home), run_supervisor(home):
            started = await asyncio.to_thread(remit, "start", "echo", "e1")
            assert (started.returncode, started.stderr + started.stdout) == (0, "e1 is ready\n")
            ran = await asyncio.to_thread(remit, "exec", "sh", "-c", "echo out; echo err >&2; exit 7")
            assert (ran.returncode, ran.stdout, ran.stderr) == (7, "out\n", "err\n")
            wrong = await asyncio.to_thread(remit, "start", "ecko", "e2")
            assert wrong.returncode != 0 and "did you mean echo?" in wrong.stderr

    asyncio.run(main())


def test_settings_on_a_command_line_are_toml_or_text() -> None:
    """Numbers, lists and text are told apart; entries of tables have a dot; values of variables are text."""
    found = settings_of(
        ("restart=never", "nice=3", 'listen=["a:1"]', "environment.A=1", "environment.B=false", "limits.nofile=9")
    )
    assert found == {
        "restart": "never",
        "nice": 3,
        "listen": ["a:1"],
        "environment": {"A": "1", "B": False},
        "limits": {"nofile": 9},
    }


def test_a_supervisor_s_process_is_killed_and_the_next_one_goes_on(tmp_path: Path) -> None:
    """`remit server supervise`, SIGKILL, and the same command again: servers keep their processes; told to stop, it stops them."""
    home = Home(tmp_path / "home").make()
    (home.path / "config.toml").write_text(CONFIG)
    environment = {**os.environ, "REMIT_ENSEMBLE": str(home.path)}

    def supervise() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "remit.cli", "server", "supervise"]
        return subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)

    async def pids(console: Console) -> dict[str, int]:
        try:
            part = await (await console.control("supervisor")).part("exec")
            return {row["id"]: row["pid"] for row in await part.servers()}
        except Broken:  # it has only just been started
            return {}

    async def main() -> None:
        async with run_registry(home), Console(home) as console:
            process = supervise()
            try:

                async def up() -> bool:
                    return [each.id for each in await console.directory.with_role("supervisor")] == ["supervisor@/"]

                await eventually(up, "it is registered")
                part = await (await console.control("supervisor")).part("exec")
                await part.workers("echo", "w", 2)
                before = await pids(console)
                process.kill()
                process.wait()
                process = supervise()

                async def same() -> bool:
                    return await pids(console) == before

                await eventually(same, "the same processes are its own")
                process.terminate()
                assert await asyncio.to_thread(process.wait, 20) == 0
                assert not any(Path(f"/proc/{pid}").exists() for pid in before.values())
            finally:
                process.kill()
                process.wait()

    asyncio.run(main())

"""Bosses and machines as servers of an ensemble: in one directory, reached by way of the boss with no more authority than the caller has."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from remit.cli._server_by_boss import BossConsole
from remit.ensemble import Console, Home, serve
from remit.ensemble.admin import read_audit
from remit.ensemble.repl import Evaluated
from remit.errors import Broken, Missing, NotAllowed, Revoked
from remit.net import Node, NodeKey, TlsNetlayer, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Ref, Vat, actor
from tests.machines.stage import PATIENCE, Stage, until
from tests.machines.town import Town, in_town

ROLE = {
    "roles": {"sleep": {"program": "/bin/sh", "arguments": ["-c", "echo {id}; exec sleep 1000"], "stop-timeout": 1}}
}
SERVER = """
import asyncio
from remit.ensemble import serve

async def main():
    async with serve("shop", roles=["shop"]) as server:
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage with a boss that runs; nothing is left of it afterwards."""
    made = Stage(tmp_path)
    made.start_boss()
    try:
        yield made
    finally:
        made.tidy()


@asynccontextmanager
async def by_boss(stage: Stage, reference: SturdyRef | None = None) -> AsyncIterator[BossConsole]:
    """A console as a command has it: with the boss's own reference, or with another one."""
    key = NodeKey.generate()
    way = reference or SturdyRef.parse((stage.state / "admin.ref").read_text().strip())
    async with asyncio.timeout(PATIENCE), Vat("command") as vat, Node(key, vat) as node:
        node.use(UnixNetlayer(key))
        node.use(TlsNetlayer(key))
        yield BossConsole(await node.fetch_from(way), node)


async def listed(console: BossConsole, *ids: str) -> None:
    """Wait until just these servers are there."""

    async def there() -> bool:
        return sorted(entry.id.partition("@")[0] for entry in await console.entries()) == sorted(ids)

    await until(there)


def in_place(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


def test_boss_machines_and_what_runs_on_them_are_in_one_directory(stage: Stage) -> None:
    """With their roles; a server that a machine runs finds the registry by $REMIT_HOB, and is reached by way of its machine; those that end are gone."""
    program = {
        "program": "/bin/sh",
        "arguments": ["-c", 'exec "$REMIT_PYTHON" -c "$CODE"'],
        "environment": {"CODE": SERVER},
    }

    async def work() -> None:
        await stage.create("db", "app")
        async with by_boss(stage) as console:
            await listed(console, "app", "boss", "db")
            assert [entry.id for entry in await console.with_role("hob")] == ["app@/", "db@/"]
            assert [entry.id for entry in await console.with_role("boss")] == ["boss@/"]
            for id in ("boss", "db"):
                assert await (await console.control(id)).ping() > 0
                assert "ping" in (await (await console.control(id)).describe())["parts"]
            part = await (await console.control("db")).part("exec")
            await part.start("shop", "shop", None, {"roles": {"shop": program}})
            await listed(console, "app", "boss", "db", "shop")
            shop = await console.control("shop")
            assert await shop.ping() > 0
            assert (await shop.describe())["info"]["machine"] == "db"
            assert await (await shop.part("ping")).ping() > 0
            await part.stop(["shop"])
            await listed(console, "app", "boss", "db")
            stage.agent("app").send(signal.SIGKILL)
            await listed(console, "boss", "db")

    in_place(work)


def test_servers_of_a_machine_outlive_the_agent_and_what_was_ordered_is_kept(stage: Stage) -> None:
    """SIGKILL of a worker: it is started again. SIGKILL of the agent: the next one has the same processes, and the orders; each is in the machine's audit log."""

    async def work() -> None:
        await stage.create("db")
        async with by_boss(stage) as console:
            part = await (await console.control("db")).part("exec")
            await part.workers("sleep", "w", 2, None, ROLE)
            before = {row["id"]: row["pid"] for row in await part.servers()}
            os.kill(before["w-0"], signal.SIGKILL)

            async def again() -> Any:
                now = {row["id"]: row["pid"] for row in await part.servers()}
                return now if now["w-0"] not in (0, before["w-0"]) else None

            after = await until(again)
            assert after["w-1"] == before["w-1"]
            stage.kill_agent("db")
            boss = console.boss
            await boss.start_machine("db")

            async def back() -> Any:
                asked = await (await console.control("db")).part("exec")
                return {row["id"]: row["pid"] for row in await asked.servers()} == after

            await until(back)
            await listed(console, "boss", "db")
            uses = read_audit(stage.directory("db") / "ensemble" / "servers" / "db")
            assert [(use["who"], use["what"].split()[0]) for use in uses if use["part"] == "exec"] == [
                ("boss", "workers")
            ]

    in_place(work)


def test_what_a_machine_is_told_to_start_by_itself_runs_when_its_agent_starts(stage: Stage) -> None:
    """Groups and servers of the config.toml of its home, without anybody asking."""
    config = '[roles.sleep]\nprogram = "/bin/sleep"\narguments = ["1000"]\n[workers.w]\nrole = "sleep"\nnumber = 2\n'

    async def work() -> None:
        await stage.create("db")
        stage.kill_agent("db")
        home = stage.directory("db") / "ensemble"
        home.mkdir(mode=0o700, exist_ok=True)
        (home / "config.toml").write_text(config)
        async with stage.admin() as boss:
            await boss.start_machine("db")
        roster = stage.directory("db") / "supervision" / "roster.json"

        async def begun() -> bool:
            return roster.exists()

        await until(begun)
        async with by_boss(stage) as console:

            async def up() -> bool:
                part = await (await console.control("db")).part("exec")
                return [(row["id"], row["state"]) for row in await part.servers()] == [
                    ("w-0", "ready"),
                    ("w-1", "ready"),
                ]

            await until(up)

    in_place(work)


def test_a_boss_that_is_killed_has_the_same_directory_again(stage: Stage) -> None:
    """Machines come back into it by themselves, under their names; what they run goes on meanwhile."""

    async def work() -> None:
        await stage.create("db")
        async with by_boss(stage) as console:
            part = await (await console.control("db")).part("exec")
            pid = (await part.start("sleep", "s", None, ROLE))["pid"]
        stage.kill_boss()
        stage.start_boss()
        async with stage.admin():
            pass
        async with by_boss(stage) as console:
            await listed(console, "boss", "db")
            part = await (await console.control("db")).part("exec")
            assert [(row["id"], row["pid"]) for row in await part.servers()] == [("s", pid)]

    in_place(work)


@pytest.mark.parametrize("parts", [["status"], ["inspect"], ["supervise"], ["control"]])
def test_who_was_invited_to_a_part_gets_no_more_of_servers(stage: Stage, parts: list[str]) -> None:
    """E7: the boss relays with the authority of the reference that it was asked by; what was got ends with the invitation."""

    async def work() -> None:
        await stage.create("db")
        async with stage.admin() as boss:
            way = await boss.invite("guest", parts)
            async with by_boss(stage, way) as console:
                await listed(console, "boss", "db")
                control = await console.control("db")
                assert await control.ping() > 0
                may = {"supervise": {"exec"}, "control": {"exec", "ping"}}.get(parts[0], set())
                for name in ("exec", "ping"):
                    if name in may:
                        await control.part(name)
                    else:
                        with pytest.raises(NotAllowed):
                            await control.part(name)
                if "exec" not in may:
                    return
                part = await control.part("exec")
                assert await part.servers() == []
                await boss.uninvite("guest")
                with pytest.raises((Revoked, Broken)):
                    await part.servers()

    in_place(work)


@actor(kind="tests.ensembled.sink")
class Sink:
    """Hears lines."""

    heard: list[Any]

    def __call__(self, lines: list[str] | None) -> None:
        self.heard.append(lines)


@pytest.mark.parametrize("way", ["by the boss", "by the machine"])
def test_orders_are_the_same_by_the_boss_and_on_the_machine(stage: Stage, way: str) -> None:
    """One contract: start, listing, output that is followed, a program with its exit code, an upload with its version, stop."""

    async def orders(node: Node, control: Any) -> None:
        part: Ref[Any] = await control.part("exec")
        assert (await part.start("sleep", "s", None, ROLE))["state"] == "ready"
        assert [row["id"] for row in await part.servers("sleep")] == ["s"]
        sink = node.vat.spawn(Sink, [])
        following = await part.follow("log", "s", sink)

        async def told() -> bool:
            return [line.split()[-1] for lines in sink._at.heard for line in lines] == ["s"]

        await until(told)
        await following.stop()
        row = await part.wait((await part.run(["sh", "-c", "echo one; exit 5"]))["process"])
        assert row["code"] == 5 and [line.split()[-1] for line in await part.output(row["process"])] == ["one"]
        from hashlib import sha256

        begun = await part.begin_upload("program", "tool", sha256(b"x").hexdigest(), 1)
        await part.put(begun["upload"], 0, b"x")
        assert (await part.finish_upload(begun["upload"]))["version"] == sha256(b"x").hexdigest()
        with pytest.raises(Missing, match="no role 'slep': did you mean sleep"):
            await part.start("slep", "t", None, ROLE)
        assert (await part.stop(["s"]))[0]["state"] == "stopped"

    async def work() -> None:
        await stage.create("db")
        if way == "by the boss":
            async with by_boss(stage) as console:
                await orders(console.node, await console.control("db"))
            return
        home = Home(stage.directory("db") / "ensemble")

        async def there() -> bool:
            return (home.path / "servers" / "db" / "control.ref").exists()

        await until(there)
        async with asyncio.timeout(PATIENCE), Console(home) as console:
            await orders(console.node, await console.control("db"))

    in_place(work)


def test_a_machine_of_an_earlier_version_is_no_server_and_works_on() -> None:
    """The boss says what to do; everything else is as it was. And a boss without a directory says so."""

    async def work(town: Town) -> None:
        await town.machines("db")
        with pytest.raises(Missing, match="earlier version|no ensemble"):
            await town.boss.ping_server("db")
        assert [each["name"] for each in (await town.boss.status())["machines"]] == ["db"]

    in_town(work)


def test_a_machine_that_is_made_anew_has_its_name_in_the_directory(stage: Stage) -> None:
    """Another key under the same name: the id is that one's from then on, since the boss says whose names they are."""

    async def work() -> None:
        await stage.create("db")
        async with by_boss(stage) as console:
            await listed(console, "boss", "db")
            (first,) = await console.with_role("hob")
            await console.boss.destroy_machine("db")
            await listed(console, "boss")
            await stage.create("db")
            await listed(console, "boss", "db")
            (second,) = await console.with_role("hob")
            assert first.key != second.key

    in_place(work)


def test_boss_and_machines_have_the_parts_that_all_servers_have(stage: Stage) -> None:
    """inspect, eval, load, logs, shutdown: asked by the boss, of both. Shut down, their processes end as when they are told to; others go on."""

    async def work() -> None:
        await stage.create("db")
        async with by_boss(stage) as console:
            await listed(console, "boss", "db")
            for id, actor in (("db", "hob"), ("boss", "boss")):
                control = await console.control(id)
                assert await control.ping(actor) > 0
                inspect = await control.part("inspect")
                assert actor in str(await inspect.actors())
                found = await (await control.part("eval")).evaluate("6 * 7", 5.0)
                assert isinstance(found, Evaluated) and found.text == "42"
                for name in ("load", "logs", "ping", "admin"):
                    await control.part(name)
            agent = stage.agent("db")
            await (await (await console.control("db")).part("shutdown")).shutdown()
            await until(lambda: asyncio.to_thread(agent.wait, PATIENCE))
            await listed(console, "boss")
            await (await (await console.control("boss")).part("shutdown")).shutdown()
            assert stage.boss is not None and await asyncio.to_thread(stage.boss.wait, PATIENCE) == 0

    in_place(work)


def test_an_id_of_a_server_that_is_there_is_not_taken_by_a_machine_of_that_name(stage: Stage) -> None:
    """The directory keeps who has it; the machine works without being in it, and is reached by the boss all the same."""

    async def work() -> None:
        await stage.create("db")
        async with by_boss(stage) as console:
            await listed(console, "boss", "db")
            home = Home(stage.state / "ensemble")
            async with serve("app", home=home):
                await listed(console, "app", "boss", "db")
                (before,) = [entry.key for entry in await console.entries() if entry.id == "app@/"]
                await stage.create("app")
                assert await (await console.control("app")).ping() > 0
                assert [entry.key for entry in await console.entries() if entry.id == "app@/"] == [before]

    in_place(work)

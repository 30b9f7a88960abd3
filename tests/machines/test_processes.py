"""Bosses, agents and programs as real processes, ended by real signals."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.durable import read_secret_file
from remit.errors import Broken, Conflict, Missing, Refused, Revoked, Unreachable
from remit.machines import LocalMachine
from remit.machines._process_table import Process
from remit.net import Node, NodeKey, TlsNetlayer
from remit.values import SturdyRef
from remit.vat import Vat
from tests.machines.stage import BOSS, PATIENCE, ROOT, Stage, ports, until
from tests.machines.town import Row


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage with a boss that runs; nothing is left of it afterwards."""
    made = Stage(tmp_path)
    made.start_boss()
    try:
        yield made
    finally:
        made.tidy()


def test_a_program_uses_what_its_machine_was_given(stage: Stage) -> None:
    """It asks for a name; with the boss stopped it works on, from machine to machine."""

    async def work() -> None:
        await stage.shop()
        async with stage.program("app") as machine:
            table = await machine.get("db", interface="test.table")
            row = await table.put("ann", "one")
            assert stage.stop_boss() == 0
            assert await row.read() == "one"
            assert await table.names() == ["ann"]
            assert [binding["name"] for binding in await machine.bindings()] == ["db"]
            with pytest.raises(Missing, match="did you mean db"):
                await machine.get("dbb")
            with pytest.raises(Conflict, match="the program expects other"):
                await machine.get("db", interface="other")

    asyncio.run(work())


def test_all_is_there_again_after_sigkill_of_everything(stage: Stage) -> None:
    """Machines, edges and what was written; no new introduction, and on other ports."""

    async def work() -> None:
        await stage.shop()
        async with stage.program("app") as machine:
            await (await machine.get("db")).put("ann", "one")
        before = {name: ports(stage.agent(name).pid) for name in ("db", "app")}
        agents = {name: stage.agent(name) for name in before}
        stage.kill_boss()
        for name in before:
            stage.kill_agent(name)
        stage.start_boss()
        async with stage.admin() as boss:
            await until(lambda: _came_back(boss))
        for name, old in before.items():
            assert stage.agent(name) != agents[name]
            assert not ports(stage.agent(name).pid) & old
            assert not (stage.directory(name) / "user-data").exists()
        async with stage.program("app") as machine:
            table = await machine.get("db")
            assert await until(table.names) == ["ann"]

    asyncio.run(work())


async def _came_back(boss: Any) -> bool:
    status = await boss.status()
    since = min(machine["seen"] or 0 for machine in status["machines"])
    return since > status["edges"][0]["since"] and status["edges"][0]["state"] == "active"


def test_a_held_reference_survives_both_machines(stage: Stage) -> None:
    """A program's reference works again after the provider's agent, then its own hob, were killed and started again."""

    async def work() -> None:
        await stage.shop()
        async with stage.program("app") as machine:
            table = await machine.get("db")
            await table.put("ann", "one")
            for name in ("db", "app"):
                stage.kill_agent(name)
                async with stage.admin() as boss:
                    await boss.start_machine(name)
                assert await until(table.names) == ["ann"]

    asyncio.run(work())


def test_revoking_breaks_a_programs_reference_at_once(stage: Stage) -> None:
    """And one that came through it; no process has to be restarted."""

    async def work() -> None:
        await stage.shop()
        async with stage.program("app") as machine:
            table = await machine.get("db")
            row = await table.put("ann", "one")
            async with stage.admin() as boss:
                assert len((await boss.revoke("app.db"))["revoked"]) == 1
            for use in (table.names, row.read):
                with pytest.raises(Revoked):
                    await use()

    asyncio.run(work())


def test_a_programs_object_is_offered_as_long_as_it_runs(stage: Stage) -> None:
    """Others use it; when the hob was killed it is offered again by itself; with the program it is gone."""

    async def work() -> None:
        await stage.create("db", "app")
        async with stage.program("app") as consumer:
            async with stage.program("db") as producer:
                await producer.offer("row", producer.vat.spawn(Row, "hello"), interface="test.row")
                async with stage.admin() as boss:
                    (offer,) = await until(boss.offers)
                    assert (offer["service"], "read_only" in offer["supports"]) == ("db.row", True)
                    await boss.bind("app.row", "db.row", interface="test.row")
                row = await consumer.get("row")
                assert await row.read() == "hello"
                stage.kill_agent("db")
                async with stage.admin() as boss:
                    await boss.start_machine("db")
                assert await until(row.read) == "hello"
            with pytest.raises(Unreachable):
                await row.read()

    asyncio.run(work())


def test_a_stolen_introduction_is_refused_and_told(stage: Stage) -> None:
    """Over tls, with another key, after the machine has enrolled; the machine goes on working."""

    async def work() -> None:
        async with stage.admin() as boss:
            loot = await _loot(boss, stage)
            admin = SturdyRef.parse(read_secret_file(stage.state / "admin.ref").decode().strip())
            await until(lambda: _active(boss))
            key = NodeKey.generate()
            async with Vat("thief") as vat, Node(key, vat) as node:
                node.use(TlsNetlayer(key))
                with pytest.raises(Refused):
                    await node.fetch_from(SturdyRef(admin.locator, loot.swiss))
                (alarm,) = (await boss.status())["alarms"]
                assert (alarm["machine"], alarm["other"]) == ("db", node.designator)
            async with stage.program("db") as machine:
                assert await machine.bindings() == []

    asyncio.run(work())


async def _loot(boss: Any, stage: Stage) -> SturdyRef:
    """A copy of a new machine's introduction, taken before its agent has used and deleted it."""
    for _ in range(5):
        await boss.create_machine("db", "process", {})
        try:
            told = json.loads((stage.directory("db") / "user-data").read_bytes())
            return SturdyRef.parse(told["introduction"])
        except FileNotFoundError:  # the agent was faster
            await boss.destroy_machine("db")
    raise AssertionError("the agent was always faster")


async def _active(boss: Any) -> bool:
    return bool((await boss.list_machines())[0]["state"] == "active")


def test_a_second_boss_is_refused(stage: Stage) -> None:
    """The one that has the state directory keeps it, and the error says which process that is."""

    async def work() -> None:
        async with stage.admin():
            pass

    asyncio.run(work())
    second = subprocess.run(
        [sys.executable, "-c", BOSS, str(stage.state)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert second.returncode != 0
    assert stage.boss is not None
    assert (
        f"StoreLocked: the state directory {stage.state} is in use by the process with pid {stage.boss.pid}"
        in second.stderr
    )


def test_a_second_agent_is_refused(stage: Stage) -> None:
    """Whoever starts one by hand hears why it ends, and the first is not disturbed."""

    async def work() -> None:
        await stage.create("db")

    asyncio.run(work())
    first = stage.agent("db")
    second = agent_by_hand(stage.directory("db"))
    assert second.wait(PATIENCE) == 1
    assert stage.agent("db") == first
    assert first.alive


def agent_by_hand(directory: Path) -> subprocess.Popen[bytes]:
    """An agent that no provider has started."""
    command = [sys.executable, "-m", "remit.machines", "--state", str(directory)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)


def test_an_agent_ends_cleanly_when_it_is_told_to(stage: Stage) -> None:
    """By SIGTERM, with status 0, and its socket is gone; it can be started again by hand."""

    async def work() -> None:
        await stage.create("db")

    asyncio.run(work())
    directory, first = stage.directory("db"), stage.agent("db")
    first.send(signal.SIGTERM)
    assert first.wait(PATIENCE)
    assert not (directory / "hob.sock").exists()
    again = agent_by_hand(directory)
    try:

        async def answers() -> bool:
            async with LocalMachine(directory) as machine:
                return await machine.bindings() == []

        assert asyncio.run(until(answers))
    finally:
        again.terminate()
        assert again.wait(PATIENCE) == 0


def test_a_tethered_agent_ends_with_its_process(stage: Stage) -> None:
    """So that a demonstration or a test leaves nothing behind, however it ends."""
    anchor = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    tether = Process.of(anchor.pid)
    assert tether is not None

    async def work() -> None:
        await stage.create("db", tether=tether.text())

    try:
        asyncio.run(work())
        agent = stage.agent("db")
        assert agent.alive
    finally:
        anchor.kill()
        anchor.wait()
    assert agent.wait(PATIENCE)


def test_an_agent_needs_a_providers_word(tmp_path: Path) -> None:
    """A directory that no provider has made is refused, and nothing is made in it."""
    (tmp_path / "m").mkdir(mode=0o700)
    done = subprocess.run(
        [sys.executable, "-m", "remit.machines", "--state", str(tmp_path / "m")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "neither user-data nor machine.json" in done.stderr
    assert list((tmp_path / "m").iterdir()) == []


def test_no_secret_is_in_logs_or_process_lists(stage: Stage) -> None:
    """Neither the boss's nor the agents' output, arguments or environments hold a swiss number that is in use."""

    async def work() -> None:
        await stage.shop()
        async with stage.program("app") as machine:
            await (await machine.get("db")).names()

    asyncio.run(work())
    secrets = [
        read_secret_file(file).decode().split("/s/")[1].split("?")[0]
        for file in [stage.state / "admin.ref", *stage.state.glob("machines/*/hob.ref")]
    ]
    assert len(secrets) == 3
    assert stage.boss is not None
    pids = [stage.boss.pid, stage.agent("db").pid, stage.agent("app").pid]
    places = [Path(f"/proc/{pid}/{name}") for pid in pids for name in ("cmdline", "environ")]
    places += [stage.place / "boss.log", *stage.state.glob("machines/*/agent.log")]
    told = b"".join(place.read_bytes() for place in places)
    assert b"/s/" not in told
    assert not [secret for secret in secrets if secret.encode() in told]


def test_destroying_ends_the_process_and_removes_its_directory(stage: Stage) -> None:
    """And the edges to it, at the machines that remain."""

    async def work() -> None:
        await stage.shop()
        agent, directory = stage.agent("db"), stage.directory("db")
        async with stage.admin() as boss:
            await boss.destroy_machine("db")
            assert [machine["name"] for machine in await boss.list_machines()] == ["app"]
            await until(lambda: _nothing(boss))
        assert not agent.alive
        assert not directory.exists()
        async with stage.program("app") as machine:
            assert await machine.bindings() == []

    asyncio.run(work())


async def _nothing(boss: Any) -> bool:
    return await boss.bindings() == []


@pytest.mark.needs_root
def test_another_user_of_the_machine_gets_nothing(stage: Stage) -> None:
    """Neither the file nor the socket can be reached by anybody but the machine's own user (and root)."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")

    async def work() -> None:
        await stage.create("db")

    asyncio.run(work())
    attempt = """
import os, socket, sys
os.setgid(65534); os.setuid(65534)
for what in (lambda: open(sys.argv[1] + "/hob.ref"), lambda: socket.socket(socket.AF_UNIX).connect(sys.argv[1] + "/hob.sock")):
    try:
        what()
    except PermissionError:
        print("refused")
"""
    stage.place.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", attempt, str(stage.directory("db"))],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout.split() == ["refused", "refused"], done.stderr


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_sigkill_at_any_moment_loses_nothing_that_was_answered(stage: Stage) -> None:
    """Sampled: one of the processes is killed while edges come and go; what was answered is so afterwards, and all works."""
    dice = random.Random(7)

    async def work() -> None:
        await stage.shop()
        for round in range(6):
            victim = dice.choice(["boss", "db", "app"])
            killing = asyncio.get_running_loop().call_later(dice.random() * 0.05, _kill, stage, victim)
            name = f"app.x{round}"
            answered = False
            try:
                async with stage.admin() as boss:
                    await boss.bind(name, "db.main")
                    answered = True
            except (Broken, AssertionError):
                pass
            await asyncio.sleep(max(0.0, killing.when() - asyncio.get_running_loop().time()))
            if victim == "boss":
                stage.start_boss()
            async with stage.admin() as boss:
                await boss.start_machine("db")
                await boss.start_machine("app")
                targets = {edge["target"] for edge in await boss.bindings()}
                assert not answered or name in targets
                if name not in targets:
                    await boss.bind(name, "db.main")
                await until(lambda: _settled(boss))
            async with stage.program("app") as machine:
                table = await machine.get(f"x{round}")
                assert isinstance(await until(lambda table=table: _called(table)), list)

    asyncio.run(work())


async def _called(table: Any) -> Any:
    return [await table.names()]


async def _settled(boss: Any) -> bool:
    return all(edge["state"] == "active" and not edge["error"] for edge in await boss.bindings())


def _kill(stage: Stage, victim: str) -> None:
    if victim == "boss":
        stage.kill_boss()
    else:
        stage.kill_agent(victim)

"""Machines of every provider that this one can run, from a boss's wish to their end: they enrol, are used, die, come back, and go."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.machines import Parcel, Upgradable, digest_of, parcel, read_parcel
from remit.vat import Ref
from tests.machines.provider_kits import KITS, Kit, opened
from tests.machines.stage import Stage, until
from tests.services.stage import alive

SECRETS = re.compile(r"ocapn://[a-z2-7]{52}\.[a-z]+/s/\S")  # a whole sturdyref with a key's designator
REAL = [name for name, kit in KITS.items() if kit.table is not Kit.table]
LOCAL = [
    name for name in REAL if name != "ssh"
]  # what it adds to `process` is tried in test_ssh.py and tests/cli/test_adopt.py, in less time


@pytest.fixture(params=REAL)
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Kit:
    """A kit whose machines enrol."""
    return opened(request.param, tmp_path)


@pytest.fixture
def stage(kit: Kit, tmp_path: Path) -> Iterator[Stage]:
    """A boss with this provider, and as few files to bring to machines as there can be; all is gone afterwards."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "diary.py").write_text((Path(__file__).parent / "diary.py").read_text())
    files = tmp_path / "files"
    files.mkdir()
    table = kit.table() or {}
    told = {"classes": ["diary"], "path": [str(code)], "services": str(files)}
    table["agent"] = {**table.get("agent", {}), **told}
    made = Stage(tmp_path, {kit.name: table}, "" if kit.follows else f"127.0.0.1:{free_port()}")
    made.start_boss()
    try:
        yield made
    finally:
        try:
            asyncio.run(destroy_all(made, kit))
        finally:
            made.kill_boss()
            kit.sweep()


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def destroy_all(stage: Stage, kit: Kit | None = None) -> None:
    """As the user would. What is printed is seen where the test has failed."""
    print((stage.place / "boss.log").read_text())
    async with stage.admin() as boss:
        for machine in await boss.list_machines():
            if kit is not None:
                print(machine, await asyncio.to_thread(said, kit, machine["id"]))
            await boss.destroy_machine(machine["name"])


def said(kit: Kit, id: str) -> str:
    """What its agent has said, or why that cannot be had."""
    try:
        return kit.log(id)
    except Exception as error:
        return repr(error)


async def active(boss: Ref[Any], name: str, seconds: float) -> dict[str, Any]:
    """The machine, once it has come."""

    async def there() -> Any:
        seen = await boss.show(name)
        return seen if seen["state"] == "active" else None

    found: dict[str, Any] = await until(there, seconds)
    return found


@pytest.mark.timeout(400)
def test_a_machines_whole_life(kit: Kit, stage: Stage) -> None:
    """It enrols and keeps an object; killed from outside it is seen to be down, and comes back as the same; so it does after the boss was killed; then nothing is left."""

    async def work() -> None:
        async with stage.admin() as boss:
            await boss.create_machine("db", kit.name)
            seen = await active(boss, "db", kit.seconds)
            assert seen["provider_sees"].startswith("running")
            key = seen["introduction"]["key"]
            await boss.offer("db.diary", "test.diary")
            await boss.bind("db.own", "db.diary")
            await (await boss.machine("db").binding("own")).write("first")
            kit.ids.append(seen["id"])
            assert not SECRETS.search(await asyncio.to_thread(kit.visible, seen["id"]))
            await asyncio.to_thread(kit.kill, seen["id"])
            assert (await boss.show("db"))["provider_sees"].startswith("made")
            await boss.start_machine("db")
            assert await until(lambda: read(boss)) == ["first"]
        stage.kill_boss()
        stage.start_boss()
        async with stage.admin() as boss:
            assert await until(lambda: read(boss)) == ["first"]
            again = await boss.show("db")
            assert (again["introduction"]["key"], again["alarms"]) == (key, [])
            await boss.destroy_machine("db")
            assert await boss.list_machines() == []
        assert list(await asyncio.to_thread(kit.leftovers)) == []

    asyncio.run(work())


async def read(boss: Ref[Any]) -> Any:
    """What the machine's object has, by way of its binding."""
    return await (await boss.machine("db").binding("own")).read()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kit", LOCAL, indirect=True)
def test_a_machine_is_adopted_by_the_boss_after_the_one_that_was_killed(kit: Kit, stage: Stage) -> None:
    """Killed with SIGKILL at several moments of making one: the next boss has it active, once, without being asked."""

    async def work() -> None:
        for number, moment in enumerate(kit.moments):
            name = f"m{number}"
            async with stage.admin() as boss:
                wish = asyncio.ensure_future(boss.create_machine(name, kit.name))
                await until(lambda name=name: known(boss, name))
                await asyncio.sleep(moment)
                stage.kill_boss()
                await asyncio.gather(wish, return_exceptions=True)
            stage.start_boss()
            async with stage.admin() as boss:
                seen = await active(boss, name, kit.seconds)
                assert seen["alarms"] == []
        async with stage.admin() as boss:
            assert len(await boss.list_machines()) == len(kit.moments)

    asyncio.run(work())


async def known(boss: Ref[Any], name: str) -> bool:
    """Whether the wish is kept."""
    return any(machine["name"] == name for machine in await boss.list_machines())


@pytest.mark.timeout(400)
@pytest.mark.parametrize("kit", LOCAL, indirect=True)
def test_two_machines_reach_each_other_without_the_boss(kit: Kit, stage: Stage) -> None:
    """They reach each other on the addresses that they have published, and the boss relays nothing."""

    async def work() -> None:
        async with stage.admin() as boss:
            await asyncio.gather(boss.create_machine("db", kit.name), boss.create_machine("app", kit.name))
            for name in ("db", "app"):
                await active(boss, name, kit.seconds)
            await boss.offer("db.diary", "test.diary")
            await boss.bind("app.diary", "db.diary")
            edge = (await boss.bindings("app"))[0]
            assert (edge["state"], edge["via"]) == ("active", "")

    asyncio.run(work())


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "kit", [name for name in REAL if name != "process"], indirect=True
)  # that one: tests/cli/test_upgrade.py
def test_an_agent_is_upgraded_and_one_that_is_no_good_taken_back(kit: Kit, stage: Stage) -> None:
    """Its objects are there afterwards, and the processes of its services have gone on; what neither runs nor is gone back to is removed."""
    if not isinstance(kit.provider(), Upgradable):
        pytest.skip(f"{kit.name} puts no other agent on its machines")
    mark = f"75320.{os.getpid()}"
    (stage.place / "files" / "web.toml").write_text(f'[web]\nrun = "exec sleep {mark}"\n')

    async def work() -> None:
        async with stage.admin() as boss:
            await boss.create_machine("db", kit.name)
            await active(boss, "db", kit.seconds)
            await boss.offer("db.diary", "test.diary")
            await boss.bind("db.own", "db.diary")
            await (await boss.machine("db").binding("own")).write("first")
            pids = await until(lambda: found(mark))
        own = parcel(stage.state / "parcels", extras=[])
        other, wrong = another(stage, own, "other"), another(stage, own, "wrong", "exit 1")
        async with stage.admin() as boss:
            assert await states(boss, other) == "upgraded"
        async with stage.admin() as boss:
            assert await states(boss, wrong, patience=6.0) == "restored"
            assert await until(lambda: read(boss)) == ["first"]
        async with stage.admin() as boss:
            assert await states(boss, own) == "upgraded"
            assert await until(lambda: read(boss)) == ["first"]
            assert await found(mark) == pids

    asyncio.run(work())


async def states(boss: Ref[Any], to: Parcel, patience: float = 60.0) -> str:
    """What came of an upgrade to this parcel."""
    async with asyncio.timeout(120):
        done = await boss.upgrade_machine("db", to.digest, patience)
    return str(done["state"]) if done["state"] != "lost" else str(done)


def another(stage: Stage, made: Parcel, name: str, agent: str = "") -> Parcel:
    """Another parcel that the boss has: the same with one file more, and another agent if one is given."""
    draft = stage.place / name
    shutil.copytree(made.path, draft, ignore=shutil.ignore_patterns("__pycache__"))
    (draft / "lib" / f"{name}.txt").write_text(name)
    if agent:
        (draft / "bin" / "remit-agent").write_text(f"#!/bin/sh\n{agent}\n")
    return read_parcel(draft.rename(stage.state / "parcels" / digest_of(draft)))


async def found(mark: str) -> list[int]:
    """The processes of the machine's service."""
    return sorted(alive(mark))

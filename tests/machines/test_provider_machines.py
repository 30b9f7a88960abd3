"""Machines of every provider that this one can run, from a boss's wish to their end: they enrol, are used, die, come back, and go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.vat import Ref
from tests.machines.provider_kits import KITS, Kit, opened
from tests.machines.stage import Stage, until

REAL = [name for name, kit in KITS.items() if kit.table is not Kit.table]


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
    table = {**(kit.table() or {}), "agent": {"classes": ["diary"], "path": [str(code)]}}
    made = Stage(tmp_path, {kit.name: table})
    made.start_boss()
    try:
        yield made
    finally:
        try:
            asyncio.run(destroy_all(made))
        finally:
            made.kill_boss()


async def destroy_all(stage: Stage) -> None:
    """As the user would."""
    async with stage.admin() as boss:
        for machine in await boss.list_machines():
            await boss.destroy_machine(machine["name"])


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
def test_a_machine_is_adopted_by_the_boss_after_the_one_that_was_killed(kit: Kit, stage: Stage) -> None:
    """Killed with SIGKILL at several moments of making one: the next boss has it active, once, without being asked."""

    async def work() -> None:
        for number, moment in enumerate((0.0, 0.3)):
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
            assert len(await boss.list_machines()) == 2

    asyncio.run(work())


async def known(boss: Ref[Any], name: str) -> bool:
    """Whether the wish is kept."""
    return any(machine["name"] == name for machine in await boss.list_machines())


@pytest.mark.timeout(400)
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

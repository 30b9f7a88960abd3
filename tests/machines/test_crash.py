"""A process dies at every commit of a scripted run of create, bind, use, revoke, destroy.

After its restart each step has happened or has not, and reconciliation finishes what was begun: the books of the boss and of the machines
agree, nothing is there twice, and nobody holds what was taken back.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.errors import Broken, Missing, Refused
from remit.graph import Attenuation
from tests.machines.crashtown import CrashTown


class Script:
    """The run, each step asked for until it holds."""

    def __init__(self, town: CrashTown) -> None:
        self.town = town
        self.held: Any = None

    async def run(self) -> None:
        """All of it."""
        for name in ("db", "app"):
            await self.create(name)
        await self.town.until(lambda: self.town.boss.offer("db.main", "test.table"), self.offered)
        await self.bind("app.full", Attenuation())
        await self.bind("app.view", Attenuation(read_only=True))
        await self.town.until(self.write, self.written)
        await self.town.until(lambda: self.town.boss.revoke("app.full"), self.revoked)
        await self.create("old")
        await self.town.until(lambda: self.town.boss.destroy_machine("old"), self.destroyed)

    async def create(self, name: str) -> None:
        """Wish for a machine, and wait until it has come."""

        async def there() -> bool:
            return any(m["name"] == name and m["state"] == "active" for m in await self.town.boss.list_machines())

        await self.town.until(lambda: self.town.boss.create_machine(name, "fake"), there)

    async def bind(self, target: str, attenuation: Attenuation) -> None:
        """Bind the table under a name."""

        async def bound() -> bool:
            edges = await self.town.boss.bindings("app")
            return any(edge["target"] == target and edge["state"] == "active" for edge in edges)

        await self.town.until(lambda: self.town.boss.bind(target, "db.main", attenuation), bound)

    async def offered(self) -> bool:
        return [offer["service"] for offer in await self.town.boss.offers()] == ["db.main"]

    async def write(self) -> None:
        self.held = await self.town.hob("app").get("full")
        if "ann" not in await self.held.names():
            await self.held.put("ann", "one")

    async def written(self) -> bool:
        view = await self.town.hob("app").get("view")
        return bool(await view.names() == ["ann"] and await view.row("ann").read() == "one")

    async def revoked(self) -> bool:
        return [edge["target"] for edge in await self.town.boss.bindings()] == ["app.view"]

    async def destroyed(self) -> bool:
        return sorted(machine["name"] for machine in await self.town.boss.list_machines()) == ["app", "db"]

    # --- what must hold in the end -------------------------------------------------------------------------

    async def check(self) -> None:
        """The books agree, and what is there works."""
        town = self.town
        assert await town.soon(self.books_agree), await self.books()
        assert sorted(machine.name for machine in town.provider.machines.values()) == ["app", "db"]
        assert await self.written()
        view = await town.hob("app").get("view")
        with pytest.raises(Refused):
            await view.put("bob", "two")
        with pytest.raises(Missing):
            await town.hob("app").get("full")
        with pytest.raises(Broken):
            await self.held.names()
        status = await town.boss.status()
        assert status["alarms"] == []
        assert [machine["error"] for machine in status["machines"]] == ["", ""]
        assert town.failures == []

    async def books(self) -> dict[str, Any]:
        """What boss, provider of the service and holder say of the one edge that is left."""
        return {
            "boss": [edge["id"] for edge in await self.town.boss.bindings() if edge["state"] == "active"],
            "db": [grant.id for grant in await self.town.hob("db").grants()],
            "app": [binding["edge"] for binding in await self.town.hob("app").bindings()],
        }

    async def books_agree(self) -> bool:
        books = await self.books()
        return len(books["boss"]) == 1 and books["boss"] == books["db"] == books["app"]


async def story(victim: str, at: int | None, mode: str) -> bool:
    """One run; whether the victim died in it."""
    async with asyncio.timeout(30), CrashTown(victim, at, mode) as town:
        script = Script(town)
        await script.run()
        await script.check()
        return at is not None and town.places[victim].lives > 1


def test_the_script_holds_without_a_crash() -> None:
    """What is checked after each crash is so without one."""
    asyncio.run(story("", None, "before"))


def at_each_commit(victim: str, mode: str, step: int) -> int:
    """Run the story with a death at every `step`th commit, until one ends without; how many commits there are."""
    at = 0
    try:
        while asyncio.run(story(victim, at, mode)):
            at += step
    except BaseException as error:
        error.add_note(f"{victim} died at commit {at} ({mode})")
        raise
    return at


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("victim", ["boss", "db", "app"])
def test_a_crash_at_any_commit(victim: str, mode: str) -> None:
    """At each commit in turn: not kept, or kept and nobody heard of it. The rows of one commit are kept together or not at all."""
    assert at_each_commit(victim, mode, 1) > 10

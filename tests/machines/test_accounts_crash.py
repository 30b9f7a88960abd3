"""A process dies at every commit of a run that offers a service with accounts, binds, renews and revokes it: account and files agree in the end."""

from __future__ import annotations

import asyncio
import os

import pytest

from remit.credentials import Secret
from remit.lib import Attenuation
from remit.machines import read_binding
from remit.testing import FakeServer
from tests.machines.crashtown import CrashTown


class Script:
    """The run, each step asked for until it holds."""

    def __init__(self, town: CrashTown) -> None:
        self.town = town
        self.server = FakeServer("fake://crashtown")
        self.renewed = ""

    async def run(self) -> None:
        """All of it."""
        for name in ("db", "app"):
            await self.create(name)
        await self.town.until(self.offer, self.offered)
        for target in ("app.db", "app.other"):
            await self.bind(target)
        self.renewed = self.laid("db")["password"]
        await self.town.until(lambda: self.town.boss.rotate("app.db", 0.0), self.rotated)
        await self.town.until(lambda: self.town.boss.revoke("app.other"), self.revoked)

    async def create(self, name: str) -> None:
        async def there() -> bool:
            return any(m["name"] == name and m["state"] == "active" for m in await self.town.boss.list_machines())

        await self.town.until(lambda: self.town.boss.create_machine(name, "fake"), there)

    async def offer(self) -> None:
        await self.town.boss.offer("db.main", "fake", arguments=[Secret("fake://crashtown")])

    async def offered(self) -> bool:
        return [offer["service"] for offer in await self.town.boss.offers()] == ["db.main"]

    async def bind(self, target: str) -> None:
        async def bound() -> bool:
            edges = await self.town.boss.bindings("app")
            return any(edge["target"] == target and edge["state"] == "active" for edge in edges)

        await self.town.until(lambda: self.town.boss.bind(target, "db.main", Attenuation(methods=["read"])), bound)

    async def rotated(self) -> bool:
        await self.town.hob("app").refresh()
        return self.laid("db")["password"] != self.renewed

    async def revoked(self) -> bool:
        return [edge["target"] for edge in await self.town.boss.bindings()] == ["app.db"]

    def laid(self, name: str) -> dict[str, str]:
        return read_binding(self.town.directory / "app" / "bindings", name)

    async def agree(self) -> bool:
        """Whether there is one account, and it is the one that is laid out."""
        await self.town.hob("db").tend()
        await self.town.hob("app").refresh()
        texts, held = (
            self.laid("db"),
            sorted(path.name for path in (self.town.directory / "app" / "bindings").glob("[!.]*")),
        )
        return held == ["db"] and self.server.accounts == {texts["username"]: texts["password"]}


async def story(victim: str, at: int | None, mode: str) -> bool:
    """One run; whether the victim died in it."""
    async with asyncio.timeout(30), CrashTown(victim, at, mode) as town:
        script = Script(town)
        await script.run()
        assert await town.soon(script.agree), f"{script.server.accounts} {await town.boss.bindings()}"
        assert town.failures == []
        return at is not None and town.places[victim].lives > 1


def at_each_commit(victim: str, mode: str, step: int, first: int = 0) -> int:
    """Run the story with a death at every `step`th commit, until one ends without; how many commits there are."""
    at = first
    try:
        while asyncio.run(story(victim, at, mode)):
            at += step
    except BaseException as error:
        error.add_note(f"{victim} died at commit {at} ({mode})")
        raise
    return at


def test_the_script_holds_without_a_crash() -> None:
    """What is checked after each crash is so without one."""
    asyncio.run(story("", None, "before"))


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("victim", ["boss", "db", "app"])
def test_a_crash_at_any_commit(victim: str, mode: str) -> None:
    """At every fourth commit in turn: not kept, or kept and nobody heard of it. STEP=1 in the environment tries each."""
    assert at_each_commit(victim, mode, int(os.environ.get("STEP", "4")), first=2 if mode == "after" else 0) > 10

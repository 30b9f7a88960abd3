"""Two machines that cannot reach each other: the boss relays, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from remit.errors import NotAllowed, Revoked, Unreachable
from remit.graph import Attenuation
from remit.net import MemoryNetwork
from tests.machines.crashtown import CrashTown


class Split(MemoryNetwork):
    """A network on which some pairs cannot dial each other, in either direction."""

    def __init__(self) -> None:
        super().__init__()
        self.apart: set[frozenset[str]] = {frozenset({"db", "app"})}

    async def reach(self, source: str, target: str) -> None:
        if frozenset({source, target}) in self.apart:
            raise Unreachable(f"there is a wall between {source} and {target}")
        await super().reach(source, target)


def in_split(work: Callable[[CrashTown, Split], Awaitable[None]]) -> None:
    """Run a conversation in a town with machines db and app, between which there is a wall; db offers a table."""

    async def main() -> None:
        town = CrashTown()
        town.wires = wires = Split()
        async with asyncio.timeout(20), town:
            for name in ("db", "app"):
                await town.boss.create_machine(name, "fake")
            while not all(machine["state"] == "active" for machine in await town.boss.list_machines()):
                await asyncio.sleep(0.005)
            await town.boss.offer("db.main", "test.table")
            await work(town, wires)
            assert town.failures == []

    asyncio.run(main())


def test_the_boss_relays_and_says_so() -> None:
    """Calls, and calls on what came out of them, go through the boss; status names it."""

    async def work(town: CrashTown, wires: Split) -> None:
        edge = await town.boss.bind("app.db", "db.main")
        assert (edge["state"], edge["via"], edge["error"]) == ("active", "boss", "")
        table: Any = await town.hob("app").get("db")
        row = await table.put("ann", "one")
        assert await row.read() == "one"
        assert await table.names() == ["ann"]
        assert town.places["db"].node.locator not in town.places["app"].node.meeting.active

    in_split(work)


def test_a_relayed_edge_is_attenuated_and_revoked_as_any() -> None:
    """The provider enforces; a revocation ends the relay even if the provider cannot be reached."""

    async def work(town: CrashTown, wires: Split) -> None:
        await town.boss.bind("app.view", "db.main", Attenuation(read_only=True))
        view: Any = await town.hob("app").get("view")
        with pytest.raises(NotAllowed):
            await view.put("ann", "one")
        assert await view.names() == []
        await town.places["db"].end()
        answer = await town.boss.revoke("app.view")
        assert [edge["awaiting"] for edge in answer["unfinished"]] == [["db"]]
        with pytest.raises(Revoked):
            await view.names()

    in_split(work)


def test_a_relay_outlasts_its_boss() -> None:
    """A call waits while the boss is away, and goes through the relay when it is back."""

    async def work(town: CrashTown, wires: Split) -> None:
        await town.boss.bind("app.db", "db.main")
        table: Any = await town.hob("app").get("db")
        await table.put("ann", "one")
        await town.places["boss"].end()
        call = table.names()
        await town.places["boss"].start()
        assert await call == ["ann"]

    in_split(work)


def test_when_the_wall_is_gone_the_machines_meet() -> None:
    """At the next hello the binding leads straight to the other machine; what is held through the relay goes on."""

    async def work(town: CrashTown, wires: Split) -> None:
        await town.boss.bind("app.db", "db.main")
        held: Any = await town.hob("app").get("db")
        await held.put("ann", "one")
        wires.apart.clear()
        await town.hob("app").hello()
        while (await town.boss.bindings())[0]["via"]:
            await asyncio.sleep(0.005)
        await town.places["boss"].end()
        straight: Any = await town.hob("app").get("db")
        assert await straight.names() == ["ann"]

    in_split(work)


def test_machines_that_meet_are_not_relayed() -> None:
    """The boss stands between nobody who can do without."""

    async def work(town: CrashTown, wires: Split) -> None:
        wires.apart.clear()
        assert (await town.boss.bind("app.db", "db.main"))["via"] == ""

    in_split(work)

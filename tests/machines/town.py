"""A boss and machines in one process: a vat for each, a network without wires, a provider that makes vats."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remit.lib import keyed
from remit.machines import AccountDesk, Bell, Boss, HobClient, Layout, Programs, ProviderDesk, Workshop
from remit.testing import FakeDriver, FakeMachine, FakeNetwork, FakeProvider, FakeWorld
from remit.values import SturdyRef
from remit.vat import Ref, Vat, actor, field, reads, spawn


@actor(kind="test.row", version=1)
class Row:
    """One customer, reached through a table."""

    text: str = ""

    @reads
    def read(self) -> str:
        return self.text

    def write(self, text: str) -> None:
        self.text = text


@actor(kind="test.table", version=1)
class Table:
    """A service worth binding: keys, a reading method, and objects that come out of it."""

    rows: dict[str, Ref[Row]] = field(factory=dict)

    @keyed("name")
    def put(self, name: str, text: str) -> Ref[Row]:
        self.rows[name] = spawn(Row, text)
        return self.rows[name]

    @reads
    @keyed("name")
    def row(self, name: str) -> Ref[Row]:
        return self.rows[name]

    @reads
    def names(self) -> list[str]:
        return sorted(self.rows)


class Box:
    """A machine of this town."""

    def __init__(self, vat: Vat, network: FakeNetwork) -> None:
        self.vat = vat
        self.network = network
        self.accounts = AccountDesk({"fake": FakeDriver})
        self.workshop = Workshop([Table], self.accounts)
        self.workshop.attach(vat)
        vat.device("workshop", self.workshop)
        vat.device("programs", Programs())
        vat.device("summons", Bell())
        vat.device("accounts", self.accounts)
        self.place = Path(tempfile.mkdtemp(prefix="remit-town-"))
        self.layout = Layout(self.place / "bindings")
        vat.device("layout", self.layout)
        self.hob: Ref[HobClient] = vat.spawn(HobClient, version="test")

    async def redeem(self, introduction: SturdyRef, boss: bytes) -> Any:
        """As an agent does at its first start."""
        gate = self.network.enliven(introduction)
        own = await self.hob.presence(boss)
        answer = await gate.register(own, self.network.address())
        await self.hob.enrolled(answer.name, self.network.enliven(answer.server))
        return answer


class Town:
    """`async with Town() as town`: its boss, its provider, and the machines that have come."""

    def __init__(self, *, enrol: bool = True) -> None:
        self.world = FakeWorld()
        self.enrol = enrol
        self.boxes: dict[str, Box] = {}
        self.spare: list[Box] = []
        self.provider = FakeProvider(self._launch, self._halt)
        self.vat = Vat("boss")
        self.network = self.world.join(self.vat)
        self.vat.device("providers", ProviderDesk({"fake": self.provider}, patience=0.2))
        self.boss: Ref[Boss] = self.vat.spawn(Boss)

    async def __aenter__(self) -> Town:
        await self.vat.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for box in [*self.spare, *self.boxes.values()]:
            await box.vat.__aexit__(None, None, None)
            shutil.rmtree(box.place, ignore_errors=True)
        await self.vat.__aexit__(None, None, None)

    async def stranger(self, name: str) -> Box:
        """A node with a key of its own that is no machine of the boss's."""
        box = await self._box(name)
        self.spare.append(box)
        return box

    async def _box(self, name: str) -> Box:
        vat = Vat(name)
        box = Box(vat, self.world.join(vat))
        await vat.__aenter__()
        return box

    async def _launch(self, machine: FakeMachine) -> None:
        if machine.name in self.boxes:
            self.mend(machine.name)
            await self.boxes[machine.name].hob.hello()
        elif self.enrol:
            box = self.boxes[machine.name] = await self._box(machine.name)
            await box.redeem(self.introduction(machine.name), self.network.key.public)

    async def _halt(self, machine: FakeMachine) -> None:
        if machine.name in self.boxes:
            box = self.boxes.pop(machine.name)
            self.world.down.add(box.network.designator)
            self.spare.append(box)

    def introduction(self, name: str) -> SturdyRef:
        """What the machine of this name was told in its user data."""
        found = [machine for machine in self.provider.machines.values() if machine.name == name]
        return SturdyRef.parse(found[0].user_data["introduction"])

    def cut(self, name: str) -> None:
        """Nobody reaches this machine, and it reaches nobody."""
        self.world.down.add(self.boxes[name].network.designator)

    def mend(self, name: str) -> None:
        """The machine is back on the network."""
        self.world.down.discard(self.boxes[name].network.designator)

    async def machines(self, *names: str) -> None:
        """Create machines, and wait until they have enrolled."""
        for name in names:
            await self.boss.create_machine(name, "fake")

    async def shop(self) -> None:
        """Two machines, a table `db.main` on one of them, bound on the other as `app.db`."""
        await self.machines("db", "app")
        await self.boss.offer("db.main", "test.table")
        await self.boss.bind("app.db", "db.main")

    async def holds(self, what: Callable[[dict[str, Any]], bool], seconds: float = 2.0) -> dict[str, Any]:
        """The boss's status, once this holds of it; fails at the deadline."""
        async with asyncio.timeout(seconds):
            while not what(status := await self.boss.status()):
                await asyncio.sleep(0)
        return status


async def held(town: Town, machine: str, name: str) -> Ref[Any]:
    """What a program on this machine gets from its hob."""
    found: Ref[Any] = await town.boxes[machine].hob.get(name)
    return found


def in_town(work: Callable[[Town], Any], **options: Any) -> Any:
    """Run a coroutine function in a town of its own."""

    async def main() -> Any:
        async with Town(**options) as town:
            return await work(town)

    return asyncio.run(main())

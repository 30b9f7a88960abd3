"""A boss and two machines with stores that can die at a given write, joined by real sessions over a memory network."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from remit.durable import Batch, DurableVat, MemoryStore, Store
from remit.errors import Broken, StoreError
from remit.lib import KINDS, SwissNumbers
from remit.machines import (
    BOSS_CLASSES,
    HOB_CLASSES,
    AccountDesk,
    Bell,
    Boss,
    HobClient,
    Layout,
    Programs,
    ProviderDesk,
    TunnelRelays,
    Workshop,
)
from remit.machines._agent import Agent
from remit.machines._config import AgentSection, UserData
from remit.machines._household import Household
from remit.net import MemoryNetlayer, MemoryNetwork, Node, NodeKey
from remit.testing import Crash, CrashStore, FakeDriver, FakeMachine, FakeProvider
from remit.vat import Ref
from tests.machines.town import Row, Table


class Died(Exception):
    """A process of the town has died, and has been started again."""


class WatchedStore(CrashStore):
    """Crashes at a given commit (from 0; None = never), and says so at once."""

    __slots__ = ("commits", "fatal", "on_crash")

    def __init__(self, inner: Store, fatal: int | None, mode: Any, on_crash: Callable[[], None]) -> None:
        super().__init__(inner, None, mode)
        self.fatal = fatal
        self.commits = 0
        self.on_crash = on_crash

    def commit(self, batch: Batch) -> None:
        if self.commits == self.fatal:
            self.at = self.writes + len(batch)
        self.commits += 1
        super().commit(batch)

    def _end(self) -> BaseException:
        self.on_crash()
        return super()._end()


class Place:
    """A process: its store outlives it."""

    def __init__(self, town: CrashTown, name: str) -> None:
        self.town = town
        self.name = name
        self.key = NodeKey.generate()
        self.rows = MemoryStore()
        self.directory = town.directory / name
        self.directory.mkdir(mode=0o700)
        self.durable: DurableVat | None = None
        self.store: WatchedStore | None = None
        self.node: Node | None = None
        self.lives = 0
        self._agent: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Be born, or born again."""
        self.lives += 1
        self.rows = self.rows.reopen()
        self.store = WatchedStore(self.rows, self.town.doom(self), self.town.mode, lambda: self.town.died(self))
        self.durable = self._open()
        await self.durable.vat.__aenter__()
        self.node = Node(self.key, self.durable.vat, swiss=self.durable.root("swiss"))
        await self.node.__aenter__()
        self.durable.network.attach(self.node)
        await self.node.listen(MemoryNetlayer(self.town.wires, self.key, self.name))
        await self.begin()

    def _open(self) -> DurableVat:
        assert self.store is not None
        return DurableVat.open(self.store, name=self.name, **self.parts())

    def parts(self) -> dict[str, Any]:
        """What its durable vat is made of."""
        raise NotImplementedError

    async def begin(self) -> None:
        """What it does at a start."""
        raise NotImplementedError

    async def end(self) -> None:
        """Be gone, without a word more than a cut wire says."""
        if self._agent is not None:
            self._agent.cancel()
            await asyncio.gather(self._agent, return_exceptions=True)
        if self.node is not None:
            await self.node.close()
        if self.durable is not None:
            with suppress(Crash, StoreError):
                await self.durable.vat.__aexit__(None, None, None)


class BossPlace(Place):
    """The boss's process."""

    def parts(self) -> dict[str, Any]:
        self.relays = TunnelRelays()
        return {
            "classes": [*KINDS, *BOSS_CLASSES],
            "roots": {"boss": (Boss,), "swiss": (SwissNumbers,)},
            "devices": {"providers": ProviderDesk({"fake": self.town.provider}, patience=5.0), "relays": self.relays},
        }

    async def begin(self) -> None:
        assert self.durable is not None
        self.durable.network.patience = 1.0
        assert self.node is not None
        self.relays.attach(self.node)
        self._agent = asyncio.ensure_future(self._resume())

    async def _resume(self) -> None:
        with suppress(Broken):
            await self.boss.resume()

    @property
    def boss(self) -> Ref[Boss]:
        """The boss of this life."""
        assert self.durable is not None
        found: Ref[Boss] = self.durable.root("boss")
        return found


class MachinePlace(Place):
    """A machine's process."""

    def __init__(self, town: CrashTown, machine: FakeMachine) -> None:
        super().__init__(town, machine.name)
        self.machine = machine

    def parts(self) -> dict[str, Any]:
        self.workshop, self.bell = Workshop([Table, Row], AccountDesk({"fake": FakeDriver})), Bell()
        self.layout = Layout(self.directory / "bindings")
        return {
            "classes": [*KINDS, *HOB_CLASSES, Table, Row],
            "roots": {"hob": (HobClient,), "swiss": (SwissNumbers,)},
            "devices": {
                "workshop": self.workshop,
                "programs": Programs(),
                "summons": self.bell,
                "accounts": self.workshop.accounts,
                "layout": self.layout,
            },
        }

    async def begin(self) -> None:
        assert self.durable is not None and self.node is not None
        self.workshop.accounts.exits.attach(self.node)
        self.layout.entrances.attach(self.node)
        house = Household(self.directory, self.key, self.durable, self.node, asyncio.Event())
        introduction = self.machine.user_data["introduction"]
        data = UserData(version=1, machine=self.name, id="", introduction=introduction, agent=AgentSection())
        self._agent = asyncio.ensure_future(Agent(house, data, self.workshop, self.bell, shortest=0.005).live())

    async def end(self) -> None:
        if self.durable is not None:
            await self.workshop.accounts.close()
            self.layout.entrances.close_all()
        await super().end()

    @property
    def hob(self) -> Ref[HobClient]:
        """The client presence of this life."""
        assert self.durable is not None
        found: Ref[HobClient] = self.durable.root("hob")
        return found


class CrashTown:
    """`async with CrashTown(...)`: `victim` dies at commit number `at` of its first life; None: nobody dies."""

    def __init__(self, victim: str = "", at: int | None = None, mode: Any = "before") -> None:
        self.victim = victim
        self.at = at
        self.mode = mode
        self.wires = MemoryNetwork()
        self.provider = FakeProvider(self._launch, self._halt)
        self.places: dict[str, Place] = {}
        self._dead: list[Place] = []
        self._death = asyncio.Event()
        self._stack = AsyncExitStack()
        self.failures: list[str] = []

    def doom(self, place: Place) -> int | None:
        """The commit at which this life of a place ends."""
        return self.at if place.name == self.victim and place.lives == 1 else None

    def died(self, place: Place) -> None:
        """A store has crashed; its process does nothing more."""
        if place not in self._dead:
            self._dead.append(place)
            self._death.set()

    async def __aenter__(self) -> CrashTown:
        self.directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-")))
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        self.places["boss"] = BossPlace(self, "boss")
        await self._start(self.places["boss"])
        return self

    async def __aexit__(self, *_: object) -> None:
        for place in self.places.values():
            await place.end()
        await self._stack.aclose()

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), Crash):
            self.failures.append(str(context))

    async def _start(self, place: Place) -> None:
        try:
            await place.start()
        except (Crash, StoreError, Broken):
            assert self._dead == [place], "only a process that was to die may fail to start"
            await self._again()

    async def _again(self) -> None:
        """Start what has died."""
        dead, self._dead = self._dead, []
        self._death.clear()
        for place in dead:
            await place.end()
            await place.start()

    async def _launch(self, machine: FakeMachine) -> None:
        if machine.name not in self.places:
            place = self.places[machine.name] = MachinePlace(self, machine)
            await self._start(place)

    async def _halt(self, machine: FakeMachine) -> None:
        if machine.name in self.places:
            await self.places.pop(machine.name).end()

    @property
    def boss(self) -> Ref[Boss]:
        """The boss, whichever life it is in."""
        place = self.places["boss"]
        assert isinstance(place, BossPlace)
        return place.boss

    def hob(self, name: str) -> Ref[HobClient]:
        """A machine's client presence."""
        place = self.places[name]
        assert isinstance(place, MachinePlace)
        return place.hob

    async def attempt(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do something in this town; raises `Died` if a process died meanwhile, after it has been started again."""
        doing = asyncio.ensure_future(work())
        death = asyncio.ensure_future(self._death.wait())
        await asyncio.wait([doing, death], return_when=asyncio.FIRST_COMPLETED, timeout=20)
        death.cancel()
        if self._death.is_set():
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
            await self._again()
            raise Died
        assert doing.done(), "neither an answer nor a death within 20 s"
        return await doing

    async def until(self, work: Callable[[], Awaitable[Any]], holds: Callable[[], Awaitable[bool]]) -> None:
        """Ask for something again and again until it is so, as a person would who sees that it is not."""
        async with asyncio.timeout(20):
            while True:
                with suppress(Died, Broken):
                    await self.attempt(work)
                if await self.soon(holds):
                    return

    async def soon(self, holds: Callable[[], Awaitable[bool]], looks: int = 40) -> bool:
        """Whether something comes to be so by itself within a short while."""
        for _ in range(looks):
            with suppress(Died, Broken):
                if await self.attempt(holds):
                    return True
            await asyncio.sleep(0.005)
        return False

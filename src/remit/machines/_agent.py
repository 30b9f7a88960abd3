"""A machine's agent: the process that is its hob's client presence.

    first start   make a key (on disk), redeem the introduction until it works, write down who we are, delete it
    then          say hello to the boss at each reconnection and each minute; answer boss, programs and other machines

It works on when the boss is away. It ends by SIGTERM or SIGINT, or with the process that it is tethered to.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from remit.credentials import driver_classes
from remit.durable import Loose, read_secret_file
from remit.errors import Broken, Expired, LinkLost, Missing, ProtocolError, Refused, StoreError, StoreFull
from remit.machines._account_desk import AccountDesk
from remit.machines._accounts import Account, Accounts
from remit.machines._classes import classes_of
from remit.machines._config import UserData, drop_introduction, read_user_data
from remit.machines._control import Control
from remit.machines._departure import Departure
from remit.machines._desk import Absence, Desk, UserDesk
from remit.machines._ensembled import Resident
from remit.machines._facing import own_address
from remit.machines._grant import Grant
from remit.machines._heir import Heir
from remit.machines._hob_client import HobClient
from remit.machines._household import Household, first_of, household, where
from remit.machines._layout import Layout
from remit.machines._outlet import Outlet, Programs
from remit.machines._process_table import Process, tethered
from remit.machines._release import own_release
from remit.machines._reload import Reload
from remit.machines._room import note_process
from remit.machines._service_room import RoomDesk, ServiceRoom
from remit.machines._watch import Bell, Watch
from remit.machines._workshop import Workshop
from remit.net import HEIR, Netlayer, NodeKey, SignedAddress, TlsNetlayer, UnixNetlayer, public_of, told_to_stop
from remit.values import decode
from remit.vat import Ref

__all__ = ["HOB_CLASSES", "run_agent"]

T = TypeVar("T")
HOB_CLASSES: Final[tuple[type, ...]] = (
    Absence,
    Account,
    Accounts,
    Control,
    Desk,
    Grant,
    Heir,
    HobClient,
    Outlet,
    UserDesk,
    Watch,
)
ANSWER: Final = 45.0  # seconds for one conversation with the boss
SHORTEST, LONGEST = 0.1, 5.0  # seconds between two attempts to reach the boss
MOST_REPORTED: Final = 100  # warnings about what is given out and not kept: there is one for each kind and remedy
RHYTHM: Final = 60.0  # seconds between two hellos while the link holds
_log = logging.getLogger("remit.machines")


class Agent:
    """One run of a machine's agent on its open state directory."""

    def __init__(
        self, house: Household, data: UserData, workshop: Workshop, bell: Bell, *, shortest: float = SHORTEST
    ) -> None:
        self.shortest = shortest
        self.house = house
        self.data = data
        self.bell = bell
        self.hob: Ref[HobClient] = house.durable.root("hob")
        self.resident: Resident | None = house.devices.get("ensemble")
        self.watch = house.durable.vat.spawn(Watch, house.durable.vat.devices["summons"])
        workshop.attach(house.durable.vat)
        house.node.guide = self._guide

    async def live(self) -> None:
        """Enrol if need be, then keep in touch with the boss; ends only by being cancelled or refused."""
        await self.hob.wake(own_release())
        await self._settle()
        await self.house.door("hob.ref", await self.hob.desk(), "programs of this machine")
        if not await self.hob.known_as():
            await self._again(self._redeem, "redeem the introduction")
        if self.data.introduction:
            drop_introduction(self.house.directory, self.data)
        reported: set[tuple[str, str]] = set()
        while True:
            try:
                await self._again(self._hello, "reach the boss")
            except (
                Refused
            ) as error:  # we go on for those who hold our grants; the boss decides about those, if it comes back
                _log.error("the boss does not know this machine (any more): %s", error)
            report_loose(self.house.durable.never_kept(self.house.node.exported()), reported)
            await self.bell.wait(RHYTHM * random.uniform(0.8, 1.2))

    async def _redeem(self) -> None:
        introduction = self.data.invitation()
        await self._look_up_boss()
        gate = await self.house.node.fetch_from(introduction)
        own = await self.hob.presence(public_of(introduction.locator.designator))
        answer = await gate.register(own, self.house.node.address())
        await self.hob.enrolled(answer.name, self.house.network.enliven(answer.server))
        _log.info("enrolled as %s", answer.name)

    async def _hello(self) -> None:
        await self._look_up_boss()
        await self.hob.hello()
        server = await self.hob.server_presence()
        if server is not None:
            await self.watch.over(server)
            if self.resident is not None:
                await self.resident.meet(server)
        await self._settle()

    async def _settle(self) -> None:
        """Be a server under the name that the machine has now, if it has one."""
        if self.resident is not None:
            await self.resident.settle(self.house, await self.hob.known_as(), own_release())

    async def _look_up_boss(self) -> None:
        """Take the address that the provider has left, if the boss signed it; a newer one known stays. Another key than the one known has its
        successions with it.
        """
        try:
            address, *chain = _listed(decode(read_secret_file(self.house.directory / "boss.address")))
            if isinstance(address, SignedAddress):
                self.house.network.learn(address)
            if chain and await self.hob.known_as():
                await self.hob.follow(chain)
        except Missing:
            pass
        except (ProtocolError, StoreError, Refused) as error:
            _log.warning("boss.address is of no use: %s", error)

    async def _guide(self, designator: str) -> SignedAddress | None:
        """Where a node is whose hints are stale: the boss knows. Where the boss is, only the boss says."""
        last: SignedAddress | None = await self.hob.last_boss()
        if last is None or last.key == public_of(
            designator
        ):  # before the first hello, to this key, nobody can be asked
            return last
        try:
            async with asyncio.timeout(LONGEST):
                found: SignedAddress = await self.hob.whereabouts(public_of(designator))
        except (Broken, TimeoutError):
            return None
        return found

    async def _again(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        """Do it until it works, less and less often. A refusal is final, except for want of time: an operator may give more."""
        delay = self.shortest
        while True:
            try:
                async with asyncio.timeout(ANSWER):
                    await work()
            except Refused as error:
                if not isinstance(error, Expired):
                    raise
                _log.warning("cannot %s: %s", what, error)
                delay = LONGEST
            except (LinkLost, TimeoutError) as error:
                _log.info("cannot %s yet: %s", what, error)
            except Broken as error:
                _log.warning("cannot %s: %s", what, error)
                delay = LONGEST
            else:
                return
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))
            delay = min(delay * 2, LONGEST)


def report_loose(found: list[Loose], reported: set[tuple[str, str]]) -> None:
    """Warn, once of each kind and remedy: whoever wrote the class hears of it before a restart loses something."""
    for one in found:
        if (one.kind, one.remedy) not in reported and len(reported) < MOST_REPORTED:
            reported.add((one.kind, one.remedy))
            _log.warning("%s", one)


async def run_agent(state: Path) -> None:
    """Be the agent of the machine in this directory, which its provider made, until told to stop.

    Raises `StoreLocked` where one runs already, `Missing` where no provider has left user data, `Refused` if the introduction
    is refused. While the disk is full it is not there for anybody, and tries again.
    """
    async with told_to_stop() as stop:
        while not stop.is_set():
            try:
                await _one_life(state, stop)
            except StoreFull as error:
                _log.error("%s; trying again in %g s", error, LONGEST)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LONGEST):
                        await stop.wait()


async def _one_life(state: Path, stop: asyncio.Event) -> None:
    data = read_user_data(state)
    room = ServiceRoom(state, data.agent.services)
    classes, bell = classes_of(data.agent.classes, data.agent.path), Bell()
    accounts = AccountDesk(driver_classes(sys.modules[name] for name in data.agent.classes))
    reload = Reload(lambda service, number: room.ask("signal", [service, number]))
    layout = Layout(state / "bindings", users=Path(data.agent.users), reload=reload, hooks=data.agent.hooks)
    workshop = Workshop(classes, accounts)
    devices = {"workshop": workshop, "programs": Programs(), "summons": bell, "services": room}
    departure = Departure()
    resident = Resident(state, RoomDesk(room))
    room.audit = resident.audit
    devices |= {"ensemble": resident, "accounts": accounts, "layout": layout, "departure": departure}
    async with household(
        state,
        data.machine,
        classes=[*HOB_CLASSES, *classes],
        roots={"hob": (HobClient,), "control": (Control,), "heir": (Heir,)},
        devices=lambda _: devices,
        netlayers=lambda key: _netlayers(state, data, key),
    ) as house:
        accounts.exits.attach(house.node)
        layout.entrances.attach(house.node)
        departure.attach(house.durable.root("hob"))
        heir = await house.durable.root("heir").of(house.durable.root("hob"))
        house.node.known[HEIR] = lambda _: heir
        mine = Process.of(os.getpid())
        if mine is not None:
            note_process(house.directory, mine)
        over = asyncio.Event()
        with tethered(data.agent.tether, stop.set):
            living = asyncio.ensure_future(Agent(house, data, workshop, bell).live())
            living.add_done_callback(lambda _: over.set())
            await house.door("control.ref", house.durable.root("control"), "operators of this machine")
            hob = house.durable.root("hob")
            tending = asyncio.gather(tend(hob), refresh(hob))
            serving = asyncio.ensure_future(room.live(house.durable.root("hob")))
            await first_of(stop, over, house.failed, resident.stopping)
            if resident.stopping.is_set():
                stop.set()
            await _ended(tending)
            await _ended(serving)
            await accounts.close()
            layout.entrances.close_all()
            await _ended(living)
            await resident.close()


async def tend(hob: Ref[HobClient]) -> None:
    """Do what is due at services with accounts; until cancelled."""
    while True:
        try:
            due = await hob.tend()
        except Broken as error:
            _log.warning("cannot look after accounts: %s", error)
            due = LONGEST
        await asyncio.sleep(due)


async def refresh(hob: Ref[HobClient]) -> None:
    """Look for rotations that were missed; until cancelled. Beside `tend`: providers that cannot be reached must not delay what is due."""
    while True:
        try:
            await hob.refresh()
        except Broken as error:
            _log.warning("cannot look after credentials: %s", error)
        await asyncio.sleep(RHYTHM)


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) and found else [found]


async def _ended(work: asyncio.Future[Any]) -> None:
    """Cancel it; what it had failed with before is raised."""
    if not work.done():
        work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    error = None if work.cancelled() else work.exception()
    if error is not None and not isinstance(error, asyncio.CancelledError):  # which a cancelled `gather` has
        raise error


def _netlayers(state: Path, data: UserData, key: NodeKey) -> list[Netlayer]:
    host, port = where(data.agent.listen)
    published = data.agent.published or (own_address(data.agent.facing) if data.agent.facing else None)
    return [UnixNetlayer(key, state / "hob.sock"), TlsNetlayer(key, host=host, port=port, published=published)]

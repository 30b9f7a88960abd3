"""A boss and a machine's agent as servers of an ensemble, and what leads to the parts of servers beside them.

    boss        its node is the registry, too: STATE/ensemble has the cookie, and its own control.ref
    hob         gets the cookie with each hello; STATE/ensemble is the home of programs on its machine ($REMIT_HOB)
    a program   that runs on a machine is reached by the control.ref that it has left in that home

By the boss one gets as far as the boss's own authority goes: to itself, to its machines, and to what runs from their homes.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Missing, Refused, RemitError, Unreachable
from remit.vat import Promise, Ref, actor

if TYPE_CHECKING:
    from remit.ensemble import Home, Server
    from remit.machines._household import Household

__all__ = ["BOSS", "HOME", "Ensembled", "Place", "Resident"]

HOME: Final = "ensemble"
"""The directory in a state directory that is the home of an ensemble."""
BOSS: Final = "boss"
"""The id of a boss among its servers, and its role."""
ADMIN: Final = "admin"  # the part that gives others theirs
BY_BOSS: Final = "boss"  # for the audit log: whose order it is that comes by way of the boss
_PLAIN: Final = 10.0  # seconds for a program on this host to answer
_log = logging.getLogger("remit.machines")


class Place:
    """What boss and agent have in common: a home, their own server in it, and the way to others of it. A device of their vat."""

    def __init__(self, state: Path) -> None:
        from remit.ensemble import Home  # here, and not for commands that only import this package

        self.home: Home = Home(state / HOME)
        self.server: Server | None = None
        self.house: Household | None = None
        self._desk: Ref[Ensembled] | None = None
        self._starting: asyncio.Future[Any] | None = None
        self._opened = asyncio.Event()
        self.stopping = asyncio.Event()
        """Set when the server is told to shut down: whoever runs the process ends it then."""

    async def desk(self) -> Ref[Ensembled]:
        """What leads to the servers of this place, once it is there; the same each time."""
        if self._desk is None:
            vat = (await self._whole()).durable.vat
            self._desk = vat.spawn(Ensembled, vat.devices["ensemble"])
        return self._desk

    async def _whole(self) -> Household:
        try:
            async with asyncio.timeout(_PLAIN):
                await self._opened.wait()
        except TimeoutError:
            raise Unreachable("this is no server of an ensemble yet: it is only just starting; try again") from None
        assert self.house is not None
        return self.house

    def open(self, house: Household, name: str, roles: list[str], info: dict[str, Any]) -> Server:
        """Be a server under this id, on the node that there is; registered as soon as the registry can be reached."""
        from remit.ensemble import Server

        self.house = house
        id = self.home.make().id_of(name)
        directory = self.home.make_server(id)
        made = self.server = Server(self.home, id, house.node, house.network, directory, roles=roles, info=info)
        made.stopping = made.device.stopping = self.stopping
        self._starting = asyncio.ensure_future(self._start(made))
        self._opened.set()
        return made

    async def _start(self, server: Server) -> None:
        try:
            await server.start()
        except Refused as error:
            _log.error("%s is not in the directory of its ensemble: %s", server.id, error)

    async def close(self) -> None:
        """Be a server no more."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self.server is not None:
            server, self.server = self.server, None
            await server.close()

    # --- asked by `Ensembled` -------------------------------------------------------------------------

    async def ping(self, id: str, actor: str | None) -> float:
        """Whether a server of this home is alive: the time there."""
        own = self._own(id)
        return await own.device.ping(actor) if own else float(await (await self._other(id)).ping(actor))

    async def describe(self, id: str) -> dict[str, Any]:
        """What a server says of itself."""
        own = self._own(id)
        return own.device.describe() if own else dict(await (await self._other(id)).describe())

    async def parts(self, id: str) -> list[str]:
        """The parts that are there to be had."""
        own = self._own(id)
        return own.device.names() if own else sorted(await (await self._other(id)).granted())

    async def part(self, id: str, name: str) -> Ref[Any]:
        """A part of the control object of a server of this home. Of others the boss is not the owner: `Missing`."""
        own = self._own(id)
        if own is None:
            return await (await self._other(id)).part(name)  # type: ignore[no-any-return]  # a reference
        if name == ADMIN:  # the steward's, as the server's own program has it
            return await own.control.part(name)  # type: ignore[no-any-return]  # as above
        return own.device.make(name, BY_BOSS)

    def _own(self, id: str) -> Server | None:
        return self.server if self.server is not None and self.home.id_of(id) == self.server.id else None

    async def _other(self, id: str) -> Ref[Any]:
        """A program that runs from this home, as the user whose home it is has it."""
        whole = self.home.id_of(id)
        try:
            way = self.home.control(whole)
        except Missing:
            raise Missing(
                f"server {whole} does not run from the home of this host, {self.home.path}: it gives its parts itself, to those that it has authorised"
            ) from None
        try:
            async with asyncio.timeout(_PLAIN):
                return await (await self._whole()).node.fetch_from(way)
        except TimeoutError:
            raise Missing(f"server {whole} does not answer") from None


@actor(kind="remit.machines.ensembled", version=1, passing=True)
class Ensembled:
    """What leads to the servers of one host: for its boss. `place` is the device `ensemble`."""

    place: Ref[Any]

    def ping(self, id: str, actor: str | None = None) -> Promise[Any]:
        """Whether a server is alive."""
        return self.place.ping(id, actor)

    def describe(self, id: str) -> Promise[Any]:
        """What it says of itself."""
        return self.place.describe(id)

    def parts(self, id: str) -> Promise[Any]:
        """The parts that it has."""
        return self.place.parts(id)

    def part(self, id: str, name: str) -> Promise[Any]:
        """One of them."""
        return self.place.part(id, name)


class Resident(Place):
    """A machine's own: it is a server as soon as it has a name, and knows its ensemble once it has met its boss."""

    def __init__(self, state: Path, desk: Any) -> None:
        super().__init__(state)
        self._supervision = desk
        self._name = ""

    async def settle(self, house: Household, name: str, version: str) -> None:
        """Be there under this name."""
        if not name or name == self._name:
            return
        from remit.ensemble.supervisor import Exec

        await self.close()
        self._name = name
        self.home.make()
        (self.home.path / "machine").write_text(f"{name}\n")
        server = self.open(house, name, ["hob"], {"machine": name, "version": version})
        server.name("hob", house.durable.root("hob"))
        device = server.vat.device("supervision", self._supervision)
        server.part_for("exec", lambda who: server.vat.spawn(Exec, device, who), sensitive=True)

    async def meet(self, boss: Ref[Any]) -> None:
        """Take the cookie of the boss's ensemble; a boss of an earlier version has none."""
        try:
            cookie = await boss.cookie()
        except RemitError as error:
            _log.info("no ensemble: %s", error)
            return
        try:
            if self.home.cookie() == cookie:
                return
        except RemitError:
            pass
        self.home.keep_cookie(cookie)

    def audit(self, who: str, part: str, what: str) -> Any:
        """Write down that a part is used."""
        if self.server is None:
            raise Missing("this machine is no server yet: it has no name")
        return self.server.vat.devices["audit"].note(who, part, what)

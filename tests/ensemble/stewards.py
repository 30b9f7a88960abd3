"""A steward with parts, its devices, and nodes that come to it, without wires."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from remit.ensemble.admin import AdminKey, AuditLog, Guest, Steward, StewardFiles, answer, read_audit
from remit.errors import Missing
from remit.lib import Timer
from remit.net import designator_of
from remit.testing import FakeNetwork, FakeWorld
from remit.vat import Promise, Ref, Vat, actor, call, field, promise, spawn

WORDS = "correct horse"
PARTS = ("inspect", "eval", "load", "shutdown", "exec", "till", "vault")


class Hours:
    """Time for a `Timer`: it passes when a test says so."""

    def __init__(self, world: FakeWorld) -> None:
        self.world = world
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.world.time + seconds, waiting))
        await waiting

    def pass_(self, seconds: float) -> None:
        self.world.time += seconds
        for due, waiting in self.sleepers:
            if due <= self.world.time and not waiting.done():
                waiting.set_result(None)


@actor(kind="test.part")
class Part:
    """A part that can be asked, and has something running."""

    name: str
    who: str
    ends: list[str] = field(list)
    resolvers: list[Ref[Any]] = field(list)

    def use(self) -> str:
        return f"{self.name} by {self.who}"

    def begin(self) -> Promise[Any]:
        """Something that lasts."""
        made, resolver = promise()
        self.resolvers.append(resolver)
        return made

    def session(self) -> Ref[Any]:
        """What leads further."""
        return spawn(Part, f"session of {self.name}", self.who)

    def ended(self, why: str) -> None:
        self.ends.append(why)

    def told(self) -> list[str]:
        return list(self.ends)


@actor(kind="test.workshop")
class Bench:
    """Parts of a server of the tests; `vault` is the application's own, and marked."""

    made: list[Ref[Any]] = field(list)

    def names(self) -> list[str]:
        return sorted(PARTS)

    def sensitive(self) -> list[str]:
        return ["vault"]

    def make(self, part: str, who: str) -> Ref[Any]:
        if part not in PARTS:
            raise Missing(f"there is no part {part!r}; there are: {', '.join(sorted(PARTS))}")
        self.made.append(spawn(Part, part, who))
        return self.made[-1]

    def ends(self) -> list[list[str]]:
        """For each part that was made, what it was told of its end."""
        return [call(each).told() for each in self.made]


@actor(kind="test.silent")
class Silent:
    """What a client hands out as its lifeline."""


class Town:
    """One server with its steward; `guest` lets another node come to it."""

    def __init__(self, home: Path, directory: Path) -> None:
        self.home = home
        self.directory = directory
        self.world = FakeWorld()
        self.hours = Hours(self.world)
        self.vat = Vat("server")
        self.server = self.world.join(self.vat)
        self.log = AuditLog(directory, lambda: self.world.time)
        self.files = StewardFiles(home, directory)
        self.devices = (
            self.vat.devices["network"],
            self.vat.device("timer", Timer(lambda: self.world.time, self.hours.sleep)),
            self.vat.device("files", self.files),
            self.vat.device("audit", self.log),
        )
        self.bench = self.vat.spawn(Bench)
        self.steward = self._steward()

    def _steward(self) -> Ref[Any]:
        key = self.server.key.public
        return self.vat.spawn(Steward, key, self.bench, *self.devices, self.files.grants())

    def restart(self) -> None:
        """The server again, from what it kept."""
        self.steward = self._steward()

    def local(self) -> Ref[Any]:
        return self.vat.spawn(Guest, self.steward, self.devices[0], None)

    def guest(self, node: FakeNetwork, shown: str) -> Ref[Any]:
        """What a node gets at the door, in one session."""
        guest = self.vat.spawn(Guest, self.steward, self.devices[0], node.key.public)
        return node.enliven(self.server.sturdy(guest, only=node.key.public))

    def uses(self) -> list[str]:
        """Who used what for what, as the audit log tells it; keys are cut short."""
        return [f"{use['who'].split(' (')[0]}: {use['part']}: {use['what']}" for use in read_audit(self.directory)]


@asynccontextmanager
async def town(path: Path, passphrase: str | None = None) -> AsyncIterator[Town]:
    """A server in this directory; with an administrators' key where there is a passphrase."""
    home, directory = path, path / "server"
    home.chmod(0o700)
    directory.mkdir(mode=0o700, exist_ok=True)
    if passphrase is not None:
        AdminKey.make(home, passphrase)
    made = Town(home, directory)
    async with made.vat:
        yield made
        await made.log.close()


async def unlocked(
    guest: Ref[Any], node: FakeNetwork, key: AdminKey, server: bytes, parts: list[str], seconds: float = 300
) -> Any:
    """A lease, as a console gets it."""
    challenge = await guest.challenge()
    return await guest.unlock(*answer(challenge, key, server, node.key.public, parts, seconds))


def name(node: FakeNetwork) -> str:
    return designator_of(node.key.public)

"""An ensemble for measurements: a registry with 1,000 servers, and members in sessions with it over unix sockets, in one process.

The servers are registrations without processes, 100 for each of ten members, so that what is measured is the registry's work and the wire's,
both ends together, and nothing else on the machine.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from remit.ensemble import Console, Home, run_registry
from remit.net import sign_address
from remit.values import Locator, SturdyRef
from remit.vat import Ref, actor, send

SILENCE = 3600.0  # seconds: no heartbeats between two measurements, during which nothing runs
MEMBERS = 10
EACH = 100
SWISS = b"bench: a bare object, 1"


@actor(kind="bench.ensemble-bare")
class Bare:
    """What a bare call calls."""

    def call(self) -> int:
        return 1


@actor(kind="bench.ensemble-anchor")
class Anchor:
    """What registrations hang on."""


@actor(kind="bench.ensemble-asker")
class Asker:
    """Calls one after the other, or many at once, from inside a vat, as programs do."""

    bare: Ref[Any]
    membership: Ref[Any]

    async def bare_calls(self, count: int) -> None:
        for _ in range(count):
            await self.bare.call()

    async def roles(self, count: int, role: str) -> None:
        for number in range(count):
            await self.membership.with_role(role.format(number % (MEMBERS * EACH)), "/")

    async def ids(self, count: int) -> None:
        for number in range(count):
            await self.membership.lookup(f"s{number % (MEMBERS * EACH)}@/")


class Member:
    """One node in session with the registry, and what it registers."""

    def __init__(self, console: Console, first: int) -> None:
        self.console = console
        self.first = first
        self.anchor = console.node.vat.spawn(Anchor)

    async def begin(self) -> None:
        self.membership = await self.console.membership()
        way = self.console.home.cookie()
        self.bare = await self.console.node.fetch_from(SturdyRef(way.locator, SWISS))
        self.asker = self.console.node.vat.spawn(Asker, self.bare, self.membership)
        self.address = sign_address(self.console.key, {"unix": "/run/user/1000/remit-0123456789abcdef/web.sock"}, 1)
        self.door = SturdyRef(Locator("remit", self.console.key.designator, {}), b"x" * 32)
        self.held: list[Any] = []

    async def register(self, prefix: str) -> None:
        """All of its servers at once."""
        self.held += await asyncio.gather(*(self._one(f"{prefix}{self.first + number}") for number in range(EACH)))

    async def withdraw(self) -> None:
        """None of its servers is there any more."""
        held, self.held = self.held, []
        await asyncio.gather(*(each.withdraw() for each in held))

    def _one(self, name: str) -> Any:
        roles = ["httpd", f"role-{name}"]
        now = time.time()
        return send(
            self.membership, "register", f"{name}@/", roles, self.address, self.door, self.anchor, {"pid": 1234}, now
        )

    async def bare_at_once(self) -> None:
        await asyncio.gather(*(send(self.bare, "call") for _ in range(EACH)))


class Ensemble:
    """Ended with its process."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.fresh = 0
        self.runner.run(self._set_up())

    async def _set_up(self) -> None:
        home = Home(Path(self.stack.enter_context(TemporaryDirectory())) / "home")
        registry = await self.stack.enter_async_context(run_registry(home, heartbeat=SILENCE))
        bare = registry.vat.spawn(Bare)
        registry.node.known[SWISS] = lambda _: bare
        self.members = []
        for number in range(MEMBERS):
            console = await self.stack.enter_async_context(Console(home))
            console.node.heartbeat = SILENCE
            self.members.append(Member(console, number * EACH))
            await self.members[-1].begin()
        await self._all("s")

    async def _all(self, prefix: str) -> None:
        await asyncio.gather(*(member.register(prefix) for member in self.members))

    async def _gone(self) -> None:
        await asyncio.gather(*(member.withdraw() for member in self.members))

    def call(self, count: int) -> float:
        """Microseconds of processor time of a bare call."""
        return self._used(self.members[0].asker.bare_calls(count), count)

    def role(self, count: int) -> float:
        """The same of a look-up by a role that one of 1,000 servers has."""
        return self._used(self.members[0].asker.roles(count, "role-s{}"), count)

    def id(self, count: int) -> float:
        """The same of a look-up by id."""
        return self._used(self.members[0].asker.ids(count), count)

    def calls_at_once(self) -> float:
        """Milliseconds for 1,000 bare calls in flight, a hundred in each of ten sessions."""

        async def all_calls() -> None:
            await asyncio.gather(*(member.bare_at_once() for member in self.members))

        return self._took(all_calls())

    def again(self) -> float:
        """Milliseconds for 1,000 registrations in flight, of servers that were registered before: what a registry that was restarted sees."""
        self.runner.run(self._gone())
        return self._took(self._all("s"))

    def anew(self) -> float:
        """The same of servers that nobody has seen before: whose their ids are is on disk before the answer."""
        self.runner.run(self._gone())
        self.fresh += 1
        return self._took(self._all(f"n{self.fresh}-"))

    def _used(self, work: Any, count: int) -> float:
        async def measured() -> float:
            began = time.process_time()
            await work
            return (time.process_time() - began) / count * 1e6

        return self.runner.run(measured())

    def _took(self, work: Any) -> float:
        async def measured() -> float:
            began = time.perf_counter()
            await work
            return (time.perf_counter() - began) * 1e3

        return self.runner.run(measured())

    def close(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()


PEERS = {"an ensemble": Ensemble}

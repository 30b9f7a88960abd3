"""Send a great many references between two nodes and a third, and see that nothing of them is left.

    make soak [N=1000000] [KIND=unix] [SEED=1]

References go as arguments, come as results, are promises when they go, are held for a while, and are handed on to a third
node. At each tenth the memory of the process is printed; at the end all tables of all sessions must be empty, and the
memory must be what it was after the first fifth. The exit status is 0 only then.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from remit.captp import Session
from remit.net import MemoryNetlayer, MemoryNetwork, Netlayer, Network, Node, NodeKey, TlsNetlayer, UnixNetlayer
from remit.vat import Ref, Vat, actor, promise, spawn

__all__ = ["Soak", "main", "resident"]

BATCH = 200
"""References in one round, all on their way at once."""
HELD = 500
"""References that the far side keeps, the oldest making room for new ones."""
GROWTH = 8 << 20
"""Bytes by which the process may have grown from the first fifth to the end: arenas of the allocator, not entries of tables."""
DEADLINE = 60.0
"""Seconds for what is still on its way at the end."""


@actor(kind="soak.thing")
class Thing:
    """What references lead to."""

    def name(self) -> str:
        """Its name; any call will do."""
        return "thing"


@actor(kind="soak.host")
class Host:
    """Takes references, gives some, keeps a few."""

    kept: list[Any] = []

    def take(self, ref: Any) -> None:
        """A reference comes as an argument, and is not kept."""

    def make(self) -> Ref[Thing]:
        """A reference goes as a result."""
        return spawn(Thing)

    def later(self) -> list[Any]:
        """A promise goes, and the right to settle it."""
        return list(promise())

    def keep(self, ref: Any) -> None:
        """Hold it, and let go of the oldest."""
        self.kept.append(ref)
        if len(self.kept) > HELD:
            del self.kept[0]

    def forget(self) -> None:
        """Hold nothing any more."""
        self.kept.clear()


@actor(kind="soak.driver")
class Driver:
    """Does the rounds: what it sends and gets is gone when the round is over."""

    async def arguments(self, host: Ref[Host], count: int) -> None:
        """Fresh objects go as arguments; some of them twice."""
        for result in [host.take(spawn(Thing)) for _ in range(count)]:
            await result

    async def results(self, host: Ref[Host], count: int) -> None:
        """Objects come as results, and are called while they are promises."""
        for result in [host.make().name() for _ in range(count)]:
            await result

    async def promises(self, host: Ref[Host], count: int) -> None:
        """Promises go as arguments, and are settled on their way."""
        for _ in range(count // 2):
            made, resolver = promise()
            sent = host.take(made)
            resolver.fulfill(spawn(Thing))
            await sent
        for _ in range(count - count // 2):
            made, resolver = await host.later()
            await resolver.fulfill(spawn(Thing))
            await made

    async def keeping(self, host: Ref[Host], count: int) -> None:
        """Objects are held by the other side for a while."""
        for result in [host.keep(spawn(Thing)) for _ in range(count)]:
            await result

    async def handing(self, host: Ref[Host], third: Ref[Host], count: int) -> None:
        """Objects of one node are handed on to another, which gets them from their exporter."""
        for _ in range(count):
            await third.keep(await host.make())


def resident() -> int:
    """Bytes of this process that are in memory now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Soak:
    """One run: three nodes in this process, so that both ends of each table can be looked at."""

    def __init__(self, count: int, *, kind: str, seed: int, say: Callable[[str], None]) -> None:
        self.count = count
        self.kind = kind
        self.chance = random.Random(seed)
        self.say = say
        self.faults: list[str] = []
        self.first = 0  # bytes, after the first fifth
        self.last = 0
        self._memory = MemoryNetwork()
        self._nodes: list[Node] = []

    async def run(self) -> bool:
        """Whether everything is as it was before."""
        with tempfile.TemporaryDirectory() as folder:
            async with self._node(folder) as a, self._node(folder) as b, self._node(folder) as c:
                self._nodes = [a, b, c]
                driver = a.vat.spawn(Driver)
                hosts = [await self._host(a, node) for node in (b, c)]
                began = time.monotonic()
                await self._rounds(driver, hosts, began)
                for host in hosts:
                    await host.forget()
                del host, driver
                hosts.clear()
                await self._emptied()
                return self._judge()

    async def _host(self, here: Node, there: Node) -> Any:
        return await here.fetch_from(await Network(there).sturdy(there.vat.spawn(Host)))

    @asynccontextmanager
    async def _node(self, folder: str) -> AsyncIterator[Node]:
        key = NodeKey.generate()
        async with Vat() as vat, Node(key, vat) as node:
            await node.listen(self._netlayer(key, folder))
            yield node

    def _netlayer(self, key: NodeKey, folder: str) -> Netlayer:
        if self.kind == "memory":
            return MemoryNetlayer(self._memory, key)
        if self.kind == "tls":
            return TlsNetlayer(key)
        return UnixNetlayer(key, os.path.join(folder, f"{key.designator[:8]}.sock"))

    async def _rounds(self, driver: Any, hosts: list[Any], began: float) -> None:
        kinds = ["arguments", "results", "promises", "keeping", "handing"]
        done, told = 0, 0
        while done < self.count:
            kind = self.chance.choices(kinds, [40, 40, 8, 10, 2])[0]
            size = min(BATCH, self.count - done)
            host, other = self.chance.sample(hosts, 2)
            if kind == "handing":
                await driver.handing(host, other, size)
            else:
                await getattr(driver, kind)(host, size)
            done += size
            if done * 10 // self.count > told:
                told = done * 10 // self.count
                self._tell(done, time.monotonic() - began)

    def _tell(self, done: int, seconds: float) -> None:
        gc.collect()
        now = resident()
        if self.first == 0 and done * 5 >= self.count:
            self.first = now
        self.last = now
        entries = sum(len(session.left()) for session in self._sessions())
        self.say(
            f"{done:>9} references   {now / 2**20:7.1f} MiB   {entries:>6} entries   {done / seconds:8.0f} references/s"
        )
        self.faults += [line for session in self._sessions() for line in session.dump().splitlines() if "FAULT" in line]

    def _sessions(self) -> list[Session]:
        return [session for node in self._nodes for session in node._connections]

    async def _emptied(self) -> None:
        """Wait until what was let go of has been told to all."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            gc.collect()
            if not any(session.left() for session in self._sessions()):
                break
            await asyncio.sleep(0.05)

    def _judge(self) -> bool:
        left = [f"{session!r}: {line}" for session in self._sessions() for line in session.left()]
        grown = self.last - self.first
        self.say(f"tables: {'empty' if not left else f'{len(left)} entries left'}, at {len(self._sessions())} ends")
        self.say(f"memory: {grown / 2**20:+.1f} MiB since the first fifth")
        for line in [*left[:20], *self.faults[:20]]:
            self.say(f"  {line}")
        return not left and not self.faults and grown <= GROWTH


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="Send a great many references, and see that nothing of them is left.")
    parser.add_argument("count", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--kind", choices=["memory", "unix", "tls"], default="unix")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    soak = Soak(given.count, kind=given.kind, seed=given.seed, say=lambda line: print(line, flush=True))
    return 0 if asyncio.run(soak.run()) else 1


if __name__ == "__main__":
    sys.exit(main())

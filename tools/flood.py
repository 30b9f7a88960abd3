"""A node among strangers: thousands of connections that never prove a key, and how its real peers fare meanwhile.

`python tools/flood.py --connections 10000` (or `make flood`) starts a node in a process of its own, on `tls` and `unix`, with peers that
call it all the time; then connections come from another loopback address and from the same one: silent ones, some that
begin a handshake and stall, some that stop within the hello, garbage. It prints the node's memory before, during and after, and what part
of the peers' calls was answered in time. It fails if a call of a peer with a session was lost, or nobody could join while the flood
came from elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from remit.errors import RemitError
from remit.net import Network, Node, NodeKey, TlsNetlayer, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Vat, actor

KINDS: Final = ("silent", "stalled", "half a hello", "garbage")
AT_ONCE: Final = 1000  # of our own descriptors for hostile connections; the node has hung up on most by then
HELD: Final = 2.0  # seconds that the last connections are kept open
DEADLINE: Final = 5.0  # seconds that a call may take before it counts as lost
FOREIGN: Final = "127.0.0.2"


@actor(kind="flood.counter")
class Counter:
    """What the real peers call."""

    count: int = 0

    def increment(self) -> int:
        self.count += 1
        return self.count


# --- the node, in its own process -----------------------------------------------------------------------------------


async def serve(folder: str) -> None:
    """Be the node until standard input ends."""
    key = NodeKey.generate()
    async with Vat("flooded") as vat, Node(key, vat) as node:
        await node.listen(TlsNetlayer(key))
        await node.listen(UnixNetlayer(key, Path(folder) / "node.sock"))
        sturdy = await Network(node).sturdy(vat.spawn(Counter))
        print(SturdyRef(node.inner_locator, sturdy.swiss).uri(), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class Flooded:
    """The node's process, and what is seen of it from outside."""

    def __init__(self, process: asyncio.subprocess.Process, sturdy: SturdyRef) -> None:
        self.process = process
        self.sturdy = sturdy

    def memory(self) -> int:
        """Resident KiB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() // 1024

    def descriptors(self) -> int:
        """How many it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


# --- real peers -------------------------------------------------------------------------------------------------------


class Peers:
    """Two peers with a session each, which call all the time, and others that join and leave; what they have seen."""

    def __init__(self, flooded: Flooded) -> None:
        self.flooded = flooded
        self._start()

    def _start(self) -> None:
        self.seconds: list[float] = []
        self.lost = 0
        self.joined = 0
        self.kept_out = 0

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """The two, for as long as this lasts."""
        async with _peer("tls") as over_tls, _peer("unix") as over_unix:
            counters = [await node.fetch_from(self.flooded.sturdy) for node in (over_tls, over_unix)]
            work = [asyncio.create_task(self._call(counter)) for counter in counters]
            work += [asyncio.create_task(self._join(transport)) for transport in ("tls", "unix")]
            try:
                yield
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)

    async def _call(self, counter: Any) -> None:
        while True:
            began = time.perf_counter()
            try:
                async with asyncio.timeout(DEADLINE):
                    await counter.increment()
                self.seconds.append(time.perf_counter() - began)
            except (RemitError, TimeoutError):
                self.lost += 1
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.01)

    async def _join(self, transport: str) -> None:
        while True:
            try:
                async with asyncio.timeout(DEADLINE), _peer(transport) as node:
                    counter: Any = await node.fetch_from(self.flooded.sturdy)
                    await counter.increment()
                self.joined += 1
            except (RemitError, TimeoutError):
                self.kept_out += 1
            await asyncio.sleep(0.2)

    def told(self) -> dict[str, Any]:
        """What was seen since the last time, in figures."""
        seconds = sorted(self.seconds) or [0.0]
        found = {
            "calls": len(self.seconds),
            "lost": self.lost,
            "median_ms": round(1000 * statistics.median(seconds), 2),
            "p99_ms": round(1000 * seconds[int(len(seconds) * 0.99)], 2),
            "joined": self.joined,
            "kept_out": self.kept_out,
        }
        self._start()
        return found


@asynccontextmanager
async def _peer(transport: str) -> AsyncIterator[Node]:
    """A node that only dials, over one netlayer."""
    key = NodeKey.generate()
    async with Vat("peer") as vat, Node(key, vat) as node:
        node.use(TlsNetlayer(key) if transport == "tls" else UnixNetlayer(key))
        yield node


# --- strangers --------------------------------------------------------------------------------------------------------


class Strangers:
    """Connections that never prove a key."""

    def __init__(self, sturdy: SturdyRef, source: str, kinds: Sequence[str]) -> None:
        self.hints = sturdy.locator.hints
        self.kinds = kinds
        self.source = source
        self.made = 0
        self.failed = 0
        self.ended = 0
        self.open = asyncio.Semaphore(AT_ONCE)

    async def flood(self, connections: int, transport: str) -> None:
        """So many, in all four kinds, as fast as this process makes them."""
        tasks: set[asyncio.Task[None]] = set()
        for number in range(connections):
            await self.open.acquire()
            task = asyncio.create_task(self._one(transport, self.kinds[number % len(self.kinds)]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        while self.made + self.failed < connections:
            await asyncio.sleep(0.05)
        await asyncio.sleep(HELD)
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, transport: str, kind: str) -> None:
        try:
            async with asyncio.timeout(20):
                await self._connect(transport, kind)
        except (OSError, TimeoutError, EOFError):
            self.ended += 1
        finally:
            self.open.release()

    async def _connect(self, transport: str, kind: str) -> None:
        try:
            reader, writer = await self._open(transport, kind)
        except BaseException:
            self.failed += 1
            raise
        self.made += 1
        try:
            first = {
                "silent": b"",
                "stalled": b"r" if transport == "unix" else b"\x16",
                "garbage": b"GET / HTTP/1.1\r\n\r\n",
            }
            writer.write(first.get(kind, b"remit hello 001\n" + bytes(40)))
            await reader.read()  # until the node hangs up
        finally:
            writer.transport.abort()

    async def _open(self, transport: str, kind: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if transport == "unix":
            return await asyncio.open_unix_connection(self.hints["unix"])
        host, port = self.hints["tls"].rsplit(":", 1)
        context = _blind() if kind == "half a hello" else None
        return await asyncio.open_connection(host, int(port), ssl=context, local_addr=(self.source, 0))


@cache
def _blind() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


# --- one run ------------------------------------------------------------------------------------------------------------


async def phase(peers: Peers, what: str, during: Awaitable[None]) -> dict[str, Any]:
    """What the peers saw, and the node's highest memory, while `during` went on."""
    flooded, most, descriptors = peers.flooded, 0, 0
    peers.told()
    work = asyncio.ensure_future(during)
    while not work.done():
        most, descriptors = max(most, flooded.memory()), max(descriptors, flooded.descriptors())
        await asyncio.wait([work], timeout=0.05)
    await work
    return {"phase": what, "memory_mib": round(most / 1024, 1), "descriptors": descriptors, **peers.told()}


async def run(connections: int, pause: float, kinds: Sequence[str] = KINDS) -> list[dict[str, Any]]:
    """Before, from elsewhere, from the peers' own address, over the unix socket, after."""
    with tempfile.TemporaryDirectory(prefix="remit-flood-") as folder:
        Path(folder).chmod(0o700)
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--serve", folder, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None and process.stdin is not None
        try:
            flooded = Flooded(process, SturdyRef.parse((await process.stdout.readline()).decode().strip()))
            peers = Peers(flooded)
            async with peers.calling():
                return await _phases(peers, connections, pause, kinds)
        finally:
            process.stdin.close()
            await process.wait()


async def _phases(peers: Peers, connections: int, pause: float, kinds: Sequence[str]) -> list[dict[str, Any]]:
    found = [await phase(peers, "before", asyncio.sleep(pause))]
    for what, source, transport, part in (
        ("tls, from another address", FOREIGN, "tls", 2),
        ("tls, from the peers' own address", "127.0.0.1", "tls", 4),
        ("unix, from the peers' own user", "", "unix", 4),
    ):
        strangers = Strangers(peers.flooded.sturdy, source, kinds)
        seen = await phase(peers, what, strangers.flood(connections // part, transport))
        found.append({**seen, "strangers": strangers.made, "hung_up_in_tls": strangers.failed})
    found.append(await phase(peers, "after", asyncio.sleep(pause)))
    return found


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--pause", type=float, default=3.0, help="seconds of the phases without strangers")
    parser.add_argument("--kinds", default=",".join(KINDS), help="of strangers, with commas between them")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.serve:
        asyncio.run(serve(options.serve))
        return 0
    phases = asyncio.run(run(options.connections, options.pause, options.kinds.split(",")))
    for found in phases:
        print(json.dumps(found))
    return 1 if any(found["lost"] for found in phases) or not phases[1]["joined"] else 0


if __name__ == "__main__":
    sys.exit(main())

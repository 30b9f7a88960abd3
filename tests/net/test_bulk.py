"""Bulk streams between two nodes, on every netlayer of nodes of our own kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from remit.errors import Refused, Unreachable
from remit.net import Bulk, End, Joint, MemoryNetlayer, MemoryNetwork, Meter, Node, NodeKey, TlsNetlayer, UnixNetlayer
from remit.vat import Vat

PATIENCE = 10.0


class Sink(End):
    """An end in memory: what was written to it, and what it reads when told."""

    def __init__(self) -> None:
        super().__init__()
        self.got = bytearray()
        self.finished = asyncio.Event()
        self.over = asyncio.Event()
        self.reason: str | None = None
        self.reading = False
        self.reads: list[bool] = []

    def write(self, data: bytes) -> None:
        self.got += data

    def finish(self) -> None:
        self.finished.set()

    def pause(self) -> None:
        self.reading = False
        self.reads.append(False)

    def resume(self) -> None:
        self.reading = True
        self.reads.append(True)

    def close(self) -> None:
        self.over.set()

    def cut(self, reason: str) -> None:
        self.reason = reason
        self.over.set()

    def says(self, data: bytes) -> None:
        """Its peer has sent these."""
        assert self.joint is not None and self.other is not None
        if self.joint.meter.take(len(data)):
            self.other.write(data)
        else:
            self.joint.overdrawn()

    def has_said_all(self) -> None:
        self._ended()


class Pair:
    """Two nodes, and streams between them."""

    def __init__(self, here: Node, there: Node) -> None:
        self.here, self.there = here, there
        self.taken: list[Bulk] = []

    async def stream(self, **meters: Meter) -> tuple[Sink, Sink]:
        """A new stream, with a sink at each end."""
        ticket = self.there.bulks.expect(self.here.key.public, self.taken.append)
        mine = await self.here.bulks.dial(self.there.locator, ticket)
        while not self.taken:
            await asyncio.sleep(0.001)
        sinks = Sink(), Sink()
        Joint(sinks[0], mine, meters.get("near", Meter()), _ended)
        Joint(sinks[1], self.taken.pop(), meters.get("far", Meter()), _ended)
        return sinks


def _ended(joint: Joint, why: str | None) -> None:
    pass


KINDS = ("memory", "unix", "tls", "websocket")


@asynccontextmanager
async def pair(kind: str, place: Path) -> AsyncIterator[Pair]:
    wires = MemoryNetwork()
    nodes = []
    async with asyncio.timeout(PATIENCE), Vat("a") as first, Vat("b") as second:
        for name, vat in (("a", first), ("b", second)):
            key = NodeKey.generate()
            node = await Node(key, vat, heartbeat=0.2).__aenter__()
            nodes.append(node)
            await node.listen(_netlayer(kind, key, wires, place / name / "s"))
        try:
            yield Pair(*nodes)
        finally:
            for node in nodes:
                await node.close()


def _netlayer(kind: str, key: NodeKey, wires: MemoryNetwork, path: Path) -> Any:
    if kind == "memory":
        return MemoryNetlayer(wires, key, path.parent.name)
    if kind == "unix":
        return UnixNetlayer(key, path)
    if kind == "websocket":
        pytest.importorskip("websockets", reason="the extra remit[websocket] is not installed")
        from remit.net import WebSocketNetlayer

        return WebSocketNetlayer(key)
    return TlsNetlayer(key)


def run(kind: str, place: Path, work: Callable[[Pair], Awaitable[None]]) -> None:
    async def main() -> None:
        async with pair(kind, place) as made:
            await work(made)

    asyncio.run(main())


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not what():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_pass_both_ways_and_each_ends_by_itself(kind: str, tmp_path: Path) -> None:
    """What is written comes out whole and in order; one way may end while the other goes on; both ended, it is over."""

    async def work(pair: Pair) -> None:
        near, far = await pair.stream()
        chunks = [bytes([number % 251]) * (number * 97 % 60_000 + 1) for number in range(60)]
        for chunk in chunks:
            near.says(chunk)
        near.has_said_all()
        await until(lambda: far.finished.is_set())
        assert bytes(far.got) == b"".join(chunks)
        far.says(b"and back")
        await until(lambda: bytes(near.got) == b"and back")
        assert not near.over.is_set()
        far.has_said_all()
        for end in (near, far):
            await asyncio.wait_for(end.over.wait(), PATIENCE)
            assert end.reason is None
        assert not pair.here._connections and not pair.there._connections

    run(kind, tmp_path, work)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_is_told_with_its_reason(kind: str, tmp_path: Path) -> None:
    """Either end may be cut; the other hears why, and that it is no orderly end."""

    async def work(pair: Pair) -> None:
        near, far = await pair.stream()
        assert far.joint is not None
        far.joint.close("the edge was revoked")
        await asyncio.wait_for(near.over.wait(), 1.0)
        assert near.reason == "the edge was revoked"

    run(kind, tmp_path, work)


@pytest.mark.parametrize("kind", KINDS)
def test_a_ticket_is_good_once_and_for_one_key(kind: str, tmp_path: Path) -> None:
    """A ticket that was used, was never given, was forgotten, or is another node's opens nothing."""

    async def work(pair: Pair) -> None:
        taken: list[Bulk] = []
        here, there = pair.here, pair.there
        others = there.bulks.expect(there.key.public, taken.append)
        forgotten = there.bulks.expect(here.key.public, taken.append)
        there.bulks.forget(forgotten)
        once = there.bulks.expect(here.key.public, taken.append)
        await here.bulks.dial(there.locator, once)
        for ticket in (once, others, forgotten, bytes(32), b"short"):
            with pytest.raises(Refused, match="not good"):
                await here.bulks.dial(there.locator, ticket)
        assert len(taken) == 1

    run(kind, tmp_path, work)


@pytest.mark.parametrize("kind", KINDS)
def test_who_does_not_read_is_not_sent_more(kind: str, tmp_path: Path) -> None:
    """Where the far end does not take bytes, the near one is told to read no more, within a bounded number of bytes."""

    async def work(pair: Pair) -> None:
        near, far = await pair.stream()
        assert near.reading and far.other is not None
        far._congestion(True)
        sent = 0
        while near.reading and sent < 64 << 20:
            near.says(bytes(60_000))
            sent += 60_000
            await asyncio.sleep(0)
        assert sent < 32 << 20
        far._congestion(False)
        await until(lambda: near.reading and len(far.got) == sent)

    run(kind, tmp_path, work)


def test_the_meter_counts_both_ways_and_ends_the_joint(tmp_path: Path) -> None:
    """When more bytes would pass than the meter lets, both ends are cut, and say so."""

    async def work(pair: Pair) -> None:
        meter = Meter(100)
        near, far = await pair.stream(far=meter)
        near.says(bytes(60))
        await until(lambda: len(far.got) == 60)
        far.says(bytes(40))
        await until(lambda: len(near.got) == 40)
        near.says(b"x")
        await asyncio.wait_for(near.over.wait(), PATIENCE)
        assert far.reason == near.reason == "the limit of 100 bytes is reached"
        assert len(far.got) == 60

    run("tls", tmp_path, work)


def test_a_silent_peer_is_given_up(tmp_path: Path) -> None:
    """A node that says nothing for some beats is taken for dead; one that beats is not, however little it sends."""

    async def work(pair: Pair) -> None:
        near, far = await pair.stream()
        await asyncio.sleep(0)
        assert near.other is not None and far.other is not None
        loop = asyncio.get_running_loop()
        later = loop.time() + 1.2
        await until(lambda: loop.time() > later)
        assert not near.over.is_set()
        pair.there.bulks._open.clear()  # it beats no longer
        await asyncio.wait_for(near.over.wait(), PATIENCE)
        assert near.reason == "the other node has fallen silent"

    run("tls", tmp_path, work)


def test_a_node_that_closes_ends_its_streams(tmp_path: Path) -> None:
    """Streams end with the node at either end, and no more are dialled."""

    async def work(pair: Pair) -> None:
        near, _ = await pair.stream()
        await pair.there.close()
        await asyncio.wait_for(near.over.wait(), PATIENCE)
        with pytest.raises(Unreachable):
            await pair.here.bulks.dial(pair.there.locator, bytes(32))

    run("tls", tmp_path, work)

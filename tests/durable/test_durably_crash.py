"""Durable messages over crashes: at every write of either side, over broken links, and by SIGKILL, each is done once and in order."""

from __future__ import annotations

import asyncio
import copy
import logging
import random
import select
from pathlib import Path
from typing import Any, Literal

import pytest

from remit.durable import DurableVat, MemoryStore, SqliteStore
from remit.errors import Broken
from remit.lib import KINDS
from remit.testing import Crash, CrashStore, FaultyNetwork, run_virtual
from tests.durable.mail import Party, Receiver, Sender, acquaint, sent_all
from tests.durable.stores import child
from tests.net.nodes import Place, until

STEPS = [1, 3, 1, 2]
"""How many messages each turn of the sender sends."""
TOTAL = sum(STEPS)

Mode = Literal["before", "after", "full"]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


class Trial:
    """Two parties that know each other, one of which will crash."""

    def __init__(self, stores: tuple[MemoryStore, MemoryStore], keys: Any, side: str, at: int, mode: Mode) -> None:
        place = Place()
        disks = copy.deepcopy(stores)
        self.parties = Party(place, "a", disks[0], Sender), Party(place, "b", disks[1], Receiver)
        for party, key in zip(self.parties, keys, strict=True):
            party.key = key
        self.a, self.b = self.parties
        self.victim = self.a if side == "sender" else self.b
        self.disk = self.victim.store.reopen()
        self.store = self.victim.store = CrashStore(self.disk, at, mode)

    async def run(self) -> bool:
        """Until all has arrived, starting anew whoever crashes; whether somebody did."""
        asyncio.get_running_loop().set_exception_handler(_but_crashes)
        for party in self.parties:
            await self.start(party)
        while True:
            await self.work()
            if not self.victim.failures:
                break
            await self.restart()
        assert list(self.b.state.got) == list(range(1, TOTAL + 1))
        for party in self.parties:
            await party.stop()
        return self.store.crashed

    async def start(self, party: Party) -> None:
        try:
            await party.start()
        except Crash:
            party.failures.append("while it was opened")

    async def restart(self) -> None:
        """The victim, from what its disk holds."""
        await self.victim.stop()
        self.victim.failures.clear()
        self.victim.store = self.disk.reopen()
        await self.victim.start()

    async def work(self) -> None:
        """Take the steps that are left, until the crash or the end."""
        while not self.victim.failures and (done := self.a.state.sent) < TOTAL:
            step = next(step for number, step in enumerate(STEPS) if sum(STEPS[:number]) == done)
            try:
                await self.a.main.send(step)
            except Broken:
                assert self.victim.failures
        await until(lambda: self.victim.failures or (not self.a.kept.outbox.waiting() and self.a.state.sent == TOTAL))


def _but_crashes(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), Crash):
        loop.default_exception_handler(context)


def acquainted() -> tuple[tuple[MemoryStore, MemoryStore], Any]:
    """The stores and keys of two parties that have met."""
    place = Place()
    a, b = Party(place, "a", MemoryStore(), Sender), Party(place, "b", MemoryStore(), Receiver)

    async def main() -> None:
        async with a.up(), b.up():
            await acquaint(a, b)

    run_virtual(main)
    return (a.store, b.store), (a.key, b.key)


@pytest.mark.parametrize("mode", ["before", "after", "full"])
@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_after_a_crash_at_any_write_each_message_is_done_once_and_in_order(side: str, mode: Mode) -> None:
    """Every row and every commit of the run, on either side: nothing lost, nothing twice, nothing out of order."""
    stores, keys = acquainted()
    at = 0
    while run_virtual(Trial(stores, keys, side, at, mode).run):
        at += 1
    assert at > 8


@pytest.mark.parametrize("seed", range(6))
def test_broken_links_and_restarts_at_random_moments(seed: int) -> None:
    """Links break, networks part, both sides restart: a longer run, with delays, and parts under way."""
    chance = random.Random(seed)
    total = 400

    async def main() -> None:
        network = FaultyNetwork(seed=seed, delay=(0.0, 0.05))
        place = Place(network=network)
        a, b = Party(place, "a", MemoryStore(), Sender), Party(place, "b", MemoryStore(), Receiver)
        await a.start()
        await b.start()
        await acquaint(a, b)
        while a.state.sent < total:
            await a.main.send(min(chance.randrange(1, 60), total - a.state.sent))
            await asyncio.sleep(chance.random() * 0.2)
            what = chance.randrange(5)
            if what == 0:
                network.sever("a", "b")
            elif what == 1:
                network.partition("a", "b")
                await asyncio.sleep(chance.random() * 40)
                network.heal()
            elif what < 4:
                party = (a, b)[what - 2]
                await party.stop()
                await asyncio.sleep(chance.random())
                await party.start()
        await sent_all(a, 60)  # a silent link is given up after two heartbeats of 15 s, by this clock
        assert list(b.state.got) == list(range(1, total + 1))
        await a.stop()
        await b.stop()

    run_virtual(main)


# --- with real processes ----------------------------------------------------------------------------------------------

PROCESS = """
import asyncio, os, sys
from pathlib import Path
from remit.durable import DurableVat, SqliteStore
from remit.lib import KINDS, SwissNumbers
from remit.net import Node, NodeKey, UnixNetlayer
from remit.values import SturdyRef
from tests.durable.mail import Receiver, Sender

role, folder, total = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
cls, known = (Sender if role == "sender" else Receiver), folder / "known"

async def main():
    kept = DurableVat.open(SqliteStore(folder / role / "vat.db"), name=role, classes=[*KINDS, cls],
                           roots={"main": (cls,), "swiss": (SwissNumbers,)})
    key = NodeKey.open(folder / role / "key.pem")
    async with kept, Node(key, kept.vat, swiss=kept.root("swiss")) as node:
        await node.listen(UnixNetlayer(key, str(folder / role / "sock")))
        kept.network.attach(node)
        root = kept.root("main")
        if role == "receiver":
            if not known.exists():
                sturdyref = await kept.network.sturdy(root)
                known.with_suffix(".new").write_text(sturdyref.uri())
                known.with_suffix(".new").rename(known)
            os.write(1, b"up\\n")
            await asyncio.Event().wait()
        if root._at.far is None:
            await root.know(kept.network.enliven(SturdyRef.parse(known.read_text())))
        while root._at.sent < total:
            os.write(1, b"%d\\n" % await root.send(2))
            await asyncio.sleep(0.003)
        while kept.outbox.waiting():
            await asyncio.sleep(0.01)
        os.write(1, b"done\\n")

asyncio.run(main())
"""
KILLS = 4


def test_each_message_is_done_once_when_either_process_is_killed(tmp_path: Path) -> None:
    """Two processes over a unix socket; SIGKILL at random moments, now the one, now the other; then both go on to the end."""
    chance, total = random.Random(), 600

    def started(role: str) -> Any:
        process = child(PROCESS, role, str(tmp_path), str(total))
        return process, process.__enter__()

    def killed(running: Any) -> None:
        running[1].kill()
        running[0].__exit__(None, None, None)

    receiver = started("receiver")
    assert receiver[1].stdout.readline() == b"up\n"
    sender = started("sender")
    try:
        for kill in range(KILLS):
            for _ in range(chance.randrange(1, 40)):
                if sender[1].stdout.readline() in (b"done\n", b""):
                    break
            select.select([], [], [], chance.random() * 0.01)
            if kill % 2:
                killed(receiver)
                receiver = started("receiver")
                assert receiver[1].stdout.readline() == b"up\n"
            else:
                killed(sender)
                sender = started("sender")
        killed(sender)
        sender = started("sender")
        while (line := sender[1].stdout.readline()) != b"done\n":
            assert line, "the sender ended before it was done"
    finally:
        killed(sender)
        killed(receiver)
    kept = DurableVat.open(SqliteStore(tmp_path / "receiver" / "vat.db"), classes=[*KINDS, Receiver], roots={})
    assert list(kept.root("main")._at.got) == list(range(1, total + 1))
    kept.close()

"""A boss in a process of its own, whose machines somebody else simulates: `python -m bench._fleet_boss DIRECTORY`.

It is what `remit boss run` is: a durable vat in a file, its node, a socket where machines and commands reach it. For each line with two numbers on its
input it creates the machines from one to before the other; the introduction of each is a line of its output, and then `made`.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

from remit.durable import DurableVat, SqliteStore
from remit.lib import KINDS, SwissNumbers
from remit.machines import BOSS_CLASSES, Boss, ProviderDesk
from remit.net import Admission, Network, Node, NodeKey, UnixNetlayer
from remit.testing import FakeMachine, FakeProvider
from remit.vat import Ref

AT_ONCE = 64  # machines that are asked for at a time
SESSIONS = 20_000  # as `[boss] connections`
SILENCE = 3600.0  # seconds: no heartbeats during measurements


async def tell(machine: FakeMachine) -> None:
    """Have somebody be this machine; the provider keeps nothing of it."""
    print(machine.user_data["introduction"], flush=True)
    machine.user_data = {}


async def create(boss: Ref[Boss], first: int, last: int) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with turn:
            await boss.make_machine(f"m{number:05}", "simulated")

    await asyncio.gather(*(one(number) for number in range(first, last)))
    print("made", flush=True)


async def main(folder: Path) -> None:
    key = NodeKey.generate()
    durable = DurableVat.open(
        SqliteStore(folder / "state.db"),
        name="boss",
        classes=[*KINDS, *BOSS_CLASSES],
        roots={"boss": (Boss,), "swiss": (SwissNumbers,)},
        devices={"providers": ProviderDesk({"simulated": FakeProvider(tell)})},
    )
    async with durable, Node(key, durable.vat, swiss=durable.root("swiss"), heartbeat=SILENCE) as node:
        durable.network.attach(node)
        await node.listen(UnixNetlayer(key, folder / "boss.sock", admission=Admission(members=SESSIONS)))
        boss: Ref[Boss] = durable.root("boss")
        file = folder / "admin.ref"
        file.touch(0o600)
        file.write_text((await Network(node).sturdy(boss, holder="bench")).uri() + "\n")
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            first, last = (int(word) for word in line.split())
            await create(boss, first, last)
    os._exit(0)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(Path(sys.argv[1])))

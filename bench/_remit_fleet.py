"""Simulated machines of a boss that is in another process: each is a node with a key of its own and one object, in session with the boss.

It enrols with its introduction and says hello, as an agent does at its first start; it runs nothing and keeps nothing.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from remit.machines import Report
from remit.net import Network, Node, NodeKey, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Vat, actor

from .machines import resident

SILENCE = 3600.0  # seconds: no heartbeats during measurements
PATIENCE = 300.0  # seconds for all machines to come
AT_ONCE = 64  # machines that come at a time


@actor(kind="bench.simulated_hob")
class SimulatedHob:
    """The client presence of a machine on which nothing is."""

    def burden(self) -> dict[str, Any]:
        return {"sessions": [], "waiting": []}


class Fleet:
    """A boss, and so many machines once they are asked for."""

    def __init__(self) -> None:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.turn = asyncio.Semaphore(AT_ONCE)
        self.count = 0
        self.held: list[Any] = []  # what machines hold: a session in which nothing is held may be ended
        try:
            self.runner.run(self._begin())
        except BaseException:
            self.close()
            raise

    async def _begin(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self.boss = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench._fleet_boss", str(self.folder), stdin=pipe, stdout=pipe
        )
        assert self.boss.stdin is not None and self.boss.stdout is not None
        self.stdin, self.stdout = self.boss.stdin, self.boss.stdout
        async with asyncio.timeout(30):
            if await self.stdout.readline() != b"ready\n":
                raise RuntimeError("the boss did not come")

    def grow(self, count: int) -> float:
        """Have so many machines more, until all are active; MiB by which the boss's process has grown."""
        before = resident(self.boss.pid)
        self.runner.run(self._grow(count))
        return resident(self.boss.pid) - before

    async def _grow(self, count: int) -> None:
        first, self.count = self.count, self.count + count
        self.stdin.write(f"{first} {self.count}\n".encode())
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as coming:
            while (line := await self.stdout.readline()) != b"made\n":
                if not line:
                    raise RuntimeError("the boss ended")
                coming.create_task(self._come(line.decode().strip()))

    async def _come(self, introduction: str) -> None:
        """What an agent does at its first start."""
        async with self.turn:
            key = NodeKey.generate()
            vat = await self.stack.enter_async_context(Vat("machine"))
            node = await self.stack.enter_async_context(Node(key, vat, heartbeat=SILENCE))
            node.use(UnixNetlayer(key))
            network = Network(node)
            gate = await node.fetch_from(SturdyRef.parse(introduction))
            own = await network.sturdy(vat.spawn(SimulatedHob), holder="boss")
            answer = await gate.register(own, network.address())
            server = network.enliven(answer.server)
            self.held.append((node, server))
            await server.hello(network.address(), Report([], {}, [], "1"))

    def status(self, *options: str) -> list[float]:
        """Milliseconds of `remit status`, whole."""
        began = time.perf_counter()
        told = self._remit("status", *options)
        took = (time.perf_counter() - began) * 1e3
        summed = f"{self.count} active" in told or told.count(" active ") == self.count  # of few, each is shown
        well = told.count('"state": "active"') == self.count if "--json" in options else summed
        if not well:
            raise RuntimeError(f"the status was another: {told[:200]}")
        return [took]

    def _remit(self, *words: str) -> str:
        """A command, while the machines here are there to answer."""
        return self.runner.run(self._command(*words))

    async def _command(self, *words: str) -> str:
        remit = str(Path(sys.executable).parent / "remit")
        env = {name: value for name, value in os.environ.items() if not name.startswith(("REMIT_", "XDG_"))}
        null, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
        done = await asyncio.create_subprocess_exec(
            *(remit, "--boss", str(self.folder / "admin.ref"), *words), env=env, stdin=null, stdout=pipe, stderr=pipe
        )
        told, error = await done.communicate()
        if done.returncode:
            raise RuntimeError(f"remit {' '.join(words)} ended with {done.returncode}: {error.decode()[:300]}")
        return told.decode()

    def close(self) -> None:
        """End the boss; the machines end with this process."""
        if hasattr(self, "boss"):
            self.boss.kill()
            self.runner.run(self.boss.wait())
        shutil.rmtree(self.folder, ignore_errors=True)

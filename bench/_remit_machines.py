"""Remit's variants of machines: a boss in a process of its own, and machines that it has its process provider make."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from remit.net import Node, NodeKey, TlsNetlayer, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Vat

from .machines import resident

PATIENCE = 30.0  # seconds for anything that is waited for
LOOK = 0.005  # seconds between looks at what is waited for
IDLE = 0.5  # seconds after which a machine that has enrolled counts as idle
CONFIG = '[boss]\nstate = "boss"\nlisten = "127.0.0.1:0"\n\n[providers.process]\n'


class Machines:
    """A boss, and this process as its administrator."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.folder.joinpath("remit.toml").write_text(CONFIG)
        self.boss = subprocess.Popen(
            [sys.executable, "-m", "remit.cli", "boss", "run"],
            env={**os.environ, "REMIT_CONFIG": str(self.folder / "remit.toml")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.made = 0
        try:
            self.reference = asyncio.run(self._wait(self._reference))
        except BaseException:
            self.close()
            raise

    async def _reference(self) -> SturdyRef | None:
        if self.boss.poll() is not None:
            raise RuntimeError("the boss ended")
        file = self.folder / "boss" / "admin.ref"
        return SturdyRef.parse(file.read_text().strip()) if file.exists() else None

    async def _wait(self, look: Callable[[], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(PATIENCE):
            while not (found := await look()):
                await asyncio.sleep(LOOK)
            return found

    def _with_machines(self, count: int, then: Callable[[], Awaitable[None]]) -> float:
        """Milliseconds from the wish for so many machines to their all being active; `then` is awaited while they are there."""

        async def main() -> float:
            key = NodeKey.generate()
            async with Vat() as vat, Node(key, vat) as node:
                node.use(UnixNetlayer(key))
                node.use(TlsNetlayer(key))
                boss = await node.fetch_from(self.reference)
                names = [f"m{self.made + number}" for number in range(count)]
                self.made += count

                async def active() -> bool:
                    return all(each["state"] == "active" for each in await boss.list_machines())

                began = time.perf_counter()
                await asyncio.gather(*(boss.create_machine(name, "process") for name in names))
                await self._wait(active)
                took = time.perf_counter() - began
                await then()
                await asyncio.gather(*(boss.destroy_machine(name) for name in names))
                return took * 1e3

        return asyncio.run(main())

    def create(self, count: int) -> float:
        async def nothing() -> None:
            pass

        return self._with_machines(count, nothing)

    def memory(self) -> float:
        """MiB that the agent of an idle machine keeps resident."""
        found: list[float] = []

        async def look() -> None:
            await asyncio.sleep(IDLE)
            (file,) = self.folder.glob("boss/machines/*/process")
            found.append(resident(int(file.read_text().split()[0])))

        self._with_machines(1, look)
        return found[0]

    def close(self) -> None:
        self.boss.terminate()
        self.boss.wait(PATIENCE)
        shutil.rmtree(self.folder)

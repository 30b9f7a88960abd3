"""Real processes for tests: a boss, its machines, and a node of the test's own that holds the boss's reference."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from remit.durable import read_secret_file
from remit.errors import Broken, LinkLost, Missing
from remit.machines import LocalMachine
from remit.machines._process_table import Process
from remit.net import Node, NodeKey, TlsNetlayer, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Ref, Vat
from tests.processes import open_files

PATIENCE = 30.0
ROOT = Path(__file__).resolve().parents[2]
CLASSES = {"classes": ["tests.machines.town"], "path": [str(ROOT)]}
BOSS = """
import asyncio, json, sys
from remit.machines import BossSettings, run_boss
providers = json.loads(sys.argv[2]) if len(sys.argv) > 2 else None
listen = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1:0"
asyncio.run(run_boss(BossSettings(sys.argv[1], start=True, providers=providers, listen=listen), print))
"""


class Stage:
    """A directory with a boss; `tidy` ends whatever was started there. `listen`: where the boss is each time it is started."""

    def __init__(self, place: Path, providers: dict[str, dict[str, Any]] | None = None, listen: str = "") -> None:
        self.listen = listen
        self.place = place
        self.providers = providers
        self.state = place / "boss"
        self.boss: subprocess.Popen[bytes] | None = None

    def start_boss(self) -> None:
        """A boss's process, which starts its machines."""
        told = [] if self.providers is None else [json.dumps(self.providers)]
        told += [self.listen] if self.listen else []
        with (self.place / "boss.log").open("ab") as log:
            self.boss = subprocess.Popen(
                [sys.executable, "-c", BOSS, str(self.state), *told], stdout=log, stderr=log, cwd=ROOT
            )

    def kill_boss(self) -> None:
        """Without a chance to say anything."""
        assert self.boss is not None
        self.boss.kill()
        self.boss.wait()

    def stop_boss(self) -> int:
        """As a service manager would."""
        assert self.boss is not None
        self.boss.terminate()
        return self.boss.wait(PATIENCE)

    def directory(self, name: str) -> Path:
        """A machine's state directory."""
        (found,) = (self.state / "machines").glob(f"{name}-*")
        return found

    def agent(self, name: str) -> Process:
        """A machine's process."""
        found = Process.parse((self.directory(name) / "process").read_text())
        assert found is not None
        return found

    def kill_agent(self, name: str) -> None:
        """Without a chance to say anything."""
        process = self.agent(name)
        process.send(signal.SIGKILL)
        assert process.wait(PATIENCE)

    def program(self, name: str) -> LocalMachine:
        """A program's connection to its machine."""
        return LocalMachine(self.directory(name))

    def tidy(self) -> None:
        """End every process."""
        if self.boss is not None and self.boss.poll() is None:
            self.kill_boss()
        for file in (self.state / "machines").glob("*/process"):
            process = Process.parse(file.read_text())
            if process is not None:
                process.send(signal.SIGKILL)
                process.wait(PATIENCE)

    @asynccontextmanager
    async def admin(self, seconds: float = PATIENCE) -> AsyncIterator[Ref[Any]]:
        """The boss, once it answers, for at most this time."""
        key = NodeKey.generate()
        async with asyncio.timeout(seconds), Vat("test") as vat, Node(key, vat) as node:
            node.use(UnixNetlayer(key))
            node.use(TlsNetlayer(key))
            while True:
                try:
                    sturdyref = SturdyRef.parse(read_secret_file(self.state / "admin.ref").decode().strip())
                    boss = await node.fetch_from(sturdyref)
                    break
                except (Missing, LinkLost):
                    assert self.boss is not None
                    assert self.boss.poll() is None, (self.place / "boss.log").read_text()
                    await asyncio.sleep(0.02)
            yield boss

    async def create(self, *names: str, **agent: Any) -> None:
        """Machines, until they are active."""
        async with self.admin() as boss:
            for name in names:
                await boss.create_machine(name, "process", {**CLASSES, **agent})
            await until(lambda: all_active(boss))

    async def shop(self) -> None:
        """Machines db and app, and a table of db's bound on app as `db`."""
        await self.create("db", "app")
        async with self.admin() as boss:
            await boss.offer("db.main", "test.table")
            await boss.bind("app.db", "db.main")


async def all_active(boss: Ref[Any]) -> bool:
    """Whether every machine has enrolled."""
    return all(machine["state"] == "active" for machine in await boss.list_machines())


async def until(holds: Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """Wait until this gives something; what breaks meanwhile is tried again. Fails at the deadline."""
    last: object = None
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(Missing):
            try:
                last = await holds()
            except Broken as error:
                last = error
            else:
                if last:
                    return last
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {seconds:.0f} s; last seen: {last!r}")


def ports(pid: int) -> set[str]:
    """The TCP ports on which a process listens."""
    inodes = {name.removeprefix("socket:[").removesuffix("]") for name in open_files(pid)}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1].split(":")[1] for row in rows if row[3] == "0A" and row[9] in inodes}

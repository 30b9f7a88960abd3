"""Programs of applications, for measurement: one of many components, and the example."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ._harness import ROOT

PATIENCE = 120.0
MANY = """from remit.app import ApiServer, App, Store, Worker, endpoint, own


class Server(ApiServer):
    db: Store[str] = own(Store[str])

    @endpoint("GET")
    async def get(self, key: str) -> str | None:
        return await self.db.get(key)


class Client(Worker):
    server: Server

    async def run(self) -> None:
        await self.server.get("a")


app = App("many")
for number in range({count}):
    Client(app / f"client-{{number}}", server=Server(app / f"server-{{number}}").read_only())
Store[str](app / "one-more")
"""


class Programs:
    """Directories with programs, until `close`."""

    def __init__(self, components: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        (self.folder / "many").mkdir()
        (self.folder / "many" / "app.py").write_text(MANY.format(count=(components - 1) // 3))
        (self.folder / "example").mkdir()
        shutil.copy(ROOT / "examples" / "customers" / "app.py", self.folder / "example")

    def plan(self) -> list[float]:
        """Milliseconds of `remit plan`, whole: computed twice, compared with what there is, and printed."""
        took, out = self._run("many", "plan", "app.py", "--target", "processes")
        if "to create" not in out:
            raise RuntimeError(out[:200])
        return [took]

    def here(self) -> list[float]:
        """Milliseconds of `remit up`, whole: it ends when the client has had its answers."""
        took, out = self._run("example", "up", "app.py", "--target", "in-process")
        if "Loaded customer" not in out:
            raise RuntimeError(out[:200])
        return [took]

    def apart(self) -> list[float]:
        """Milliseconds of `remit up`, whole: it ends when all components are ready, or done. Then it is taken down, which is not counted."""
        took, _ = self._run("example", "up", "app.py", "--target", "processes", "--yes")
        _, out = self._run("example", "logs", "app.py")
        self._run("example", "down", "app.py", "--yes", "--data")
        if "Loaded customer" not in out:
            raise RuntimeError(out[:200])
        return [took]

    def _run(self, folder: str, *words: str) -> tuple[float, str]:
        command = [str(Path(sys.executable).parent / "remit"), *words]
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=self.folder / folder, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        took = (time.perf_counter() - began) * 1e3
        if done.returncode:
            raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
        return took, done.stdout

    def close(self) -> None:
        """Remove the directories."""
        shutil.rmtree(self.folder, ignore_errors=True)

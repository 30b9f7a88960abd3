"""A supervisor that a test kills: python -m tests.ensemble.supervisor.life DIRECTORY says the processes of a server and two programs, and waits."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.ensemble.supervisor.stage import hosted


async def main(directory: Path) -> None:
    async with hosted(directory, linger=20.0) as host:
        server = await host.ask("start", "echo", "e1")
        programs = [await host.ask("run", ["sleep", "1000"]) for _ in range(2)]
        print(server["pid"], *(each["pid"] for each in programs), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

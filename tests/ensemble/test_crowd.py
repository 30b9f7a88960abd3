"""Many servers that come all at once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from remit.ensemble import Console, run_registry
from tests.ensemble.town import home_of, until
from tests.house.source import TOP

CROWD = int(os.environ.get("CROWD", "1000"))  # sessions
PROCESSES = 4
PATIENCE = 120.0


def test_many_sessions_register_at_once_from_few_processes(tmp_path: Path) -> None:
    """Each of many nodes that come at the same moment is registered, and gone when its process is killed."""

    async def main() -> None:
        home = home_of(tmp_path)
        async with run_registry(home, heartbeat=30.0), Console(home) as console:
            processes = [
                await asyncio.create_subprocess_exec(
                    *(
                        sys.executable,
                        "-m",
                        "tests.ensemble.crowd",
                        str(home.path),
                        f"p{number}",
                        str(CROWD // PROCESSES),
                    ),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=TOP,
                    env={**os.environ, "PYTHONPATH": f"{TOP / 'src'}:{TOP}"},
                )
                for number in range(PROCESSES)
            ]
            try:
                async with asyncio.timeout(PATIENCE):
                    for process in processes:
                        assert process.stdout is not None
                        assert int(await process.stdout.readline()) == CROWD // PROCESSES
                found = await console.directory.with_role("crowd", "/crowd")
                assert len({each.id for each in found}) == len(found) == CROWD
            finally:
                for process in processes:
                    process.kill()
                    await process.wait()

            async def gone() -> bool:
                return await console.directory.entries("/crowd") == []

            await until(gone)

    asyncio.run(main())

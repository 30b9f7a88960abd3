"""A supervisor that tests kill: takes over or starts the services of its directory, and says when all are there.

python -m tests.services.supervise DIRECTORY MARK COUNT LINGER
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from remit.services import Processes, process_config


async def main(directory: str, mark: str, count: int, linger: float) -> None:
    device = Processes(directory, linger=linger)
    await device.open()

    def watch(id: str, kind: str, details: dict[str, Any]) -> None:
        print(kind, id, details, flush=True)

    for number in range(count):
        # Counts lines; has a child in its group, and one that has left group and session.
        script = f"sleep {mark} & setsid sleep {mark} & n=0; while :; do n=$((n+1)); echo $$ $n; sleep 0.0{number + 1}{mark[-3:]}; done"
        config = process_config({"argv": script, "stop-timeout": 1}, device.log_path(f"s{number}"))
        if await device.adopt(f"s{number}", config.spec["digest"], watch) is None:
            await device.start(f"s{number}", config.spec, watch)
    await device.settled()
    print("all", device.warden, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))

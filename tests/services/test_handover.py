"""Services that go on when their supervisor ends on purpose."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from remit.services import Services
from tests.services.stage import DEADLINE, alive

MARK = f"86421.{os.getpid()}"
FILE = f"""
[web]
run = "exec sleep {MARK}"
"""


async def pid_of(services: Services) -> int:
    """The process of the one service, once it runs."""
    async with asyncio.timeout(DEADLINE):
        while True:
            for row in await services.listing():
                if found := [each["pid"] for each in row["processes"] if each["pid"]]:
                    return int(found[0])
            await asyncio.sleep(0.01)


async def one_life(state: Path, files: Path, keep: Callable[[], float]) -> int:
    """A supervisor that begins, has its service run, and ends."""
    async with Services(state, keep=keep) as services:
        await services.watch(files)
        return await pid_of(services)


def test_services_are_handed_to_the_next_supervisor(tmp_path: Path) -> None:
    """One that keeps them leaves the very processes to the next one, which takes them over; at the end of one that does not they end."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "web.toml").write_text(FILE)

    async def main() -> None:
        first = await one_life(tmp_path / "state", files, lambda: 60.0)
        assert alive(MARK) == [first]
        assert await one_life(tmp_path / "state", files, lambda: 0.0) == first
        assert alive(MARK) == []

    asyncio.run(main())

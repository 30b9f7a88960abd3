"""A host that supervises, with real services, in a directory of the test's; and the moments that tests wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from remit.ensemble.supervisor import Desk, supervision
from remit.services import Services

PATIENCE = 20.0
ECHO = "echo $REMIT_SERVER_ID $0 $*; exec sleep 1000"
CONFIG = f"""
[roles.echo]
program = "/bin/sh"
arguments = ["-c", '{ECHO}', "{{role}}", "{{id}}"]
stop-timeout = 1
"""


class Operator:
    """Asks the desk as one operator; `notes` is what the audit log has."""

    def __init__(self, desk: Desk, services: Services, notes: list[tuple[str, str, str]], troubles: list[str]) -> None:
        self.desk = desk
        self.services = services
        self.notes = notes
        self.troubles = troubles

    async def ask(self, order: str, *arguments: Any, **options: Any) -> Any:
        """One order of "ann"."""
        return await self.desk.ask("ann", order, list(arguments), options)

    async def states(self) -> dict[str, str]:
        """The servers and how they are."""
        return {row["id"]: row["state"] for row in await self.ask("servers")}

    async def pids(self) -> dict[str, int]:
        """The servers and their processes."""
        return {row["id"]: row["pid"] for row in await self.ask("servers")}

    async def log(self, id: str) -> list[str]:
        """What a server has written, without time and stream."""
        return [line.split(" ", 2)[2] for line in await self.ask("log", id, 100)]

    async def until_log(self, id: str, *lines: str) -> None:
        """Wait until it has written just this."""

        async def written() -> bool:
            return await self.log(id) == list(lines)

        await eventually(written, f"{id} has written {lines}")


@asynccontextmanager
async def hosted(directory: Path, config: str = CONFIG, *, linger: float = 5.0) -> AsyncIterator[Operator]:
    """One life of a supervisor."""
    notes: list[tuple[str, str, str]] = []
    troubles: list[str] = []
    home = directory / "home"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(config)
    async with Services(directory / "services", linger=linger) as services:
        async with supervision(
            services,
            directory / "state",
            home,
            [home / "config.toml"],
            lambda *note: notes.append(note),
            troubles.append,
        ) as desk:
            yield Operator(desk, services, notes, troubles)


async def eventually(there: Callable[[], Any], what: str) -> None:
    """Wait for it, up to a deadline."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                found = there()
                if await found if asyncio.iscoroutine(found) else found:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"it was waited in vain until {what}") from None

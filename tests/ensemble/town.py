"""A small ensemble for tests: a registry and servers in this process, each with a vat and a node of its own, over unix sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from remit.ensemble import Console, Home, Server, run_registry

PATIENCE = 10.0  # seconds for whatever is waited for


class Town:
    """A home, its registry, and a console of its user."""

    def __init__(self, home: Home, registry: Server, console: Console) -> None:
        self.home = home
        self.registry = registry
        self.console = console


def home_of(place: Path) -> Home:
    """A home in a directory of a test's."""
    return Home(place / "home")


@asynccontextmanager
async def town(place: Path, **options: Any) -> AsyncIterator[Town]:
    """A registry and a console, while this lasts."""
    home = home_of(place)
    async with run_registry(home, **options) as registry, Console(home) as console:
        yield Town(home, registry, console)


async def until(true: Callable[[], Any | Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """What `true` gives when it is something; asked again and again."""
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)

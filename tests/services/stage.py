"""Services in tests: real processes in a directory of the test's own, and what `/proc` says of them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from remit.services import Processes, process_config

DEADLINE = 20.0  # seconds that a test waits for anything
PYTHON = [sys.executable, "-I", "-S", "-c"]  # a child that starts quickly


class Told:
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self._news = asyncio.Event()

    def __call__(self, id: str, kind: str, details: dict[str, Any]) -> None:
        self.events.append((id, kind, {name: each for name, each in details.items() if name != "now"}))
        self._news.set()

    def kinds(self, id: str) -> list[str]:
        return [kind for each, kind, _ in self.events if each == id]

    async def until(self, id: str, kind: str) -> dict[str, Any]:
        """What was said with the first such event."""
        async with asyncio.timeout(DEADLINE):
            while True:
                for each, there, details in self.events:
                    if (each, there) == (id, kind):
                        return details
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def supervisor(directory: Path, linger: float = 5.0) -> AsyncIterator[Processes]:
    """A device of the test's own, with all that it runs ended at the end."""
    device = Processes(directory, linger=linger)
    await device.open()
    try:
        yield device
    finally:
        await device.close()


async def started(device: Processes, told: Told, what: Any, name: str = "it") -> str:
    """Start a process from its description, with a log."""
    return await device.start(name, process_config(what, device.log_path(name)).spec, told)


def log_of(device: Processes, name: str = "it") -> list[str]:
    """The lines of a log without their times."""
    path = Path(device.log_path(name))
    return [line.split(" ", 1)[1] for line in path.read_text().splitlines()] if path.exists() else []


async def eventually(true: Callable[[], bool], what: str) -> None:
    """Wait until this is so."""
    try:
        async with asyncio.timeout(DEADLINE):
            while not true():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE:g} s: {what}") from None


def alive(text: str) -> list[int]:
    """The living processes whose command line has this text."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            command = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ")
            state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if text.encode() in command and state not in "ZX":
            found.append(int(name))
    return found

"""The supervisor: a process in the background that has `remit.services` run what `run/` describes, and answers commands on a socket.

It is started when it is needed, one for each state directory. When it is killed, the warden keeps what runs for an hour, and the next one takes it over.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from remit.app.targets.processes._layout import Layout
from remit.durable import FileLock
from remit.errors import Broken, ProviderError, StoreLocked, Unreachable
from remit.net import run, told_to_stop
from remit.services import Services

__all__ = ["ask", "ended", "ensure", "is_up", "runs", "supervise"]

LINGER: Final = 3600.0
"""Seconds that components go on without a supervisor."""
STARTING: Final = 15.0
"""Seconds for a supervisor to come up."""
_POLL: Final = 0.01


def supervise(state: str) -> int:
    """Be the supervisor of a state directory until told to end; 0, also where there is one already."""
    layout = Layout(Path(state).absolute())
    layout.make()
    try:
        lock = FileLock(layout.lock, f"the supervisor of {layout.state}")
    except StoreLocked:
        return 0
    try:
        run(_supervising(layout))
    finally:
        lock.release()
    return 0


async def _supervising(layout: Layout) -> None:
    async with told_to_stop() as stop, Services(layout.services, linger=LINGER) as services:
        await services.watch(layout.run)
        layout.socket.unlink(missing_ok=True)
        with _listening(layout) as line:
            server = await asyncio.start_unix_server(
                lambda reader, writer: _answering(services, stop, reader, writer), sock=line
            )
            async with server:
                await stop.wait()
        layout.socket.unlink(missing_ok=True)


def _listening(layout: Layout) -> socket.socket:
    """By way of the directory's descriptor, since a socket's path is short (unix(7)) and a state directory's may not be."""
    there = os.open(layout.state, os.O_RDONLY | os.O_DIRECTORY)
    try:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.bind(f"/proc/self/fd/{there}/{layout.socket.name}")
    finally:
        os.close(there)
    return line


async def _answering(
    services: Services, stop: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with suppress(ConnectionError):
        question = json.loads(await reader.readline() or b"{}")
        try:
            answer = await _answer(services, stop, question)
        except Broken as error:
            answer = {"error": error.text()}
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    writer.close()


async def _answer(services: Services, stop: asyncio.Event, question: dict[str, Any]) -> Any:
    match question.get("do"):
        case "status":
            rows = await services.listing()
            return {
                "pid": os.getpid(),
                "rows": {row["name"].removeprefix("<daemon ").removesuffix(">"): row for row in rows},
            }
        case "why":
            return {"why": [[each.service, each.text, each.remedy] for each in await services.why(question["name"])]}
        case "restart":
            await services.restart(question["name"])
        case "end":
            stop.set()
    return {}


# --- who asks --------------------------------------------------------------------------------------------


def is_up(layout: Layout) -> bool:
    """Whether there is a supervisor."""
    return _reached(layout) is not None


async def ask(layout: Layout, do: str, **more: Any) -> dict[str, Any]:
    """Ask the supervisor. Raises `Unreachable` where there is none."""
    line = _reached(layout, keep=True)
    if line is None:
        raise Unreachable(f"nothing of this application runs (no supervisor in {layout.state}): remit up starts it")
    reader, writer = await asyncio.open_unix_connection(sock=line)
    try:
        writer.write(json.dumps({"do": do, **more}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline() or b"{}")
    finally:
        writer.close()
    if "error" in answer:
        raise Broken.parse(answer["error"])
    return answer


async def ensure(layout: Layout) -> None:
    """Have a supervisor. Raises `ProviderError` where none comes up."""
    if is_up(layout):
        return
    layout.make()
    command = [sys.executable, "-P", "-m", "remit.app", "supervise", str(layout.state)]
    with layout.log.open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + STARTING
    while not is_up(layout):
        if process.poll() not in (None, 0) or time.monotonic() > deadline:
            words = layout.log.read_text(errors="replace").strip().splitlines()[-1:]
            raise ProviderError(
                f"no supervisor comes up in {layout.state}: {words[0] if words else 'it says nothing'} (all of it: {layout.log})"
            )
        await asyncio.sleep(_POLL)


def runs(layout: Layout) -> bool:
    """Whether anything may run: with a supervisor, or by a warden whose supervisor was killed."""
    warden = layout.services / "warden.lock"
    return is_up(layout) or (warden.exists() and _is_held(warden))


async def ended(layout: Layout, seconds: float) -> None:
    """End the supervisor and its warden, and wait until both have. Raises `ProviderError` where they do not."""
    if runs(layout):
        await ensure(layout)
        await ask(layout, "end")
    deadline = time.monotonic() + seconds
    for lock, what in ((layout.lock, "supervisor"), (layout.services / "warden.lock", "warden")):
        while lock.exists() and _is_held(lock):
            if time.monotonic() > deadline:
                raise ProviderError(f"the {what} of {layout.state} does not end within {seconds:g} s")
            await asyncio.sleep(_POLL)


def _is_held(lock: Path) -> bool:
    try:
        FileLock(lock).release()
    except StoreLocked:
        return True
    return False


def _reached(layout: Layout, *, keep: bool = False) -> socket.socket | None:
    try:
        there = os.open(layout.state, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(f"/proc/self/fd/{there}/{layout.socket.name}")
    except OSError:
        line.close()
        return None
    finally:
        os.close(there)
    if not keep:
        line.close()
    else:
        line.setblocking(False)
    return line

"""What `inspect` sees: the device that looks at a server's process. Driver: environment, threads, tasks."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import sys
import threading
import traceback
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Broken
from remit.net import public_of
from remit.values import Locator

if TYPE_CHECKING:
    from types import FrameType

    from remit.ensemble._server import Server

__all__ = ["Look"]

MOST: Final = 1000
"""Tasks, threads and connections of one answer."""
LONGEST: Final = 8000
"""Characters of one stack."""
_SECRET: Final = re.compile(r"pass|secret|token|key|cookie|credential|auth|dsn|private|session", re.IGNORECASE)
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*@")  # RFC 3986, section 3.2.1: a password in a URI
HIDDEN: Final = "(hidden)"


class Look:
    """The device. Made when somebody first inspects; ends with the server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def describe(self) -> dict[str, Any]:
        """See `Inspect.describe`."""
        server = self._server
        log = server.logbook.file
        return {
            **server.device.describe(),
            "registered": server.registering.state,
            "why": server.registering.why,
            "address": dict(server.locate().hints),
            "log": "" if log is None else str(log.path),
            "log_lost": 0 if log is None else log.lost,
            "log_why": "" if log is None else log.why,
        }

    def actors(self) -> list[dict[str, Any]]:
        """See `Inspect.actors`."""
        names = self._server.names
        return [{"name": name, "kind": _kind(names[name])} for name in sorted(names)]

    async def connections(self) -> list[dict[str, Any]]:
        """See `Inspect.connections`."""
        rows = self._server.network.debts()[:MOST]
        ids = await self._ids([row["peer"] for row in rows if row["peer"]])
        return [{**row, "ids": ids.get(row["peer"], []), "addresses": self._addresses(row["peer"])} for row in rows]

    def _addresses(self, peer: str) -> dict[str, str]:
        """Where a peer says that it is."""
        session = self._server.node.meeting.find(Locator("remit", peer)) if peer else None
        return {} if session is None or session.remote_location is None else dict(session.remote_location.hints)

    async def _ids(self, peers: list[str]) -> dict[str, list[str]]:
        """The servers that these nodes are, as far as the registry says so now."""
        try:
            async with asyncio.timeout(2.0):
                membership = await self._server.directory.membership()
                found: dict[str, list[str]] = await membership.ids([public_of(peer) for peer in peers])
                return found
        except (Broken, TimeoutError):
            return {}

    def env(self) -> dict[str, Any]:
        """See `Inspect.env`."""
        try:
            own = version("remit")
        except PackageNotFoundError:
            own = "not installed"
        return {
            "python": platform.python_version(),
            "executable": sys.executable,
            "remit": own,
            "system": platform.platform(),
            "pid": os.getpid(),
            "user": os.geteuid(),
            "directory": os.getcwd(),
            "arguments": [_LOGIN.sub(f"{HIDDEN}@", word) for word in sys.orig_argv],
            "path": list(sys.path),
            "variables": {name: _shown(name, value) for name, value in sorted(os.environ.items())},
        }

    def stack(self) -> list[dict[str, Any]]:
        """See `Inspect.stack`."""
        threads = {thread.ident: thread for thread in threading.enumerate()}
        return [
            {
                "thread": threads[ident].name if ident in threads else str(ident),
                "daemon": threads[ident].daemon if ident in threads else False,
                "stack": _text(frame),
            }
            for ident, frame in list(sys._current_frames().items())[:MOST]
        ]

    def tasks(self) -> list[dict[str, Any]]:
        """See `Inspect.tasks`."""
        found = []
        for task in sorted(asyncio.all_tasks(), key=lambda each: each.get_name())[:MOST]:
            frames = task.get_stack(limit=8)
            text = "".join(_text(frame, 1) for frame in frames)
            found.append({"name": task.get_name(), "doing": repr(task.get_coro())[:200], "stack": text[-LONGEST:]})
        return found


def _kind(ref: Any) -> str:
    at: Any = getattr(ref, "_at", None)
    return str(at._remit_.kind) if ref._link is None and hasattr(at, "_remit_") else "elsewhere"


def _shown(name: str, value: str) -> str:
    return HIDDEN if _SECRET.search(name) else _LOGIN.sub(f"{HIDDEN}@", value)


def _text(frame: FrameType | None, limit: int | None = None) -> str:
    return "".join(traceback.format_stack(frame, limit=limit))[-LONGEST:]

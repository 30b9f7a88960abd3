"""Programs that are run once, by command: what they write is kept and can be followed, within bounds.

    row = await programs.run(["backup", "--all"], env="tools")      {"process", "argv", "pid", …}
    programs.listing() ; programs.output(id) ; await programs.signal(id, 15) ; await programs.wait(id)

They are children of the warden of services, as servers are: a supervisor that is killed and begins again finds those that still run.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from remit.ensemble.supervisor._places import Places
from remit.ensemble.supervisor._roster import Roster
from remit.ensemble.supervisor._settings import SETTINGS
from remit.errors import BadArgument, LimitExceeded, Missing
from remit.services import Services, process_config

__all__ = ["OUTPUT", "Programs"]

OUTPUT: Final = 4 << 20
"""Bytes of one file of a program's output; two are kept, so that the end of it is there in any case."""
_KEPT: Final = 50  # programs that have ended, of which the output is kept
_AT_ONCE: Final = 64
_SIGNALS: Final = range(1, 65)
_OPTIONS: Final = ("env", "files", "dir", "environment")


class Programs:
    """Owned by the supervisor's process, beside the services. `clock` gives seconds since the epoch."""

    def __init__(self, places: Places, roster: Roster, services: Services, clock: Callable[[], float]) -> None:
        self._places = places
        self._roster = roster
        self._services = services
        self._clock = clock
        self._runs: dict[str, str] = {}  # of programs that run: the device's id
        self._ended: dict[str, asyncio.Event] = {}

    async def begin(self) -> None:
        """Find those again that an earlier supervisor has started; of the others it is not known how they have ended."""
        for row in self._roster.processes:
            if row["state"] != "running":
                continue
            process = row["process"]
            found = await self._services.processes.adopt(f"exec {process}", row["digest"], self._watcher(process), True)
            if found is None:
                row.update(state="ended", end="ended while the supervisor was away", code=None)
                continue
            self._runs[process] = found["id"]
            self._ended[process] = asyncio.Event()
        self._roster.keep()

    async def run(self, argv: Sequence[str], options: Mapping[str, Any] | None = None, who: str = "") -> dict[str, Any]:
        """Start a program: a name that was uploaded, or one that is found on the path, and its arguments. `options`: env, files, dir, environment, as servers have them."""
        if (
            not isinstance(argv, list | tuple)
            or not argv
            or not all(type(each) is str and "\0" not in each for each in argv)
        ):
            raise BadArgument("what is run is a list of words: a program and its arguments")
        if len(self._runs) >= _AT_ONCE:
            raise LimitExceeded(f"{_AT_ONCE} programs run at once already: wait for one, or end it")
        process = os.urandom(4).hex()
        config = process_config(
            self._description(list(argv), dict(options or {})), str(self._log(process)), "the program"
        )
        row = {"process": process, "argv": list(argv), "who": who, "since": self._clock(), "pid": 0, "state": "running"}
        row |= {"end": "", "code": None, "digest": config.spec["digest"], "spec": config.spec}
        self._tidy()
        self._roster.processes.append(row)
        self._roster.keep()
        await self._begin(row)
        return self._view(row)

    async def _begin(self, row: dict[str, Any]) -> None:
        process = row["process"]
        started = asyncio.Event()
        self._ended[process] = asyncio.Event()
        self._runs[process] = await self._services.processes.start(
            f"exec {process}", row["spec"], self._watcher(process, started)
        )
        await started.wait()
        self._roster.keep()

    def _description(self, argv: list[str], options: dict[str, Any]) -> dict[str, Any]:
        for name, value in options.items():
            if name not in _OPTIONS:
                raise BadArgument(f"a program that is run has no {name[:60]!r}: there are {', '.join(_OPTIONS)}")
            why = SETTINGS[name](value)
            if why:
                raise BadArgument(f"{name} {why}")
        made: dict[str, Any] = {"restart": "never", "log-size": OUTPUT, "log-files": 2, "dir": str(self._places.work)}
        environment: dict[str, Any] = {"REMIT_ENSEMBLE": str(self._places.home)}
        if "files" in options:
            made["dir"] = str(self._places.current("files", options["files"]))
        if "dir" in options:
            made["dir"] = os.path.join(made["dir"], options["dir"])
        if "env" in options:
            env = self._places.current("env", options["env"])
            environment |= {"PATH": self._places.path_with(env), "PYTHONPATH": self._places.modules_with(env)}
        uploaded = self._uploaded(argv[0])
        return made | {"argv": [uploaded or argv[0], *argv[1:]], "env": environment | options.get("environment", {})}

    def _uploaded(self, name: str) -> str:
        if SETTINGS["program"](name) or name.startswith("/"):
            return ""
        path = self._places.current("program", name)
        return str(path) if path.exists() else ""

    def _watcher(
        self, process: str, started: asyncio.Event | None = None
    ) -> Callable[[str, str, dict[str, Any]], None]:
        def watch(_: str, kind: str, details: dict[str, Any]) -> None:
            row = self._row(process)
            if kind == "started":
                row["pid"] = details["pid"]
            elif kind == "failed":
                row["end"] = details["error"]
            elif kind in ("gone", "lost"):
                self._over(row, details.get("end") or {"error": "the warden of services has ended"})
            if started is not None and kind in ("started", "failed", "gone", "lost"):
                started.set()

        return watch

    def _over(self, row: dict[str, Any], end: Mapping[str, Any]) -> None:
        row.update(state="ended", pid=0, code=end.get("code"))
        if "error" in end:
            row["end"] = f"could not be started: {row['end'] or end['error']}"
        else:
            row["end"] = f"ended by signal {end['signal']}" if "signal" in end else f"exit status {end.get('code')}"
        self._runs.pop(row["process"], None)
        event = self._ended.pop(row["process"], None)
        if event is not None:
            event.set()
        self._roster.keep()

    async def signal(self, process: str, number: int) -> None:
        """Send a signal to a program, and what it has started in its group."""
        row = self._row(process)
        if type(number) is not int or number not in _SIGNALS:
            raise BadArgument(f"there is no signal {str(number)[:40]}")
        if process not in self._runs:
            raise Missing(f"program {process} does not run any more: {row['end']}")
        await self._services.processes.signal(self._runs[process], number)

    async def restart(self, process: str) -> dict[str, Any]:
        """Run it again as it was run, with its output in the same place; it is stopped first, if it still runs."""
        row = self._row(process)
        await self.stop(process)
        row.update(state="running", end="", code=None, since=self._clock())
        await self._begin(row)
        return self._view(row)

    async def stop(self, process: str) -> dict[str, Any]:
        """End a program and all that it has started: SIGTERM, and after ten seconds SIGKILL."""
        row = self._row(process)
        ended = self._ended.get(process)
        if process in self._runs:
            await self._services.processes.stop(self._runs[process])
        if ended is not None:
            await ended.wait()
        return self._view(row)

    async def wait(self, process: str, seconds: float = 60.0) -> dict[str, Any]:
        """How it has ended, or after so many seconds how it is."""
        row = self._row(process)
        event = self._ended.get(process)
        if event is not None:
            try:
                async with asyncio.timeout(max(0.0, min(float(seconds), 3600.0))):
                    await event.wait()
            except TimeoutError:
                pass
        return self._view(row)

    def log_of(self, process: str) -> Path:
        """The file of its output."""
        return self._log(self._row(process)["process"])

    def is_over(self, process: str) -> bool:
        """Whether it has ended, and writes nothing any more."""
        return process not in self._runs

    def listing(self) -> list[dict[str, Any]]:
        """Those that run, and the last ones that have ended: process, argv, who, since, pid, state, end, code."""
        return [self._view(row) for row in self._roster.processes]

    def _view(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: each for name, each in row.items() if name not in ("digest", "spec")}

    def _row(self, process: str) -> dict[str, Any]:
        for row in self._roster.processes:
            if row["process"] == process:
                return row
        raise Missing(
            f"no program {str(process)[:60]!r} was run here; there are: {', '.join(row['process'] for row in self._roster.processes[-8:]) or 'none'}"
        )

    def _log(self, process: str) -> Path:
        return self._services.directory / "logs" / f"exec.{process}.log"

    def _tidy(self) -> None:
        ended = [row for row in self._roster.processes if row["state"] != "running"]
        for row in ended[: max(0, len(ended) - _KEPT + 1)]:
            self._roster.processes.remove(row)
            for path in self._services.directory.glob(f"logs/exec.{row['process']}.log*"):
                path.unlink(missing_ok=True)

"""Scheduled jobs: what is done again and again, never twice at a time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final

from remit.app._interface import exposed
from remit.app._persona import Host
from remit.app.components._schedule import Schedule
from remit.app.components._worker import Worker
from remit.durable import write_secret_file
from remit.errors import BadArgument, Broken

__all__ = ["Job"]

_LOOK: Final = 60.0  # seconds between looks at the clock, which may have been set
_log: Final = logging.getLogger("remit.app")


class Job(Worker):
    """Something that is done by schedule: derive from it, say when, and write `async def work(self)`.

        class Report(Job):
            cron = "30 3 * * *"               # at 03:30 UTC; or every = 3600.0
            orders: Store[Order]
            async def work(self) -> None: ...

    With `every`, it is done at the start, too. What was missed while nothing ran is done once, unless `catch_up` is False. One run ends before the next begins. A run that raises an error is logged,
    and the next one comes when it is due; until it goes well, `health` raises the error.
    """

    kind = "job"
    restart: ClassVar[str] = "on-failure"
    every: ClassVar[float] = 0.0
    cron: ClassVar[str] = ""
    catch_up: ClassVar[bool] = True

    _job: ClassVar[Running]

    async def work(self) -> None:
        """What it does, each time."""
        raise NotImplementedError(f"{type(self).__name__} does nothing: write async def work(self)")

    @exposed()
    async def run_now(self) -> None:
        """Do it now, besides its schedule; returns when it is done. Raises what it raises."""
        await self._job.once(self.work)

    @exposed(reads=True)
    async def last_run(self) -> float | None:
        """When it was last done, in seconds since the epoch; None if never, as far as is known."""
        return self._job.last

    def check(self) -> None:
        try:
            Schedule(self.every, self.cron)
        except BadArgument as error:
            raise BadArgument(f"{self.id}: {error.message}") from None
        super().check()

    def spec(self) -> dict[str, Any]:
        schedule = {"every": self.every} if self.every else {"cron": self.cron}
        return {**super().spec(), "schedule": schedule, "catch_up": self.catch_up}

    async def start(self, host: Any) -> None:
        self.__dict__["_job"] = Running(Schedule(self.every, self.cron), host, catch_up=self.catch_up)

    async def run(self) -> None:
        """By its schedule, for ever."""
        await self._job.live(self.work)

    async def health(self) -> None:
        if self._job.error is not None:
            raise self._job.error


class Running:
    """When a job was done, and is to be done. Owned by the job's body. The time of the last run is kept in the file `last-run` of the host's directory, if there is one."""

    def __init__(self, schedule: Schedule, host: Host, *, catch_up: bool) -> None:
        self._schedule = schedule
        self._now = host.now
        self._file: Path | None = host.directory and host.directory / "last-run"
        self._one = asyncio.Lock()
        self.error: Exception | None = None
        self.last = self._read()
        self._due = self._first(catch_up)

    def _first(self, catch_up: bool) -> float:
        now = self._now()
        if self.last is None:
            return now if self._schedule.every else self._schedule.after(now)
        due = self._schedule.after(self.last)
        return due if due >= now or catch_up else self._schedule.after(now)

    async def live(self, work: Any) -> None:
        """Do it whenever it is due, for ever."""
        while True:
            while (left := self._due - self._now()) > 0:
                await asyncio.sleep(min(left, _LOOK))
            with suppress(Exception):  # which `once` has logged
                await self.once(work)
            self._due = max(self._schedule.after(self._due), self._schedule.after(self._now() - self._schedule.every))

    async def once(self, work: Any) -> None:
        """Do it, when nobody does. What it raises is logged, kept for `health`, and raised."""
        async with self._one:
            begun = self._now()
            try:
                await work()
            except Exception as error:
                self.error = error
                if not isinstance(error, Broken):
                    _log.error("a job failed", exc_info=error)
                else:
                    _log.error("a job failed: %s", error)
                raise
            else:
                self.error = None
            finally:
                self.last = begun
                self._write()

    def _read(self) -> float | None:
        try:
            return float(self._file.read_text()) if self._file else None
        except (FileNotFoundError, ValueError):
            return None

    def _write(self) -> None:
        if self._file is not None:
            write_secret_file(self._file, f"{self.last}\n".encode(), replace=True)

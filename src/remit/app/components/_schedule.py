"""When something is to be done again: every so many seconds, or by a line of cron."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from remit.errors import BadArgument

__all__ = ["Schedule"]

SHORTEST: Final = 0.1
"""Seconds between two runs, at least."""


class Schedule:
    """Made of `every` (seconds) or of `cron`: `minute hour day month weekday`, in UTC (IEEE Std 1003.1, "crontab"). Raises `BadArgument` for neither, both, or nonsense."""

    def __init__(self, every: float = 0.0, cron: str = "") -> None:
        if bool(every) == bool(cron):
            raise BadArgument('say when: every = 3600.0 (seconds), or cron = "30 3 * * *" (at 03:30 UTC), and not both')
        if every and every < SHORTEST:
            raise BadArgument(f"every is {SHORTEST:g} seconds or more, not {every:g}")
        self.every = every
        self.cron = cron
        if cron:
            self._croniter(0.0)

    def after(self, last: float) -> float:
        """When it is due next, if it was last done at this time: seconds since the epoch."""
        return last + self.every if self.every else float(self._croniter(last).get_next(float))

    def _croniter(self, start: float) -> Any:
        try:
            from croniter import CroniterError, croniter  # only schedules in lines of cron pay for it
        except ImportError:
            raise BadArgument(
                f"cron = {self.cron!r} needs a package: pip install 'remit[cron]', or use every"
            ) from None
        if len(self.cron.split()) != 5:
            raise BadArgument(f"cron = {self.cron!r} is no line of cron: minute hour day month weekday, '30 3 * * *'")
        try:
            return croniter(self.cron, datetime.fromtimestamp(start, UTC))
        except (CroniterError, ValueError, KeyError) as error:
            raise BadArgument(f"cron = {self.cron!r} is no line of cron: {error}") from None

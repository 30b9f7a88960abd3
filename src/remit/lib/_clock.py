"""The time, for objects that may not ask for it: told to them by whoever has a clock."""

from __future__ import annotations

from remit.vat import actor


@actor(kind="remit.clock", version=1)
class Clock:
    """The time as it was last told, in seconds since the epoch. For attenuations where no device with `now()` is at hand."""

    now: float = 0.0

    def set(self, now: float) -> None:
        """It is `now`; a time before the last one told is ignored, since what has expired stays expired."""
        self.now = max(self.now, now)

"""When a process that has ended is started again: how long to wait, and when to give up. Pure: times are arguments, in seconds."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["Backoff"]

AFTER_SUCCESS: Final = 0.2
AFTER_FAILURE: Final = 1.0  # as Synit's daemons; doubled for each end in a row that came soon
LONGEST: Final = 10.0
SOON: Final = 5.0  # a run that was shorter counts as one that came to nothing


class Backoff:
    """Of one process. `limit` is (times, seconds): more starts than that in that time, and it gives up."""

    def __init__(self, limit: tuple[int, float] | None = None) -> None:
        self.limit = limit
        self.quick = 0  # ends in a row that came soon
        self._begun: deque[float] = deque()

    def begun(self, now: float) -> None:
        """It was started."""
        self._begun.append(now)
        if self.limit is not None:
            while self._begun and self._begun[0] < now - self.limit[1]:
                self._begun.popleft()
        elif len(self._begun) > 1:
            self._begun.popleft()

    def wait(self, now: float, good: bool) -> float | None:
        """It has ended, well or not: the time to wait; None to give up."""
        if self.limit is not None and len(self._begun) > self.limit[0]:
            return None
        self.quick = self.quick + 1 if self._begun and now - self._begun[-1] < SOON else 0
        first = AFTER_SUCCESS if good else AFTER_FAILURE
        return min(first * 2.0 ** max(0, min(self.quick, 20) - 1), LONGEST)

    def forget(self) -> None:
        """Begin anew: an operator asked for it."""
        self.quick = 0
        self._begun.clear()

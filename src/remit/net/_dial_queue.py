"""Dials that peers cause, by gifts from exporters anywhere: so many at a time, whoever caused them.

One session seeks few exporters at once (`remit.captp`, *MAX_SEEKING*), but a stranger may have many sessions. What this node
dials for itself never waits behind them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from remit.net._dial import Dial

__all__ = ["MOST", "DialsForOthers"]

MOST: Final = 64
"""Dials under way at once on others' behalf; with TLS each takes some 300 KiB while it lasts, which is 10 s at most for each hint."""


class DialsForOthers:
    """Starts dials, or has them wait. Owned by the node; `start(dial)` runs one, and `over` is told when it has ended."""

    __slots__ = ("_running", "_start", "_waiting")

    def __init__(self, start: Callable[[Dial], None]) -> None:
        self._start = start
        self._running: set[Dial] = set()
        self._waiting: deque[Dial] = deque()

    def ask(self, dial: Dial, own: bool) -> None:
        """Start it: at once for ourselves, when there is room for another."""
        if own:
            self._start(dial)
        elif len(self._running) < MOST:
            self._run(dial)
        else:
            self._waiting.append(dial)

    def hurry(self, dial: Dial) -> None:
        """We want the same peer ourselves: the dial waits no more."""
        if dial in self._waiting:
            self._waiting.remove(dial)
            self._start(dial)

    def over(self, dial: Dial) -> None:
        """It has ended: the next one, if it made room."""
        if dial in self._running:
            self._running.remove(dial)
            while self._waiting and len(self._running) < MOST:
                self._run(self._waiting.popleft())

    def give_up(self) -> list[Dial]:
        """Those that were never started, and will not be."""
        waiting, self._waiting = list(self._waiting), deque()
        return waiting

    def _run(self, dial: Dial) -> None:
        self._running.add(dial)
        self._start(dial)

"""Sessions with the exporters of gifts: how many of them one peer can make us dial at a time.

Anybody may sign a give that names any node and any address. Each dial costs sockets, TLS state and time, so only `MAX_SEEKING`
exporters are sought at once for one session; gifts of others wait, in the order of their coming. Honest messages name as many
exporters as they like, and wait a little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from remit.errors import Broken
from remit.values import Locator

if TYPE_CHECKING:
    from remit.captp._home import Home
    from remit.captp._session import Session

__all__ = ["MAX_SEEKING", "Seeker"]

MAX_SEEKING: Final = 16
"""Exporters that are sought at once because of one session's gifts; with TLS a dial takes some 300 KiB."""

Then = Callable[["Session | Broken"], None]


class Seeker:
    """Seeks exporters for the gifts of one session; the session owns it. What it has begun goes on when that ends."""

    __slots__ = ("_home", "_queue", "_sought", "_starting")

    def __init__(self, home: Home) -> None:
        self._home = home
        self._sought: dict[Locator, list[Then]] = {}
        self._queue: deque[tuple[Locator, Then]] = deque()
        self._starting = False

    def seek(self, exporter: Locator, then: Then) -> None:
        """Say `then(session or error)`, perhaps at once."""
        waiting = self._sought.get(exporter)
        if waiting is not None:
            waiting.append(then)
        else:
            self._queue.append((exporter, then))
            self._start()

    def _start(self) -> None:
        if self._starting:  # one that was found at once; the loop below goes on
            return
        self._starting = True
        try:
            while self._queue and len(self._sought) < MAX_SEEKING:
                exporter, then = self._queue.popleft()
                waiting = self._sought.get(exporter)
                if waiting is not None:
                    waiting.append(then)
                    continue
                self._sought[exporter] = [then]
                self._home.session_to(exporter, partial(self._found, exporter))
        finally:
            self._starting = False

    def _found(self, exporter: Locator, outcome: Session | Broken) -> None:
        for then in self._sought.pop(exporter):
            then(outcome)
        self._start()

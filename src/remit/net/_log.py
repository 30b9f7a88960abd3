"""What went wrong in a vat, written down on its own side: the caller hears kind, message and correlation id, and no more.

    ring      the latest failures without their tracebacks, by id: what `remit trace ID` finds
    write     each failure with its traceback, as plain data: where a node keeps a file of them
    logging   `remit.turns`: errors that nobody raised on purpose, with their traceback

A peer can make turns fail as fast as it can call: what is written down is bounded in rate, and the rest is counted.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Broken

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.vat import Vat

__all__ = ["TurnLog"]

KEPT: Final = 1000
"""Failures in the ring, about half a megabyte."""
BURST, PER_SECOND = 200, 5.0
"""Failures written down at once, and a second for a longer time: at most 2 GB a day if nothing rotated, a few MB where it does."""
LOUD: Final = 0.1
"""Of these a second go to logging for a longer time: logs of processes are often not rotated."""
LONGEST: Final = 16_000
"""Characters of one traceback: where a recursion failed it is long, and says no more."""
WORDS: Final = 1000
"""Characters of an error's own words."""

_log = logging.getLogger("remit.turns")


class Allowance:
    """So many at once, and so many a second after that."""

    def __init__(self, most: int, rate: float) -> None:
        self._most = self._left = float(most)
        self._rate = rate
        self._then = time.monotonic()
        self.missed = 0

    def take(self) -> bool:
        """Whether one more may be; `missed` counts those that might not since the last that might."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._then) * self._rate)
        self._then = now
        if self._left < 1:
            self.missed += 1
            return False
        self._left -= 1
        return True


class TurnLog:
    """A vat's `Recorder`, for processes. Made with the vat, kept as long as it; several vats may share one.

    `write` is given each failure as plain data: `id`, `at` (seconds since the epoch), `vat`, `where` (what was called, with the kinds
    and sizes of its arguments, never their values), `kind`, `message`, `traceback`.
    """

    def __init__(self, write: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._write = write
        self._ring: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._written = Allowance(BURST, PER_SECOND)
        self._loud = Allowance(BURST, LOUD)

    def failed(self, vat: Vat, error: Exception, broken: Broken, where: str) -> None:
        """See `Recorder`."""
        entry: dict[str, Any] = {
            "id": broken.id,
            "at": time.time(),
            "vat": vat.name,
            "where": where,
            "kind": broken.kind,
            "message": broken.message[:WORDS],
        }
        self.remember(entry)
        if self._write is not None and self._written.take():
            if self._written.missed:
                entry = {**entry, "not_written_before": self._written.missed}
                self._written.missed = 0
            self._write({**entry, "traceback": _traceback(error)})
        if not isinstance(error, Broken):
            self._say(entry, error)

    def remember(self, entry: dict[str, Any]) -> None:
        """Put a failure into the ring: a new one, or one that an earlier run has written down."""
        self._ring[entry["id"]] = {name: value for name, value in entry.items() if name != "traceback"}
        while len(self._ring) > KEPT:
            self._ring.popitem(last=False)

    def find(self, id: str) -> dict[str, Any] | None:
        """The failure with this correlation id, without its traceback."""
        return self._ring.get(id)

    def ids(self) -> list[str]:
        """The correlation ids that can be found, oldest first."""
        return list(self._ring)

    def _say(self, entry: dict[str, Any], error: Exception) -> None:
        if not self._loud.take():
            return
        missed, self._loud.missed = self._loud.missed, 0
        more = f" ({missed} more failed since the last of these lines)" if missed else ""
        _log.error("[%s] %s failed%s\n%s", entry["id"], entry["where"], more, _traceback(error).rstrip())


def _traceback(error: Exception) -> str:
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  # an error that cannot even be printed
        text = f"{type(error).__name__}, which could not be printed\n"
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}\n[…]\n{text[-LONGEST // 2 :]}"

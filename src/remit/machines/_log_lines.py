"""Lines of a log: what a stranger sent can neither look like a line of its own nor tell a terminal what to do."""

from __future__ import annotations

import logging
import sys

from remit.values import printable

__all__ = ["log_to_stderr"]


class LogLines(logging.Formatter):
    """One record is one line that begins at the margin; what follows of it, a traceback say, is set in."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        first, *more = super().format(record).split("\n")
        return "\n".join([printable(first), *(f"    {printable(line)}" for line in more)])


def log_to_stderr(level: int) -> None:
    """Have this process log to its standard error from this level on, with the time at the front."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogLines("%(asctime)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])

"""What evaluated code prints goes to its session, what the server prints goes where it always did.

`sys.stdout` and `sys.stderr` are stood in for while there are sessions. The stand-in asks a context variable, so tasks that code starts print to
its session, too; threads that it starts print to the server's own streams (they have contexts of their own).
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remit.ensemble.repl._output import Output

__all__ = ["Capture", "output_of_context"]

output_of_context: ContextVar[Output | None] = ContextVar("remit.repl.output", default=None)


class StandIn:
    """Stands in for a stream of the process. Ends with the `Capture` that made it."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def write(self, text: str) -> int:
        """To the session whose code this is, if it is a session's."""
        output = output_of_context.get()
        if output is None:
            return int(self._real.write(text))
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        output.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """As streams do."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Sessions' output goes out by itself."""
        if output_of_context.get() is None:
            self._real.flush()

    def isatty(self) -> bool:
        """A session is no terminal."""
        return output_of_context.get() is None and bool(self._real.isatty())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Capture:
    """The streams of this process, stood in for while `enter` was called more often than `leave`. Owned by a desk."""

    def __init__(self) -> None:
        self._users = 0
        self._made: dict[str, StandIn] = {}

    def enter(self) -> None:
        """There is one more session."""
        self._users += 1
        if self._users == 1:
            for name in ("stdout", "stderr"):
                self._made[name] = StandIn(getattr(sys, name))
                setattr(sys, name, self._made[name])

    def leave(self) -> None:
        """There is one less. What somebody else has put in our place stays."""
        self._users -= 1
        if self._users == 0:
            for name, made in self._made.items():
                if getattr(sys, name) is made:
                    setattr(sys, name, made._real)
            self._made.clear()

"""The dataspace of logs: what is said there is written down, and what processes write is said there while somebody listens. (Synit, "Logging")

    <log "2026-…Z" {line: "…", service: …, stream: stdout, pid: 7}>        a message; all parts of the detail are optional

What others say there is in the log `messages`. What processes write is in their own logs in any case (`remit.warden`).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.dataspace import ANY, Group, bind, interest
from remit.services._ear import Mouth
from remit.services._records import LogEntry
from remit.values import Symbol, key
from remit.values.preserves import Map, text
from remit.vat import Ref, actor, tell
from remit.warden import Log

__all__ = ["MESSAGES", "Logbook", "Pages"]

_put = object.__setattr__
MESSAGES: Final = "%messages"  # the name of their log, which no service's can be
_LONGEST: Final = 16 * 1024  # characters of one entry that are written
_ENTRIES: Final = (
    10_000  # of our own that have not come back: past that, what comes is written twice rather than kept in mind
)


class Pages:
    """The file of the log `messages`, a device."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._log: Log | None = None

    def write(self, lines: list[str]) -> None:
        """Add these."""
        if self._log is None:
            self._log = Log(self._path)
        self._log.write("said", [line.encode(errors="replace") for line in lines])

    def close(self) -> None:
        """Nothing is written any more."""
        if self._log is not None:
            self._log.close()
            self._log = None


@actor(kind="remit.services.logbook", version=1)
class Logbook:
    """One for each dataspace of logs; transient. `pages` is a device as `Pages`, `processes` one that has `echo(on)`: whether lines are told to us."""

    space: Ref[Any]
    pages: Ref[Any]
    processes: Ref[Any]

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _mouth: ClassVar[Mouth]
        _observers: ClassVar[Counter[Any]]
        _own: ClassVar[Counter[Any]]

    def begin(self) -> None:
        """Listen."""
        mouth = Mouth()
        for name, value in (("_mouth", mouth), ("_observers", Counter()), ("_own", Counter())):
            _put(self, name, value)
        asked = interest(LogEntry(ANY, ANY))
        mouth.open(self.space, "log")
        mouth.listen("entry", LogEntry(bind(), bind()))
        mouth.listen("observer", Group(asked.type, Map({0: asked.entries[0], 1: bind()})))
        mouth.flush()

    def heard(self, what: str, present: bool, captures: list[Any]) -> None:
        """Somebody listens to entries, or no longer. We do ourselves, and are told of that, too."""
        before = len(self._observers) > 1
        self._observers[key(captures[0])] += 1 if present else -1
        _put(self, "_observers", +self._observers)
        if (len(self._observers) > 1) != before:
            tell(self.processes).echo(not before)

    def said(self, what: str, captures: list[Any]) -> None:
        """An entry; one that we have said ourselves is in a log already."""
        mark = key(captures)
        if self._own[mark]:
            self._own[mark] -= 1
            if not self._own[mark]:
                del self._own[mark]
            return
        tell(self.pages).write([text(LogEntry(*captures))[:_LONGEST]])

    def wrote(self, service: Any, pid: int, stream: str, time: str, lines: list[str]) -> None:
        """A process has written these lines to `out` or `err`."""
        if len(self._observers) <= 1:
            return
        for line in lines:
            parts = {"pid": pid, "service": service, "stream": Symbol(f"std{stream}"), "line": line}
            detail = Map([(Symbol(name), part) for name, part in parts.items()])
            if len(self._own) < _ENTRIES:
                self._own[key([time, detail])] += 1
            self._mouth.message(LogEntry(time, detail))
        self._mouth.flush()

    def end(self) -> None:
        """Withdraw everything."""
        self._mouth.close()

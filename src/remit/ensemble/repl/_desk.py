"""The sessions of one server, behind the device `repl` of its vat: what evaluates is outside of every turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from remit.ensemble.repl._capture import Capture
from remit.ensemble.repl._records import Evaluated
from remit.ensemble.repl._session import Session
from remit.errors import Broken, Conflict, Missing
from remit.vat import Ref

__all__ = ["Desk"]

MOST: Final = 32
"""Sessions of one server; each has a thread."""
LONGEST: Final = 86_400.0
"""Seconds that anybody may give a piece of code."""


class Desk:
    """The device of one server. `names`: what each new namespace begins with. `crowded`: whether messages wait in the server's vat. `note` is the
    audit log's: told who, the part and the source before anything is evaluated, it raises where that cannot be written down. `close()` ends all sessions; the server does it when it ends.
    """

    def __init__(
        self,
        names: Callable[[], Mapping[str, Any]],
        crowded: Callable[[], bool] = bool,
        note: Callable[[str, str, str], None] = lambda *_: None,
    ) -> None:
        self._note = note
        self._crowded = crowded
        self._names = names
        self._capture = Capture()
        self._sessions: dict[int, Session] = {}
        self._owners: dict[int, tuple[str, str]] = {}
        self._uses: dict[int, int] = {}
        self._count = 0

    def open(self, who: str, use: int, name: str) -> int:
        """The number of this user's session of this name; a new one if there is none, or no name. It is of this use from now on."""
        for id, owner in self._owners.items():
            if name and owner == (who, name):
                self._uses[id] = use
                return id
        if len(self._sessions) >= MOST:
            raise Conflict(f"there are {MOST} sessions in this server: end one (',quit'), or wait for one to end")
        self._count += 1
        id = self._count
        self._sessions[id] = Session(name, self._names(), self._capture, self._crowded, lambda _: self._forget(id))
        self._owners[id] = (who, name)
        self._uses[id] = use
        return id

    def _forget(self, id: int) -> None:
        self._sessions.pop(id, None)
        self._owners.pop(id, None)
        self._uses.pop(id, None)

    def _session(self, id: int) -> Session:
        found = self._sessions.get(id)
        if found is None:
            raise Missing("the session has ended; begin a new one")
        return found

    def attach(self, id: int, sink: Ref[Any] | None) -> list[Any]:
        """[the attachment's number, `Attached`]."""
        return list(self._session(id).attach(sink))

    def lost(self, id: int, attachment: int, why: Broken) -> None:
        """The listener of this attachment is gone."""
        if id in self._sessions:
            self._sessions[id].lost(attachment, why)

    async def run(self, id: int, source: str, number: int, seconds: float | None) -> Evaluated:
        """See `Session.run`."""
        self._session(id)
        self._note(self._owners[id][0], "eval", source)
        return await self._session(id).run(source, number, None if seconds is None else min(seconds, LONGEST))

    def interrupt(self, id: int) -> bool:
        """Whether there was anything to interrupt."""
        return self._session(id).interrupt()

    async def complete(self, id: int, text: str) -> list[str]:
        """See `Session.complete`."""
        return await self._session(id).complete(text)

    async def defined(self, id: int, name: str) -> bool:
        """See `Session.defined`."""
        return await self._session(id).defined(name)

    def end(self, id: int) -> None:
        """End a session; nothing if it has ended."""
        if id in self._sessions:
            self._sessions[id].close(Missing("the session has ended; begin a new one"))

    def retract(self, use: int, why: Broken) -> None:
        """This way in is closed: its sessions end, with what runs in them."""
        for id, each in list(self._uses.items()):
            if each == use:
                self._sessions[id].close(why)

    def close(self) -> None:
        """The server ends."""
        for session in list(self._sessions.values()):
            session.close(Missing("the server has ended"))

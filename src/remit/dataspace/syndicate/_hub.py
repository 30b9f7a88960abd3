"""The sessions of one vat: who wants to send, and when it is written. Imported where connections are made.

All that the turns of one batch have to say to a peer leaves in one write, when the batch is over.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from remit.errors import Misuse
from remit.net import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.dataspace.syndicate._connection import Connection
    from remit.dataspace.syndicate._session import Session
    from remit.errors import Broken
    from remit.vat import Vat

__all__ = ["Clock", "Hub"]

BEAT: Final = 15.0
"""Seconds between looks at peers that are not read because they do not read."""


class Clock:
    """The time of this process (`remit.dataspace.syndicate.Alarm`)."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_at(self, when: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call it at this time of the running loop's own clock; a clock that is set meanwhile is not followed."""
        return asyncio.get_running_loop().call_later(max(0.0, when - time.time()), call)


class Hub:
    """Home of the sessions of one vat (`Home`), found by `Hub.of`; ends with the vat's driver."""

    def __init__(self, vat: Vat) -> None:
        assert vat._driver is not None
        self.vat = vat
        self.connections: dict[Session, Connection] = {}
        self.heard_last: Connection | None = None
        self.pool = Pool()  # of what all of them may hold
        self.alternated = 0.0  # when two peers were heard one after the other
        self._loop = asyncio.get_running_loop()
        self._dirty: list[Session] = []
        self._asked = False
        self._before = vat._driver.after  # a node's of the same vat
        self._beating = False
        vat._driver.after = self.after

    @classmethod
    def of(cls, vat: Vat) -> Hub:
        """The hub of a vat that an event loop drives; made when it is first asked for."""
        if vat._driver is None:
            raise Misuse(f"nobody drives vat {vat.name}: enter it with 'async with' first")
        found = getattr(vat._driver.after, "__self__", None)
        return found if isinstance(found, Hub) else cls(vat)

    def add(self, connection: Connection) -> None:
        """A session has begun."""
        self.connections[connection.session] = connection
        if not self._beating:
            self._beating = True
            self._loop.call_later(BEAT, self._beat)

    def ended(self, session: Session, cause: Broken) -> None:
        """A session is over."""
        connection = self.connections.pop(session, None)
        if connection is not None:
            connection.session_ended(cause)

    def output(self, session: Session) -> None:
        """A session has something to send: write it when this batch is over, or at the loop's next turn."""
        self._dirty.append(session)
        driver = self.vat._driver
        comes = driver is not None and driver.after == self.after and (self.vat._awake or driver.gathering)
        if not self._asked and not comes:
            self._asked = True
            self._loop.call_soon(self.flush)

    def after(self) -> None:
        """A batch of the vat's turns is over."""
        self._before()
        self.flush()

    def flush(self) -> None:
        """Write what sessions have to send."""
        self._asked = False
        while self._dirty:
            dirty, self._dirty = self._dirty, []
            for session in dirty:
                connection = self.connections.get(session)
                if connection is not None:
                    connection.flush()

    def _beat(self) -> None:
        """Peers that leave unread what we write are listened to again, a little: two that each wait for the other would wait for ever."""
        for connection in list(self.connections.values()):
            connection.beat(BEAT)
        self._beating = bool(self.connections)
        if self._beating:
            self._loop.call_later(BEAT, self._beat)

"""Taking raw connections off a listening socket."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

__all__ = ["Listener"]

_log = logging.getLogger("remit.net")

_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_RESPITE = 0.1  # seconds until the next try when the system has no descriptors or memory left
_AT_ONCE = 16  # connections taken in one turn of the loop, so that a flood does not keep it from its other work


class Listener:
    """Hands every connection of one listening socket to `serve`, as a bare socket. Owns the listening socket.

    It takes connections by itself, not by the loop's `sock_accept`: cancelling that can lose one that was taken already.
    """

    __slots__ = ("_loop", "_respite", "_serve", "_socket", "_where")

    def __init__(self, listening: socket.socket, where: str, serve: Callable[[socket.socket], None]) -> None:
        self._socket = listening
        self._where = where
        self._serve = serve
        self._loop = asyncio.get_running_loop()
        self._respite: asyncio.TimerHandle | None = None
        self._watch()

    def close(self) -> None:
        """Take no more connections; those that the kernel has queued are refused."""
        if self._respite is not None:
            self._respite.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _watch(self) -> None:
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted = self._accept_one()
            except BlockingIOError:
                return
            except OSError as error:
                self._recover(error)
                return
            self._serve(accepted)

    def _accept_one(self) -> socket.socket:
        accepted, _ = self._socket.accept()
        accepted.setblocking(False)
        return accepted

    def _recover(self, error: OSError) -> None:
        """Nothing that happens to one connection ends the listener."""
        if error.errno not in _EXHAUSTED:
            _log.info("%s: a connection failed before it was taken: %s", self._where, error)
            return
        _log.error("%s: cannot take connections (%s); trying again", self._where, error.strerror)
        self._loop.remove_reader(self._socket.fileno())
        self._respite = self._loop.call_later(_RESPITE, self._watch)

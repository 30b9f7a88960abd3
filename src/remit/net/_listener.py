"""Taking raw connections off a listening socket."""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

__all__ = ["Listener"]

_log = logging.getLogger("remit.net")

_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_RESPITE = 0.1  # seconds until the next try when the system has no descriptors or memory left


class Listener:
    """Hands every connection of one listening socket to `serve`, as a bare socket. Owns both; ends by `close`."""

    __slots__ = ("_serve", "_socket", "_task", "_where")

    def __init__(self, listening: socket.socket, where: str, serve: Callable[[socket.socket], None]) -> None:
        self._socket = listening
        self._where = where
        self._serve = serve
        self._task = asyncio.get_running_loop().create_task(self._accept())

    async def close(self) -> None:
        """Take no more connections; those that the kernel has queued are refused."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self._socket.close()

    async def _accept(self) -> None:
        while True:
            try:
                accepted = await self._accept_one()
            except OSError as error:
                await self._recover(error)
                continue
            self._serve(accepted)
            await asyncio.sleep(0)  # a flood of connections must not keep the loop from its other work

    async def _accept_one(self) -> socket.socket:
        accepted, _ = await asyncio.get_running_loop().sock_accept(self._socket)
        return accepted

    async def _recover(self, error: OSError) -> None:
        """Nothing that happens to one connection ends the listener."""
        if error.errno in _EXHAUSTED:
            _log.error("%s: cannot take connections (%s); trying again", self._where, error.strerror)
        else:
            _log.info("%s: a connection failed before it was taken: %s", self._where, error)
        await asyncio.sleep(_RESPITE if error.errno in _EXHAUSTED else 0)

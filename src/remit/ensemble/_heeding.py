"""What a server heeds while it runs: who is out of the ensemble, and that its own certificate is another one."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from remit.ensemble.ca import read_installed
from remit.errors import LinkLost, Missing, RemitError

if TYPE_CHECKING:
    from remit.ensemble._server import Server

__all__ = ["Heeding"]

_log = logging.getLogger("remit.ensemble")
AGAIN: Final = 1.0
"""Seconds before a registry that is away, or was, is asked again."""
LOOK: Final = 5.0
"""Seconds between two looks at the file of the certificate."""


class Heeding:
    """Owned by its server, which starts and closes it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tasks: list[asyncio.Task[None]] = []
        self._shown: bytes | None = None

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.ensure_future(self._heed()), asyncio.ensure_future(self._look())]

    def show(self) -> bytes | None:
        """The certificate, as it is now: for the registry."""
        self._shown = read_installed(self._server.file_directory)
        return self._shown

    async def close(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _heed(self) -> None:
        """Ask for the list of outcasts; the registry answers when it is another one than the last."""
        number = 0
        while True:
            try:
                membership = await self._server.directory.membership()
                listed = await membership.outcasts(number)
                await self._server.steward.heed(listed.expelled, listed.revocations, listed.intermediate)
                number = listed.number
            except (LinkLost, Missing):
                await asyncio.sleep(AGAIN)
            except RemitError as error:
                _log.warning("%s does not hear who is out of the ensemble: %s", self._server.id, error)
                await asyncio.sleep(10 * AGAIN)

    async def _look(self) -> None:
        """Take another certificate when there is one: without a restart, and before the old one ends."""
        server = self._server
        while True:
            await asyncio.sleep(LOOK)
            try:
                chain = read_installed(server.file_directory)
            except RemitError as error:
                _log.warning("%s cannot read its certificate: %s", server.id, error)
                continue
            if self._shown is None or chain is None or chain == self._shown:
                continue
            self._shown = chain
            _log.info("%s has another certificate", server.id)
            server.directory.leave()
            try:
                await server.registering.again()
            except RemitError as error:
                _log.warning("%s is not a member by its new certificate: %s", server.id, error)

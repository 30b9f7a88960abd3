"""Keeping a server registered: while it runs, whatever becomes of the registry.

away ──the cookie's way──► member ──register──► registered ──link lost──► away
                                       └──the id is another key's──► refused: the server does not start, or says so in its log
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Broken, Missing, Refused, RemitError
from remit.values import Locator, SturdyRef
from remit.vat import Ref, actor, on_sever, spawn, tell

if TYPE_CHECKING:
    from remit.ensemble._server import Server

__all__ = ["Registering"]

_log = logging.getLogger("remit.ensemble")
PAUSES: Final = (0.05, 2.0)
"""Seconds between two attempts: after the first, and at most; lengthened by up to half by chance, so that not all come at once."""
REFUSED: Final = 10.0
"""Seconds after which a server asks again that was refused: an operator may have released its id."""


class Registering:
    """A server's registration. Owned by its server; `close` withdraws it. `state` is "away", "registered" or "refused"."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._first: asyncio.Future[None] | None = None
        self._registration: Ref[Any] | None = None
        self.state = "away"
        self.why = ""

    async def start(self, patience: float) -> None:
        """Begin, and wait for the first registration, at most so many seconds. Raises `Refused` where the registry will not have it."""
        vat = self._server.vat
        device = vat.device("registration", Lost(self._lost))
        self._anchor = vat.spawn(Anchor, device)
        self._first = asyncio.get_running_loop().create_future()
        self._task = asyncio.ensure_future(self._keep())
        try:
            async with asyncio.timeout(patience):
                await asyncio.shield(self._first)
        except TimeoutError:
            _log.warning("%s is not registered yet: %s; it goes on trying", self._server.id, self.why or "no answer")
        except Missing as error:
            _log.warning("%s runs without a registry: %s", self._server.id, error.message)

    async def close(self) -> None:
        """Be registered no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._registration is not None and self.state == "registered":
            try:
                async with asyncio.timeout(1.0):
                    await self._registration.withdraw()
            except (RemitError, TimeoutError):
                pass  # its session ends in a moment

    async def again(self) -> None:
        """Register anew, with what the server says of itself now."""
        await self._register()

    async def _keep(self) -> None:
        pause = PAUSES[0]
        while True:
            try:
                await self._register()
                pause = PAUSES[0]
            except (Refused, Missing) as error:
                self._tell(error)
                await self._rest(
                    REFUSED if isinstance(error, Refused) else PAUSES[1]
                )  # for a cookie it looks more often
                continue
            except (RemitError, OSError) as error:
                self.state, self.why = "away", str(error)
                await self._rest(pause)
                pause = min(2 * pause, PAUSES[1])
                continue
            await self._lost.wait()
            self.state = "away"

    async def _register(self) -> None:
        server = self._server
        self._lost.clear()
        membership = await server.directory.membership()
        door = SturdyRef(
            Locator("remit", server.node.designator, {}), server.door.swiss
        )  # where it is says the address
        self._registration = await membership.register(
            server.id.text, server.roles, server.locate(), door, self._anchor, server.info, server.since
        )
        tell(self._anchor).watch(self._registration)
        self.state, self.why = "registered", ""
        if self._first is not None and not self._first.done():
            self._first.set_result(None)

    def _tell(self, error: Broken) -> None:
        said, self.why, self.state = self.why, error.message, "refused"
        if self._first is not None and not self._first.done():
            self._first.set_exception(error)
            self._first.exception()  # whoever waits is told; nobody may
        elif said != self.why:
            _log.error("%s is not registered: %s", self._server.id, error.message)

    async def _rest(self, seconds: float) -> None:
        chance = self._server.node.token()[0] / 255
        await asyncio.sleep(seconds * (1 + chance / 2))


class Lost:
    """The device that hears that the registration is lost."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    def lost(self) -> None:
        """The link is lost."""
        self._event.set()


@actor(kind="remit.ensemble.anchor", version=1, passing=True)
class Anchor:
    """What the registry holds of a server: while the link to it lasts, the server is there."""

    device: Ref[Any]

    def watch(self, registration: Ref[Any]) -> None:
        """Say when the link to the registry is lost."""
        on_sever(registration, spawn(Severed, self.device))


@actor(kind="remit.ensemble.severed", version=1, passing=True)
class Severed:
    """Hears that the link to the registry is lost."""

    device: Ref[Any]

    def __call__(self, broken: Any) -> None:
        tell(self.device).lost()

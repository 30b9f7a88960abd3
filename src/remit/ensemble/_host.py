"""What a server's steward and parts see of it: the device `server`. No reference to it leaves the server."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from remit.ensemble._listing import did_you_mean
from remit.ensemble._parts import PARTS, make_part, no_part
from remit.errors import Missing, NoSuchMethod
from remit.vat import send

if TYPE_CHECKING:
    from remit.ensemble._server import Server
    from remit.values import SturdyRef
    from remit.vat import Ref

__all__ = ["Host"]

PARTING: Final = 0.1
"""Seconds between the answer to who shuts a server down and its end."""


class Host:
    """The device. Made by the server, ends with it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.stopping = asyncio.Event()

    async def ping(self, actor: str | None = None) -> float:
        """The time here. An actor is asked `ping()`; one that does not know it answers, too."""
        if actor is not None:
            try:
                await send(self.find(actor), "ping")
            except NoSuchMethod:
                pass  # it is alive enough to say so
        return time.time()

    def describe(self) -> dict[str, Any]:
        """Id, roles, since when, and what the server says of itself."""
        server = self._server
        return {"id": server.id.text, "roles": list(server.roles), "since": server.since, "info": dict(server.info)}

    def names(self) -> list[str]:
        """The names of all parts, but `admin`, which is the steward's."""
        return sorted({*PARTS, *self._server.own_parts, *self._server.makers})

    def sensitive(self) -> list[str]:
        """The parts of the application that need an unlock where there is an administrators' key."""
        return sorted(self._server.sensitive)

    def make(self, part: str, who: str) -> Ref[Any]:
        """The object of a part, for one holder."""
        if part in self._server.makers:
            return self._server.makers[part](who)
        own = self._server.own_parts.get(part)
        if own is not None:
            return own
        if part not in PARTS:
            raise no_part(part, self.names())
        return make_part(self._server, part, who)

    def door(self) -> SturdyRef:
        """Where whoever has proved a key knocks."""
        return self._server.door

    def unname(self, actor: str) -> None:
        """An object has its name no more."""
        self._server.unname(actor)

    def stop(self) -> None:
        """Have the server end, a moment after whoever asked has heard."""
        asyncio.get_running_loop().call_later(PARTING, self.stopping.set)

    def find(self, actor: str) -> Ref[Any]:
        """The object with a name."""
        found = self._server.names.get(actor)
        if found is None:
            raise Missing(
                f"server {self._server.id} has no actor {actor[:40]!r}{did_you_mean(actor, self._server.names)}"
            )
        return found

"""The part `shutdown`: ending an actor, or the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import NoSuchMethod
from remit.vat import Ref, actor

if TYPE_CHECKING:
    from remit.ensemble._server import Server

__all__ = ["make_shutdown"]


@actor(kind="remit.ensemble.shutdown", version=1, passing=True)
class Shutdown:
    """Ends what it is told to, for one holder; each use is written down before it happens."""

    host: Ref[Any]
    audit: Ref[Any]
    who: str

    async def shutdown(self, actor: str | None = None, force: bool = False) -> None:
        """End the server, or an actor of it, which is told `shutdown()` and loses its name.

        An actor that does not know the message is left as it is; with `force` it loses its name all the same, whatever it answers.
        """
        what = "the server" if actor is None else f"actor {actor}"
        await self.audit.note(self.who, "shutdown", f"{what}{', by force' if force else ''}")
        if actor is None:
            await self.host.stop()
            return
        found = await self.host.find(actor)
        try:
            await found.shutdown()
        except Exception as error:
            if not force:
                if isinstance(error, NoSuchMethod):
                    raise NoSuchMethod(
                        f"actor {actor} has no method shutdown, and was left as it is; to take its name away all the same: -f"
                    ) from None
                raise
        await self.host.unname(actor)


def make_shutdown(server: Server, who: str) -> Ref[Any]:
    """The part for one holder."""
    return server.vat.spawn(Shutdown, server.host, server.vat.devices["audit"], who)

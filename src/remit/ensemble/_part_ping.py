"""The part `ping`: whether a server, or an object in it, is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.vat import Ref, actor

if TYPE_CHECKING:
    from remit.ensemble._server import Server

__all__ = ["make_ping"]


@actor(kind="remit.ensemble.ping", version=1, passing=True)
class Ping:
    """Answers while the server does. `host` is the device of the server."""

    host: Ref[Any]

    def ping(self, actor: str | None = None) -> Any:
        """Seconds since the epoch, by the server's clock; `Missing` if it has no such actor."""
        return self.host.ping(actor)


def make_ping(server: Server, who: str) -> Ref[Any]:  # it is the same for everybody
    """The part for one holder."""
    return server.vat.spawn(Ping, server.host)

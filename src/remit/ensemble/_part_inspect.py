"""The part `inspect`: a look into a server that changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.vat import Ref, actor

if TYPE_CHECKING:
    from remit.ensemble._server import Server

__all__ = ["make_inspect"]


@actor(kind="remit.ensemble.inspect", version=1, passing=True)
class Inspect:
    """Looks, for one holder. `look` is the device that can."""

    look: Ref[Any]

    def describe(self) -> Any:
        """Id, roles, since when, what the server says of itself, and how its registration and its log are."""
        return self.look.describe()

    def actors(self) -> Any:
        """The objects with names: [{"name", "kind"}]."""
        return self.look.actors()

    def connections(self) -> Any:
        """The nodes in session: [{"peer": designator, "ids": its servers' ids, "transport", "addresses", "messages", "bytes", "unread"}]."""
        return self.look.connections()

    def env(self) -> Any:
        """The process: Python, versions, directory, arguments, and its environment without values that look like secrets."""
        return self.look.env()

    def stack(self) -> Any:
        """Where each thread is now, as text: [{"thread", "daemon", "stack"}]."""
        return self.look.stack()

    def tasks(self) -> Any:
        """The tasks of the server's loop: [{"name", "doing", "stack"}]."""
        return self.look.tasks()


def make_inspect(server: Server, who: str) -> Ref[Any]:  # the same for everybody
    """The part for one holder."""
    vat = server.vat
    if "look" not in vat.devices:
        from remit.ensemble._look import Look  # for who looks

        vat.device("look", Look(server))
    return vat.spawn(Inspect, vat.devices["look"])

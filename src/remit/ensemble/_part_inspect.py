"""The part `inspect`: a look into a server that changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.vat import Ref, actor

if TYPE_CHECKING:
    from remit.ensemble._server import Server

__all__ = ["make_inspect"]


@actor(kind="remit.ensemble.inspect", version=1, passing=True)
class Inspect:
    """Looks, for one holder. `look` is the device that can, `past` the one for turns (`_turns.py`)."""

    look: Ref[Any]
    past: Ref[Any]

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

    def keep_turns(self, seconds: float, turns: int = 0, size: int = 0, spill: bool = False) -> Any:
        """Keep the vat's turns for so many seconds from now, 0 to end it; see `Turns.keep`."""
        return self.past.keep(float(seconds), turns, size, spill)

    def turns(self, last: int = 50, of: str = "") -> Any:
        """The last turns that are kept, of all objects or of one: see `Turns.turns`."""
        return self.past.turns(last, of)

    def turn(self, number: int) -> Any:
        """One turn, with what it changed and led to: see `Turns.turn`."""
        return self.past.turn(number)

    def steps(self, traces: list[str]) -> Any:
        """The steps of these traces that this node knows: [{"id", "cause"}]."""
        return self.past.steps(traces)

    def object_at(self, actor: str, turn: int | None = None) -> Any:
        """The fields of an object as they were after a turn: see `Turns.object_at`."""
        return self.past.object_at(actor, turn)


def make_inspect(server: Server, who: str) -> Ref[Any]:  # the same for everybody
    """The part for one holder."""
    vat = server.vat
    if "look" not in vat.devices:
        from remit.ensemble._look import Look  # for who looks

        vat.device("look", Look(server))
    if "turns" not in vat.devices:
        from remit.ensemble._turns import Turns  # as above

        vat.device("turns", Turns(server))
    return vat.spawn(Inspect, vat.devices["look"], vat.devices["turns"])

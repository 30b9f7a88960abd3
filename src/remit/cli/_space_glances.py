"""What a dataspace's server says of itself to whoever may follow its turns: parties, observers, debts and counts, for as long as somebody looks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from remit.cli._space_values import without_references
from remit.dataspace import ANY, bind, during, interest, publish, this_facet, variable
from remit.dataspace.syndicate import Server
from remit.values import record
from remit.vat import actor, on

__all__ = ["GLANCES", "Glance", "Glances", "Peers", "rows_of"]

GLANCES: Final = ("parties", "observers", "debts", "size", "peers")
AGAIN: Final = 1.0  # seconds until who still looks sees how things are now


@record("remit.cli.glance")
class Glance:
    """How things are: `seen` is what the dataspace's method `what` answers, as tables; of "peers", the connections and what they cause."""

    what: str
    seen: Any


class Peers:
    """The connections of a server's listeners, a device."""

    def __init__(self) -> None:
        self.servers: list[Server] = []

    def peers(self) -> list[dict[str, Any]]:
        """Each connection: who, turns under way that it has caused, bytes of the large ones, bytes that it leaves unread, and whether it is read."""
        found = [debt for server in self.servers for debt in server.debts()]
        names = ("name", "turns", "held", "unread", "read")
        return [dict(zip(names, debt, strict=True)) for debt in found]


@actor(kind="remit.cli.glances", version=1)
class Glances:
    """Answers interest in a `Glance`, where the turns of the dataspace are told. `timer` and `peers` are devices."""

    space: Any
    told: Any
    timer: Any
    peers: Any

    def begin(self) -> None:
        """Wait for somebody who looks."""
        during(self.told, interest(Glance(bind(), ANY)), self._looked)

    def _looked(self, what: Any) -> None:
        if what not in GLANCES:
            return
        scope, seen = this_facet(), variable(None)
        publish(self.told, lambda: None if seen.value is None else Glance(what, seen.value))

        def again(_: Any = None) -> None:
            if scope.alive:
                asked = self.peers.peers() if what == "peers" else getattr(self.space, what)()
                on(asked, found, lambda _: None)

        def found(answer: Any) -> None:
            if scope.alive:
                seen.value = rows_of(answer)
                on(self.timer.after(AGAIN), again, lambda _: None)

        again()


def rows_of(answer: Any) -> list[Any]:
    """What a dataspace's method answers, as a list of tables without references."""
    found: Iterable[Any] = answer if isinstance(answer, list) else [answer]
    return [_table(each) for each in found]


def _table(view: Any) -> Any:
    names = getattr(type(view), "__record_fields__", None)
    if names is None:
        return view
    return {name: without_references(value) for name, value in zip(names, view.__record_values__(), strict=True)}

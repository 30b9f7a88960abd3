"""What there is, in the words of what is declared; and what is known from before."""

from __future__ import annotations

from collections.abc import Sequence

from remit.graph._model import Graph, Link, Node
from remit.graph._steps import Step
from remit.values import record

__all__ = ["GOING", "HALF", "Actual", "Known", "Seen"]

GOING = "going"
HALF = "half"


@record("remit.graph.seen")
class Seen:
    """One thing that there is. `what` says it as it would be declared, as far as it can be seen: fields that cannot be seen are not there.

    `owner` is the project whose label it carries, "" if it was made by hand. `name` is what it is called for good where it is. `state` is
    "up", "coming", "half" (to be asked for again), "away" or "down" (there, and out of reach) or "going" (being removed). `note` is for people.
    """

    what: Node | Link
    owner: str = ""
    name: str = ""
    state: str = "up"
    note: str = ""

    @property
    def key(self) -> str:
        """The key of what it is."""
        return self.what.key


@record("remit.graph.actual")
class Actual:
    """All that there is, ours and others'."""

    things: Sequence[Seen] = ()

    @property
    def by_key(self) -> dict[str, Seen]:
        """By key; what is going only where nothing else has its key."""
        ordered = sorted(self.things, key=lambda seen: (seen.state != GOING, seen.name))
        return {seen.key: seen for seen in ordered}


@record("remit.graph.known")
class Known:
    """What a ledger knows of its project: how many steps it has noted (`serial`), what was applied last, what each key is called where it is
    (`names`, for good), and the steps that were begun and whose end nobody has noted (`open`).
    """

    project: str = ""
    serial: int = 0
    graph: Graph = Graph()
    names: dict[str, str] | None = None
    open: Sequence[Step] = ()

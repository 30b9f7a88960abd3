"""What people and tools see of a dataspace: who takes part, what is asserted, who observes, and each turn as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.values import Tagged, passable, record
from remit.vat import Context, Message, Vat

if TYPE_CHECKING:
    from remit.dataspace._space import Space

__all__ = [
    "AssertionView",
    "Debt",
    "ObserverView",
    "PartyView",
    "Trace",
    "assertions",
    "observers",
    "parties",
    "show_turn",
]


@record("remit.party_view")
class PartyView:
    """One party: its name, how much of it stands, and whether its owner's link is lost, so that it stands for its grace period only."""

    name: str
    assertions: int
    lost: bool


@record("remit.assertion_view")
class AssertionView:
    """One distinct assertion: the value, how often it is asserted, and by whom."""

    value: Any
    count: int
    parties: list[str]


@record("remit.observer_view")
class ObserverView:
    """One observation: its pattern, who asserts it, how many matches it was told of; its policy where it is slow, and the events on their way to it,
    waiting, and dropped.
    """

    pattern: Any
    parties: list[str]
    matches: int
    policy: str
    sent: int
    waiting: int
    dropped: int


@record("remit.debt")
class Debt:
    """What waits for slow observers: the party that said it, the parties that observe, events and about how many bytes."""

    cause: str
    observer: str
    events: int
    bytes: int


@record("trace", known=False)
class Trace:
    """One turn of a dataspace, as `<trace timestamp actor <turn id cause [action …]>>`.

    `timestamp` is in seconds since the epoch, 0.0 where the dataspace has no clock. The cause is `<turn id>`, a step of a trace that somebody
    follows, or `<external name>`, the party that spoke. Actions are what came, `<dequeue <event party what>>`, and what was told,
    `<enqueue <event party what>>`: to the observers that this party has.
    """

    timestamp: float
    actor: str
    item: Any


def parties(space: Space) -> list[PartyView]:
    """Everybody who takes part."""
    found = [PartyView(each.name, len(each.handles), bool(each.way.lost)) for each in space.sources]
    return sorted(found, key=lambda view: view.name)


def assertions(space: Space, most: int) -> list[AssertionView]:
    """The first so many distinct assertions, in the order in which they appeared."""
    who: dict[Any, list[str]] = {}
    for source in space.standing:
        for entry in source.handles.values():
            names = who.setdefault(entry.key, [])
            if source.name not in names:
                names.append(source.name)
    found: list[AssertionView] = []
    for entry in space.bag.values():
        if len(found) >= most:
            break
        found.append(AssertionView(entry.value, entry.count, sorted(who.get(entry.key, []))))
    return found


def observers(space: Space) -> list[ObserverView]:
    """Every observation."""
    found = []
    for identity, observation in space.observations.items():
        pace = space.paces.get(observation.observer)
        paced = ("", 0, 0, 0) if pace is None else (pace.slow.policy, pace.flying, pace.waits, pace.dropped)
        names = sorted({source.name for source in space.sources_of(observation.observer)})
        pattern = space.bag[identity].parts[0]
        found.append(ObserverView(pattern, names, len(observation.handles), *paced))
    return found


def show_turn(
    space: Space, heard: list[tuple[str, Any]], told: dict[Any, list[Any]], context: Context, vat: Vat
) -> None:
    """Tell all who follow the space what a turn of it was."""
    space.turns += 1
    cause = Tagged("external", [space.speaking]) if context.trace is None else Tagged("turn", [context.trace.id])
    actions = [
        Tagged("dequeue", [Tagged("event", [name, _event(event)])]) for name, events in heard for event in events
    ]
    for observer, events in told.items():
        names = ", ".join(sorted({source.name for source in space.sources_of(observer)}))
        actions += [Tagged("enqueue", [Tagged("event", [names, _event(event)])]) for event in events]
    seen = Trace(space.clock(), vat.name, Tagged("turn", [space.turns, cause, actions]))
    for tracer in space.tracers:
        events = [["message", passable(seen)]]
        Message(tracer, "turn", (events,), None, None, Context()).commit(vat)


def _event(event: list[Any]) -> Tagged:
    return Tagged(event[0], list(event[1:]))

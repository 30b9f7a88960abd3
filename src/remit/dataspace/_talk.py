"""What objects use in their methods to take part in dataspaces. (docs/shapes.md, *dataspace*)"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from remit.dataspace._channel import Channel, Terms
from remit.dataspace._conversation import Conversation, conversation, current_facet, ear
from remit.dataspace._facet import Facet
from remit.dataspace._flow import Flow
from remit.dataspace._pace import Slow
from remit.dataspace._pattern import Observe, pattern, typed
from remit.dataspace._published import Published
from remit.dataspace._subscriptions import (
    During,
    OnAsserted,
    Once,
    OnMessage,
    OnRetracted,
    Subscription,
    Synced,
)
from remit.values import passable
from remit.vat import Ref

__all__ = [
    "complete",
    "during",
    "facet",
    "join",
    "message",
    "on_asserted",
    "on_message",
    "on_retracted",
    "once",
    "publish",
    "state",
    "sync",
    "this_facet",
]


def facet() -> Facet:
    """A new scope inside the current one. What is begun inside of `with` belongs to it; its `stop()` ends that."""
    talk = conversation()
    return Facet(talk, current_facet(talk))


def state() -> Facet:
    """A facet that is a state of a state machine: the first `once` in it that fires ends it, and begins the next state beside it."""
    talk = conversation()
    return Facet(talk, current_facet(talk), state=True)


def this_facet() -> Facet:
    """The facet in which the current turn runs; that of the object as a whole outside of all others."""
    return current_facet(conversation())


# --- saying -----------------------------------------------------------------------------------------------


def publish(space: Ref[Any], value: Any) -> Published:
    """Assert a value at a dataspace, or any entity, for as long as the current facet lives.

    A function in place of a value is a dataflow: what it returns is asserted, and replaced when the variables that it has read change;
    while it returns None, nothing is.
    """
    talk = conversation()
    made = Published(current_facet(talk), talk.channel(space))
    if isinstance(value, FunctionType):
        flow = Flow(made._facet, lambda: made.retract() if (found := value()) is None else made.replace(found))
        flow.start()
    else:
        made.put(passable(value))
    return made


def message(space: Ref[Any], value: Any) -> None:
    """Say something once to whoever observes such messages now."""
    conversation().channel(space).say(["message", passable(value)])


# --- hearing ----------------------------------------------------------------------------------------------


def _subscribe(
    kind: type[Subscription], space: Ref[Any], wanted: Any, function: Callable[..., Any], slow: Slow | None
) -> Subscription:
    talk: Conversation = conversation()
    scope = current_facet(talk)
    made = kind(scope, typed(wanted, function))
    if not scope.alive:
        made.alive = False
        return made
    channel, entity = talk.channel(space), ear(made)
    if slow is not None:
        channel.pace(entity, slow)
    published = made.published = Published(scope, channel, made)
    published.put(passable(Observe(pattern(wanted), entity)))
    scope.keep(made)
    return made


def during(space: Ref[Any], wanted: Any, function: Callable[..., Any], *, slow: Slow | None = None) -> Subscription:
    """For each distinct match, run `function(*captures)` in a facet of its own, which stops when the match is gone, or when it raises."""
    return _subscribe(During, space, wanted, function, slow)


def on_asserted(
    space: Ref[Any], wanted: Any, function: Callable[..., Any], *, slow: Slow | None = None
) -> Subscription:
    """Run `function(*captures)` for each distinct match that appears, those that are there already included."""
    return _subscribe(OnAsserted, space, wanted, function, slow)


def on_retracted(
    space: Ref[Any], wanted: Any, function: Callable[..., Any], *, slow: Slow | None = None
) -> Subscription:
    """Run `function(*captures)` for each distinct match that goes."""
    return _subscribe(OnRetracted, space, wanted, function, slow)


def on_message(space: Ref[Any], wanted: Any, function: Callable[..., Any], *, slow: Slow | None = None) -> Subscription:
    """Run `function(*captures)` for each message that matches."""
    return _subscribe(OnMessage, space, wanted, function, slow)


def once(space: Ref[Any], wanted: Any, function: Callable[..., Any], *, slow: Slow | None = None) -> Subscription:
    """Wait for the first assertion or message that matches; then `function(*captures)` runs, in a facet of its own: the next state.

    In a state (a facet of `state()`, or one that a `once` began) all that the state has begun ends with the event, other `once` included,
    and the next state takes its place.
    """
    return _subscribe(Once, space, wanted, function, slow)


def sync(space: Ref[Any], function: Callable[[], Any]) -> None:
    """Run the function when the dataspace has handled all that was said to it before."""
    channel = conversation().channel(space)
    channel.say(_synced(channel, function))


def complete(space: Ref[Any], function: Callable[[], Any]) -> None:
    """Run the function when all that was there at the beginning has been told to what this turn has subscribed."""
    channel = conversation().channel(space)
    channel.say_last(_synced(channel, function))


def _synced(channel: Channel, function: Callable[[], Any]) -> list[Any]:
    talk = channel.conversation
    scope = current_facet(talk)
    made = Synced(scope, channel, function)
    event = ["sync", ear(made)]
    if scope.alive:
        scope.keep(made)
        channel.syncs[made] = event
        talk.journal.note(channel.syncs.pop, made, None)
    else:
        made.alive = False
    return event


def join(space: Ref[Any], *, name: str = "", grace: float = 0.0, key: str | bytes | None = None) -> None:
    """Say on which terms this object converses with a dataspace, before its first conversation there.

    `name` is for people. After a lost link the object's assertions stay for `grace` seconds; with a `key`, a secret of its own (such as
    `network.token()`), an object that comes back within that time finds them again, and what it has heard stays as it was unless it has changed.
    """
    conversation().join(space, Terms(name, grace, key))

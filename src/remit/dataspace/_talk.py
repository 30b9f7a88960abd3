"""What objects use in their methods to take part in dataspaces. (docs/shapes.md, *dataspace*)"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from remit.dataspace._channel import Channel
from remit.dataspace._conversation import Conversation, Listener, conversation, current_facet, ear
from remit.dataspace._facet import Facet
from remit.dataspace._flow import Flow
from remit.dataspace._pattern import Observe, pattern
from remit.values import passable, same
from remit.vat import Ref

__all__ = [
    "Published",
    "complete",
    "during",
    "facet",
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


class Published:
    """An assertion of this object's; it ends with its facet, or when it is retracted."""

    __slots__ = ("_channel", "_facet", "_handle", "_value")

    def __init__(self, facet: Facet, channel: Channel) -> None:
        self._facet = facet
        self._channel = channel
        self._handle: int | None = None
        self._value: Any = None

    def retract(self) -> None:
        """Withdraw it; a second time does nothing."""
        self._facet.conversation.begin()
        self._facet.drop(self)
        self.end()

    def replace(self, value: Any) -> None:
        """Assert this instead: the new value before the old one goes, and nothing at all where both are the same."""
        value = passable(value)
        self._facet.conversation.begin()
        if self._handle is None or not same(value, self._value):
            self.put(value)

    def put(self, value: Any) -> None:
        """Assert a checked value; what was asserted before goes."""
        if not self._facet.alive:
            return
        channel, old = self._channel, self._handle
        unsent = None if old is None else channel.unsent(old)
        self._facet.conversation.journal.note(self._set, old, self._value)
        if unsent is not None:  # nobody has heard of the old one
            self._facet.conversation.journal.note(unsent.__setitem__, 2, unsent[2])
            unsent[2] = self._value = value
            return
        self._set(channel.claim(), value)
        channel.say(["assert", self._handle, value])
        if old is None:
            self._facet.keep(self)
        else:
            channel.say(["retract", old])

    def _set(self, handle: int | None, value: Any) -> None:
        self._handle = handle
        self._value = value

    def end(self) -> None:
        """Its facet stops."""
        if self._handle is not None:
            self._channel.say(["retract", self._handle])
            self._facet.conversation.journal.note(self._set, self._handle, self._value)
            self._set(None, None)

    def __repr__(self) -> str:
        return "<published>" if self._handle is not None else "<published, withdrawn>"


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


class Subscription(Listener):
    """Interest in a pattern: the `Observe` that we assert, and what is run for its events."""

    __slots__ = ("facet", "function", "published", "shown")

    def __init__(self, facet: Facet, function: Callable[..., Any]) -> None:
        super().__init__(facet.conversation)
        self.facet = facet
        self.function = function
        self.published: Published | None = None
        self.shown: dict[int, Any] = {}

    def show(self, handle: int, value: Any) -> None:
        """Remember what is there."""
        self.shown[handle] = value
        self.conversation.journal.note(self.shown.pop, handle, None)

    def hide(self, handle: int) -> Any:
        """What is there no more; None if we had not heard of it."""
        value = self.shown.pop(handle, None)
        if value is not None:
            self.conversation.journal.note(self.shown.__setitem__, handle, value)
        return value

    def run(self, captures: Any) -> None:
        """Run the function in the subscription's own facet, which stops if it raises."""
        if not self.conversation.run(self.facet, self.function, captures, "a handler"):
            self.facet.stop()

    def stop(self) -> None:
        """Hear no more of it."""
        self.conversation.begin()
        self.facet.drop(self)
        self.end()

    def end(self) -> None:
        """Its facet stops."""
        self.alive = False
        self.conversation.journal.note(setattr, self, "alive", True)
        if self.published is not None:
            self.published.end()


class During(Subscription):
    """A facet for each distinct match."""

    __slots__ = ()

    def asserted(self, handle: int, value: Any) -> None:
        """It begins."""
        scope = Facet(self.conversation, self.facet)
        self.show(handle, scope)
        if not self.conversation.run(scope, self.function, value, "a handler"):
            scope.stop()

    def retracted(self, handle: int) -> None:
        """It ends."""
        scope = self.hide(handle)
        if scope is not None:
            scope.stop()


class OnAsserted(Subscription):
    """A function for each distinct match that appears."""

    __slots__ = ()

    def asserted(self, handle: int, value: Any) -> None:
        """It is there."""
        self.run(value)


class OnRetracted(Subscription):
    """A function for each distinct match that goes."""

    __slots__ = ()

    def asserted(self, handle: int, value: Any) -> None:
        """It is there."""
        self.show(handle, value)

    def retracted(self, handle: int) -> None:
        """It is there no more."""
        value = self.hide(handle)
        if value is not None:
            self.run(value)


class OnMessage(Subscription):
    """A function for each message that matches."""

    __slots__ = ()

    def said(self, value: Any) -> None:
        """There is one."""
        self.run(value)


class Once(Subscription):
    """The first event: it ends the state that waits for it, and begins the next one."""

    __slots__ = ()

    def asserted(self, handle: int, value: Any) -> None:
        """It has come."""
        self.said(value)

    def said(self, value: Any) -> None:
        """It has come."""
        self.stop()
        before = self.facet
        if not before.state:
            self._begin(before, value)
            return
        around = before.parent
        assert around is not None
        before.stop()
        if around.alive:
            self._begin(around, value)

    def _begin(self, around: Facet, captures: Any) -> None:
        scope = Facet(self.conversation, around, state=True)
        if not self.conversation.run(scope, self.function, captures, "a transition"):
            scope.stop()


class Synced(Listener):
    """Waits until all before it is handled."""

    __slots__ = ("facet", "function")

    def __init__(self, facet: Facet, function: Callable[..., Any]) -> None:
        super().__init__(facet.conversation)
        self.facet = facet
        self.function = function

    def said(self, value: Any) -> None:
        """All before it is handled."""
        self.alive = False
        self.conversation.journal.note(setattr, self, "alive", True)
        self.facet.drop(self)
        if not self.conversation.run(self.facet, self.function, (), "a handler"):
            self.facet.stop()

    def end(self) -> None:
        """Its facet stops."""
        self.alive = False
        self.conversation.journal.note(setattr, self, "alive", True)


def _subscribe(kind: type[Subscription], space: Ref[Any], wanted: Any, function: Callable[..., Any]) -> Subscription:
    talk: Conversation = conversation()
    scope = current_facet(talk)
    made = kind(scope, function)
    if not scope.alive:
        made.alive = False
        return made
    published = made.published = Published(scope, talk.channel(space))
    published.put(passable(Observe(pattern(wanted), ear(made))))
    scope.drop(published)
    scope.keep(made)
    return made


def during(space: Ref[Any], wanted: Any, function: Callable[..., Any]) -> Subscription:
    """For each distinct match, run `function(*captures)` in a facet of its own, which stops when the match is gone, or when it raises."""
    return _subscribe(During, space, wanted, function)


def on_asserted(space: Ref[Any], wanted: Any, function: Callable[..., Any]) -> Subscription:
    """Run `function(*captures)` for each distinct match that appears, those that are there already included."""
    return _subscribe(OnAsserted, space, wanted, function)


def on_retracted(space: Ref[Any], wanted: Any, function: Callable[..., Any]) -> Subscription:
    """Run `function(*captures)` for each distinct match that goes."""
    return _subscribe(OnRetracted, space, wanted, function)


def on_message(space: Ref[Any], wanted: Any, function: Callable[..., Any]) -> Subscription:
    """Run `function(*captures)` for each message that matches."""
    return _subscribe(OnMessage, space, wanted, function)


def once(space: Ref[Any], wanted: Any, function: Callable[..., Any]) -> Subscription:
    """Wait for the first assertion or message that matches; then `function(*captures)` runs, in a facet of its own: the next state.

    In a state (a facet of `state()`, or one that a `once` began) all that the state has begun ends with the event, other `once` included,
    and the next state takes its place.
    """
    return _subscribe(Once, space, wanted, function)


def sync(space: Ref[Any], function: Callable[[], Any]) -> None:
    """Run the function when the dataspace has handled all that was said to it before."""
    talk = conversation()
    talk.channel(space).say(["sync", _synced(talk, function)])


def complete(space: Ref[Any], function: Callable[[], Any]) -> None:
    """Run the function when all that was there at the beginning has been told to what this turn has subscribed."""
    talk = conversation()
    talk.channel(space).say_last(["sync", _synced(talk, function)])


def _synced(talk: Conversation, function: Callable[[], Any]) -> Ref[Any]:
    scope = current_facet(talk)
    made = Synced(scope, function)
    if scope.alive:
        scope.keep(made)
    else:
        made.alive = False
    return ear(made)

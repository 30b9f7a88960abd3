"""What objects use in their methods to take part in dataspaces. (docs/shapes.md, *dataspace*)"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from remit.dataspace._channel import Channel, Terms
from remit.dataspace._conversation import Conversation, Listener, conversation, current_facet, ear
from remit.dataspace._facet import Facet
from remit.dataspace._flow import Flow
from remit.dataspace._pattern import Observe, pattern
from remit.values import key, passable, same
from remit.vat import Ref

__all__ = [
    "Published",
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


class Published:
    """An assertion of this object's; it ends with its facet, or when it is retracted."""

    __slots__ = ("_channel", "_facet", "_handle", "_listener", "_value")

    def __init__(self, facet: Facet, channel: Channel, listener: Subscription | None = None) -> None:
        self._facet = facet
        self._channel = channel
        self._listener = listener
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
        handle = channel.claim()
        self._set(handle, value)
        channel.say(["assert", handle, value])
        channel.stand(handle, self)
        if old is not None:
            self._withdraw(old)
        elif self._listener is None:
            self._facet.keep(self)

    def _withdraw(self, handle: int) -> None:
        self._channel.fall(handle)
        self._channel.say(["retract", handle])

    def _set(self, handle: int | None, value: Any) -> None:
        self._handle = handle
        self._value = value

    def end(self) -> None:
        """Its facet stops."""
        if self._handle is not None:
            self._withdraw(self._handle)
            self._facet.conversation.journal.note(self._set, self._handle, self._value)
            self._set(None, None)

    # --- as what stands in its channel (`Standing`)

    def value(self) -> Any:
        """What is asserted."""
        return self._value

    def renumber(self, handle: int) -> None:
        """It is asserted anew."""
        self._facet.conversation.journal.note(self._set, self._handle, self._value)
        self._handle = handle

    def lost(self, keep: bool) -> None:
        """The link is lost."""
        if self._listener is not None:
            self._listener.lost(keep=keep)

    def renewed(self) -> None:
        """All that is there has been told again."""
        if self._listener is not None:
            self._listener.renewed()

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

    __slots__ = ("facet", "function", "published", "shown", "stale")

    def __init__(self, facet: Facet, function: Callable[..., Any]) -> None:
        super().__init__(facet.conversation)
        self.facet = facet
        self.function = function
        self.published: Published | None = None
        self.shown: dict[int, Shown] = {}
        self.stale: dict[Any, Shown] = {}  # what was there before the link was lost, by the captures' key

    def asserted(self, handle: int, value: Any) -> None:
        """A match is there."""
        journal = self.conversation.journal
        known = self.stale.pop(key(value), None) if self.stale else None
        if known is None:
            self.shown[handle] = known = Shown(value)
            journal.note(self.shown.pop, handle, None)
            self.appear(known)
        else:
            self.shown[handle] = known
            journal.note(self._stale_again, handle, known)

    def _stale_again(self, handle: int, known: Shown) -> None:
        del self.shown[handle]
        self.stale[key(known.captures)] = known

    def retracted(self, handle: int) -> None:
        """A match is gone; one that we have not heard of is nothing to us."""
        known = self.shown.pop(handle, None)
        if known is not None:
            self.conversation.journal.note(self.shown.__setitem__, handle, known)
            self.vanish(known)

    def appear(self, shown: Shown) -> None:
        """A match has appeared."""

    def vanish(self, shown: Shown) -> None:
        """A match has gone."""

    def lost(self, keep: bool) -> None:
        """Nothing is known any more of what is there; `keep`: what was there is taken to be there until all has been told again."""
        shown, self.shown = self.shown, {}
        self.conversation.journal.note(setattr, self, "shown", shown)
        if keep:
            self.conversation.journal.note(setattr, self, "stale", dict(self.stale))
            self.stale.update((key(each.captures), each) for each in shown.values())
        else:
            self._vanish([*self.stale.values(), *shown.values()])

    def renewed(self) -> None:
        """All that is there has been told again."""
        self._vanish(list(self.stale.values()))

    def _vanish(self, gone: list[Shown]) -> None:
        self.conversation.journal.note(setattr, self, "stale", self.stale)
        self.stale = {}
        for each in gone:
            if self.alive:
                self.vanish(each)

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


class Shown:
    """One match that is there, and for `during` the facet that lives as long."""

    __slots__ = ("captures", "scope")

    def __init__(self, captures: list[Any]) -> None:
        self.captures = captures
        self.scope: Facet | None = None


class During(Subscription):
    """A facet for each distinct match."""

    __slots__ = ()

    def appear(self, shown: Shown) -> None:
        """It begins."""
        scope = shown.scope = Facet(self.conversation, self.facet)
        if not self.conversation.run(scope, self.function, shown.captures, "a handler"):
            scope.stop()

    def vanish(self, shown: Shown) -> None:
        """It ends."""
        assert shown.scope is not None
        shown.scope.stop()


class OnAsserted(Subscription):
    """A function for each distinct match that appears."""

    __slots__ = ()

    def appear(self, shown: Shown) -> None:
        """It is there."""
        self.run(shown.captures)


class OnRetracted(Subscription):
    """A function for each distinct match that goes."""

    __slots__ = ()

    def vanish(self, shown: Shown) -> None:
        """It is there no more."""
        self.run(shown.captures)


class OnMessage(Subscription):
    """A function for each message that matches."""

    __slots__ = ()

    def said(self, value: Any) -> None:
        """There is one."""
        self.run(value)


class Once(Subscription):
    """The first event: it ends the state that waits for it, and begins the next one."""

    __slots__ = ()

    def appear(self, shown: Shown) -> None:
        """It has come."""
        self.said(shown.captures)

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

    __slots__ = ("channel", "facet", "function")

    def __init__(self, facet: Facet, channel: Channel, function: Callable[..., Any]) -> None:
        super().__init__(facet.conversation)
        self.facet = facet
        self.channel = channel
        self.function = function

    def said(self, value: Any) -> None:
        """All before it is handled."""
        self.facet.drop(self)
        self.end()
        if not self.conversation.run(self.facet, self.function, (), "a handler"):
            self.facet.stop()

    def end(self) -> None:
        """Its facet stops, or it is done."""
        self.alive = False
        self.conversation.journal.note(setattr, self, "alive", True)
        asked = self.channel.syncs.pop(self, None)
        if asked is not None:
            self.conversation.journal.note(self.channel.syncs.__setitem__, self, asked)


def _subscribe(kind: type[Subscription], space: Ref[Any], wanted: Any, function: Callable[..., Any]) -> Subscription:
    talk: Conversation = conversation()
    scope = current_facet(talk)
    made = kind(scope, function)
    if not scope.alive:
        made.alive = False
        return made
    published = made.published = Published(scope, talk.channel(space), made)
    published.put(passable(Observe(pattern(wanted), ear(made))))
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

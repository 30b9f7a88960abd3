"""What objects hear: each kind of subscription, and what it makes of the events at its ear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.dataspace._channel import Channel
from remit.dataspace._conversation import Listener
from remit.dataspace._facet import Facet
from remit.dataspace._published import Published
from remit.values import key

__all__ = ["During", "OnAsserted", "OnMessage", "OnRetracted", "Once", "Subscription", "Synced"]


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
            self.published.unobserve()


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

    def __init__(self, facet: Facet, function: Callable[..., Any]) -> None:
        super().__init__(facet, function)
        self.light = True

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

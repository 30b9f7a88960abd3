"""All that one object says and hears in dataspaces: its facets, and a channel to each entity that it converses with.

    a turn of the object ──► what it says is kept by channel ──commit──► one `turn(events)` for each
    `turn(events)` of a listener ──► its handlers, each under a savepoint, as a turn of the object

It is transient: a store keeps nothing of it. It lives as long as the object, which lives at least as long as it listens to anybody.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import CoroutineType
from typing import Any, ClassVar, Final

from remit.dataspace._channel import Channel, Standing, Terms
from remit.dataspace._ears import Ear, Owner
from remit.dataspace._facet import Facet
from remit.dataspace._journal import Journal
from remit.errors import Broken, Misuse
from remit.vat import Context, Failed, Handler, Ref, Turn, Vat, attempt, current, on, spawn

__all__ = ["Conversation", "Listener", "conversation", "current_facet", "ear"]

_put = object.__setattr__

_KNOWN: Final[weakref.WeakKeyDictionary[Ref[Any], Conversation]] = weakref.WeakKeyDictionary()
SETTLES: Final = 1000
"""Rounds of dataflow in one turn after which it is taken to go round in circles."""


class Listener:
    """Who hears the events of one subscription. `alive` until its facet stops."""

    _remit_handle_: ClassVar[bool] = True  # see `remit.vat.on`
    __slots__ = ("alive", "conversation", "light")

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.alive = True
        self.light = False  # whether hearing a message changes nothing but what its function changes

    def asserted(self, handle: int, value: Any) -> None:
        """Something is asserted at our ear."""

    def retracted(self, handle: int) -> None:
        """It is withdrawn."""

    def said(self, value: Any) -> None:
        """A message came."""


class Told(Listener):
    """Runs a function when something is said."""

    __slots__ = ("function",)

    def __init__(self, conversation: Conversation, function: Callable[[], None]) -> None:
        super().__init__(conversation)
        self.function = function

    def said(self, value: Any) -> None:
        """It is said."""
        self.function()


class Conversation:
    """One object's; made by its first conversation."""

    __slots__ = ("_object", "channels", "damaged", "journal", "owner", "root", "settling", "vat")

    def __init__(self, vat: Vat, of: Ref[Any]) -> None:
        self.vat = vat
        self._object = weakref.ref(of)
        self.journal = Journal(self)
        self.channels: dict[Ref[Any], Channel] = {}
        self.root = Facet(self, None)
        self.damaged: dict[Any, None] = {}  # dataflows whose variables have changed
        self.settling = False
        self.owner: Ref[Any] | None = None

    def object(self) -> Ref[Any] | None:
        """The object whose conversations these are."""
        return self._object()

    def begin(self) -> Turn:
        """What changes now is undone with the current turn."""
        return self.journal.begin()

    # --- saying ---------------------------------------------------------------------------------------

    def channel(self, space: Ref[Any]) -> Channel:
        """The way to an entity; opened when it is first used."""
        return self.channels.get(space) or self.join(space, Terms())

    def join(self, space: Ref[Any], terms: Terms) -> Channel:
        """The same, on terms; they are those of the first conversation."""
        if not isinstance(space, Ref):
            raise Misuse(f"conversations are held with references to dataspaces, not with a {type(space).__name__}")
        if space in self.channels:
            raise Misuse("this object converses with that dataspace already: say on which terms before it does")
        made = self.channels[space] = Channel(self, space, terms)
        self.journal.note(self.channels.pop, space, None)
        made.open()
        return made

    def forget(self, channel: Channel) -> None:
        """Nobody is there: a later conversation tries anew."""
        if self.channels.get(channel.space) is channel:
            del self.channels[channel.space]

    def renewed(self, channel: Channel, standing: list[Standing]) -> None:
        """After a lost link all has been asserted anew: once what is there has been told, the rest is known to be gone."""

        def told() -> None:
            for each in standing:
                each.renewed()

        channel.say_last(["sync", ear(Told(self, told))])

    def stand_in(self) -> Ref[Any]:
        """What dataspaces know of the object: its loss tells them that we are gone; while anything stands, it keeps the object alive."""
        if self.owner is None:
            self.owner = spawn(Owner)
            self.journal.note(setattr, self, "owner", None)
        return self.owner

    def committed(self, vat: Vat) -> None:
        """A turn has ended well: what it said leaves, once the dataflows are up to date."""
        if self.damaged:
            self.later(self.settle, first=True)
            return
        context = vat._turn.context
        if context.facet is not None:
            context = Context(context.account, context.trace, context.cause)
        busy = False
        for channel in self.channels.values():
            channel.flush(vat, context)
            busy = busy or channel.busy
        if self.owner is not None:
            _put(self.owner._at, "_object", self.object() if busy else None)

    # --- hearing --------------------------------------------------------------------------------------

    def hear(self, listener: Listener, events: list[Any]) -> None:
        """Events for a listener: a turn of the object's, from here on. As `inside`."""
        turn = current("an event")
        target, context = turn.target, turn.context
        mine = self._object()
        if mine is None:  # the vat has let go of it
            return
        turn.target = mine
        begun = known = False
        try:
            for event in events:
                if not listener.alive:
                    break
                if not known:
                    known = True
                    turn.touch(mine)
                what = event[0]
                if not begun and not (what == "message" and listener.light):
                    begun = True
                    self.journal.begin()
                if what == "message":
                    listener.said(event[1])
                elif what == "assert":
                    listener.asserted(event[1], event[2])
                elif what == "retract":
                    listener.retracted(event[1])
            if self.damaged:
                self.settle()
        finally:
            turn.target, turn.context = target, context

    def inside(self, function: Callable[[], None]) -> None:
        """Do something as the object, in a turn that began as somebody else's."""
        turn = self.begin()
        target, context = turn.target, turn.context
        turn.target = self.object()
        if turn.target is None:  # the vat has let go of it
            turn.target = target
            return
        turn.touch(turn.target)
        try:
            function()
            self.settle()
        finally:
            turn.target, turn.context = target, context

    def run(self, facet: Facet, function: Callable[..., Any], args: Any, what: str) -> bool:
        """Run a function in a facet, under a savepoint; whether it ended well. An `async` one goes on in turns of its own."""
        turn = current("a handler")
        outside = turn.context
        turn.context = facet.context(outside)
        try:
            result = attempt(lambda: f"{what} of {self.object()!r}", function, *args)
            if type(result) is CoroutineType:
                self._go_on(facet, result)
        finally:
            turn.context = outside
        return type(result) is not Failed

    def _go_on(self, facet: Facet, work: Any) -> None:
        target = self.object()
        assert target is not None
        self.journal.note(work.close)

        def stop(_: Broken) -> None:
            self.begin()
            facet.stop()

        on(on(target, fulfilled=lambda _: work), broken=stop)

    def later(self, function: Callable[[], Any], *, first: bool = False) -> None:
        """Run this in a turn of the object's own: the very next one, or when those before it are done. Works between turns, too."""
        target = self.object()
        if target is None:
            return
        vat = self.vat
        job = Handler(vat, target, Context(), lambda _: function(), None)
        if first and vat.stopped is None:
            vat._queue.appendleft(job)
            if not vat._awake:
                vat._rouse()
        else:
            vat._enqueue(job)

    # --- dataflow -------------------------------------------------------------------------------------

    def damage(self, flow: Any) -> None:
        """A variable that this dataflow has read is another now."""
        if flow not in self.damaged:
            self.damaged[flow] = None
            self.journal.note(self.damaged.pop, flow, None)

    def settle(self) -> None:
        """Run the dataflows whose variables have changed, until nothing changes any more."""
        if not self.damaged or self.settling:
            return
        self.begin()
        self.settling = True
        rounds = 0
        try:
            while self.damaged:
                flow = next(iter(self.damaged))
                del self.damaged[flow]
                self.journal.note(self.damaged.__setitem__, flow, None)
                rounds += 1
                flow.run(dizzy=rounds > SETTLES)
        finally:
            self.settling = False


def conversation() -> Conversation:
    """That of the object whose turn this is."""
    turn = current("a conversation with a dataspace")
    target = turn.target
    if target is None:
        raise Misuse("conversations belong to an object: begin them in one of its methods, not while it is being made")
    found = _KNOWN.get(target)
    if found is None:
        found = _KNOWN[target] = Conversation(turn.vat, target)
    found.begin()
    return found


def current_facet(talk: Conversation) -> Facet:
    """The facet in which the current turn began, or begins, its conversations."""
    facet = current("a facet").context.facet
    if isinstance(facet, Facet) and facet.conversation is talk:
        return facet
    if not talk.root.alive:
        talk.journal.note(setattr, talk, "root", talk.root)
        talk.root = Facet(talk, None)
    return talk.root


def ear(listener: Listener) -> Ref[Any]:
    """A new entity that tells this listener."""
    made = spawn(Ear)
    _put(made._at, "_listener", listener)
    _put(made._at, "_object", listener.conversation.object())  # it lives while it listens
    return made

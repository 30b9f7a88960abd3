"""Links whose references are entities: what stands behind `turn(events)` where no object of a vat does.

A link (`remit.vat.Link`) is called when the turn that sent a message has committed; what it does to its own tables is never undone. Each
reference of it leads to a `Way`: one source's way in to one entity. (docs/shapes.md, dataspace.)
"""

from __future__ import annotations

from typing import Any

from remit._native import mypyc_attr
from remit.errors import BadArgument, Broken, NoSuchMethod
from remit.values import Reference, Symbol
from remit.vat import ROOT, Context, Far, Message, Promise, Ref, Vat

__all__ = ["EntityLink", "Way", "checked_events", "post_turn"]

_SHAPES = {"assert": 3, "retract": 2, "message": 2, "sync": 2}


@mypyc_attr(allow_interpreted_subclasses=True)
class Way:
    """One source's way in to one entity. Overridden by each link; ends by `close`."""

    __slots__ = ()

    def turn(self, events: list[Any], context: Context) -> None:
        """What one turn of the source had to say."""
        raise NotImplementedError

    def open(self, name: str) -> Ref[Any]:
        """A way in for another source, whose handles are its own."""
        raise NotImplementedError

    def close(self) -> None:
        """The source is gone: what it has asserted is withdrawn."""


class Leash:
    """Hears that the link to the owner of a way is lost."""

    __slots__ = ("way",)

    def __init__(self, way: Way) -> None:
        self.way = way


@mypyc_attr(allow_interpreted_subclasses=True)
class EntityLink:
    """Base of the links here. Its references' handles are `Way`s; `vat` waits for what they answer."""

    def __init__(self, vat: Vat) -> None:
        self.vat = vat
        self._severed: list[tuple[Any, Ref[Any]]] = []

    def reference(self, way: Way) -> Far[Any]:
        """A new reference that leads to this way."""
        return Far(self.vat, way, self)

    def hand_turn(self, handle: Any, events: list[Any], context: Context) -> None:
        """As `deliver` of `turn(events)` whose events are known to be well formed; an error is told, and goes no further."""
        try:
            way: Way = handle
            way.turn(events, context)
        except Exception as error:  # noqa: BLE001  # one link's fault is its own (`remit.vat.hand_over`)
            self.vat._explain(error, repr(self))

    def deliver(self, handle: Any, message: Message) -> None:
        """`turn`, `open`, `close` or `renew`; raises for anything else."""
        if isinstance(handle, Leash):
            handle.way.close()
            return
        way: Way = handle
        selector, args = message.selector, message.args
        if selector == "turn" and len(args) == 1 and message.promise is None:
            way.turn(checked_events(args[0]), message.context)
            return
        if selector is None and args and isinstance(args[0], Symbol):
            selector, args = args[0].name, args[1:]
        result: Any = None
        if selector == "turn" and len(args) == 1:
            way.turn(checked_events(args[0]), message.context)
        elif selector == "open":
            result = self._open(way, args, message.kwargs or {})
        elif selector == "close":
            way.close()
        elif selector != "renew":
            raise NoSuchMethod(
                f"{self!r} is reached by turn(events), open(), renew() and close() only, not by {selector!r}"
            )
        if message.promise is not None:
            message.promise._settle(result, None)

    def _open(self, way: Way, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Ref[Any]:
        """`open(owner=None, grace=0.0, name="")`: closed when the link to the owner is lost. There are no graces here."""
        owner = kwargs.get("owner", args[0] if args else None)
        name = kwargs.get("name", args[2] if len(args) > 2 else "")
        made = way.open(str(name))
        lifeline = owner._lifeline() if isinstance(owner, Ref) else None
        if lifeline is not None and lifeline[0] is not None:
            link, handle = lifeline
            link.on_sever(handle, Far(self.vat, Leash(made._at), self))
        return made

    def listen(self, promise: Promise[Any]) -> None:
        """No entity's promises are waited for here."""

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """`handler(broken)` once, when what is behind this link is lost."""
        cause = self.over()
        if cause is not None:
            _tell(handler, cause)
        else:
            self._severed.append((handle, handler))

    def off_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """Forget an `on_sever`."""
        self._severed = [(h, r) for h, r in self._severed if (h, r) != (handle, handler)]

    def over(self) -> Broken | None:
        """Why this link is over; None while it is not."""
        return None

    def tell_severed(self, cause: Broken) -> None:
        """Tell all who asked to hear of the end."""
        severed, self._severed = self._severed, []
        for _, handler in severed:
            _tell(handler, cause)


def _tell(handler: Ref[Any], cause: Broken) -> None:
    handler._route(Message(handler, None, (cause.copy(),), None, None, ROOT, True), None)


def checked_events(events: Any) -> list[Any]:
    """The events of one turn, if that is what they are. Raises `BadArgument`."""
    if type(events) is not list:
        raise BadArgument("turn(events) takes a list of events")
    for event in events:
        if type(event) is list and len(event) == 2 and event[0] == "message":  # as most are
            continue
        if type(event) is not list or not event or _SHAPES.get(event[0]) != len(event):
            raise BadArgument(
                'an event is ["assert", handle, value], ["retract", handle], ["message", value] or ["sync", ref]'
            )
        name = event[0]
        if name in ("assert", "retract") and type(event[1]) is not int:
            raise BadArgument(f"a handle is an int, not {type(event[1]).__name__}")
        if name == "sync" and not isinstance(event[1], Reference):
            raise BadArgument('["sync", ref] takes the reference of an entity')
    return events


def post_turn(target: Ref[Any], events: list[Any], context: Context = ROOT) -> None:
    """Send `turn(events)` from outside of all vats; the events are well formed, and the receiver's own already.

    A link of this package is called at once, as it would be in any case; an object of a vat here without looking at the events again.
    """
    link = target._link
    if isinstance(link, EntityLink) and type(target) is Far:
        link.hand_turn(target._at, events, context)
        return
    account = context.account
    if account is not None:
        account.borrow()
    seat = target._seat
    vat = seat.vat
    if vat is None or context.trace is not None or vat.stopped is not None:
        message = Message(target, "turn", (events,), None, None, context, False)
        if vat is None:
            target._route(message, None)
        else:
            vat._enqueue(message)
        return
    vat._queue.append((target, seat, "turn", (events,), None, context))  # as a call between its own objects
    if not vat._awake:
        vat._rouse()

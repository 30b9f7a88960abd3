"""What promises do, and which way a message takes from its reference.

Here rather than in `_ref.py`, since this is what a compiled build runs as machine code. Of a class that interpreted ones derive from, mypyc
finds a method by its name each time, as Python does, unless the class is named: hence `Pledge._settle(promise, …)` where much depends on it.
That saves CPython 3.11 the look-up through `__getattr__`, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from remit._native import mypyc_attr
from remit.errors import Conflict, NoSuchMethod
from remit.vat._link import Link, hand_over
from remit.vat._message import Message
from remit.vat._outcome import PENDING, Failed
from remit.vat._seat import AWAY, NOWHERE, Root
from remit.vat._waiting import Alias, Follower, Prompt, Waiter, unwinding

if TYPE_CHECKING:
    from remit.vat._ref import Promise
    from remit.vat._vat import Vat


@mypyc_attr(allow_interpreted_subclasses=True)
class Pledge(Root):
    """What every promise has and does besides being a reference: see `Promise`."""

    __slots__ = ("_pending", "_value")

    _value: Any
    _pending: list[Any] | None

    def __init__(self, vat: Vat, at: Any = None, link: Link | None = None) -> None:
        self._vat = vat
        self._at = at
        self._link = link
        self._seat = NOWHERE
        self._value = PENDING
        self._pending = None

    def _pass(self, message: Message, sender: Vat | None) -> None:
        """`_route`, as every promise does it."""
        vat = self._vat
        if sender is not vat:
            message.foreign = True
            if sender is not None:
                sender._leave(self._pass, message, None)
                return
        here = self if self._value is PENDING else _front(self)
        link = here._link
        if link is not None and here._value is PENDING:
            if vat._keeper is None:  # as in `leave`
                hand_over(link, here._at, message, vat)
            else:
                leave(here, message, vat)
        elif here._value is PENDING or here._pending is not None:
            Pledge._add(here, message)
        else:
            Pledge._forward(here, message)

    def _forward(self, message: Message) -> None:
        """Send a message on to what this promise has become."""
        value = self._value
        if isinstance(value, Root):
            route(value, message, self._vat)
        elif isinstance(value, Failed):
            message.fail(value.error, self._vat)
        else:
            what = f"{message.selector or 'call'}: the promise became {type(value).__name__} data"
            message.fail(NoSuchMethod(f"{what}, which takes no messages"), self._vat)

    def _add(self, waiter: Waiter) -> None:
        pending = self._pending
        if pending is None:
            self._pending = [waiter]
        else:
            pending.append(waiter)

    def _wait(self, waiter: Waiter) -> None:
        """Tell the waiter when this promise is settled; at once if it is."""
        here = self if self._value is PENDING else _front(self)
        told: Any = here
        if here._value is not PENDING and here._pending is None:
            if isinstance(waiter, Prompt):
                waiter.settled(told)
            else:
                waiter.settled(told)
            return
        Pledge._add(here, waiter)
        if here._link is not None and here._value is PENDING:
            here._link.listen(told)

    def _settle(self, value: Any, by: Vat | None) -> None:
        """Take a value, a reference, another promise or a `Failed`; later ones are ignored."""
        vat = self._vat
        if by is not vat and by is not None:
            by._leave(self._settle, value, None)
            return
        if self._value is not PENDING:
            return
        if isinstance(value, Pledge):
            value = _becoming(self, value)
            if isinstance(value, Pledge):
                Pledge._add(value, Alias(cast("Promise[Any]", self)))
        self._value = value
        pending = self._pending
        if pending is None:
            return
        me: Any = self
        if len(pending) == 1 and vat.stopped is None and not isinstance(value, Pledge):
            waiter = pending[0]
            if isinstance(waiter, Prompt):
                self._pending = None
                waiter.settled(me)
                return
        unwinding.tell(me)

    def _tell(self) -> None:
        """Tell everything that has waited, and what comes to wait meanwhile."""
        pending, value = self._pending, self._value
        for waiter in pending or ():
            try:
                if isinstance(waiter, Message):
                    Pledge._forward(self, waiter)
                elif not isinstance(value, Pledge):
                    waiter.settled(self)
                elif isinstance(waiter, Alias):
                    waiter.move(cast("Promise[Any]", value))
                else:
                    Pledge._wait(value, waiter)
            except Exception as error:  # noqa: BLE001  # one waiter's fault may not keep the others from hearing
                self._vat._explain(error, repr(waiter))
        self._pending = None


class Makers:
    """What makes promises: their class is defined later than what is here, which makes some, too."""

    __slots__ = ("promise",)

    promise: type[Promise[Any]]


makers = Makers()


def route(ref: Root, message: Message, sender: Vat | None) -> None:
    """`ref._route(message, sender)`, with what is usual spelt out."""
    seat = ref._seat
    vat = seat.vat
    if vat is not None:  # as in `Ref._route`
        target: Any = ref
        message.target = target
        if vat is not sender:
            message.foreign = True
            if sender is not None:
                sender._leave(vat._enqueue, message)
                return
        vat._enqueue(message)
    elif seat is AWAY:
        if sender is None or sender._keeper is None:  # as in `leave`
            hand_over(ref._link, ref._at, message, ref._vat)  # type: ignore[arg-type]  # every Far has a link
        else:
            leave(ref, message, sender)
    elif isinstance(ref, Pledge):
        Pledge._pass(ref, message, sender)
    else:
        other: Any = ref
        other._route(message, sender)


def leave(ref: Root, message: Message, sender: Vat | None) -> None:
    """Hand a message to the reference's link: at once from outside, after the commit from a vat."""
    link = ref._link
    assert link is not None
    if sender is None or sender._keeper is None:
        hand_over(link, ref._at, message, ref._vat)
    else:
        sender._leave(hand_over, link, ref._at, message, ref._vat)


def final(promise: Promise[Any]) -> Promise[Any]:
    """The promise at the end of the chain that this one has become."""
    at: Pledge = promise
    value = at._value
    while isinstance(value, Pledge):
        at = value
        value = at._value
    return at  # type: ignore[return-value]  # every Pledge is a Promise


def _front(promise: Pledge) -> Pledge:
    """The first promise of the chain that has no result, or that has not yet told all who wait for it."""
    value = promise._value
    while isinstance(value, Pledge) and promise._pending is None:
        promise = value
        value = promise._value
    return promise


def _followed(promise: Pledge) -> Pledge:
    """The promise, perhaps of another vat, that this one will become, as far as is known."""
    while promise._link is None and isinstance(promise._at, Pledge):
        promise = final(promise._at)  # type: ignore[arg-type]  # every Pledge is a Promise
    return promise


def _becoming(promise: Pledge, other: Pledge) -> Any:
    """What to become instead of another promise: its end, its outcome, or one that follows it across the vats' border."""
    end: Pledge = final(other)  # type: ignore[arg-type]  # every Pledge is a Promise
    if promise is _followed(end):
        return Failed(Conflict("the promise was resolved to itself"))
    if end._vat is not promise._vat:
        local = makers.promise(promise._vat, end)
        Pledge._wait(end, Follower(local))
        end = local
    return end if end._value is PENDING else end._value

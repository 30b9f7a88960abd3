"""References and promises: the only ways to reach an object.

Neither has a public attribute of its own, so every method name is free for the object behind it. What a reference
does is decided by its class: `Ref` is near (or in another vat of this process), `Far` leaves through a link,
`Promise` waits for a result.

    send outside a turn ──► _route(message, None) ──► the target's vat, link or promise
    send inside a turn  ──► kept in the turn ──commit──► _route(message, vat)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

from remit.errors import Conflict, NoSuchMethod
from remit.values import Reference, passable_args
from remit.vat._active import active
from remit.vat._link import Link, hand_over
from remit.vat._message import ROOT, Context, Message
from remit.vat._outcome import PENDING, Failed
from remit.vat._seat import NOWHERE, Pledge, Root, Seat
from remit.vat._waiting import Alias, Follower, Prompt, Waiter, unwinding

if TYPE_CHECKING:
    from remit.vat._send import Verb
    from remit.vat._vat import Vat

T = TypeVar("T")
# Always passable as they are. (An int may be too long and a str may hold surrogates, so those two are checked.)
ATOMS: Final = frozenset({type(None), bool, float, bytes})
PLAIN: Final = ATOMS | {int, str, list, dict}
SMALL: Final = (1 << 30) - 1  # an int nearer to zero is passable, too; of one digit of Python's, it is compared fastest
LEAST: Final = -SMALL


class Ref(Root, Reference, Generic[T]):
    """A reference to an object in a vat of this process.

    There is one `Ref` for each object, so identity is equality; the object lives as long as somebody holds it.
    """

    __slots__ = ("__weakref__",)

    _verb: ClassVar[type[Verb]]
    _teller: ClassVar[type[Any]]  # what `tell` makes
    _straight: ClassVar[bool] = True  # whether such calls may go past `_route`

    def __init__(self, vat: Vat, at: Any, link: Link | None = None) -> None:
        self._vat = vat
        self._at = at
        self._link = link
        self._seat = Seat(vat, at, at._remit_.named) if self._straight else NOWHERE

    def __init_subclass__(cls) -> None:
        cls._straight = cls._route is Ref._route

    def __getattr__(self, name: str) -> Verb:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._verb(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Promise[Any]:
        return ask(self, None, args, kwargs)

    def __await__(self) -> Generator[Any, Any, Ref[T]]:
        if active.turn is not None:
            yield self
        return self

    def _route(self, message: Message, sender: Vat | None) -> None:
        """Bring a committed message one step further; `sender` is the vat that it leaves, None if from outside."""
        vat = self._vat
        message.target = self
        if vat is sender:
            vat._enqueue(message)
            return
        message.foreign = True
        if sender is None:
            vat._enqueue(message)
        else:
            sender._leave(vat._enqueue, message)

    def _become(self, behaviour: Any) -> None:
        """From the next message on, the object is this."""
        self._at = behaviour
        if self._straight:
            self._seat.behaviour = behaviour
            self._seat.named = behaviour._remit_.named

    def _behind(self) -> Ref[Any] | None:
        """The reference to which a gate passes messages on; None for an object that answers by itself."""
        return None

    def _lifeline(self) -> tuple[Any, Any] | None:
        """Whose `on_sever` tells when this reference is cut off from its object, and by which handle; None: it can't be."""
        return None if self._link is None else (self._link, self._at)

    def __repr__(self) -> str:
        return f"<ref {type(self._at)._remit_.kind} in {self._vat.name}>"


class Far(Ref[T]):
    """A reference that leaves through a link; `_vat` is the vat that waits for its answers."""

    __slots__ = ()

    def _route(self, message: Message, sender: Vat | None) -> None:
        leave(self, message, sender)

    def __repr__(self) -> str:
        return f"<far ref by {self._link!r}>"


class Promise(Ref[T], Pledge):  # type: ignore[misc]  # mypy counts the slot `__weakref__`, by which Python's layouts do not differ
    """A reference to a result that is not there yet; messages may be sent to it at once.

    `_value` is `PENDING`, a `Failed`, the value, or another promise of the same vat that this one has become. `_pending`
    holds, in order, the messages and waiters that came before; it is None when there are none left to tell. With a link
    (`_link`, `_at`) messages go ahead to where the result will be.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(self, vat: Vat, at: Any = None, link: Link | None = None) -> None: ...

    else:
        __init__ = Pledge.__init__

    def __await__(self) -> Generator[Any, Any, T]:  # type: ignore[override]  # a promise stands for its value
        if active.turn is not None:
            return (yield self)  # type: ignore[no-any-return]  # the vat sends what the promise became
        value = self._value
        if self._pending is None and type(value) in PLAIN and self._vat._open:
            return cast("T", value)  # there already: no future is needed
        return cast("T", (yield from _future(self)))

    def _route(self, message: Message, sender: Vat | None) -> None:
        vat = self._vat
        if sender is not vat:
            message.foreign = True
            if sender is not None:
                sender._leave(self._route, message, None)
                return
        here = _front(self)
        if here._value is PENDING and here._link is not None:
            leave(here, message, vat)
        elif here._value is PENDING or here._pending is not None:
            here._add(message)
        else:
            here._forward(message)

    def _forward(self, message: Message) -> None:
        """Send a message on to what this promise has become."""
        value = self._value
        if isinstance(value, Ref):
            value._route(message, self._vat)
        elif isinstance(value, Failed):
            message.fail(value.error, self._vat)
        else:
            what = f"{message.selector or 'call'}: the promise became {type(value).__name__} data"
            message.fail(NoSuchMethod(f"{what}, which takes no messages"), self._vat)

    def _add(self, waiter: Waiter) -> None:
        if self._pending is None:
            self._pending = [waiter]
        else:
            self._pending.append(waiter)

    def _wait(self, waiter: Waiter) -> None:
        """Tell the waiter when this promise is settled; at once if it is."""
        here = self if self._value is PENDING else _front(self)
        if here._value is not PENDING and here._pending is None:
            waiter.settled(here)
            return
        here._add(waiter)
        if here._link is not None and here._value is PENDING:
            here._link.listen(here)

    def _settle(self, value: Any, by: Vat | None) -> None:
        """Take a value, a reference, another promise or a `Failed`; later ones are ignored."""
        vat = self._vat
        if by is not vat and by is not None:
            by._leave(self._settle, value, None)
            return
        if self._value is not PENDING:
            return
        if isinstance(value, Promise):
            value = self._becoming(value)
            if isinstance(value, Promise):
                value._add(Alias(self))
        self._value = value
        pending = self._pending
        if pending is None:
            return
        if (
            len(pending) == 1
            and isinstance(pending[0], Prompt)
            and vat.stopped is None
            and not isinstance(value, Promise)
        ):
            self._pending = None
            pending[0].settled(self)
        else:
            unwinding.tell(self)

    def _tell(self) -> None:
        """Tell everything that has waited, and what comes to wait meanwhile."""
        pending, value = self._pending, self._value
        for waiter in pending or ():
            try:
                if isinstance(waiter, Message):
                    self._forward(waiter)
                elif not isinstance(value, Promise):
                    waiter.settled(self)
                elif isinstance(waiter, Alias):
                    waiter.move(value)
                else:
                    value._wait(waiter)
            except Exception as error:  # noqa: BLE001  # one waiter's fault may not keep the others from hearing
                self._vat._explain(error, repr(waiter))
        self._pending = None

    def _becoming(self, other: Promise[Any]) -> Any:
        """What to become instead of another promise: its end, its outcome, or one that follows it across the vats' border."""
        end = final(other)
        if self is _followed(end):
            return Failed(Conflict("the promise was resolved to itself"))
        if end._vat is not self._vat:
            local: Promise[Any] = Promise(self._vat, end)
            end._wait(Follower(local))
            end = local
        return end if end._value is PENDING else end._value

    def __repr__(self) -> str:
        value = final(self)._value
        if value is PENDING:
            return f"<promise in {self._vat.name}>"
        if isinstance(value, Failed):
            return f"<promise broken: {value.error}>"
        return f"<promise of {type(value).__name__}>"


def _future(promise: Promise[Any]) -> Any:
    """An asyncio future of what the promise becomes, for ordinary code."""
    if active.future is None:
        from remit.vat import _drive  # asyncio only where it is used

        active.future = _drive.future
    return active.future(promise)


def final(promise: Promise[Any]) -> Promise[Any]:
    """The promise at the end of the chain that this one has become."""
    value = promise._value
    while isinstance(value, Promise):
        promise = value
        value = promise._value
    return promise


def _front(promise: Promise[Any]) -> Promise[Any]:
    """The first promise of the chain that has no result, or that has not yet told all who wait for it."""
    value = promise._value
    while isinstance(value, Promise) and promise._pending is None:
        promise = value
        value = promise._value
    return promise


def _followed(promise: Promise[Any]) -> Promise[Any]:
    """The promise, perhaps of another vat, that this one will become, as far as is known."""
    while promise._link is None and isinstance(promise._at, Promise):
        promise = final(promise._at)
    return promise


def leave(ref: Ref[Any], message: Message, sender: Vat | None) -> None:
    """Hand a message to the reference's link: at once from outside, after the commit from a vat."""
    link = ref._link
    assert link is not None
    if sender is None:
        hand_over(link, ref._at, message, ref._vat)
    else:
        sender._leave(hand_over, link, ref._at, message, ref._vat)


def ask(ref: Ref[Any], selector: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Promise[Any]:
    """Send a message and give the promise of its result."""
    turn = active.turn
    args, kwargs = passable_args(args, kwargs)
    if turn is None:
        promise: Promise[Any] = Promise(ref._vat)
        ref._route(Message(ref, selector, args, kwargs or None, promise, ROOT, True), None)
        return promise
    promise = Promise(turn.vat)
    turn.effects.append(Message(ref, selector, args, kwargs or None, promise, turn.context))
    return promise


def post(ref: Ref[Any], selector: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Send a message and expect nothing."""
    turn = active.turn
    context: Context = ROOT if turn is None else turn.context
    args, kwargs = passable_args(args, kwargs)
    message = Message(ref, selector, args, kwargs or None, None, context, foreign=turn is None)
    if turn is None:
        ref._route(message, None)
    else:
        turn.effects.append(message)

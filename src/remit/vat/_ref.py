"""References and promises: the only ways to reach an object.

Neither has a public attribute of its own, so every method name is free for the object behind it. What a reference
does is decided by its class: `Ref` is near (or in another vat of this process), `Far` leaves through a link,
`Promise` waits for a result.

    send outside a turn ──► _route(message, None) ──► the target's vat, link or promise
    send inside a turn  ──► kept in the turn ──commit──► _route(message, vat)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar, cast

from remit.errors import Broken, NoSuchMethod
from remit.values import Reference, passable_args
from remit.vat._active import active
from remit.vat._message import ROOT, Context, Message
from remit.vat._outcome import PENDING, Failed

if TYPE_CHECKING:
    from remit.vat._vat import Vat

T = TypeVar("T")
# Always passable as they are. (An int may be too long and a str may hold surrogates, so those two are checked.)
ATOMS: Final = frozenset({type(None), bool, float, bytes})


class Link(Protocol):
    """A way out of this process's vats: a CapTP session, a device, a re-enlivening reference.

    Its methods are called after the turn has committed and, in a durable vat, is kept.
    """

    def deliver(self, handle: Any, message: Message) -> None:
        """Send the message to the object or promise that `handle` names; settle `message.promise` in the end."""

    def listen(self, promise: Promise[Any]) -> None:
        """Somebody waits for this promise of the link's: settle it when its result is known."""

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """Call `handler(broken)` once when the link to this object is lost."""

    def off_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """Forget what `on_sever` asked for."""


class Waiter(Protocol):
    """What waits on a promise: a message, a suspended method, a handler, something outside."""

    def settled(self, promise: Promise[Any]) -> None:
        """The promise is settled now; called once."""


class Ref(Reference, Generic[T]):
    """A reference to an object in a vat of this process.

    There is one `Ref` for each object, so identity is equality; the object lives as long as somebody holds it.
    """

    __slots__ = ("__weakref__", "_at", "_link", "_vat")

    _vat: Vat
    _link: Link | None
    _at: Any  # near: the behaviour, which `become` replaces; far: the link's handle

    def __init__(self, vat: Vat, at: Any, link: Link | None = None) -> None:
        self._vat = vat
        self._at = at
        self._link = link

    def __getattr__(self, name: str) -> Verb:
        if name.startswith("_"):
            raise AttributeError(name)
        return Verb(self, name)

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


class Promise(Ref[T]):
    """A reference to a result that is not there yet; messages may be sent to it at once.

    `_value` is `PENDING`, a `Failed`, the value, or another promise that this one has become. `_pending` holds, in
    order, the messages and waiters that came before. With a link (`_link`, `_at`) messages go ahead to where
    the result will be.
    """

    __slots__ = ("_pending", "_value")

    _value: Any
    _pending: list[Waiter] | None

    def __init__(self, vat: Vat, at: Any = None, link: Link | None = None) -> None:
        self._vat = vat
        self._at = at
        self._link = link
        self._value = PENDING
        self._pending = None

    def __await__(self) -> Generator[Any, Any, T]:  # type: ignore[override]  # a promise stands for its value
        if active.turn is not None:
            return cast("T", (yield self))
        from remit.vat._drive import wait  # asyncio only where it is used

        return cast("T", (yield from wait(self)))

    def _route(self, message: Message, sender: Vat | None) -> None:
        if sender is not None and sender is not self._vat:
            message.foreign = True
            sender._leave(self._route, message, None)
            return
        here = final(self)
        value = here._value
        if value is PENDING:
            if here._link is not None:
                leave(here, message, sender)
            else:
                here._add(message)
        elif isinstance(value, Ref):
            value._route(message, sender)
        elif isinstance(value, Failed):
            message.fail(value.error, sender)
        else:
            text = (
                f"{message.selector or 'call'}: the promise became {type(value).__name__} data, which takes no messages"
            )
            message.fail(NoSuchMethod(text), sender)

    def _add(self, waiter: Waiter) -> None:
        if self._pending is None:
            self._pending = [waiter]
        else:
            self._pending.append(waiter)

    def _wait(self, waiter: Waiter) -> None:
        """Tell the waiter when this promise is settled; at once if it is."""
        here = final(self)
        if here._value is not PENDING:
            waiter.settled(here)
            return
        here._add(waiter)
        if here._link is not None:
            here._link.listen(here)

    def _settle(self, value: Any, by: Vat | None) -> None:
        """Take a value, a reference, another promise or a `Failed`; later ones are ignored."""
        if by is not None and by is not self._vat:
            by._leave(self._settle, value, None)
            return
        if self._value is not PENDING:
            return
        if isinstance(value, Promise):
            value = final(value)
            if value is self:
                value = Failed(Broken("the promise was resolved to itself", kind="Conflict"))
            elif value._value is not PENDING:
                value = value._value
        self._value = value
        pending = self._pending
        if pending is None:
            return
        self._pending = None
        for waiter in pending:
            if isinstance(value, Promise) and not isinstance(waiter, Message):
                value._wait(waiter)
            else:
                waiter.settled(self)

    def __repr__(self) -> str:
        value = final(self)._value
        if value is PENDING:
            return f"<promise in {self._vat.name}>"
        if isinstance(value, Failed):
            return f"<promise broken: {value.error}>"
        return f"<promise of {type(value).__name__}>"


def leave(ref: Ref[Any], message: Message, sender: Vat | None) -> None:
    """Hand a message to the reference's link: at once from outside, after the commit from a vat."""
    link = ref._link
    assert link is not None
    message.finish()
    if sender is None:
        link.deliver(ref._at, message)
    else:
        sender._leave(link.deliver, ref._at, message)


def final(promise: Promise[Any]) -> Promise[Any]:
    """The promise at the end of the chain that this one has become."""
    value = promise._value
    while isinstance(value, Promise):
        promise = value
        value = promise._value
    return promise


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


class Verb:
    """`ref.name`, waiting for its arguments."""

    __slots__ = ("_name", "_ref")

    def __init__(self, ref: Ref[Any], name: str) -> None:
        self._ref = ref
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Promise[Any]:
        return ask(self._ref, self._name, args, kwargs)

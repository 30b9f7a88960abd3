"""What the methods of objects use, and the ways to call besides `ref.method(...)`.

ref.method(...)         send; a promise of the result
tell(ref).method(...)   send; nothing is expected
call(ref).method(...)   now, in this turn; only a near object's plain method
send(ref, "any-name")   send under a name that is not Python's
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar

from remit.errors import Misuse, NoSuchMethod, NotNear
from remit.values import passable, passable_args
from remit.vat._active import current
from remit.vat._actor import actor, actor_type
from remit.vat._atoms import ATOMS
from remit.vat._engine import find, unread
from remit.vat._message import Message
from remit.vat._outcome import PENDING, Failed, failed
from remit.vat._pledge import final
from remit.vat._ref import Far, Promise, Ref
from remit.vat._send import ask
from remit.vat._task import Handler, Subscription
from remit.vat._turn import Settlement, Turn

C = TypeVar("C")
P = ParamSpec("P")
T = TypeVar("T")


def spawn(cls: Callable[P, C], *args: P.args, **kwargs: P.kwargs) -> Ref[C]:
    """A new object in the current vat. It is gone again if this turn fails, and lives while its reference is held."""
    return current("spawn").vat.spawn(cls, *args, **kwargs)


def this() -> Ref[Any]:
    """The reference of the object whose method is running."""
    target = current("this()").target
    assert target is not None
    return target


def become(behaviour: Any) -> None:
    """From the next message on, the current object is this instance of an `@actor` class; its reference stays the same."""
    turn = current("become")
    actor_type(type(behaviour))
    ref = turn.target
    assert ref is not None
    turn.before.setdefault(ref, ref._at)
    ref._become(behaviour)


def on(
    promise: Ref[Any],
    fulfilled: Callable[[Any], Any] | None = None,
    broken: Callable[[Any], Any] | None = None,
) -> Promise[Any]:
    """Run `fulfilled(value)` or `broken(error)` in a later turn of this object; gives the promise of what that returns.

    A missing function lets the outcome through. What conversations give (`publish`, `during` …), which cannot pass, counts as None here:
    `on(answer, lambda n: publish(space, Count(n)))`.
    """
    turn = current("on")
    assert turn.target is not None
    handler = Handler(turn.vat, turn.target, turn.context, fulfilled, broken)
    if not isinstance(promise, Promise):
        promise = settled_promise(turn, promise)
    turn.effects.append(Subscription(promise, handler))
    return handler.result


def settled_promise(turn: Turn, value: Any) -> Promise[Any]:
    """A promise of the current vat that is this value already."""
    promise: Promise[Any] = Promise(turn.vat)
    promise._settle(passable(value), None)
    return promise


@actor(kind="remit.resolver", passing=True)
class Resolver:
    """The right to settle one promise, once; later settlements are ignored. OCapN's resolver answers the same names."""

    promise: Any

    def fulfill(self, value: Any = None) -> None:
        """The promise becomes this value, reference or other promise."""
        current("fulfill").effects.append(Settlement(self.promise, value))

    def break_(self, reason: Any = None) -> None:
        """The promise breaks with this error (or with what describes it)."""
        current("break").effects.append(Settlement(self.promise, failed(reason)))


def promise() -> tuple[Promise[Any], Ref[Resolver]]:
    """A promise and a reference to its resolver, which may be handed to others."""
    turn = current("promise()")
    made: Promise[Any] = Promise(turn.vat)
    turn.vat._made.add(made)
    return made, turn.vat.spawn(Resolver, made)


def send(ref: Ref[Any], selector: str, *args: Any, **kwargs: Any) -> Promise[Any]:
    """Send a message under any name; gives the promise of its result."""
    return ask(ref, selector, args, kwargs)


def on_sever(ref: Ref[Any], handler: Ref[Any]) -> None:
    """When the link to a far object is lost, `handler(broken)` is sent, once. A near object has no link to lose."""
    _sever_effect(ref, "on_sever", handler)


def off_sever(ref: Ref[Any], handler: Ref[Any]) -> None:
    """Forget an `on_sever` of the same reference and handler."""
    _sever_effect(ref, "off_sever", handler)


class SeverWish:
    """The effect of `on_sever` and `off_sever`: the link hears of it after the commit."""

    __slots__ = ("handle", "handler", "wish")

    def __init__(self, wish: Callable[[Any, Ref[Any]], None], handle: Any, handler: Ref[Any]) -> None:
        self.wish = wish
        self.handle = handle
        self.handler = handler

    def commit(self, vat: Any) -> None:
        """Tell the link."""
        vat._leave(self.wish, self.handle, self.handler)


def _sever_effect(ref: Ref[Any], wish: str, handler: Ref[Any]) -> None:
    if isinstance(ref, Promise) and isinstance(final(ref)._value, Ref):
        ref = final(ref)._value
    lifeline = ref._lifeline()
    if lifeline is not None:
        link, handle = lifeline
        current(wish).effects.append(SeverWish(getattr(link, wish), handle, handler))


class Caller(Generic[T]):
    """`call(ref)`: its methods run now, in this turn."""

    __slots__ = ("_ref",)

    def __init__(self, ref: Ref[T]) -> None:
        self._ref = ref

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        ref = self._ref
        return lambda *args, **kwargs: call_now(ref, name, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return call_now(self._ref, None, args, kwargs)


def call(ref: Ref[T]) -> Caller[T]:
    """The reference as one to call at once; an error unless the object is near and the method not `async`.

    A call that raises undoes the callee's own changes and sends, even if the caller catches the error.
    """
    return Caller(ref)


def call_now(ref: Ref[Any], selector: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run a near object's method inside this turn, under a savepoint."""
    turn = current("call")
    near = _near(turn, ref)
    args, kwargs = passable_args(args, kwargs)
    message = Message(near, selector, args, kwargs, None, turn.context)
    method, given = find(near._at._remit_, message)
    method.check(given, message.kwargs)
    if method.is_async:
        raise NotNear(f"{method.name} is async: it takes several turns and cannot be called in one; send instead")
    outer = turn.nest()
    mark, target = len(turn.calls), turn.target
    turn.target = near
    try:
        value = method.function(near._at, *given, **(message.kwargs or {}))
        if value.__class__ not in ATOMS:
            value = passable(value)
        if method.reads and turn.dirty():
            raise unread(message)
    except BaseException as error:  # noqa: BLE001  # `_raise` raises it again
        turn.undo()
        del turn.calls[mark:]
        turn.target = target
        turn.unnest(outer)
        _raise(turn, message, error)
    turn.target = target
    if turn.unnest(outer):
        turn.touched.append(near)
    return value


def _near(turn: Turn, ref: Ref[Any]) -> Ref[Any]:
    if isinstance(ref, Promise):
        value = final(ref)._value if ref._vat is turn.vat else PENDING
        if isinstance(value, Failed):
            raise value.error.copy()
        if value is PENDING:
            raise NotNear("a promise cannot be called at once: await it, or send")
        if not isinstance(value, Ref):
            raise NoSuchMethod(f"the promise became {type(value).__name__} data, which has no methods")
        ref = value
    if isinstance(ref, Far) or ref._vat is not turn.vat:
        raise NotNear(f"{ref!r} is not in vat {turn.vat.name}: only near objects can be called at once; send instead")
    return ref


def _raise(turn: Turn, message: Message, error: BaseException) -> NoReturn:
    """The caller sees what it would see of a message: one copied `Broken`."""
    if isinstance(error, Exception) and not isinstance(error, Misuse):
        raise turn.vat._explain(error, repr(message)) from error
    raise error


def resolved(promise: Ref[Any]) -> Any:
    """What a promise has become: its value or reference, or `PENDING`; raises its error. For links and tools."""
    if not isinstance(promise, Promise):
        return promise
    value = final(promise)._value
    if isinstance(value, Failed):
        raise value.error.copy()
    return value

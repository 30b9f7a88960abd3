"""Sending, with the common cases spelt out: `ref.method(...)` and `tell(ref).method(...)` of the classes that an actor class gets.

What is spelt out is what `ask` and `post` do with plain positional arguments inside a turn, for an object of the same vat: it makes
a `Call`. It takes a third of the time, and these two are what objects do most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from remit.errors import Misuse
from remit.values import passable_args
from remit.vat._active import active
from remit.vat._outcome import PENDING
from remit.vat._ref import ATOMS, LEAST, SMALL, Promise, Ref, ask, post

if TYPE_CHECKING:
    from remit.vat._method import Method

T = TypeVar("T")
_new: Final = (
    object.__new__
)  # making an object and setting its slots on the spot takes half as long as calling its class


class Teller(Generic[T]):
    """`tell(ref)`: its methods send and give nothing."""

    __slots__ = ("_ref",)

    _ref: Ref[T]

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        ref = self._ref
        return lambda *args, **kwargs: post(ref, name, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        post(self._ref, None, args, kwargs)


Ref._teller = Teller


def tell(ref: Ref[T]) -> Teller[T]:
    """The reference as one to send to without expecting anything."""
    try:
        teller: Teller[T] = type(ref)._teller()
    except AttributeError:
        raise Misuse(f"tell takes a reference, not {type(ref).__name__}") from None
    teller._ref = ref
    return teller


def ref_class(cls: type, methods: dict[str | None, Method]) -> type[Ref[Any]]:
    """The class of references to objects of a class, with its methods spelt out."""
    spelt = [name for name in methods if name is not None and name.isidentifier() and not hasattr(Ref, name)]
    place = {"__slots__": (), "__module__": cls.__module__}
    teller = type(f"{cls.__name__}Teller", (Teller,), {**place, **{name: _poster(name) for name in spelt}})
    asks = {name: _asker(name) for name in spelt}
    return type(f"{cls.__name__}Ref", (Ref,), {**place, "_teller": teller, **asks})


def _asker(name: str) -> Any:
    def method(self: Ref[Any], *args: Any, **kwargs: Any) -> Promise[Any]:
        turn = active.turn
        if turn is None or kwargs:
            return ask(self, name, args, kwargs)
        vat = turn.vat
        seat = self._seat
        if seat.vat is not vat:
            return ask(self, name, args, kwargs)
        if args:
            args = _passed(args)
        promise: Promise[Any] = _new(Promise)
        promise._vat = vat
        promise._at = promise._link = promise._pending = None
        promise._value = PENDING
        turn.calls.append((self, seat, name, args, promise, turn.context))
        return promise

    method.__name__ = name
    return method


def _poster(name: str) -> Any:
    def method(self: Teller[Any], *args: Any, **kwargs: Any) -> None:
        ref = self._ref
        turn = active.turn
        if turn is None or kwargs:
            post(ref, name, args, kwargs)
            return
        seat = ref._seat
        if seat.vat is not turn.vat:
            post(ref, name, args, kwargs)
            return
        if args:
            args = _passed(args)
        turn.calls.append((ref, seat, name, args, None, turn.context))

    method.__name__ = name
    return method


def _passed(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments as the receiver gets them: most are atoms, small numbers, ascii texts and references."""
    for value in args:
        kind = type(value)
        if kind is int and value > LEAST and value < SMALL:  # a chain is compared the slow way
            continue
        if kind not in ATOMS and not (kind is str and value.isascii()) and not isinstance(value, Ref):
            return passable_args(args, {})[0]
    return args

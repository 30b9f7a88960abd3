"""`tell`, and classes of references for each actor class, with its methods spelt out. Not compiled: classes are made while a program runs.

In the interpreter, what is spelt out is what `ask` and `post` do with plain positional arguments inside a turn, for an object of the
same vat. A call takes half as long for it. In a compiled build it is enough that the names are found without a search.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from remit.errors import Misuse
from remit.vat._active import COMPILED, active
from remit.vat._ref import Promise, Ref
from remit.vat._send import Post, VerbOf, ask, passed, post, told

if TYPE_CHECKING:
    from remit.vat._method import Method

T = TypeVar("T")
_TOLD: Final[set[str]] = set()  # names that `FarTeller` has as attributes
_MOST: Final = 1000  # of them, as in `_ref.py`


class Teller(Generic[T]):
    """`tell(ref)`: its methods send and give nothing."""

    __slots__ = ("_ref",)

    _ref: Ref[T]

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return Post(self._ref, name)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        post(self._ref, None, args, kwargs)


class FarTeller(Teller[T]):
    """That of what is far or not there yet, which learns names. A class of its own, since other tellers have other ways to send the same name."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Callable[..., None]:
        """From now on the name is found without a search, as by `Far` and `Promise`."""
        post = super().__getattr__(name)
        if len(_TOLD) < _MOST:
            _TOLD.add(name)
            setattr(FarTeller, name, _poster(name))
        return post


Ref._teller = FarTeller


def tell(ref: Ref[T]) -> Teller[T]:
    """The reference as one to send to without expecting anything."""
    try:
        teller: Teller[T] = type(ref)._teller()
    except AttributeError:
        raise Misuse(f"tell takes a reference, not {type(ref).__name__}") from None
    teller._ref = ref
    return teller


if COMPILED and not TYPE_CHECKING:
    tell = told


def ref_class(cls: type, methods: dict[str | None, Method]) -> type[Ref[Any]]:
    """The class of references to objects of a class, with its methods spelt out."""
    spelt = [name for name in methods if name is not None and name.isidentifier() and not hasattr(Ref, name)]
    place: dict[str, Any] = {"__slots__": (), "__module__": cls.__module__}
    if COMPILED:
        return type(f"{cls.__name__}Ref", (Ref,), {**place, **{name: VerbOf(name) for name in spelt}})
    teller = type(f"{cls.__name__}Teller", (Teller,), {**place, **{name: _poster(name) for name in spelt}})
    asks = {name: _asker(name) for name in spelt}
    return type(f"{cls.__name__}Ref", (Ref,), {**place, "_teller": teller, **asks})


def _far_asker(name: str) -> Any:
    """A method of what is far or not there yet."""

    def method(self: Ref[Any], *args: Any, **kwargs: Any) -> Promise[Any]:
        return ask(self, name, args, kwargs)

    method.__name__ = name
    return method


if not COMPILED:
    Ref._method = staticmethod(_far_asker)


def _asker(name: str) -> Any:
    def method(self: Ref[Any], *args: Any, **kwargs: Any) -> Promise[Any]:
        turn = active.turn
        if turn is None or kwargs:
            return ask(self, name, args, kwargs)
        seat = self._seat
        if seat.vat is not turn.vat:
            return ask(self, name, args, kwargs)
        if args:
            args = passed(args)
        promise: Promise[Any] = Promise(turn.vat)
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
            args = passed(args)
        turn.calls.append((ref, seat, name, args, None, turn.context))

    method.__name__ = name
    return method

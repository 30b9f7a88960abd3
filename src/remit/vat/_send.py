"""What the names of methods stand for until they are called, and how a call inside a vat is made.

A message from one object to another of the same vat, with plain positional arguments, becomes a `Call`; all others go by `ask` and `post`.
"""

from __future__ import annotations

from typing import Any

from remit._native import mypyc_attr
from remit.errors import Misuse
from remit.values import passable_args
from remit.vat._active import active
from remit.vat._atoms import ATOMS, LEAST, SMALL
from remit.vat._message import ROOT, Context, Message
from remit.vat._pledge import route
from remit.vat._ref import Promise, Ref
from remit.vat._seat import Root


def passed(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments as the receiver gets them: most are atoms, small numbers, ascii texts and references."""
    for value in args:
        kind = type(value)
        if kind is int:
            number: int = value
            if number > LEAST and number < SMALL:
                continue
        if kind not in ATOMS and not (kind is str and value.isascii()) and not isinstance(value, Root):
            return passable_args(args, {})[0]
    return args


def ask(ref: Any, selector: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Promise[Any]:
    """Send a message and give the promise of its result."""
    turn = active.turn
    if kwargs:
        args, kwargs = passable_args(args, kwargs)
    elif args:
        args = passed(args)
    if turn is None:
        root: Root = ref
        promise: Promise[Any] = Promise(root._vat)
        route(root, Message(ref, selector, args, kwargs or None, promise, ROOT, True), None)
        return promise
    promise = Promise(turn.vat)
    turn.mixed = True
    turn.calls.append(Message(ref, selector, args, kwargs or None, promise, turn.context))
    return promise


def post(ref: Any, selector: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Send a message and expect nothing."""
    turn = active.turn
    context: Context = ROOT if turn is None else turn.context
    if kwargs:
        args, kwargs = passable_args(args, kwargs)
    elif args:
        args = passed(args)
    message = Message(ref, selector, args, kwargs or None, None, context, foreign=turn is None)
    if turn is None:
        route(ref, message, None)
    else:
        turn.effects.append(message)


@mypyc_attr(free_list_len=1)
class Verb:
    """`ref.name`, waiting for its arguments."""

    __slots__ = ("_name", "_ref")

    def __init__(self, ref: Root, name: str) -> None:
        self._ref = ref
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Promise[Any]:
        ref: Any = self._ref
        turn = active.turn
        if turn is None or kwargs:
            return ask(ref, self._name, args, kwargs)
        seat = self._ref._seat
        if seat.vat is not turn.vat:
            return ask(ref, self._name, args, kwargs)
        promise: Promise[Any] = Promise(turn.vat)
        turn.calls.append((ref, seat, self._name, passed(args), promise, turn.context))
        return promise


Ref._verb = Verb
Ref._ask = staticmethod(ask)


class VerbOf:
    """A method's name in a class of references: as an attribute of one, it is the `Verb`."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, ref: Any, owner: Any) -> Any:
        return self if ref is None else Verb(ref, self._name)


Ref._method = VerbOf


@mypyc_attr(free_list_len=1)
class Post:
    """`tell(ref).name`, waiting for its arguments."""

    __slots__ = ("_name", "_ref")

    def __init__(self, ref: Root, name: str) -> None:
        self._ref = ref
        self._name = name

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        ref: Any = self._ref
        turn = active.turn
        if turn is None or kwargs:
            post(ref, self._name, args, kwargs)
            return
        seat = self._ref._seat
        if seat.vat is not turn.vat:
            post(ref, self._name, args, kwargs)
            return
        turn.calls.append((ref, seat, self._name, passed(args), None, turn.context))


@mypyc_attr(free_list_len=1)
class Told:
    """What `tell` gives in a compiled build, where it costs less than a class with the methods spelt out."""

    __slots__ = ("_ref",)

    def __init__(self, ref: Root) -> None:
        self._ref = ref

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Post(self._ref, name)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        ref: Any = self._ref
        post(ref, None, args, kwargs)


def told(ref: Any) -> Any:
    """`tell`, compiled."""
    if not isinstance(ref, Root):
        raise Misuse(f"tell takes a reference, not {type(ref).__name__}")
    return Told(ref)

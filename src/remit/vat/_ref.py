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

from remit.values import Reference
from remit.vat._active import active
from remit.vat._atoms import ATOMS
from remit.vat._link import Link
from remit.vat._message import Message
from remit.vat._outcome import PENDING, Failed
from remit.vat._pledge import Pledge, final, leave, makers
from remit.vat._seat import AWAY, NOWHERE, Root, Seat

if TYPE_CHECKING:
    from remit.vat._send import Verb
    from remit.vat._vat import Vat

__all__ = ["PLAIN", "Far", "Promise", "Ref", "final"]

T = TypeVar("T")
PLAIN: Final = ATOMS | {int, str, list, dict}


class Ref(Root, Reference, Generic[T]):
    """A reference to an object in a vat of this process.

    There is one `Ref` for each object, so identity is equality; the object lives as long as somebody holds it.
    """

    __slots__ = ("__weakref__",)

    _verb: ClassVar[type[Verb]]
    _teller: ClassVar[type[Any]]  # what `tell` makes
    _method: ClassVar[Any]  # what makes of a name the attribute of a class of references
    _ask: ClassVar[Any]  # how it is called as a function
    _straight: ClassVar[bool] = True  # whether such calls may go past `_route`
    _elsewhere: ClassVar[Seat] = NOWHERE  # the seat where they may not

    def __init__(self, vat: Vat, at: Any, link: Link | None = None) -> None:
        self._vat = vat
        self._at = at
        self._link = link
        self._seat = Seat(vat, at, at._remit_.named) if self._straight else self._elsewhere

    def __init_subclass__(cls) -> None:
        cls._straight = cls._route is Ref._route
        cls._elsewhere = AWAY if getattr(cls._route, "_leaves", False) else NOWHERE

    def __getattr__(self, name: str) -> Verb:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._verb(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Promise[Any]:
        return self._ask(self, None, args, kwargs)  # type: ignore[no-any-return]

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


_LEARNT: Final[set[str]] = set()  # names that `Far` and `Promise` have as attributes
_MOST: Final = 1000  # of them: about what the methods of a large program come to


def _learn(ref: Ref[Any], name: str) -> Any:
    """Any method, of what is far or not there yet. From now on the name is found without a search, which costs more than the rest of a call."""
    if name.startswith("_"):
        raise AttributeError(name)
    if len(_LEARNT) < _MOST:
        _LEARNT.add(name)
        for cls in (Far, Promise):
            setattr(cls, name, ref._method(name))
    return ref._verb(ref, name)


class Far(Ref[T]):
    """A reference that leaves through a link; `_vat` is the vat that waits for its answers."""

    __slots__ = ()

    def __init__(self, vat: Vat, at: Any, link: Link | None = None) -> None:
        self._vat = vat
        self._at = at
        self._link = link
        self._seat = AWAY if type(self) is Far else self._elsewhere

    if not TYPE_CHECKING:
        __getattr__ = _learn

    def _route(self, message: Message, sender: Vat | None) -> None:
        leave(self, message, sender)

    _route._leaves = True  # type: ignore[attr-defined]  # what `AWAY` says of those that inherit it

    def __repr__(self) -> str:
        return f"<far ref by {self._link!r}>"


class Promise(Ref[T], Pledge):  # type: ignore[misc]  # mypy counts the slot `__weakref__`, by which Python's layouts do not differ
    """A reference to a result that is not there yet; messages may be sent to it at once.

    `_value` is `PENDING`, a `Failed`, the value, or another promise of the same vat that this one has become. `_pending`
    holds, in order, the messages and waiters that came before; it is None when there are none left to tell. With a link
    (`_link`, `_at`) messages go ahead to where the result will be.
    """

    __slots__ = ()

    if not TYPE_CHECKING:
        __getattr__ = _learn

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
        Pledge._pass(self, message, sender)

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


makers.promise = Promise

"""What waits for promises, and how it is told."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Final, Protocol

from remit._native import mypyc_attr
from remit.vat._outcome import PENDING, Failed

if TYPE_CHECKING:
    from remit.errors import Broken
    from remit.vat._ref import Promise
    from remit.vat._vat import Vat


class Waiter(Protocol):
    """What waits on a promise: a message, a suspended method, a handler, something outside.

    A waiter outside the promise's vat lets itself be told by `vat._leave(...)`, which holds the news until it is kept. If it is
    a method of the waiter's that it gives there, and the waiter has a method `lost(why)`, then this is called
    instead when the vat stops before.
    """

    def settled(self, promise: Promise[Any]) -> None:
        """The promise is settled now; called once."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Prompt:
    """A waiter that only notes the outcome when it is told, and settles nothing: it can be told at once."""

    __slots__ = ()

    def settled(self, promise: Promise[Any]) -> None:
        """As for every waiter."""
        raise NotImplementedError(type(self).__qualname__)


@mypyc_attr(allow_interpreted_subclasses=True)
class Suspended(Prompt):
    """A waiter that goes on in a turn of its own: a suspended method, a handler. `awaited` is the outcome that it waited for."""

    __slots__ = ("awaited", "vat")

    def __init__(self, vat: Vat) -> None:
        self.vat = vat
        self.awaited: Any = None

    def settled(self, promise: Promise[Any]) -> None:
        """What was awaited is there: queue the turn."""
        self.awaited = promise._value
        if promise._vat is self.vat:
            self.vat._enqueue(self)
        else:
            promise._vat._leave(self.go)

    def go(self) -> None:
        """The vat of the promise has kept its result."""
        self.vat._enqueue(self)

    def lost(self, why: Broken) -> None:
        """The vat of the promise stopped before it had kept the result."""
        self.awaited = Failed(why)
        self.vat._enqueue(self)

    def run(self, vat: Vat) -> None:
        """Go on, as a turn."""
        raise NotImplementedError(type(self).__qualname__)

    def fail(self, error: Broken, by: Vat | None) -> None:
        """The vat has stopped: it never goes on."""
        raise NotImplementedError(type(self).__qualname__)


class Alias(Prompt):
    """Keeps short the chain from a promise that has become another one, which waits for its own result.

    The chain would otherwise grow with each turn of an object that answers with a call of its own, for ever. Weak,
    so that a promise in the middle goes when nobody else holds it.
    """

    __slots__ = ("promise",)

    def __init__(self, promise: Promise[Any]) -> None:
        self.promise = weakref.ref(promise)

    def settled(self, promise: Promise[Any]) -> None:
        """The other one has its outcome."""
        mine = self.promise()
        if mine is not None:
            mine._value = promise._value

    def move(self, end: Promise[Any]) -> None:
        """The other one has become a third."""
        mine = self.promise()
        if mine is not None:
            mine._value = end
            if end._value is PENDING:
                end._add(self)


class Follower:
    """Settles a promise (`local`) with the outcome of a promise of another vat, once that vat has kept it."""

    __slots__ = ("local",)

    def __init__(self, local: Promise[Any]) -> None:
        self.local = local

    def settled(self, promise: Promise[Any]) -> None:
        """The other vat's promise has its outcome."""
        promise._vat._leave(self.local._settle, promise._value, None)


class Unwinding:
    """The promises whose waiters are to be told, one after the other.

    Telling a waiter may settle another promise. To tell that one's waiters from within would need a stack as deep as
    the chain is long, and the chain may be a peer's.
    """

    __slots__ = ("later",)

    def __init__(self) -> None:
        self.later: list[Promise[Any]] | None = None  # None: everybody has been told

    def tell(self, promise: Promise[Any]) -> None:
        """Tell the promise's waiters, now or as soon as those before it have been told."""
        if self.later is not None:
            self.later.append(promise)
            return
        self.later = later = [promise]
        try:
            for each in later:
                each._tell()
        finally:
            self.later = None


unwinding: Final = Unwinding()

"""Suspended methods: an `async def` method between two of its turns.

Each `await` ends the turn; the piece that follows is a turn of its own. After a crash a suspended method is gone
and its promise breaks, so no invariant that must last may span an `await`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remit.vat._message import Context, Message
from remit.vat._outcome import Failed
from remit.vat._ref import Promise, Ref, final

if TYPE_CHECKING:
    from remit.vat._vat import Vat


class Task:
    """One call of an async method; the vat's queue or the awaited promise holds it."""

    __slots__ = ("awaited", "coroutine", "message", "vat")

    def __init__(self, vat: Vat, message: Message, coroutine: Any) -> None:
        self.vat = vat
        self.message = message
        self.coroutine = coroutine
        self.awaited: Ref[Any] | None = None

    def settled(self, promise: Promise[Any]) -> None:
        """What was awaited is there: go on in a turn of its own."""
        self.awaited = promise
        self.vat._enqueue(self)

    def run(self, vat: Vat) -> None:
        """Go on after an `await`."""
        vat._resume(self)

    def step(self) -> Any:
        """Run to the next `await` and say what it waits for; `StopIteration` carries the result."""
        awaited = self.awaited
        if awaited is None:
            return self.coroutine.send(None)  # whatever it yields is checked by the vat
        value: Any = awaited
        if isinstance(awaited, Promise):
            value = final(awaited)._value
            if isinstance(value, Failed):
                return self.coroutine.throw(value.error.copy())
        return self.coroutine.send(value)

    def __repr__(self) -> str:
        return f"<suspended {self.message!r}>"


class Handler:
    """What `on` asked for: run one of two functions in a turn of its own when a promise settles."""

    __slots__ = ("broken", "context", "fulfilled", "promise", "result", "target", "vat")

    def __init__(
        self,
        vat: Vat,
        target: Ref[Any],
        context: Context,
        fulfilled: Callable[[Any], Any] | None,
        broken: Callable[[Any], Any] | None,
    ) -> None:
        self.vat = vat
        self.target = target
        self.context = context
        self.fulfilled = fulfilled
        self.broken = broken
        self.result: Promise[Any] = Promise(vat)
        self.promise: Promise[Any] | None = None

    def settled(self, promise: Promise[Any]) -> None:
        """The promise is settled: queue the handler's turn."""
        self.promise = promise
        self.vat._enqueue(self)

    def run(self, vat: Vat) -> None:
        """Run the function that fits the outcome."""
        vat._handle(self)

    def outcome(self) -> tuple[Callable[[Any], Any] | None, Any]:
        """The function to run and its argument; without a function the outcome passes through."""
        assert self.promise is not None
        value = final(self.promise)._value
        if isinstance(value, Failed):
            return (self.broken, value.error) if self.broken is not None else (None, value)
        return self.fulfilled, value


class Subscription:
    """The effect of `on`: waiting starts when the turn commits."""

    __slots__ = ("handler", "promise")

    def __init__(self, promise: Promise[Any], handler: Handler) -> None:
        self.promise = promise
        self.handler = handler

    def commit(self, vat: Vat) -> None:  # every effect is told its vat
        """Start waiting."""
        self.promise._wait(self.handler)

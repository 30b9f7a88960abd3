"""Suspended methods: an `async def` method between two of its turns.

Each `await` ends the turn; the piece that follows is a turn of its own. After a crash a suspended method is gone
and its promise breaks, so no invariant that must last may span an `await`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remit._native import mypyc_attr
from remit.vat._message import Context, Message
from remit.vat._outcome import Failed
from remit.vat._ref import Promise, Ref
from remit.vat._waiting import Suspended

if TYPE_CHECKING:
    from remit.errors import Broken
    from remit.vat._vat import Vat


class Task(Suspended):
    """One call of an async method; the vat's queue or the awaited promise holds it. `reads`: it may change nothing."""

    __slots__ = ("coroutine", "message", "reads")

    def __init__(self, vat: Vat, message: Message, coroutine: Any, reads: bool = False) -> None:
        self.vat = vat
        self.awaited = None
        self.message = message
        self.coroutine = coroutine
        self.reads = reads

    def run(self, vat: Vat) -> None:
        """Go on after an `await`."""
        vat._resume(self)

    def fail(self, error: Broken, by: Vat | None) -> None:
        """The vat has stopped: the method never goes on."""
        self.vat._close(self)
        self.message.fail(error, by)

    def __repr__(self) -> str:
        return f"<suspended {self.message!r}>"


@mypyc_attr(allow_interpreted_subclasses=True)
class Handler(Suspended):
    """What `on` asked for: run one of two functions in a turn of its own when a promise settles."""

    __slots__ = ("broken", "context", "debt", "fulfilled", "result", "target")

    def __init__(
        self,
        vat: Vat,
        target: Ref[Any],
        context: Context,
        fulfilled: Callable[[Any], Any] | None,
        broken: Callable[[Any], Any] | None,
    ) -> None:
        super().__init__(vat)
        self.target = target
        self.context = context
        self.debt = context.repaid()  # with the account from when it is borrowed from
        self.fulfilled = fulfilled
        self.broken = broken
        self.result: Promise[Any] = Promise(vat)

    def run(self, vat: Vat) -> None:
        """Run the function that fits the outcome."""
        vat._handle(self)

    def message(self) -> Message:
        """What the handler's turn answers: the promise that `on` gave."""
        return Message(self.target, "on", (), None, self.result, self.debt)

    def fail(self, error: Broken, by: Vat | None) -> None:
        """The vat has stopped: no function runs."""
        self.message().fail(error, by)

    def outcome(self) -> tuple[Callable[[Any], Any] | None, Any]:
        """The function to run and its argument; without a function the outcome passes through."""
        value = self.awaited
        if isinstance(value, Failed):
            return (self.broken, value.error.copy()) if self.broken is not None else (None, value)
        return self.fulfilled, value

    def __repr__(self) -> str:
        return f"<handler of {self.target!r}>"


class Subscription:
    """The effect of `on`: waiting starts when the turn commits."""

    __slots__ = ("handler", "promise")

    def __init__(self, promise: Promise[Any], handler: Handler) -> None:
        self.promise = promise
        self.handler = handler

    def commit(self, vat: Vat) -> None:  # every effect is told its vat
        """Start waiting; what waits is work under way on the turn's account."""
        handler, context = self.handler, self.handler.context
        if context.account is not None:
            handler.debt = context
            if context.trace is not None:
                context = handler.context = handler.debt = context.trace.sent(handler.message())
            if context.account is not None:
                context.account.borrow()
        self.promise._wait(handler)

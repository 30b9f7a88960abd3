"""What waits in a vat's queue: messages to objects, each with the context that caused it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeAlias

from remit._native import mypyc_attr
from remit.vat._outcome import Failed

if TYPE_CHECKING:
    from remit.errors import Broken
    from remit.vat._ref import Promise, Ref
    from remit.vat._seat import Seat
    from remit.vat._vat import Vat


class Account(Protocol):
    """Who pays for work: borrows when a message is queued, repaid when all that was asked is done.

    While it waits for anything (a promise, a device, a link, a commit) it is still owed.
    """

    def borrow(self) -> None:
        """One more message is under way on this account."""

    def repay(self) -> None:
        """One message less."""

    def loan(self, size: int) -> Account:
        """An account for one large message of so many bytes and all that it causes, to which they are held for so long."""

    def hold(self, size: int) -> None:
        """So many bytes more are kept in memory on this account."""

    def release(self, size: int) -> None:
        """So many bytes less."""


class Facet(Protocol):
    """The scope of a conversation; stops when an event's turn raises, so that no event is silently lost."""

    def failed(self, error: Broken, target: Ref[Any]) -> None:
        """A turn of this object, of which nobody expected an answer, raised this and was undone.

        A turn's sends are of its facet, too, so it may be another object that failed.
        """


class Step(Protocol):
    """One message of a trace that somebody follows."""

    trace: str
    """The trace's id."""
    id: str
    """The message's own, unique in its trace."""

    def sent(self, message: Message) -> Context:
        """The context of a message that this one's turn has sent: a step of its own."""

    def ended(self, message: Message, error: Broken | None) -> None:
        """The message's work is done, or has failed. May be told more than once; the first counts."""

    def handed(self, message: Message, to: str) -> None:
        """The message went on to another node, and ends there."""


class Free:
    """The account of what nobody pays for and somebody follows: with an account a message takes the way on which it is seen."""

    __slots__ = ()

    def borrow(self) -> None:
        """Nothing is owed."""

    def repay(self) -> None:
        """Nothing is owed."""

    def loan(self, size: int) -> Free:
        """Nothing is owed for large messages, either."""
        return self

    def hold(self, size: int) -> None:
        """Nothing is owed."""

    def release(self, size: int) -> None:
        """Nothing is owed."""


FREE: Final = Free()


@mypyc_attr(allow_interpreted_subclasses=True)
class Context:
    """Why a turn runs: who pays, which step of which trace it is, which message caused it, in which facet.

    Shared by all messages of one cause and never changed; a turn's sends inherit it, and get contexts of their own where they are followed
    (`trace`, with `cause` as the id of the message whose turn this is).
    """

    __slots__ = ("_repaid", "account", "cause", "facet", "trace")

    def __init__(
        self,
        account: Account | None = None,
        trace: Step | None = None,
        cause: str | None = None,
        facet: Facet | None = None,
    ) -> None:
        self.account = FREE if account is None and trace is not None else account
        self.trace = trace
        self.cause = cause
        self.facet = facet
        self._repaid: Context | None = None

    def untraced(self) -> Context:
        """The same for a message that is not followed."""
        return Context(None if self.account is FREE else self.account, None, self.cause, self.facet)

    def repaid(self) -> Context:
        """The same without the account, for a message whose debt is paid back: no other part of its way pays again."""
        found = self if self.account is None else self._repaid
        if found is None:
            found = self._repaid = Context(None, None, self.cause, self.facet)
            found.trace = self.trace
        return found


ROOT = Context()


Call: TypeAlias = "tuple[Ref[Any], Seat, str, tuple[Any, ...], Promise[Any] | None, Context]"
"""A message from one object of a vat to another of the same, as it waits in the queue: most messages are such calls, and a tuple is
made and let go in a third of the time. Target, its seat, selector, arguments, promise, context: as in `Message`."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Message:
    """One call on its way to one reference.

    `selector` is a method's name, or None for a call of the object as a function (then a leading `Symbol` argument may still
    name a method, as it does on the wire). `args` and `kwargs` are already the receiver's copies. `promise` takes the
    result; None for fire and forget. `foreign` is set when the message crosses into the vat, which makes its guards apply.
    """

    __slots__ = ("args", "context", "foreign", "kwargs", "promise", "selector", "target")
    only_arrives: ClassVar[bool] = (
        False  # its arrival is all that is wanted: nobody is called, so no gate judges or counts it
    )

    def __init__(
        self,
        target: Ref[Any],
        selector: str | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
        promise: Promise[Any] | None,
        context: Context,
        foreign: bool = False,
    ) -> None:
        self.target = target
        self.selector = selector
        self.args = args
        self.kwargs = kwargs
        self.promise = promise
        self.context = context
        self.foreign = foreign

    def run(self, vat: Vat) -> None:
        """Process this message as one turn."""
        vat._deliver(self)

    def begin(self) -> None:
        """It is sent now, so its account owes for it; if it is followed, it is a step of its own."""
        context = self.context
        if context.account is not None:
            if context.trace is not None:
                context = self.context = context.trace.sent(self)
            if context.account is not None:
                context.account.borrow()

    def commit(self, vat: Vat) -> None:
        """The turn that sent this message has ended well."""
        self.begin()
        self.target._route(self, vat)

    def settled(self, promise: Promise[Any]) -> None:
        """The promise that this message waited for has settled: go on to what it became."""
        promise._route(self, promise._vat)

    def fail(self, error: Broken, by: Vat | None) -> None:
        """This message will never be delivered: its promise breaks."""
        if self.context.trace is not None:
            self.context.trace.ended(self, error)
        self.finish()
        if self.promise is not None:
            self.promise._settle(Failed(error), by)

    def finish(self) -> None:
        """The work this message asked for is over, or is another's now: its account is repaid, once."""
        context = self.context
        if context.account is not None:
            self.context = context._repaid or context.repaid()
            if context.trace is not None:
                context.trace.ended(self, None)
            context.account.repay()

    def owe(self) -> Account | None:
        """Take the debt over: whoever calls this repays the account, once, instead of the message."""
        account = self.context.account
        if account is not None:
            self.context = self.context.repaid()
        return account

    def shape(self) -> str:
        """What is called with arguments of which kinds and sizes, for logs: no value of an argument is in it."""
        args = [*map(_shape, self.args), *(f"{name}={_shape(value)}" for name, value in (self.kwargs or {}).items())]
        return f"{self.selector or ''}({', '.join(args)}) to {self.target!r}"

    @staticmethod
    def of(call: Call) -> Message:
        """The same as a message, for whoever does more with it than run it."""
        target, _, selector, args, promise, context = call
        return Message(target, selector, args, None, promise, context)

    def __repr__(self) -> str:
        return f"<message {self.selector or '()'} to {self.target!r}>"


def _shape(value: Any) -> str:
    kind = type(value).__name__
    return f"{kind} of {len(value)}" if isinstance(value, str | bytes | list | dict) else kind

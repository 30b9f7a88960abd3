"""What the tests of vats share: vats run by hand, one step after the other, and a link to fake."""

from __future__ import annotations

from typing import Any

from remit.errors import Broken
from remit.vat import PENDING, Context, Message, Promise, Ref, Vat, actor, final, resolved


def settle(promise: Promise[Any], *vats: Vat) -> Any:
    """Run the vats until none has work, then what the promise became; raises its error."""
    run(*(vats or (promise._vat,)))
    value = resolved(promise)
    assert value is not PENDING, "the promise has no result, and nothing is left to do"
    return value


def run(*vats: Vat) -> int:
    """Run several vats until none has work; the number of turns."""
    total = 0
    while ran := sum(vat.run() for vat in vats):
        total += ran
    return total


def broken(promise: Promise[Any], *vats: Vat) -> Broken:
    """Run the vats; the error with which the promise broke."""
    try:
        value = settle(promise, *vats)
    except Broken as error:
        return error
    raise AssertionError(f"the promise did not break, it became {value!r}")


def pending(promise: Promise[Any]) -> bool:
    """Whether the promise has no result yet."""
    return final(promise)._value is PENDING


class FakeLink:
    """A link driven by the test: it notes what leaves, and the test answers."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, Message]] = []
        self.heard: list[Promise[Any]] = []
        self.wishes: list[tuple[str, Any, Ref[Any]]] = []

    def deliver(self, handle: Any, message: Message) -> None:
        self.sent.append((handle, message))

    def listen(self, promise: Promise[Any]) -> None:
        self.heard.append(promise)

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:
        self.wishes.append(("on", handle, handler))

    def off_sever(self, handle: Any, handler: Ref[Any]) -> None:
        self.wishes.append(("off", handle, handler))

    def answer(self, value: Any, at: int = -1) -> None:
        """Settle the promise of a message that has left."""
        promise = self.sent[at][1].promise
        assert promise is not None
        promise._settle(value, None)

    @property
    def selectors(self) -> list[str | None]:
        return [message.selector for _, message in self.sent]


class Purse:
    """An account that counts."""

    def __init__(self) -> None:
        self.open = self.borrowed = self.held = 0

    def borrow(self) -> None:
        self.open += 1
        self.borrowed += 1

    def repay(self) -> None:
        self.open -= 1
        assert self.open >= 0, "repaid more than was borrowed"

    def loan(self, size: int) -> Purse:
        return self

    def hold(self, size: int) -> None:
        self.held += size

    def release(self, size: int) -> None:
        self.held -= size


class FakeStep:
    """A step of a trace that notes, in one list for all of its trace, what it was told."""

    def __init__(self, trace: str, heard: list[tuple[str, ...]] | None = None, cause: FakeStep | None = None) -> None:
        self.trace = trace
        self.heard: list[tuple[str, ...]] = [] if heard is None else heard
        self.id = f"{trace}-{len(self.heard)}"
        self.cause = cause
        self.over = False

    def sent(self, message: Message) -> Context:
        self.heard.append(("sent", message.selector or "()", self.id))
        step = FakeStep(self.trace, self.heard, self)
        return Context(message.context.account, step, step.id)

    def ended(self, message: Message, error: Broken | None) -> None:
        if not self.over:
            self.over = True
            self.heard.append(("ok" if error is None else "broken", message.selector or "()", self.id))

    def handed(self, message: Message, to: str) -> None:
        self.over = True
        self.heard.append(("handed", message.selector or "()", self.id))


@actor(kind="tests.log")
class Log:
    """Notes what it hears, in order."""

    entries: list[Any] = []

    def add(self, entry: Any) -> None:
        self.entries.append(entry)

    def read(self) -> list[Any]:
        return self.entries

"""Observers that do not keep up: what waits for them, at whose expense, and what becomes of it.

    told ──less than its bound is on its way──► sent
      └──else──► waiting ──the observer has handled something──► sent
                   ├──policy "drop", more waits than the bound──► the oldest messages are dropped
                   └──policy "disconnect", the same──► the party that observes is closed

While an event waits, the account of whoever caused it owes for it, in messages and in bytes; so a peer that floods a slow observer is read no
faster than that one hears. Where nobody owes (objects of this process, timers), what waits is bounded all the same: past `UNOWED` events or
`UNOWED_BYTES` the party that observes is closed. An assertion and its withdrawal that both wait need not be told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from remit.errors import BadArgument
from remit.values import Tagged, record
from remit.vat import Context, Message, Promise, Ref, Vat

if TYPE_CHECKING:
    from remit.vat import Account

__all__ = ["POLICIES", "Pace", "Slow", "weigh"]

POLICIES: Final = ("wait", "drop", "disconnect")
WINDOW: Final = 64
"""Events on their way to an observer that may lose some: few, since what is on its way cannot be dropped any more."""


UNOWED: Final = 100_000
"""Events that wait for one observer and that no account owes for."""
UNOWED_BYTES: Final = 64 << 20
"""Bytes of them, about."""


@record("remit.slow")
class Slow:
    """What to do when an observer does not keep up: `policy` is "wait", "drop" (the oldest messages) or "disconnect" (its party).

    `most`: for "wait" the events on their way to it at a time; for the others the events that wait for it besides.
    """

    policy: str
    most: int = 1000


class Batch:
    """What one turn has to tell one observer, while it waits."""

    __slots__ = ("account", "cause", "context", "count", "events", "size")

    def __init__(self, events: list[Any], context: Context, cause: str) -> None:
        self.events = events
        self.context = context
        self.cause = cause
        self.count = len(events)  # at first: some may be dropped meanwhile
        self.size = sum(map(weigh, events))
        self.account: Account | None = context.account
        if self.account is not None:
            self.account.borrow()
            self.account.hold(self.size)

    def settle(self) -> None:
        """It does not wait any more."""
        if self.account is not None:
            self.account.release(self.size)
            self.account.repay()


class Landing:
    """Waits for an observer's answer to one batch: it has been handled, or will never be."""

    __slots__ = ("count", "observer", "pace", "vat")

    def __init__(self, pace: Pace, observer: Ref[Any], count: int, vat: Vat) -> None:
        self.pace = pace
        self.observer = observer
        self.count = count
        self.vat = vat

    def settled(self, promise: Promise[Any]) -> None:
        """There is room for more."""
        self.pace.flying -= self.count
        self.pace.go(self.observer, self.vat)


class Pace:
    """One observer's; lives as long as its reference is held somewhere in the space."""

    __slots__ = ("dropped", "flying", "messages", "slow", "unowed", "unowed_bytes", "waiting", "waits")

    def __init__(self, slow: Slow) -> None:
        if slow.policy not in POLICIES or type(slow.most) is not int or slow.most < 1:
            raise BadArgument(f"a slow observer may {', '.join(POLICIES)}, with a bound of 1 or more events")
        self.slow = slow
        self.flying = 0  # events sent and not handled yet
        self.waits = 0  # events that wait
        self.dropped = 0
        self.unowed = 0  # events that wait, or did so with others that do, and that no account owes for
        self.unowed_bytes = 0
        self.waiting: deque[Batch] = deque()
        self.messages: deque[tuple[Batch, Any]] = deque()  # those among what waits, oldest first

    @property
    def window(self) -> int:
        """Events that may be on their way at a time."""
        return self.slow.most if self.slow.policy == "wait" else min(self.slow.most, WINDOW)

    def full(self, more: int, owed: bool) -> str:
        """Why so many events more would be too many, so that the observer is disconnected; "" where they are not. `owed`: an account owes for them."""
        if not self.waiting:
            return ""
        if self.slow.policy == "disconnect" and self.waits + more > self.slow.most:
            return f"more than {self.slow.most} events were waiting"
        if owed or (self.unowed + more <= UNOWED and self.unowed_bytes <= UNOWED_BYTES):
            return ""
        return f"more than {UNOWED} events or {UNOWED_BYTES} bytes were waiting that nobody owes for"

    def tell(self, observer: Ref[Any], events: list[Any], context: Context, vat: Vat, cause: str) -> None:
        """One more batch; sent now if the observer keeps up."""
        if not self.waiting and (not self.flying or self.flying + len(events) <= self.window):
            self._send(observer, events, context, vat)
            return
        events = self._without_past(events)
        if events:
            batch = Batch(events, context, cause)
            self.waiting.append(batch)
            if batch.account is None:
                self.unowed += batch.count
                self.unowed_bytes += batch.size
            self.waits += len(events)
            self.messages.extend((batch, event) for event in events if event[0] == "message")
        if self.slow.policy == "drop":
            self._drop()
        self.go(observer, vat)

    def go(self, observer: Ref[Any], vat: Vat) -> None:
        """Send what waits, as far as there is room."""
        while self.waiting:
            batch = self.waiting[0]
            if self.flying and self.flying + len(batch.events) > self.window:
                return
            self.waiting.popleft()
            self.waits -= len(batch.events)
            while self.messages and self.messages[0][0] is batch:
                self.messages.popleft()
            if batch.events:
                self._send(observer, batch.events, batch.context, vat)
            self._settle(batch)

    def forsake(self) -> None:
        """Nobody will hear it: nothing waits any more."""
        while self.waiting:
            self._settle(self.waiting.popleft())
        self.waits = 0
        self.messages.clear()

    def _settle(self, batch: Batch) -> None:
        batch.settle()
        if batch.account is None:
            self.unowed -= batch.count
            self.unowed_bytes -= batch.size

    def debts(self) -> Iterator[tuple[str, int, int]]:
        """What waits: who caused it, events, bytes."""
        for batch in self.waiting:
            yield batch.cause, len(batch.events), batch.size

    def _send(self, observer: Ref[Any], events: list[Any], context: Context, vat: Vat) -> None:
        answer: Promise[Any] = Promise(vat)
        self.flying += len(events)
        answer._wait(Landing(self, observer, len(events), vat))
        Message(observer, "turn", (events,), None, answer, context).commit(vat)

    def _without_past(self, events: list[Any]) -> list[Any]:
        """The events without those withdrawals whose assertion still waits; that goes, too."""
        return [event for event in events if event[0] != "retract" or not self._cancel(event[1])]

    def _cancel(self, handle: int) -> bool:
        for batch in self.waiting:
            for at, event in enumerate(batch.events):
                if event[0] == "assert" and event[1] == handle:
                    del batch.events[at]
                    self.waits -= 1
                    return True
        return False

    def _drop(self) -> None:
        while self.waits > self.slow.most and self.messages:
            batch, event = self.messages.popleft()
            batch.events = [each for each in batch.events if each is not event]
            self.waits -= 1
            self.dropped += 1


def weigh(value: Any) -> int:
    """About how many bytes a value takes in memory: for accounts."""
    if isinstance(value, str | bytes):
        return 48 + len(value)
    if isinstance(value, list | tuple):
        return 56 + sum(map(weigh, value))
    if isinstance(value, dict):
        return 64 + sum(map(weigh, value)) + sum(map(weigh, value.values()))
    if isinstance(value, Tagged):
        return 48 + weigh(value.value)
    fields = getattr(value, "__record_values__", None)
    if fields is not None:
        return 48 + sum(map(weigh, fields()))
    return 32

"""The receiving half of durable messages: each is done once, and its number is kept with what its turn changed.

    take ──► accepted, in order ──► the target's turn ──commit──► number and changes in one batch ──kept──► answered
                  └──seen before: dropped

A stream is what one proved key sends to one swiss number. So nobody can use up another's numbers, and a number alone opens nothing: the
target is fetched with its swiss number, as every reference is.
"""

from __future__ import annotations

import weakref
from collections import deque
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.durable._loose import behind_gates
from remit.durable._mail import INTAKE, unpack
from remit.errors import BadArgument, Broken, NoSuchMethod, Refused
from remit.values import Symbol
from remit.vat import Context, Failed, Far, Message, Promise, Ref, Vat, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.durable._rows import Batch
    from remit.net import Network
    from remit.vat import Account

__all__ = ["Inbox", "Receipt"]

PART: Final = 1000
"""Messages in one call of `take`, far more than we send ourselves."""
TARGETS: Final = 10_000
"""Targets that one peer's intake remembers."""


class Receipt(Context):
    """Why a durable message's turn runs; and an effect of that turn, by which its sender hears of it."""

    __slots__ = ("done", "error", "inbox", "number", "stream", "target")

    def __init__(
        self, inbox: Inbox, stream: Arriving, number: int, target: Promise[Any], account: Account | None
    ) -> None:
        super().__init__(account)
        self.target = target
        self.inbox = inbox
        self.stream = stream
        self.number = number
        self.done = False
        self.error: Broken | None = None

    def meant(self) -> Any:
        """The object whose turn this message is for."""
        value = final(self.target)._value
        return behind_gates(value) if isinstance(value, Ref) else None

    def commit(self, vat: Vat) -> None:
        """The turn has ended well."""
        self.stream.advance()

    def settled(self, promise: Promise[Any]) -> None:
        """The method has returned, or raised, or was never reached."""
        value = final(promise)._value
        if self.done or self.inbox.vat.stopped is not None:
            return  # only a first turn counts; and a vat that has stopped will be told again
        if isinstance(value, Failed):
            self.error = value.error
        self.inbox.failed(self)


class Arriving:
    """One stream while something of it is under way: `accepted` is the highest number taken, `done` that of the last one dealt with."""

    __slots__ = ("_inbox", "_waiting", "accepted", "done", "key", "outstanding")

    def __init__(self, inbox: Inbox, key: bytes, mark: int) -> None:
        self.key = key
        self.accepted = self.done = mark
        self.outstanding: deque[Receipt] = deque()
        self._inbox = inbox
        self._waiting: deque[tuple[int, Promise[Any], list[Receipt]]] = deque()

    def mark(self) -> int:
        """The highest number up to which all are done with."""
        mark = self.done
        for receipt in self.outstanding:
            if not receipt.done:
                break
            mark = receipt.number
        return mark

    def tell(self, last: int, promise: Promise[Any], taken: list[Receipt]) -> None:
        """Answer when all up to this number are done with."""
        self._waiting.append((last, promise, taken))
        self.advance()

    def advance(self) -> None:
        """Something is done: answer who waits for it. What is answered leaves when it is kept."""
        while self.outstanding and self.outstanding[0].done:
            self.done = self.outstanding.popleft().number
        while self._waiting and self._waiting[0][0] <= self.done:
            last, promise, taken = self._waiting.popleft()
            errors = [[each.number, each.error] for each in taken if each.error is not None]
            promise._settle([last, errors], self._inbox.vat)
        if not self.outstanding and not self._waiting:
            self._inbox.streams.pop(self.key, None)


class Inbox:
    """The numbers that were seen. Owned by its durable vat.

    `marks`: for each stream the highest number that is kept, or about to be.
    """

    def __init__(self, vat: Vat, network: Network, marks: dict[bytes, int]) -> None:
        self.vat = vat
        self.network = network
        self.marks = marks
        self.streams: dict[bytes, Arriving] = {}
        self.keep: Callable[[bytes, int], None] = _nothing
        self._intakes: weakref.WeakValueDictionary[bytes, IntakeRef] = weakref.WeakValueDictionary()
        network.known[INTAKE] = self.admit

    def admit(self, peer: bytes | None) -> Ref[Any]:
        """The intake for this peer. Raises `Refused` for one that has not proved its key."""
        if peer is None:
            raise Refused("durable messages are taken from nodes that have proved their key")
        found = self._intakes.get(peer)
        if found is None:
            found = self._intakes[peer] = IntakeRef(self, peer)
        return found

    def stream(self, key: bytes) -> Arriving:
        """The stream with this key."""
        found = self.streams.get(key)
        if found is None:
            found = self.streams[key] = Arriving(self, key, self.marks.get(key, 0))
        return found

    def note(self, receipt: Receipt, batch: Batch) -> None:
        """A durable message's first turn is about to commit: its number goes into the same batch."""
        receipt.done = True
        self._mark(receipt.stream, batch.note_inbox)

    def failed(self, receipt: Receipt) -> None:
        """It came to nothing: seen, too, unless its sender had no right to be heard."""
        receipt.done = True
        if not isinstance(final(receipt.target)._value, Failed):
            self._mark(receipt.stream, self.keep)
        receipt.stream.advance()

    def _mark(self, stream: Arriving, keep: Callable[[bytes, int], None]) -> None:
        mark = stream.mark()
        if mark > self.marks.get(stream.key, 0):
            self.marks[stream.key] = mark
            keep(stream.key, mark)


def _nothing(key: bytes, number: int) -> None:
    """Without a keeper nothing is kept."""


class IntakeRef(Far[Any]):
    """One peer's way in; it answers `take(swiss, [[number, message], …])` without a turn of its own."""

    __slots__ = ("_inbox", "_peer", "_targets")
    _for_anybody: ClassVar[bool] = True  # who holds it has been given nothing: see `remit.captp`, `Session.gave`

    def __init__(self, inbox: Inbox, peer: bytes) -> None:
        super().__init__(inbox.vat, None, inbox)  # type: ignore[arg-type]  # a link to which nothing is ever given
        self._inbox = inbox
        self._peer = peer
        self._targets: dict[bytes, Promise[Any]] = {}

    def _route(self, message: Message, sender: Vat | None) -> None:
        account = message.context.account
        try:
            swiss, rows = _read(message)
            self._take(swiss, rows, message.promise, account)
        except Broken as error:
            message.fail(error, None)
            return
        message.finish()

    def _take(
        self, swiss: bytes, rows: list[tuple[int, bytes]], promise: Promise[Any] | None, account: Account | None
    ) -> None:
        inbox = self._inbox
        if inbox.vat.stopped is not None:
            raise inbox.vat.stopped.copy()
        digest = sha256(swiss).digest()
        stream = inbox.stream(sha256(self._peer + digest).digest())
        taken: list[Receipt] = []
        for number, row in rows:
            if number > stream.accepted:
                stream.accepted = number
                receipt = Receipt(inbox, stream, number, self._target(swiss, digest), account)
                stream.outstanding.append(receipt)
                taken.append(receipt)
                self._pass_on(receipt, row)
        stream.tell(rows[-1][0], promise or Promise(inbox.vat), taken)

    def _pass_on(self, receipt: Receipt, row: bytes) -> None:
        promise: Promise[Any] = Promise(self._inbox.vat)
        promise._wait(receipt)
        if receipt.account is not None:
            receipt.account.borrow()
        message = Message(receipt.target, None, (), None, promise, receipt, True)
        try:
            selector, args, kwargs = unpack(row, lambda sturdyref: self._inbox.network.live(sturdyref, self._inbox.vat))
        except BadArgument as error:
            message.fail(error, None)
            return
        message.selector, message.args, message.kwargs = selector, args, kwargs or None
        receipt.target._route(message, None)

    def _target(self, swiss: bytes, digest: bytes) -> Promise[Any]:
        """The object behind a swiss number, fetched once for each session, as every reference is."""
        found = self._targets.get(digest)
        if found is None:
            if len(self._targets) >= TARGETS:
                self._targets.clear()
            found = self._targets[digest] = Promise(self._inbox.vat)
            fetched = self._inbox.network.node.find(swiss, self._peer, self._inbox.network.node.context)
            fetched._wait(Found(self._targets, digest, found))
        return found

    def __repr__(self) -> str:
        return "<intake of durable messages>"


class Found:
    """Waits for the object behind a swiss number; passes it on if it is one that can keep what it does with a message's number."""

    __slots__ = ("digest", "target", "targets")

    def __init__(self, targets: dict[bytes, Promise[Any]], digest: bytes, target: Promise[Any]) -> None:
        self.targets = targets
        self.digest = digest
        self.target = target

    def settled(self, promise: Promise[Any]) -> None:
        """It was found, or refused."""
        value = final(promise)._value
        if not isinstance(value, Failed) and not (isinstance(value, Ref) and _near(value, self.target._vat)):
            value = Failed(Refused("durable messages are taken for objects of a node's durable vat only"))
        if isinstance(value, Failed) and self.targets.get(self.digest) is self.target:
            del self.targets[self.digest]  # who guesses leaves nothing, and what is not there now may be later
        self.target._settle(value, promise._vat)


def _near(ref: Ref[Any], vat: Vat) -> bool:
    """Whether the object behind all gates is in this vat."""
    ref = behind_gates(ref)
    return ref._vat is vat and ref._link is None and not isinstance(ref, Promise)


def _read(message: Message) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The swiss number and the numbered messages of a call of `take`."""
    selector, args = message.selector, message.args
    if selector is None and args and isinstance(args[0], Symbol):
        selector, args = args[0].name, args[1:]
    if selector != "take":
        raise NoSuchMethod("the intake of durable messages answers take(swiss, messages)")
    if (
        len(args) != 2
        or not isinstance(args[0], bytes)
        or not isinstance(args[1], list)
        or not 0 < len(args[1]) <= PART
    ):
        raise BadArgument(f"take(swiss, messages) takes a byte array and a list of 1 to {PART} messages")
    rows: list[tuple[int, bytes]] = []
    for row in args[1]:
        good = isinstance(row, list) and len(row) == 2 and type(row[0]) is int and isinstance(row[1], bytes)
        if not good or not (rows[-1][0] if rows else 0) < row[0] < 1 << 63:
            raise BadArgument("a durable message is a number, higher than the one before it, and a byte array")
        rows.append((row[0], row[1]))
    return args[0], rows

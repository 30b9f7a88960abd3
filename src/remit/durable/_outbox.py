"""The sending half of durable messages: `durably(ref).method(...)`, and what waits until it is acknowledged.

    turn ──commit──► row in the outbox ──kept──► waiting ──sent──► acknowledged ──► row deleted
                                                    ▲                │
                                                    └──link lost─────┘   from the first that is not acknowledged

Numbers rise over all targets of a vat and are never used again: they start at the microseconds since the epoch of each opening, or
after the last one used, whichever is more, so that a store that was restored from a copy numbers beyond what it has sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from remit.durable._mail import Undelivered, Waiting, pack, sturdyref_of, unpack
from remit.durable._stream import Stream
from remit.errors import Misuse, ProtocolError, StoreCorrupt, Unreachable
from remit.values import SturdyRef, decode, encode, passable_args
from remit.vat import Ref, Teller, Vat, current

if TYPE_CHECKING:
    from remit.durable._rows import Batch, Snapshot
    from remit.errors import Broken
    from remit.net import Network, Node
    from remit.values import Locator

__all__ = ["MOST", "MOST_BYTES", "NEXT", "Outbox", "Posting", "durably"]

T = TypeVar("T")

MOST: Final = 10_000
"""Messages that may wait for one target: some minutes of a busy sender; they are in memory, too."""
MOST_BYTES: Final = 16 << 20
"""Bytes that may wait for one target."""
NUMBER_DIGITS: Final = 18
"""Decimal digits of the numbers of messages, which are microseconds since the epoch: they have to fit into 64 bits."""
NEXT: Final = "outbox-next"
"""The row of table `meta` that holds the lowest number never used."""


class Posting:
    """One durable message; an effect of the turn that sent it."""

    __slots__ = ("number", "row", "stream")

    def __init__(self, stream: Stream, row: bytes, number: int = 0) -> None:
        self.stream = stream
        self.row = row
        self.number = number

    def commit(self, vat: Vat) -> None:
        """The turn has ended well: send it once it is kept."""
        self.stream.count += 1
        self.stream.size += len(self.row)
        vat._leave(self.stream.kept, self.number, self.row)


class Outbox:
    """What waits to be acknowledged, for each target. Owned by its durable vat, and ends with it.

    `most` and `most_bytes` bound what may wait for one target. `on_undelivered` is told of messages that will not be sent again.
    """

    def __init__(self, vat: Vat, network: Network) -> None:
        self.vat = vat
        self.network = network
        self.most = MOST
        self.most_bytes = MOST_BYTES
        self.on_undelivered: Callable[[Undelivered], None] | None = None
        self.forget: Callable[[bytes, list[int]], None] = _nothing
        self.node: Node | None = None
        self._next = 1
        self._streams: dict[tuple[str, str, bytes], Stream] = {}
        network.when_attached.append(self.start)
        network.waiting.append(self._rows)

    def load(self, snapshot: Snapshot) -> None:
        """Take what was waiting when the vat ended."""
        for number, target, row in snapshot.outbox:
            try:
                sturdyref = decode(target)
            except (ProtocolError, TypeError, ValueError) as error:
                raise StoreCorrupt(f"a target in the store's outbox cannot be read ({error!r})") from None
            if not isinstance(sturdyref, SturdyRef):
                raise StoreCorrupt("a target in the store's outbox is no sturdyref")
            stream = self._stream(sturdyref)
            stream.count += 1
            stream.size += len(row)
            stream.queue.append((number, row))
        kept = snapshot.meta.get(NEXT, b"1")
        if not kept.isdigit() or len(kept) > NUMBER_DIGITS:
            raise StoreCorrupt(f"{NEXT!r} in the store's table meta is not a number")
        self._next = max(self._next, int(kept), int(self.network.now() * 1_000_000))

    def start(self, node: Node) -> None:
        """The node is there: send what waits."""
        if node.vat is self.vat:  # who sends is known by the node's key, which may stand for one vat only
            self.node = node
            node.when_met.append(self._met)
            for stream in list(self._streams.values()):
                stream.go()

    def _met(self, peer: Locator) -> None:
        for (_, designator, _), stream in self._streams.items():
            if designator == peer.designator:
                stream.met()

    def waiting(self) -> list[Waiting]:
        """What waits, for each target that something waits for."""
        return [
            Waiting(each.sturdyref.locator, each.count, each.size, each.why)
            for each in self._streams.values()
            if each.count
        ]

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "peer": each.node.designator,
                "messages": each.messages,
                "bytes": each.bytes,
                "why": "" if each.why is None else each.why.message,
            }
            for each in self.waiting()
        ]

    # --- sending -----------------------------------------------------------------------------------------

    def posting(self, sturdyref: SturdyRef, row: bytes) -> Posting:
        """A message to be sent. Raises `Unreachable` where too much waits for its target already."""
        stream = self._stream(sturdyref)
        self._room(stream, 1, len(row))
        return Posting(stream, row)

    def note(self, postings: list[Posting], batch: Batch) -> None:
        """A turn that sends these is about to commit: put them into its batch. Raises `Unreachable`, and then has noted nothing."""
        added: dict[Stream, tuple[int, int]] = {}
        for posting in postings:
            count, size = added.get(posting.stream, (0, 0))
            added[posting.stream] = count + 1, size + len(posting.row)
        for stream, (count, size) in added.items():
            self._room(stream, count, size)
        for posting in postings:
            posting.number = self._next
            self._next += 1
            batch.add_outbox(posting.number, posting.stream.target, posting.row)
        batch.put_meta(NEXT, b"%d" % self._next)

    def _room(self, stream: Stream, count: int, size: int) -> None:
        if stream.count + count > self.most or stream.size + size > self.most_bytes:
            why = "" if stream.why is None else f" ({stream.why.message})"
            raise Unreachable(
                f"{stream.count} durable messages of {stream.size} bytes wait for {stream.name} already{why}, and "
                f"{self.most} of {self.most_bytes} bytes may: send less, or wait until it is back; nothing was sent"
            )

    def _stream(self, sturdyref: SturdyRef) -> Stream:
        locator = sturdyref.locator
        key = (locator.transport, locator.designator, sturdyref.swiss)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = Stream(self, sturdyref, encode(sturdyref))
        elif not stream.count and stream.sturdyref.locator.hints != locator.hints:
            # The hints may be newer. While something waits, its rows are found under the older ones.
            stream.sturdyref, stream.target = sturdyref, encode(sturdyref)
        return stream

    def done(self, stream: Stream, numbers: list[int], failures: list[tuple[bytes, Broken]]) -> None:
        """These have been acknowledged; some of them came to nothing."""
        self.forget(stream.target, numbers)
        for row, error in failures:
            selector, _, _ = unpack(row, lambda sturdyref: self.network.live(sturdyref, self.vat))
            self._tell(Undelivered(stream.sturdyref.locator, selector, error))

    def _tell(self, undelivered: Undelivered) -> None:
        from logging import getLogger  # only where something went wrong

        getLogger("remit.durable").warning(
            "durable message %s to %s was not done: %s",
            undelivered.selector or "()",
            undelivered.node.designator,
            undelivered.error,
        )
        if self.on_undelivered is not None:
            self.on_undelivered(undelivered)


def _nothing(target: bytes, numbers: list[int]) -> None:
    """Without a keeper nothing is kept."""


class Durably(Teller[T], Generic[T]):
    """`durably(ref)`: its methods send, for certain, and give nothing."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        ref = self._ref
        return lambda *args, **kwargs: _post(ref, name, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        _post(self._ref, None, args, kwargs)


def durably(ref: Ref[T]) -> Teller[T]:
    """The reference as one to send to for certain: in order, exactly once, over restarts of either side.

    In a turn of a durable vat, to references that remember a sturdyref (`network.enliven`). The message is kept with the turn that
    sends it, and sent until the other durable vat has kept what it did. Nothing is expected; what comes to nothing is told to
    `DurableVat.outbox.on_undelivered`. Raises `Unreachable` where too much waits for the target already.
    """
    if not isinstance(ref, Ref):
        raise Misuse(f"durably takes a reference, not {type(ref).__name__}")
    teller: Durably[T] = Durably()
    teller._ref = ref
    return teller


def _post(ref: Ref[Any], selector: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    turn = current("durably")
    outbox = getattr(turn.vat._keeper, "outbox", None)
    if not isinstance(outbox, Outbox):
        raise Misuse(f"durably sends from durable vats only, and {turn.vat.name} is none: use tell, or a DurableVat")
    if outbox.node is not None and outbox.node.vat is not turn.vat:
        raise Misuse(f"durably sends from a node's main vat, and {turn.vat.name} is another one")
    sturdyref = sturdyref_of(ref)
    if sturdyref is None:
        raise Misuse(
            f"durably sends to references that remember a sturdyref, and not to {ref!r}: ask its node for one (network.sturdy) "
            "and enliven it; an object of this vat is changed in the same turn by call"
        )
    args, kwargs = passable_args(args, kwargs)
    turn.effects.append(outbox.posting(sturdyref, pack(selector, args, kwargs)))

"""The service `stream`: streams of bytes, lines or packets between two objects, at the pace of the receiver. (Syndicate Protocol, stream vocabulary)

    <stream-connection #:source #:sink spec>   asserted by whoever wants to connect; observed by whoever serves such specs
    source ← <sink #:controller> asserted, <credit amount mode> sent      sink ← <source #:controller> asserted, <data payload mode>, <eof> sent

The dataspace itself connects the two. This service says of each spec that somebody serves: `<stream-listener-ready spec>`. `Outflow` is what a
driver has for bytes on their way to a sink: it cuts them as the credit says, and asks for more only when there is credit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from remit.dataspace import ANY, bind, during, interest, publish
from remit.services._modules import service
from remit.values import Symbol, Tagged, record
from remit.vat import Ref

__all__ = [
    "BYTES",
    "CRLF",
    "LF",
    "Credit",
    "Data",
    "Eof",
    "Outflow",
    "Sink",
    "Source",
    "StreamConnection",
    "StreamError",
    "StreamReady",
    "stream",
]

BYTES, LF, CRLF, UNBOUNDED = Symbol("bytes"), Symbol("lf"), Symbol("crlf"), Symbol("unbounded")


@record("stream-connection", known=False)
class StreamConnection:
    """A stream from the source to the sink, opened for whoever serves this spec."""

    source: Any
    sink: Any
    spec: Any


@record("stream-listener-ready", known=False)
class StreamReady:
    """Somebody serves this spec now."""

    spec: Any


@record("sink", known=False)
class Sink:
    """Asserted at a source: where what it has goes to."""

    controller: Any


@record("source", known=False)
class Source:
    """Asserted at a sink: where what comes is asked for."""

    controller: Any


@record("credit", known=False)
class Credit:
    """Said to a source: how much may come (a number, of lines, packets or pieces; or `unbounded`), and cut how."""

    amount: Any
    mode: Any


@record("data", known=False)
class Data:
    """Said to a sink."""

    payload: Any
    mode: Any


@record("eof", known=False)
class Eof:
    """Said to a sink: nothing more comes."""


@record("error", known=False)
class StreamError:
    """Asserted at either: the stream has failed."""

    message: Any


@service("stream")
def stream(space: Ref[Any]) -> None:
    """See the module. Specs are single values here: those that are records are served as well, and not announced."""
    during(space, interest(StreamConnection(ANY, ANY, bind())), lambda spec: publish(space, StreamReady(spec)))


class Outflow:
    """Bytes on their way to a sink, cut as its credit says. Pure; owned by a driver's source.

    `say(Data | Eof)` tells the sink; `hungry` says whether more bytes are of use now.
    """

    def __init__(self, say: Callable[[Any], None]) -> None:
        self._say = say
        self._credits: deque[list[Any]] = deque()  # [amount or None for unbounded, mode]
        self._waiting = b""
        self._ended = False

    @property
    def hungry(self) -> bool:
        """Whether there is credit that what is here does not use up."""
        return bool(self._credits) and not self._ended

    def credit(self, amount: Any, mode: Any) -> None:
        """The sink takes so much more."""
        if amount == UNBOUNDED or (type(amount) is int and amount > 0):
            self._credits.append([None if amount == UNBOUNDED else amount, mode])
            self._flow()

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        self._waiting += data
        self._flow()

    def end(self) -> None:
        """No more will come; what is left is told first, as far as there is credit."""
        self._ended = True
        self._flow()

    def _flow(self) -> None:
        while self._credits:
            amount, mode = self._credits[0]
            piece = self._piece(mode)
            if piece is None:
                break
            self._say(Data(piece, mode))
            if amount is not None:
                self._credits[0][0] = amount - 1
                if amount == 1:
                    self._credits.popleft()
        if self._ended and not self._waiting and self._credits:
            self._credits.clear()
            self._say(Eof())

    def _piece(self, mode: Any) -> bytes | str | None:
        """The next piece of what waits; None where there is none yet."""
        if not self._waiting:
            return None
        if mode in (LF, CRLF):
            line, ending, rest = self._waiting.partition(b"\n" if mode == LF else b"\r\n")
            if not ending and not self._ended:
                return None
            self._waiting = rest
            return line.decode(errors="replace")
        if isinstance(mode, Tagged) and mode.tag == "packet" and mode.value and type(mode.value[0]) is int:
            size = max(1, mode.value[0])
            if len(self._waiting) < size and not self._ended:
                return None
            piece, self._waiting = self._waiting[:size], self._waiting[size:]
            return piece
        piece, self._waiting = self._waiting, b""
        return piece

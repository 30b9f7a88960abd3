"""The two ends of a connection inside one process."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from remit.errors import LimitExceeded, RemitError
from remit.net._stream import HIGH_WATER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from remit.net._channel import Channel, Receiver

__all__ = ["Journey", "MemoryChannel", "join"]


class Journey:
    """What one `send` sent, on its way: `messages`, or nothing but the end of the stream (`is_end`)."""

    __slots__ = ("_arrived", "_to", "is_end", "messages", "source", "target")

    source: str
    target: str

    def __init__(self, to: MemoryChannel, messages: Sequence[bytes], *, is_end: bool) -> None:
        self.messages = deque(messages)
        self.is_end = is_end
        self.source = to.there
        self.target = to.here
        self._to = to
        self._arrived = False

    def arrive(self) -> None:
        """It is there; it is delivered once everything that was sent before it is there too."""
        self._arrived = True
        self._to._take()


class MemoryChannel:
    """One end. `here` and `there` are the names of the two nodes; `frame` bounds a message's bytes."""

    transport = "memory"
    uid = None
    kin = True

    def __init__(self, peer: bytes, *, here: str, there: str, frame: int) -> None:
        self.peer: bytes | None = peer
        self.here = here
        self.there = there
        self.congested = False
        self._frame = frame
        self._other = self
        self._carry: Callable[[Journey], None] = Journey.arrive
        self._gone: Callable[[MemoryChannel], None] | None = None
        self._receiver: Receiver | None = None
        self._coming: deque[Journey] = deque()  # to this end, in the order sent
        self._unread = 0  # bytes that this end has sent and the other has not received
        self._paused = False
        self._taking = False
        self._ending = False
        self._over: asyncio.Event = asyncio.Event()

    def open(self, receive: Callable[[Channel], Receiver]) -> None:
        """Say who receives; nothing is delivered before."""
        try:
            self._receiver = receive(self)
        except RemitError:
            self.abort()
            raise
        self._soon(self._take)

    def send(self, messages: Sequence[bytes]) -> None:
        if self._ending or not messages:
            return
        self._unread += sum(map(len, messages))
        self._depart(Journey(self._other, messages, is_end=False))
        self._note_congestion()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._soon(self._take)

    def hand_over(self, receiver: Receiver) -> None:
        self.pause()
        self._receiver = receiver

    def close(self) -> None:
        self._end(None)

    def abort(self) -> None:
        if not self._ending:
            for journey in self._other._coming:
                if not journey._arrived:
                    journey.messages.clear()
        self._end(None)

    def lose(self, cause: Exception) -> None:
        """The network broke the link: both ends are over, and nothing more is delivered."""
        for end in (self, self._other):
            end._coming.clear()
            if not end._ending:
                end._ending = True
                end._finish(cause)

    async def wait_closed(self) -> None:
        """Until the receiver has been told that it is over."""
        await self._over.wait()

    def _depart(self, journey: Journey) -> None:
        self._other._coming.append(journey)
        self._carry(journey)

    def _take(self) -> None:
        """Deliver what is there, in order, as far as the receiver lets us."""
        if self._taking or self._receiver is None:
            return
        self._taking = True
        try:
            while self._coming and self._coming[0]._arrived and not self._paused and not self._ending:
                self._take_from(self._coming[0])
        finally:
            self._taking = False

    def _take_from(self, journey: Journey) -> None:
        if journey.messages:
            self._receive(journey.messages.popleft())
            return
        self._coming.popleft()
        if journey.is_end:
            self._ending = True
            self._finish(None)

    def _receive(self, message: bytes) -> None:
        self._other._was_read(len(message))
        assert self._receiver is not None
        try:
            if len(message) > self._frame:
                raise LimitExceeded(f"a message of {len(message)} bytes: the limit is {self._frame} (Limits.frame)")
            self._receiver.received(message)
        except Exception as error:  # noqa: BLE001  # whatever it is, the one who gave the receiver hears of it
            self._report(error)
            self._end(error)

    def _report(self, error: Exception) -> None:
        if not isinstance(error, RemitError):
            context = {"message": f"a receiver at {self.here} raised; the connection is ended", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    def _was_read(self, size: int) -> None:
        self._unread -= size
        if self.congested:
            self._soon(self._note_congestion)

    def _note_congestion(self) -> None:
        high = self._unread > (HIGH_WATER // 4 if self.congested else HIGH_WATER)
        if high != self.congested and not self._ending:
            self.congested = high
            if self._receiver is not None:
                self._receiver.congested(high)

    def _end(self, cause: Exception | None) -> None:
        if self._ending:
            return
        self._ending = True
        self._coming.clear()
        self._depart(Journey(self._other, (), is_end=True))
        self._finish(cause)

    def _finish(self, cause: Exception | None) -> None:
        if self._gone is not None:
            self._gone(self)
        self._soon(self._tell, cause)

    def _tell(self, cause: Exception | None) -> None:
        self._over.set()
        if self._receiver is not None:
            self._receiver.closed(cause)

    def _soon(self, what: Callable[..., None], *arguments: object) -> None:
        asyncio.get_running_loop().call_soon(what, *arguments)

    def __repr__(self) -> str:
        state = "over" if self._ending else "paused" if self._paused else "open"
        return f"<memory channel from {self.here} to {self.there}, {state}>"


def join(
    carry: Callable[[Journey], None],
    first: MemoryChannel,
    second: MemoryChannel,
    gone: Callable[[MemoryChannel], None],
) -> tuple[MemoryChannel, MemoryChannel]:
    """Make these two the ends of one connection."""
    for end, other in ((first, second), (second, first)):
        end._other, end._carry, end._gone = other, carry, gone
    return first, second

"""Channels over byte streams: TCP, TLS and unix sockets, on asyncio's or any other event loop's transports."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Protocol

from remit.errors import LinkLost, RemitError, Truncated

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from remit.net._channel import Channel, Receiver

READ = 64 * 1024
"""Bytes of one read: a few hundred calls. asyncio's own default (256 KiB) would keep other connections waiting for longer."""

__all__ = ["HIGH_WATER", "Cutter", "Framing", "StreamChannel"]

HIGH_WATER = 256 * 1024
"""Bytes that may wait to be sent before a channel counts as congested. Less than one default frame (1 MiB), more than
a batch of calls; asyncio's own defaults are 64 KiB for sockets and 512 KiB for TLS."""


class Cutter(Protocol):
    """Finds the borders of messages in a stream."""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete. Raises `ProtocolError`, or `LinkLost` when the peer says that it has failed."""

    @property
    def pending(self) -> int:
        """Bytes of a message whose end has not come."""


class Framing:
    """How messages stand in a stream: `frame` writes one, `cutter` makes what finds them again, `farewell` says goodbye.

    `frames` writes several, where there is a faster way than one after the other.
    """

    __slots__ = ("cutter", "farewell", "frame", "frames")

    def __init__(
        self,
        frame: Callable[[bytes], bytes],
        cutter: Callable[[], Cutter],
        farewell: Callable[[], bytes] | None = None,
        frames: Callable[[Sequence[bytes]], bytes] | None = None,
    ) -> None:
        self.frame = frame
        self.cutter = cutter
        self.farewell = farewell
        self.frames = frames or self._each

    def _each(self, messages: Sequence[bytes]) -> bytes:
        return b"".join(map(self.frame, messages))


_READ = memoryview(bytearray(256 * 1024))
"""What every read of every channel goes through: event loops fill it and tell the channel at once, which takes a copy. A buffer
of that size made anew for each read, as other protocols get it, costs more than all else that a short read costs."""


class StreamChannel(asyncio.BufferedProtocol):
    """A `Channel` over one asyncio transport. Made when the peer is proved; over when the transport is.

    `peer` and `uid` are what was proved, `kin` whether it is a node of our own kind, `name` says in errors where the peer is, `gone` is called when it is over,
    and `close_seconds` bounds how long `close` waits for a peer that does not read or does not end its side.
    """

    __slots__ = (
        "_backlog",
        "_close_seconds",
        "_cutter",
        "_deadline",
        "_ending",
        "_farewell",
        "_frames",
        "_gone",
        "_loss",
        "_name",
        "_over",
        "_paused",
        "_pipe",
        "_receiver",
        "_share",
        "_together",
        "_why",
        "congested",
        "kin",
        "peer",
        "transport",
        "uid",
    )

    def __init__(
        self,
        pipe: asyncio.Transport,
        framing: Framing,
        *,
        transport: str,
        name: str,
        peer: bytes | None,
        uid: int | None,
        close_seconds: float,
        gone: Callable[[StreamChannel], None],
        kin: bool = True,
    ) -> None:
        self.transport = transport
        self.peer = peer
        self.kin = kin
        self.uid = uid
        self.congested = False
        self._pipe = pipe
        self._frames = framing.frames
        self._cutter = framing.cutter()
        self._farewell = framing.farewell
        self._name = name
        self._close_seconds = close_seconds
        self._gone = gone
        self._receiver: Receiver | None = None
        self._together: Callable[[Callable[[], None]], None] = _at_once
        self._share: Callable[[], float] = _all
        self._paused = False
        self._ending = False  # by our own close, abort or failure
        self._over = False  # the receiver has been told
        self._why: Exception | None = None  # why we ended it
        self._loss: list[Exception | None] = []  # how the transport ended, once it has
        self._backlog: list[bytes] = []  # messages of a read that are still to be delivered
        self._deadline: asyncio.TimerHandle | None = None

    def open(self, receive: Callable[[Channel], Receiver], early: bytes = b"") -> None:
        """Take the transport over, `early` being what has been read of it already."""
        self._pipe.set_protocol(self)
        self._pipe.set_write_buffer_limits(high=HIGH_WATER)
        if hasattr(self._pipe, "max_size"):  # asyncio's transports over plain sockets
            self._pipe.max_size = READ
        try:
            self._hear(receive(self))
        except BaseException:
            self._pipe.abort()
            raise
        if early or self._cutter.pending:
            self.data_received(early)

    def _hear(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._together = getattr(receiver, "together", _at_once)
        self._share = getattr(receiver, "share", _all)

    # --- what the owner calls ---------------------------------------------------------------

    def send(self, messages: Sequence[bytes]) -> None:
        if self._ending or self._loss or not messages:
            return
        self._pipe.write(self._frames(messages))

    def pause(self) -> None:
        if not self._paused and not self._ending:
            self._paused = True
            if not self._pipe.is_closing():
                self._pipe.pause_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            asyncio.get_running_loop().call_soon(self._go_on)

    def hand_over(self, receiver: Receiver) -> None:
        self.pause()
        self._hear(receiver)

    def close(self) -> None:
        if self._ending or self._over:
            return
        if self._loss:
            self._fail(None)
            return
        self._end(None)
        self._deadline = asyncio.get_running_loop().call_later(self._close_seconds, self._pipe.abort)
        if not self._pipe.is_closing():
            self._pipe.resume_reading()
            if self._farewell is not None:
                self._pipe.write(self._farewell())
            self._half_close()

    def abort(self) -> None:
        self._fail(None)

    def turn_out(self, reason: str) -> None:
        """End now, since others need the room."""
        self._fail(LinkLost(f"{self._name} was turned out: {reason}"))

    @property
    def name(self) -> str:
        """Where the peer is, for people."""
        return self._name

    @property
    def spare(self) -> Callable[[], bool] | None:
        """The receiver's own word on whether anything would be lost with this channel."""
        return self._is_spare if hasattr(self._receiver, "spare") else None

    def _is_spare(self) -> bool:
        spare = getattr(self._receiver, "spare", None)  # another receiver may have taken the channel over
        return spare is not None and bool(spare())

    def discard(self) -> None:
        """`abort`, for a transport whose making was cancelled: uvloop then closes it without telling its protocol."""
        self.abort()
        asyncio.get_running_loop().call_soon(self.connection_lost, None)

    # --- what the event loop calls ----------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        return _READ

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(_READ[:nbytes]))

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        try:
            messages = self._cutter.feed(data)
        except RemitError as error:
            self._fail(error)
            return
        if self._paused or self._backlog:
            self._backlog += messages
        elif messages:
            self._together(lambda: self._deliver(messages))

    def connection_lost(self, error: Exception | None) -> None:
        if self._loss:
            return
        self._loss.append(error)
        if not self._backlog:
            self._finish()
        # Else the owner has paused with messages at hand: they come first, and the end after them.

    def pause_writing(self) -> None:
        self._set_congested(True)

    def resume_writing(self) -> None:
        self._set_congested(False)

    # --- the rest ----------------------------------------------------------------------------

    def _half_close(self) -> None:
        """End our side, and read on until the peer ends its own.

        Closing with unread bytes would make the kernel send a reset, which can take away from the peer what was
        just sent to it. TLS has its own closing exchange inside the transport.
        """
        if not self._pipe.can_write_eof():
            self._pipe.close()
            return
        try:
            self._pipe.write_eof()
        except OSError:
            self._pipe.abort()  # the peer has reset the connection, and the loop has not seen it yet

    def _deliver(self, messages: list[bytes]) -> None:
        receiver = self._receiver
        assert receiver is not None
        until = time.perf_counter() + self._share() if len(messages) > 1 else 0.0
        taken = 0
        try:
            for message in messages:
                if self._paused or self._ending:
                    break
                taken += 1
                receiver.received(message)
                if time.perf_counter() > until:
                    break
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends this channel, and no other
            self._fail(error)
        if taken < len(messages) and not self._ending:
            self._backlog = messages[taken:]
            if not self._paused:
                self._others_first()

    def _others_first(self) -> None:
        """The rest has its turn when the loop has been round: nobody else waits for longer than one share."""
        if not self._pipe.is_closing():
            self._pipe.pause_reading()
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._paused or self._ending:
            return
        backlog, self._backlog = self._backlog, []
        if backlog:
            self._together(lambda: self._deliver(backlog))
        if self._still_held():
            return
        if self._loss:
            self._finish()
        elif not self._pipe.is_closing():
            self._pipe.resume_reading()

    def _still_held(self) -> bool:
        return self._paused or self._ending or bool(self._backlog)

    def _set_congested(self, yes: bool) -> None:
        self.congested = yes
        if self._receiver is None or self._ending:
            return
        try:
            self._receiver.congested(yes)
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends this channel, and no other
            self._fail(error)

    def _fail(self, cause: Exception | None) -> None:
        """End now, for this reason (None: because we want it)."""
        if self._over:
            return
        if cause is not None and not isinstance(cause, RemitError):
            context = {"message": f"a receiver of {self._name} raised; the connection is ended", "exception": cause}
            asyncio.get_running_loop().call_exception_handler(context)
        first = not self._ending
        if first:
            self._end(cause)
        if not self._loss:
            self._pipe.abort()
        elif first:
            asyncio.get_running_loop().call_soon(self._finish)

    def _end(self, cause: Exception | None) -> None:
        self._ending = True
        self._why = cause
        self._backlog.clear()

    def _finish(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        receiver = self._receiver
        if self._over or receiver is None:
            return
        self._over = True
        self._gone(self)
        receiver.closed(self._cause())

    def _cause(self) -> Exception | None:
        if self._ending:
            return self._why
        error = self._loss[0]
        if error is not None:
            lost = LinkLost(f"the connection to {self._name} broke: {error}")
            lost.__cause__ = error
            return lost
        if self._cutter.pending:
            return Truncated(f"{self._name} ended the connection inside a message", self._cutter.pending)
        return None

    def __repr__(self) -> str:
        state = "over" if self._loss else "ending" if self._ending else "paused" if self._paused else "open"
        return f"<{self.transport} channel to {self._name}, {state}>"


def _all() -> float:
    """For a receiver that does not say how long the messages of one read may take."""
    return math.inf


def _at_once(work: Callable[[], None]) -> None:
    """For a receiver that does not ask for the messages of one read together."""
    work()

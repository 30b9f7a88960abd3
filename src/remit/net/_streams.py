"""What the netlayers over stream sockets share: listening under admission control, dialling, closing."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import ssl
from typing import TYPE_CHECKING, ClassVar

from remit.errors import LinkLost, Misuse, ProtocolError, RemitError, Unreachable
from remit.net._admission import Admission
from remit.net._arrival import Arrival
from remit.net._handshake import Handshake, Proof
from remit.net._hello import NONCE_BYTES, Hello
from remit.net._listener import Listener
from remit.net._stream import Framing, StreamChannel
from remit.values import LengthFramer, framed, framed_together

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Hashable

    from remit.net._channel import Channel, Receiver
    from remit.net._identity import NodeKey
    from remit.values import Limits

__all__ = ["StreamNetlayer", "fresh_hello"]

_log = logging.getLogger("remit.net")


class StreamNetlayer:
    """Base of the netlayers over stream sockets. Owns its listener, its guests and its channels, until `close`.

    `dial_seconds` bounds a dial from its start to the proof of the peer's key; `close_seconds` bounds how long an
    ending channel waits for its peer; `admission` bounds what strangers may hold.
    """

    transport: ClassVar[str]

    def __init__(
        self, limits: Limits, *, admission: Admission | None, dial_seconds: float, close_seconds: float
    ) -> None:
        self.limits = limits
        self.admission = Admission() if admission is None else admission
        self.dial_seconds = dial_seconds
        self.close_seconds = close_seconds
        self._framing = self.framing()
        self._channels: set[StreamChannel] = set()
        self._arrivals: set[Arrival] = set()
        self._listeners: list[Listener] = []
        self._accept: Callable[[Channel], Receiver] | None = None
        self._closed = False
        self._emptied: asyncio.Event | None = None

    # --- what a netlayer is made of: overridden -------------------------------------------------

    def framing(self) -> Framing:
        """How messages stand in the stream: `<decimal length>:<bytes>`."""
        limits = self.limits
        return Framing(framed, lambda: LengthFramer(limits), frames=framed_together)

    def framing_with(self, pipe: asyncio.Transport, hello: Proof | None) -> Framing:
        """The same on this connection, where that depends on what was said in its hello."""
        return self._framing

    def is_kin(self, hello: Proof | None) -> bool:
        """Whether the other end is a node of our own kind, which knows a node by the same locator on all netlayers."""
        return hello is not None

    def begins_well(self, first: bytes) -> bool:
        """Whether a connection that begins with this byte may speak our protocol."""
        return True

    def server_tls(self) -> ssl.SSLContext | None:
        """How an accepted connection is encrypted."""
        return None

    def hello_to_dialler(self) -> Proof | None:
        """The acceptor's end of the hello; None where nothing is proved."""
        return None

    def name_of(self, accepted: socket.socket) -> str:
        """Where an accepted connection comes from, for people."""
        return f"a peer at {accepted.getpeername()}"

    def source_of(self, accepted: socket.socket) -> Hashable:
        """Who shares the places for strangers with it: an IPv4 address, an IPv6 network of 64 bits, a user."""
        address = str(accepted.getpeername()[0])
        return ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False) if ":" in address else address

    def uid_of(self, connected: socket.socket) -> int | None:
        """The user id at the other end, where the kernel tells it."""
        return None

    # --- listening -----------------------------------------------------------------------------

    def _start(self, listening: socket.socket, where: str, accept: Callable[[Channel], Receiver]) -> None:
        self._accept = accept
        self._listeners.append(Listener(listening, where, self._arrived))

    def _may_listen(self) -> None:
        if self._closed or self._listeners:
            raise Misuse(f"this {self.transport} netlayer {'is closed' if self._closed else 'listens already'}")

    def _arrived(self, accepted: socket.socket) -> None:
        arrival = Arrival(self, accepted, self._admitted, self._arrivals.discard)
        self._arrivals.add(arrival)
        arrival.begin()

    def _admitted(self, pipe: asyncio.Transport, hello: Proof | None, arrival: Arrival) -> None:
        assert self._accept is not None
        channel = self._channel(pipe, hello, arrival.name, arrival.uid, arrival.over)
        try:
            channel.open(self._accept, hello.rest if hello is not None else b"")
        except RemitError as error:
            self._forget(channel)
            _log.info("%s: refused: %s", arrival.name, error)
        else:
            arrival.settle(channel.turn_out, channel.spare)

    # --- dialling ------------------------------------------------------------------------------

    async def _dial(
        self,
        where: str,
        connect: Callable[[Callable[[], Handshake]], Awaitable[object]],
        begin: Callable[[asyncio.Transport], Proof | None],
        receive: Callable[[Channel], Receiver],
        uid: Callable[[], int | None] = lambda: None,
        seconds: float | None = None,
    ) -> Channel:
        """Connect with `connect(protocol factory)`, prove the peer, give it to `receive`; all within `seconds` (None: `dial_seconds`)."""
        limit = self.dial_seconds if seconds is None else seconds
        if self._closed:
            raise Unreachable(f"cannot dial {where}: this {self.transport} netlayer is closed")
        opened: asyncio.Future[StreamChannel] = asyncio.get_running_loop().create_future()

        def proved(pipe: asyncio.Transport, hello: Proof | None) -> None:
            if opened.done():  # cancelled, and the task has not run yet
                pipe.abort()
                return
            channel = self._channel(pipe, hello, where, uid(), None)
            try:
                channel.open(receive, hello.rest if hello is not None else b"")
            except Exception as error:  # noqa: BLE001  # whatever it is, the one who gave the receiver hears of it
                self._forget(channel)
                opened.set_exception(error)
            else:
                opened.set_result(channel)

        def failed(error: Exception) -> None:
            if not opened.done():
                opened.set_exception(error)

        handshake = Handshake(begin, proved, failed)
        try:
            async with asyncio.timeout(limit):
                await connect(lambda: handshake)
                return await opened
        except (OSError, ValueError, LinkLost, ProtocolError) as error:  # ValueError: a host that is no name
            if isinstance(error, TimeoutError) and not getattr(error, "errno", None):
                raise Unreachable(f"{where} did not answer within {limit:g} s") from error
            raise self._dial_error(where, error) from error
        except BaseException:
            if opened.done() and not opened.cancelled() and opened.exception() is None:
                opened.result().discard()  # cancelled at the very moment it was there
            raise
        finally:
            handshake.abort()
            opened.cancel()

    def _dial_error(self, where: str, error: Exception) -> RemitError:
        if isinstance(error, ProtocolError):
            return type(error)(f"dialling {where}: {error}")
        if isinstance(error, ssl.SSLError):
            return ProtocolError(f"dialling {where}: it does not speak TLS 1.3 as nodes do ({error})")
        if isinstance(error, LinkLost):
            return Unreachable(f"{where}: {error.message}: it may be full, or this node is not welcome")
        return Unreachable(f"{where}: {getattr(error, 'strerror', None) or error}")

    # --- channels ------------------------------------------------------------------------------

    def _channel(
        self,
        pipe: asyncio.Transport,
        hello: Proof | None,
        name: str,
        uid: int | None,
        over: Callable[[], None] | None,
    ) -> StreamChannel:
        def gone(channel: StreamChannel) -> None:
            self._forget(channel)
            if over is not None:
                over()

        channel = StreamChannel(
            pipe,
            self.framing_with(pipe, hello),
            transport=self.transport,
            name=name,
            peer=hello.peer if hello is not None else None,
            uid=uid,
            close_seconds=self.close_seconds,
            gone=gone,
            kin=self.is_kin(hello),
        )
        self._channels.add(channel)
        return channel

    def _forget(self, channel: StreamChannel) -> None:
        self._channels.discard(channel)
        if not self._channels and self._emptied is not None:
            self._emptied.set()

    async def close(self) -> None:
        """Take no more connections, turn the guests out, and end every channel, at the latest after `close_seconds`."""
        self._closed = True
        while self._listeners:
            self._listeners.pop().close()
        await asyncio.gather(*[arrival.cancel() for arrival in list(self._arrivals)])
        for channel in list(self._channels):
            channel.close()
        if self._channels:
            self._emptied = asyncio.Event()
            await self._emptied.wait()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "listening" if self._listeners else "dialling only"
        return f"<{type(self).__name__}, {state}, {len(self._channels)} channels, {len(self.admission)} guests>"


def fresh_hello(key: NodeKey, binding: bytes, expected: bytes | None = None) -> Hello:
    """A hello for one connection, with its own nonce."""
    return Hello(key, nonce=os.urandom(NONCE_BYTES), binding=binding, expected=expected)

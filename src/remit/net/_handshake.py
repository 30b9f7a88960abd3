"""From a fresh asyncio transport to a proved peer: runs a `Hello` on it, then hands it over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from remit.errors import LinkLost, RemitError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Handshake", "Proof"]


class Proof(Protocol):
    """What runs on a transport until its peer is proved: a `Hello`, or one inside another protocol."""

    farewell: bytes
    """What to send before hanging up after an error."""
    peer: bytes | None
    """The peer's raw public key, once it is proved; None, when this is done, for a peer that proves none."""
    rest: bytes
    """What came after it, once it is done."""

    @property
    def done(self) -> bool:
        """Whether it is over, for good."""

    def start(self) -> bytes:
        """What to send when the connection opens."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the peer; what to send back. Raises `RemitError`: hang up."""


class Handshake(asyncio.Protocol):
    """The protocol of one transport until its peer is proved.

    `begin(pipe)` makes the hello for this transport (and may look at its certificate first); None stands for a
    netlayer without a hello, which is proved at once. Then exactly one of `proved(pipe, hello)` and `failed(error)`
    is called, once. After `failed` the transport is ended. Time limits are the caller's; it calls `abort`.
    """

    __slots__ = ("_begin", "_done", "_failed", "_hello", "_pipe", "_proved")

    def __init__(
        self,
        begin: Callable[[asyncio.Transport], Proof | None],
        proved: Callable[[asyncio.Transport, Proof | None], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._begin = begin
        self._proved = proved
        self._failed = failed
        self._pipe: asyncio.Transport | None = None
        self._hello: Proof | None = None
        self._done = False

    def abort(self) -> None:
        """Give up: nobody is told, and the transport is ended unless it was handed over."""
        if not self._done:
            self._done = True
            if self._pipe is not None:
                self._pipe.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._pipe = pipe = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it
        if self._done:
            pipe.abort()
            return
        try:
            self._hello = self._begin(pipe)
        except RemitError as error:
            self._fail(error)
            return
        if self._hello is None:
            self._succeed()
        else:
            self._write(self._hello.start())

    def data_received(self, data: bytes) -> None:
        if self._done or self._hello is None:
            return
        try:
            reply = self._hello.feed(data)
        except RemitError as error:
            self._write(self._hello.farewell)
            self._fail(error)
            return
        self._write(reply)
        if self._hello.done:
            self._succeed()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done:
            self._done = True
            lost = LinkLost(f"the other end hung up during the hello{f' ({error})' if error else ''}")
            lost.__cause__ = error
            self._failed(lost)

    def _write(self, data: bytes) -> None:
        if data and self._pipe is not None:
            self._pipe.write(data)

    def _succeed(self) -> None:
        self._done = True
        assert self._pipe is not None
        self._proved(self._pipe, self._hello)

    def _fail(self, error: Exception) -> None:
        self._done = True
        if self._pipe is not None:
            self._pipe.abort()  # not close: that could hold the transport's memory until a silent peer ends its side
        self._failed(error)

"""The protocol on a pair of pipes: standard input and output of a supervised child, or of ours.

A child gives its service for free, at oid 0, and speaks binary or text; what it writes first tells which. (Syndicate Protocol, Transports.)
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any, cast

from remit.dataspace.syndicate._connection import Connection
from remit.dataspace.syndicate._hub import Hub
from remit.dataspace.syndicate._wire import TEXT
from remit.errors import LinkLost, Misuse
from remit.values import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import BinaryIO

    from remit.errors import Broken
    from remit.net import Receiver
    from remit.values import Limits
    from remit.vat import Ref, Vat

__all__ = ["Speaking", "own_stdio", "speak"]

HIGH_WATER = 256 * 1024
"""Bytes that may wait to be written before the channel counts as congested."""


def speak(
    reading: BinaryIO | int,
    writing: BinaryIO | int,
    initial: Ref[Any] | None = None,
    *,
    vat: Vat,
    name: str = "stdio",
    text: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Speaking:
    """A session on two pipes, from `async with` on; `initial` is what the peer gets for free. Owns the pipes, and closes them.

    `text`: what we write before the peer has written anything is text.
    """
    return Speaking(
        _opened(reading, "rb"), _opened(writing, "wb"), initial, vat=vat, name=name, text=text, limits=limits
    )


def own_stdio() -> tuple[BinaryIO, BinaryIO]:
    """This process's standard input and output for a session. What is printed from now on goes to standard error instead."""
    reading, writing = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    sys.stdout.flush()
    os.dup2(2, 1)
    return reading, writing


class Speaking:
    """One session on pipes. Ends with its `async with`, or with the peer."""

    def __init__(
        self,
        reading: BinaryIO,
        writing: BinaryIO,
        initial: Ref[Any] | None,
        *,
        vat: Vat,
        name: str,
        text: bool,
        limits: Limits,
    ) -> None:
        self._channel = PipeChannel(reading, writing)
        self._initial = initial
        self._vat = vat
        self._name = name
        self._text = text
        self._limits = limits
        self._over = asyncio.Event()
        self.connection: Connection | None = None

    @property
    def root(self) -> Ref[Any]:
        """What the peer gives for free."""
        if self.connection is None:
            raise Misuse("enter it with 'async with' first")
        return self.connection.session.root

    async def ended(self) -> Broken:
        """Wait for the end; why it ended."""
        await self._over.wait()
        assert self.connection is not None
        return self.connection.session.cause or LinkLost("it was closed here")

    async def __aenter__(self) -> Speaking:
        connection = self.connection = Connection(
            Hub.of(self._vat), self._channel, self._initial, name=self._name, limits=self._limits, gone=self._gone
        )
        if self._text:
            connection.session.writer.syntax = TEXT
        await self._channel.open(connection)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.connection is not None
        self.connection.close("it was closed here")
        await self._channel.closed.wait()

    def _gone(self, connection: Connection, cause: Broken) -> None:
        self._over.set()


class PipeChannel(asyncio.Protocol):
    """A `remit.net.Channel` on two pipes; `closed` is set when both are."""

    transport = "stdio"
    peer: bytes | None = None
    uid: int | None = None
    kin = False

    def __init__(self, reading: BinaryIO, writing: BinaryIO) -> None:
        self.congested = False
        self.closed = asyncio.Event()
        self._files = (reading, writing)
        self._reader: asyncio.ReadTransport | None = None
        self._writer: asyncio.WriteTransport | None = None
        self._receiver: Receiver | None = None
        self._together: Callable[[Callable[[], None]], None] | None = None
        self._early: list[bytes] = []  # given before the pipes were open
        self._over = False

    async def open(self, receiver: Connection) -> None:
        """Begin to read."""
        loop = asyncio.get_running_loop()
        self._receiver, self._together = receiver, receiver.together
        writer, _ = await loop.connect_write_pipe(lambda: _Writing(self), self._files[1])
        self._writer = writer
        self._writer.set_write_buffer_limits(high=HIGH_WATER)
        if self._early:
            self._writer.writelines(self._early)
            self._early.clear()
        reader, _ = await loop.connect_read_pipe(lambda: self, self._files[0])
        self._reader = reader

    # --- what the owner calls -------------------------------------------------------------------------

    def send(self, messages: Sequence[bytes]) -> None:
        if self._over:
            return
        if self._writer is None:
            self._early += messages
        else:
            self._writer.write(b"".join(messages))

    def pause(self) -> None:
        if self._reader is not None and not self._over:
            self._reader.pause_reading()

    def resume(self) -> None:
        if self._reader is not None and not self._over:
            self._reader.resume_reading()

    def hand_over(self, receiver: Receiver) -> None:
        self.pause()
        self._receiver, self._together = receiver, _at_once

    def close(self) -> None:
        self._end(None, told=False)

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.abort()
        self._end(None, told=False)

    # --- what the event loop calls --------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        receiver, together = self._receiver, self._together
        if receiver is not None and together is not None and not self._over:
            together(lambda: receiver.received(data))

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error, told=True)

    def writing_paused(self, yes: bool) -> None:
        """The pipe to the peer is full, or has room again."""
        self.congested = yes
        if self._receiver is not None and not self._over:
            self._receiver.congested(yes)

    def writing_lost(self, error: Exception | None) -> None:
        """The pipe to the peer is closed, by whoever."""
        self._end(error, told=True)
        self.closed.set()

    def _end(self, error: Exception | None, *, told: bool) -> None:
        if self._over:
            return
        self._over = True
        for transport in (self._reader, self._writer):
            if transport is not None:
                transport.close()
        if self._writer is None:
            for file in self._files:
                file.close()
            self.closed.set()
        if told and self._receiver is not None:
            self._receiver.closed(error)


class _Writing(asyncio.BaseProtocol):
    """The protocol of the pipe that is written to."""

    def __init__(self, channel: PipeChannel) -> None:
        self._channel = channel

    def pause_writing(self) -> None:
        self._channel.writing_paused(True)

    def resume_writing(self) -> None:
        self._channel.writing_paused(False)

    def connection_lost(self, error: Exception | None) -> None:
        self._channel.writing_lost(error)


def _opened(file: BinaryIO | int, mode: str) -> BinaryIO:
    return cast("BinaryIO", os.fdopen(file, mode, 0)) if isinstance(file, int) else file


def _at_once(work: Callable[[], None]) -> None:
    """For a receiver that does not ask for the messages of one read together."""
    work()

"""The end of a joint that is an ordinary connection: TCP or a unix socket, to a program that knows nothing of Remit."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from socket import AF_INET, AF_INET6, IPPROTO_TCP, SO_LINGER, SOL_SOCKET, TCP_NODELAY
from typing import Any, Final, cast

from remit.net._ends import End

__all__ = ["SocketEnd"]

HIGH_WATER: Final = 512 * 1024
"""Bytes that may wait for a program that does not read. Twice what one read can bring, so that reading and writing overlap."""
_READ: Final = memoryview(bytearray(256 * 1024))
"""What every read goes through; the bytes are copied at once. As for channels, a buffer for each read would cost more."""
_RESET: Final = struct.pack("ii", 1, 0)


class SocketEnd(End, asyncio.BufferedProtocol):
    """Made as the protocol of a fresh connection; `made` is called with it once that is there, and has to join it."""

    __slots__ = ("_early", "_made", "_over", "_pipe", "_reading")

    def __init__(self, made: Any = None) -> None:
        End.__init__(self)
        self._made = made
        self._early = bytearray()  # what was read before there was a joint
        self._pipe: asyncio.Transport | None = None
        self._reading = False
        self._over = False

    @property
    def addresses(self) -> tuple[Any, Any]:
        """The other end's address and ours."""
        assert self._pipe is not None
        return self._pipe.get_extra_info("peername"), self._pipe.get_extra_info("sockname")

    # --- what the event loop calls ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._pipe = pipe = cast("asyncio.Transport", transport)
        pipe.set_write_buffer_limits(high=HIGH_WATER)
        pipe.pause_reading()  # uvloop reads once in spite of it
        connected = pipe.get_extra_info("socket")
        if connected is not None and connected.family in (AF_INET, AF_INET6):
            connected.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        if self._made is not None:
            self._made(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _READ

    def buffer_updated(self, nbytes: int) -> None:
        joint, other = self.joint, self.other
        if joint is None or other is None:
            self._early += _READ[:nbytes]
            self._reading = True
            self.pause()
        elif not joint.over:
            if joint.meter.take(nbytes):
                other.write(bytes(_READ[:nbytes]))
            else:
                joint.overdrawn()

    def eof_received(self) -> bool:
        self._ended()
        return True  # we may have more to write

    def connection_lost(self, error: Exception | None) -> None:
        self._over = True
        self._lost(f"the connection broke: {error}" if error else "the connection was ended")

    def pause_writing(self) -> None:
        self._congestion(True)

    def resume_writing(self) -> None:
        self._congestion(False)

    # --- what the joint calls -----------------------------------------------------------------------

    def joined(self) -> None:
        joint, other, early = self.joint, self.other, bytes(self._early)
        if joint is None or other is None or not early:
            return
        self._early.clear()
        if joint.meter.take(len(early)):
            other.write(early)
        else:
            joint.overdrawn()

    def write(self, data: bytes) -> None:
        if self._pipe is not None:
            self._pipe.write(data)

    def finish(self) -> None:
        if self._pipe is not None and not self._pipe.is_closing():
            with suppress(OSError):  # its peer has reset it; the loop tells soon
                self._pipe.write_eof()

    def pause(self) -> None:
        if self._reading and self._pipe is not None and not self._pipe.is_closing():
            self._reading = False
            self._pipe.pause_reading()

    def resume(self) -> None:
        if not self._reading and self._pipe is not None and not self._pipe.is_closing():
            self._reading = True
            self._pipe.resume_reading()

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe.close()

    def cut(self, reason: str) -> None:
        pipe = self._pipe
        if pipe is None or self._over:
            return
        connected = pipe.get_extra_info("socket")
        if connected is not None and connected.family in (AF_INET, AF_INET6):
            with suppress(OSError):  # a reset, and not an end that looks like that of a whole answer
                connected.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        pipe.abort()

"""The `tcp-testing-only` netlayer of the OCapN *Netlayers* draft: plain TCP, nothing encrypted, nobody authenticated.

For interoperability tests on one machine. Messages are Syrup records, in one of two framings:

    raw        back to back: the public suite, and what older peers speak
    prefixed   `<decimal length>:<bytes>`: what the OCapN group decided in April 2026, and Endo's default

A connection's first byte tells which one the peer writes (`<` or a digit), and it is answered in the same.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar, Final

from remit.errors import Misuse
from remit.net._address import hint, join_address, split_address
from remit.net._stream import Framing
from remit.net._streams import StreamNetlayer
from remit.net._tls import listening_socket
from remit.values import DEFAULT_LIMITS, Framer, LengthFramer, framed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from remit.net._admission import Admission
    from remit.net._channel import Channel, Receiver
    from remit.net._handshake import Handshake, Proof
    from remit.values import Limits, Locator

__all__ = ["TcpTestingNetlayer"]

RAW: Final = "raw"
PREFIXED: Final = "prefixed"


class TcpTestingNetlayer(StreamNetlayer):
    """Peers over bare TCP; `Channel.peer` is None for all of them. Never on by default.

    `framing`, "raw" or "prefixed", is what a dialler begins with; nothing in a locator tells what the peer understands.

    A connection that says nothing is ended when `admission.seconds` are over; the others count as guests until
    they end, so `admission.connections` bounds them all.
    """

    transport: ClassVar[str] = "tcp-testing-only"

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        framing: str = RAW,
        limits: Limits = DEFAULT_LIMITS,
        admission: Admission | None = None,
        dial_seconds: float = 10.0,
        close_seconds: float = 5.0,
    ) -> None:
        if framing not in (RAW, PREFIXED):
            raise Misuse(f"framing is {RAW!r} or {PREFIXED!r}, not {framing!r}")
        super().__init__(limits, admission=admission, dial_seconds=dial_seconds, close_seconds=close_seconds)
        self._prefixed = framing == PREFIXED
        self._host = host
        self._port = port

    async def listen(self, accept: Callable[[Channel], Receiver]) -> dict[str, str]:
        self._may_listen()
        listening = await listening_socket(self._host, self._port)
        port = listening.getsockname()[1]
        self._start(listening, f"tcp-testing-only {join_address(self._host, port)}", accept)
        return {"host": self._host, "port": str(port)}

    async def dial(self, locator: Locator, receive: Callable[[Channel], Receiver]) -> Channel:
        host, port = hint(locator, "host"), hint(locator, "port")
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        split_address(where)  # a port that is none is told before anything is tried

        def connect(protocol: Callable[[], Handshake]) -> Awaitable[object]:
            return asyncio.get_running_loop().create_connection(protocol, host, int(port))

        return await self._dial(f"tcp-testing-only {where}", connect, lambda _: None, receive)

    def framing_with(self, pipe: asyncio.Transport, hello: Proof | None) -> Framing:
        either = Either(self.limits, prefixed=self._prefixed)
        return Framing(either.frame, lambda: either)

    def begins_well(self, first: bytes) -> bool:
        return first == b"<" or first.isdigit()


class Either:
    """Both halves of `Framing` for one connection, in the framing that the peer's first byte shows.

    Until it has come, `prefixed` says how to write.
    """

    __slots__ = ("_cutter", "_limits", "_prefixed")

    def __init__(self, limits: Limits, *, prefixed: bool) -> None:
        self._limits = limits
        self._prefixed = prefixed
        self._cutter: Framer | LengthFramer | None = None

    def frame(self, message: bytes) -> bytes:
        """The message as the peer reads it."""
        return framed(message) if self._prefixed else message

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that these bytes complete. Raises `ProtocolError`."""
        if self._cutter is None:
            self._prefixed = data[:1].isdigit()
            self._cutter = LengthFramer(self._limits) if self._prefixed else Framer(self._limits)
        return self._cutter.feed(data)

    @property
    def pending(self) -> int:
        """Bytes of a message that is not complete."""
        return 0 if self._cutter is None else self._cutter.pending

"""The `tcp-testing-only` netlayer of the OCapN *Netlayers* draft: plain TCP, nothing encrypted, nobody authenticated.

For interoperability tests on one machine. Messages are Syrup records, back to back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from remit.net._address import hint, join_address, split_address
from remit.net._stream import Framing
from remit.net._streams import StreamNetlayer
from remit.net._tls import listening_socket
from remit.values import DEFAULT_LIMITS, Framer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from remit.net._admission import Admission
    from remit.net._channel import Channel, Receiver
    from remit.net._handshake import Handshake
    from remit.values import Limits, Locator

__all__ = ["TcpTestingNetlayer"]


class TcpTestingNetlayer(StreamNetlayer):
    """Peers over bare TCP; `Channel.peer` is None for all of them. Never on by default.

    A connection that says nothing is ended when `admission.seconds` are over; the others count as guests until
    they end, so `admission.connections` bounds them all.
    """

    transport: ClassVar[str] = "tcp-testing-only"

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        limits: Limits = DEFAULT_LIMITS,
        admission: Admission | None = None,
        dial_seconds: float = 10.0,
        close_seconds: float = 5.0,
    ) -> None:
        super().__init__(limits, admission=admission, dial_seconds=dial_seconds, close_seconds=close_seconds)
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

    def framing(self) -> Framing:
        """How messages stand in the stream: raw Syrup, whose records tell themselves where they end.

        The drafts are moving to `<decimal length>:<bytes>`; a connection's first byte (`<` or a digit) tells them apart.
        """
        limits = self.limits
        return Framing(bytes, lambda: Framer(limits))

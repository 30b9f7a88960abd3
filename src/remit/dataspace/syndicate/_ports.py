"""Sockets that speak Syndicate: listening under admission control, and dialling. On TCP, TLS, unix sockets and WebSockets."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.dataspace.syndicate._address import Address
from remit.dataspace.syndicate._opening import Calling, Opening, is_syndicate, nothing_here
from remit.errors import BadArgument, Misuse, ProtocolError, Unreachable
from remit.net import Framing, SocketFile, StreamNetlayer, connect_unix, listening_socket, process_of
from remit.values import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from remit.dataspace.syndicate._opening import Answer, Request
    from remit.net import Admission, Channel, Proof, Receiver
    from remit.values import Limits

__all__ = ["Dialler", "TcpPort", "UnixPort"]

PIECE: Final = 4096
"""Bytes of a read that are delivered together: some tens of packets, between which the loop's other work may come first."""
TLS_HANDSHAKE: Final = 0x16
"""The content type that every TLS connection begins with (RFC 8446, section 5.1)."""
_KEEPALIVE: Final = (
    (socket.TCP_KEEPIDLE, 30),
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 6),
)  # seconds, seconds, times


class Pieces:
    """Packets stand in a stream back to back, and the session finds their ends: this only cuts long reads."""

    pending = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The bytes, in pieces."""
        if len(data) <= PIECE:
            return [data] if data else []
        return [data[start : start + PIECE] for start in range(0, len(data), PIECE)]


def _as_it_is(message: bytes) -> bytes:
    return message


class Port(StreamNetlayer):
    """What all have in common. Nobody proves a key here: a connection counts as a guest until it ends."""

    def begins_well(self, first: bytes) -> bool:
        return is_syndicate(first[0])

    def hello_to_dialler(self) -> Proof | None:
        return Opening(self.limits)

    def framing_with(self, pipe: asyncio.Transport, hello: Proof | None) -> Framing:
        _keep_alive(pipe)
        frames = getattr(hello, "frames", None)
        if frames is None:
            return Framing(_as_it_is, Pieces)
        frames.attach(pipe)
        return Framing(frames.frame, lambda: frames, frames.farewell)

    def is_kin(self, hello: Proof | None) -> bool:
        return False


class TcpPort(Port):
    """One TCP port for Syndicate, WebSockets and HTTP, told apart by the first byte; with `tls`, inside of TLS. Ends by `close`.

    `respond` answers requests that are for no WebSocket.
    """

    transport: ClassVar[str] = "syndicate"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        respond: Callable[[Request], Answer] = nothing_here,
        limits: Limits = DEFAULT_LIMITS,
        admission: Admission | None = None,
        close_seconds: float = 5.0,
    ) -> None:
        super().__init__(limits, admission=admission, dial_seconds=10.0, close_seconds=close_seconds)
        self._where = (host, port)
        self._tls = tls
        self._respond = respond

    async def listen(self, accept: Callable[[Channel], Receiver]) -> dict[str, str]:
        self._may_listen()
        host, port = self._where
        listening = await listening_socket(host, port)
        address = Address("tcp" if self._tls is None else "tls", host, listening.getsockname()[1])
        self._start(listening, f"syndicate {address}", accept)
        return {self.transport: str(address)}

    def begins_well(self, first: bytes) -> bool:
        if self._tls is not None:
            return first[0] == TLS_HANDSHAKE
        return is_syndicate(first[0]) or first.isalpha()  # of an HTTP method

    def server_tls(self) -> ssl.SSLContext | None:
        return self._tls

    def hello_to_dialler(self) -> Proof | None:
        return Opening(self.limits, self._respond)


class UnixPort(Port):
    """A unix socket in a directory that only its owner may enter. Ends by `close`, which removes the socket's file."""

    transport: ClassVar[str] = "syndicate"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        limits: Limits = DEFAULT_LIMITS,
        admission: Admission | None = None,
        close_seconds: float = 5.0,
    ) -> None:
        super().__init__(limits, admission=admission, dial_seconds=10.0, close_seconds=close_seconds)
        self._file = SocketFile(os.path.abspath(os.fspath(path)))

    async def listen(self, accept: Callable[[Channel], Receiver]) -> dict[str, str]:
        self._may_listen()
        address = Address("unix", self._file.path)
        self._start(self._file.listen(), f"syndicate {address}", accept)
        return {self.transport: str(address)}

    async def close(self) -> None:
        self._file.remove()
        await super().close()

    def name_of(self, accepted: socket.socket) -> str:
        pid, uid = process_of(accepted)
        return f"process {pid} of user {uid}"

    def source_of(self, accepted: socket.socket) -> Hashable:
        return process_of(accepted)[1]

    def uid_of(self, connected: socket.socket) -> int | None:
        return process_of(connected)[1]


class Dialler(Port):
    """Dials addresses. Made by a client; ends by `close`, which ends the connections too.

    `client_ssl`: for `tls://` and `wss://`; without it the system's authorities are trusted.
    """

    transport: ClassVar[str] = "syndicate"

    def __init__(
        self,
        *,
        client_ssl: ssl.SSLContext | None = None,
        limits: Limits = DEFAULT_LIMITS,
        dial_seconds: float = 10.0,
        close_seconds: float = 5.0,
    ) -> None:
        super().__init__(limits, admission=None, dial_seconds=dial_seconds, close_seconds=close_seconds)
        self._client_ssl = client_ssl

    async def dial(self, address: Address, receive: Callable[[Channel], Receiver]) -> Channel:
        """Connect. Raises `Unreachable`, or `ProtocolError` where something else listens."""
        if address.kind in ("tcp", "tls"):
            context = self._tls() if address.kind == "tls" else None
            return await self._dial_tcp(str(address), address.place, address.port, context, lambda _: None, receive)
        if address.kind == "unix":
            return await self._dial_unix(address.place, receive)
        if address.kind == "ws":
            return await self._dial_websocket(address.place, receive)
        raise BadArgument(f"{address} cannot be dialled")

    async def _dial_tcp(
        self,
        where: str,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        begin: Callable[[asyncio.Transport], Proof | None],
        receive: Callable[[Channel], Receiver],
    ) -> Channel:
        def connect(protocol: Callable[[], Any]) -> Awaitable[object]:
            return asyncio.get_running_loop().create_connection(protocol, host, port, ssl=context)

        return await self._dial(where, connect, begin, receive)

    async def _dial_unix(self, path: str, receive: Callable[[Channel], Receiver]) -> Channel:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.setblocking(False)

        async def connect(protocol: Callable[[], Any]) -> None:
            await connect_unix(connected, path)
            await asyncio.get_running_loop().create_unix_connection(protocol, sock=connected)

        try:
            return await self._dial(f"unix {path}", connect, lambda _: None, receive)
        except BaseException:
            connected.close()
            raise

    async def _dial_websocket(self, url: str, receive: Callable[[Channel], Receiver]) -> Channel:
        try:
            from websockets.uri import parse_uri
        except ImportError:
            raise Misuse("WebSockets need the extra: pip install 'remit[websocket]'") from None
        try:
            uri = parse_uri(url)
        except ValueError as error:
            raise Unreachable(
                f"{url[:200]!r} is no address of a WebSocket: expected ws://host:port or wss://host/path"
            ) from error
        context = self._tls() if uri.secure else None
        return await self._dial_tcp(url, uri.host, uri.port, context, lambda _: Calling(uri, self.limits), receive)

    def _dial_error(self, where: str, error: Exception) -> Any:
        if isinstance(error, ssl.SSLError):
            return ProtocolError(f"dialling {where}: its TLS is refused ({error})")
        return super()._dial_error(where, error)

    def _tls(self) -> ssl.SSLContext:
        return self._client_ssl or ssl.create_default_context()


def _keep_alive(pipe: asyncio.Transport) -> None:
    """Let the kernel notice a peer that is gone without a word: nothing in the protocol has to be answered."""
    connected = pipe.get_extra_info("socket")
    if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, number in _KEEPALIVE:
            connected.setsockopt(socket.IPPROTO_TCP, option, number)

"""The `tls` netlayer: TLS 1.3 (RFC 8446) whose acceptor is known by its key, and a signed hello inside.

The acceptor's certificate is self-signed with its node key, and the dialler accepts that key only. The hello then
proves the dialler to the acceptor, and binds both proofs to this connection: docs/decisions/001-network-hello.md.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

from remit.errors import Conflict, Misuse, PeerUnproven, ProtocolError, Unreachable
from remit.net._address import cannot_listen, hint, join_address, split_addresses
from remit.net._identity import designator_of, public_of
from remit.net._streams import StreamNetlayer, fresh_hello
from remit.values import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from remit.net._admission import Admission
    from remit.net._channel import Channel, Receiver
    from remit.net._handshake import Handshake
    from remit.net._hello import Hello
    from remit.net._identity import NodeKey
    from remit.values import Limits, Locator

__all__ = ["TlsNetlayer"]

_TLS_HANDSHAKE = b"\x16"  # the content type that every TLS connection begins with (RFC 8446, section 5.1)
_BACKLOG = 128
WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104  # named to be refused where no other host is published


class TlsNetlayer(StreamNetlayer):
    """Nodes over TCP and TLS. Made by the node; ends by `close`, which ends its channels too.

    `host` and `port` are where `listen` listens (port 0: any free one); `published` is the host that others are told,
    needed when `host` stands for all addresses. `also` are further hosts of this machine where it listens; more come by `listen_also`. The hint `tls` has
    all addresses, separated by commas, and a dialler tries them one by one. Seconds: see `StreamNetlayer`.
    """

    transport: ClassVar[str] = "tls"

    def __init__(
        self,
        key: NodeKey,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        published: str | None = None,
        also: Sequence[tuple[str, int]] = (),
        limits: Limits = DEFAULT_LIMITS,
        admission: Admission | None = None,
        dial_seconds: float = 10.0,
        close_seconds: float = 5.0,
    ) -> None:
        if (host in WILDCARDS and published is None) or any(each in WILDCARDS for each, _ in also):
            raise Misuse(f"listening on all addresses ({host!r}) needs published=…: the host by which others reach it")
        super().__init__(limits, admission=admission, dial_seconds=dial_seconds, close_seconds=close_seconds)
        self._key = key
        self._host = host
        self._port = port
        self._published = host if published is None else published
        self._also = tuple(also)
        self._hosts: set[str] = set()
        self._opening = asyncio.Lock()
        self._places: list[str] = []
        self._told: Callable[[Channel], Receiver] = refuse
        self._server_context: ssl.SSLContext | None = None
        self._client_context: ssl.SSLContext | None = None
        self._binding = b""

    async def listen(self, accept: Callable[[Channel], Receiver]) -> dict[str, str]:
        self._may_listen()
        self._told = accept
        port = await self._open(self._host, self._port)
        self._port = port
        self._places.append(join_address(self._published, port))
        for host, wanted in self._also:
            self._places.append(join_address(host, await self._open(host, wanted)))
        return {"tls": ",".join(self._places)}

    async def listen_also(self, host: str) -> dict[str, str]:
        """Listen at another address of this machine, on the same port where that is free; all hints that are to be published now.

        Where it listens there already, nothing changes. Raises as `listen` does, and `Misuse` where it does not listen at all.
        """
        if not self._listeners:
            raise Misuse("listen_also adds an address to those of a netlayer that listens")
        async with self._opening:  # whoever asks for it at the same time has it, too, when this is over
            if host not in self._hosts:
                port = self._port if self._host in WILDCARDS else await self._open_near(host)
                self._hosts.add(host)
                place = join_address(host, port)
                if place not in self._places:
                    self._places.append(place)
        return {"tls": ",".join(self._places)}

    async def _open_near(self, host: str) -> int:
        try:
            return await self._open(host, self._port)
        except Conflict:
            return await self._open(host, 0)

    async def _open(self, host: str, port: int) -> int:
        listening = await listening_socket(host, port)
        if self._closed:
            listening.close()
            raise Unreachable(f"this {self.transport} netlayer has been closed meanwhile")
        found: int = listening.getsockname()[1]
        self._hosts.add(host)
        self._start(listening, f"tls {join_address(host, found)}", self._told)
        return found

    async def dial(self, locator: Locator, receive: Callable[[Channel], Receiver]) -> Channel:
        expected = public_of(locator.designator)
        places = split_addresses(hint(locator, "tls"))
        failures: list[str] = []
        for host, port in places:
            try:
                return await self._dial_one(host, port, expected, receive, self.dial_seconds / len(places))
            except (Unreachable, ProtocolError) as error:  # another network may have something else there
                if len(places) == 1:
                    raise
                failures.append(error.message if isinstance(error, Unreachable) else str(error))
        raise Unreachable("; ".join(failures))

    async def _dial_one(
        self, host: str, port: int, expected: bytes, receive: Callable[[Channel], Receiver], seconds: float
    ) -> Channel:
        def connect(protocol: Callable[[], Handshake]) -> Awaitable[object]:
            return asyncio.get_running_loop().create_connection(
                protocol,
                host,
                port,
                ssl=self._client_tls(),
                server_hostname="",  # the key is the name
                ssl_handshake_timeout=self.dial_seconds + 1,  # the dial's own limit comes first
                ssl_shutdown_timeout=self.close_seconds,
            )

        def begin(pipe: asyncio.Transport) -> Hello:
            return fresh_hello(self._key, pinned_binding(pipe, expected), expected)

        return await self._dial(f"tls {join_address(host, port)}", connect, begin, receive, seconds=seconds)

    # --- what StreamNetlayer asks for --------------------------------------------------------

    def begins_well(self, first: bytes) -> bool:
        return first == _TLS_HANDSHAKE

    def server_tls(self) -> ssl.SSLContext:
        if self._server_context is None:
            from remit.net._certificate import certificate_of

            certificate = certificate_of(self._key)
            self._server_context = server_context(self._key, certificate)
            self._binding = binding_of(certificate)
        return self._server_context

    def hello_to_dialler(self) -> Hello:
        return fresh_hello(self._key, self._binding)

    def _client_tls(self) -> ssl.SSLContext:
        if self._client_context is None:
            self._client_context = client_context()
        return self._client_context


def refuse(channel: Channel) -> Receiver:
    """What accepts channels until `listen` is told who does."""
    raise Unreachable("this node does not listen")


async def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on the first address of `host`. Raises `Conflict`, `Refused` or `Unreachable`."""
    where = join_address(host, port)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise Unreachable(f"cannot listen on {where}: {error.strerror or error}") from error
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise cannot_listen(where, error) from error
    return listening


def binding_of(certificate: bytes) -> bytes:
    """What both ends of one TLS connection agree on, and no other connection has."""
    return b"tls\0" + sha256(certificate).digest()


def pinned_binding(pipe: asyncio.Transport, expected: bytes) -> bytes:
    """The binding of a dialled connection, once its certificate is known to carry the expected key.

    TLS has proved by then that the other end holds the certificate's key (RFC 8446, section 4.4.3).
    """
    from remit.net._certificate import key_in

    certificate = pipe.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
    found = key_in(certificate)
    if found != expected:
        raise PeerUnproven(
            f"expected node {designator_of(expected)}, but node {designator_of(found)} answered: "
            "the address is stale, or somebody else sits there; ask for the node's current address"
        )
    return binding_of(certificate)


def server_context(key: NodeKey, certificate: bytes) -> ssl.SSLContext:
    """TLS 1.3 with this certificate. The key goes through memory only, since `ssl` reads keys from files alone."""
    from remit.net._certificate import to_pem

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # no resumption: every connection proves the key anew
    descriptor = os.memfd_create("remit", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, to_pem(certificate) + key._pem())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    return context


def client_context() -> ssl.SSLContext:
    """TLS 1.3 without authorities: `pinned_binding` checks the key, and only the key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

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

from remit.errors import Misuse, PeerUnproven, Unreachable
from remit.net._address import cannot_listen, hint, join_address, split_address
from remit.net._identity import designator_of, public_of
from remit.net._streams import StreamNetlayer, fresh_hello
from remit.values import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from remit.net._admission import Admission
    from remit.net._channel import Channel, Receiver
    from remit.net._handshake import Handshake
    from remit.net._hello import Hello
    from remit.net._identity import NodeKey
    from remit.values import Limits, Locator

__all__ = ["TlsNetlayer"]

_TLS_HANDSHAKE = b"\x16"  # the content type that every TLS connection begins with (RFC 8446, section 5.1)
_BACKLOG = 128
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104  # named to be refused where no other host is published


class TlsNetlayer(StreamNetlayer):
    """Nodes over TCP and TLS. Made by the node; ends by `close`, which ends its channels too.

    `host` and `port` are where `listen` listens (port 0: any free one); `published` is the host that others are told,
    needed when `host` stands for all addresses. Seconds: see `StreamNetlayer`.
    """

    transport: ClassVar[str] = "tls"

    def __init__(
        self,
        key: NodeKey,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        published: str | None = None,
        limits: Limits = DEFAULT_LIMITS,
        admission: Admission | None = None,
        dial_seconds: float = 10.0,
        close_seconds: float = 5.0,
    ) -> None:
        if host in _WILDCARDS and published is None:
            raise Misuse(f"listening on all addresses ({host!r}) needs published=…: the host by which others reach it")
        super().__init__(limits, admission=admission, dial_seconds=dial_seconds, close_seconds=close_seconds)
        self._key = key
        self._host = host
        self._port = port
        self._published = host if published is None else published
        self._server_context: ssl.SSLContext | None = None
        self._client_context: ssl.SSLContext | None = None
        self._binding = b""

    async def listen(self, accept: Callable[[Channel], Receiver]) -> dict[str, str]:
        self._may_listen()
        listening = await listening_socket(self._host, self._port)
        where = join_address(self._published, listening.getsockname()[1])
        self._start(listening, f"tls {where}", accept)
        return {"tls": where}

    async def dial(self, locator: Locator, receive: Callable[[Channel], Receiver]) -> Channel:
        expected = public_of(locator.designator)
        where = hint(locator, "tls")
        host, port = split_address(where)

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

        return await self._dial(f"tls {where}", connect, begin, receive)

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

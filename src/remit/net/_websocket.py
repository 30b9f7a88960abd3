"""The `websocket` netlayer: nodes of our own kind through web servers and proxies, and foreign OCapN peers.

Nodes of our own kind run the signed hello of the other netlayers inside the WebSocket (docs/decisions/001-network-hello.md), and
know each other by their canonical locators, whose hint `websocket` is a URL. Foreign peers are those of the OCapN draft
specification *Netlayers*: transport `websocket`, designator the acceptor's key, hint `url`. There the acceptor alone
proves its key; a dialler proves nothing, so its session belongs to its connection.

`ws://` is neither encrypted nor safe from somebody in between, who may take a connection over once both keys are proved. So
without TLS (`wss://`, ours by `ssl=`, or that of a web server in front of this one) it serves on one host only, unless `plain`.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.errors import LinkLost, Misuse, PeerUnproven, ProtocolError, RemitError, Unreachable
from remit.net._address import hint, join_address
from remit.net._identity import public_of
from remit.net._stream import Framing
from remit.net._streams import StreamNetlayer, fresh_hello
from remit.net._tls import listening_socket
from remit.net._websocket_auth import FORMS, RANDOM, challenge
from remit.net._websocket_frames import Frames
from remit.net._websocket_hello import Acceptance, Challenging, Greeting, Opening
from remit.values import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from remit.net._admission import Admission
    from remit.net._channel import Channel, Receiver
    from remit.net._handshake import Handshake, Proof
    from remit.net._identity import NodeKey
    from remit.values import Limits, Locator

__all__ = ["WebSocketNetlayer"]

_BINDING: Final = b"websocket\0"
_TLS_HANDSHAKE: Final = b"\x16"
_REMEMBERED: Final = 1000
"""Foreign peers of which the form that they answer is remembered."""


class WebSocketNetlayer(StreamNetlayer):
    """Nodes and foreign peers over WebSockets. Made by the node; ends by `close`, which ends its channels too.

    `host` and `port` are where `listen` listens (port 0: any free one); `published` is the URL that others are told, such as
    `wss://example.org/remit` where a web server passes connections on. `ssl` makes `listen` speak TLS itself, `client_ssl`
    is used to dial `wss://` (without it, the system's authorities are trusted). `foreign`: whether peers of other kinds are
    answered; `forms`: in which order a foreign acceptor is asked to prove its key. `plain`: whether `ws://` may
    lead to and from other hosts. Seconds: see `StreamNetlayer`. Needs the extra `remit[websocket]`.
    """

    transport: ClassVar[str] = "websocket"

    def __init__(
        self,
        key: NodeKey,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        published: str | None = None,
        ssl: ssl.SSLContext | None = None,
        client_ssl: ssl.SSLContext | None = None,
        foreign: bool = True,
        forms: Sequence[str] = FORMS,
        plain: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        admission: Admission | None = None,
        dial_seconds: float = 10.0,
        close_seconds: float = 5.0,
    ) -> None:
        _need_library()
        if not forms or not set(forms) <= set(FORMS):
            raise Misuse(f"forms are some of {', '.join(FORMS)}")
        if published is not None:
            _parsed(published)
        if not plain and ssl is None and not (published or "").startswith("wss:") and not is_here(host):
            raise Misuse(
                f"listening on {host!r} without TLS: give ssl=…, or the wss:// URL of the web server in front of it "
                "(published=…), or plain=True where everybody on the way is trusted"
            )
        super().__init__(limits, admission=admission, dial_seconds=dial_seconds, close_seconds=close_seconds)
        self._key = key
        self._host = host
        self._port = port
        self._published = published
        self._ssl = ssl
        self._client_ssl = client_ssl
        self._foreign = foreign
        self._forms = tuple(forms)
        self._plain = plain
        self._answered: dict[str, str] = {}  # designator -> the form that it has answered last

    async def listen(self, accept: Callable[[Channel], Receiver]) -> dict[str, str]:
        self._may_listen()
        listening = await listening_socket(self._host, self._port)
        scheme = "ws" if self._ssl is None else "wss"
        url = self._published or f"{scheme}://{join_address(self._host, listening.getsockname()[1])}"
        self._start(listening, f"websocket {url}", accept)
        return {self.transport: url}

    async def dial(self, locator: Locator, receive: Callable[[Channel], Receiver]) -> Channel:
        expected = public_of(locator.designator)
        if locator.transport != self.transport:
            return await self._dial_by(hint(locator, self.transport), self._greeting(expected), receive)
        url, failure = hint(locator, "url"), None
        for form in self._order(locator.designator):
            try:
                channel = await self._dial_by(url, self._challenging(form, expected), receive)
            except PeerUnproven:
                raise
            except (ProtocolError, Unreachable) as error:
                if isinstance(error, Unreachable) and not isinstance(error.__cause__, LinkLost):
                    raise
                failure = failure or error  # that of the likelier form
                continue
            self._remember(locator.designator, form)
            return channel
        assert failure is not None
        raise failure

    # --- dialling ----------------------------------------------------------------------------------

    async def _dial_by(
        self, url: str, begin: Callable[[Any], Opening], receive: Callable[[Channel], Receiver]
    ) -> Channel:
        uri = _parsed(url)
        if not uri.secure and not self._plain and not is_here(uri.host):
            raise Unreachable(
                f"{url} leads to another host without TLS, where anybody in between could take the connection over: use its "
                "wss:// URL, or plain=True where everybody on the way is trusted"
            )

        context = (self._client_ssl or ssl.create_default_context()) if uri.secure else None

        def connect(protocol: Callable[[], Handshake]) -> Awaitable[object]:
            return asyncio.get_running_loop().create_connection(protocol, str(uri.host), int(uri.port), ssl=context)

        return await self._dial(f"websocket {url}", connect, lambda _: begin(uri), receive)

    def _greeting(self, expected: bytes) -> Callable[[Any], Opening]:
        return lambda uri: Greeting(*self._client(uri), fresh_hello(self._key, _BINDING, expected))

    def _challenging(self, form: str, expected: bytes) -> Callable[[Any], Opening]:
        return lambda uri: Challenging(*self._client(uri), challenge(form, os.urandom(RANDOM[form])), expected)

    def _client(self, uri: Any) -> tuple[Any, Frames]:
        from websockets.client import ClientProtocol

        protocol = ClientProtocol(uri, max_size=self.limits.frame)
        return protocol, Frames(protocol, self.limits)

    def _order(self, designator: str) -> list[str]:
        """The forms to try, the one that this peer has answered before first."""
        known = self._answered.get(designator)
        return sorted(self._forms, key=lambda form: form != known)

    def _remember(self, designator: str, form: str) -> None:
        self._answered.pop(designator, None)
        self._answered[designator] = form
        if len(self._answered) > _REMEMBERED:
            del self._answered[next(iter(self._answered))]

    def _dial_error(self, where: str, error: Exception) -> RemitError:
        if isinstance(error, ssl.SSLError):
            return ProtocolError(f"dialling {where}: its TLS is refused ({error})")
        return super()._dial_error(where, error)

    # --- what StreamNetlayer asks for ----------------------------------------------------------------

    def framing_with(self, pipe: asyncio.Transport, hello: Proof | None) -> Framing:
        assert isinstance(hello, Opening)
        frames = hello.frames
        frames.attach(pipe)
        return Framing(frames.frame, lambda: frames, frames.farewell)

    def is_kin(self, hello: Proof | None) -> bool:
        return isinstance(hello, Opening) and hello.kin

    def begins_well(self, first: bytes) -> bool:
        return first == (b"G" if self._ssl is None else _TLS_HANDSHAKE)

    def server_tls(self) -> ssl.SSLContext | None:
        return self._ssl

    def hello_to_dialler(self) -> Proof:
        from websockets.server import ServerProtocol

        protocol = ServerProtocol(max_size=self.limits.frame)
        hello = fresh_hello(self._key, _BINDING)
        return Acceptance(protocol, Frames(protocol, self.limits), self._key, hello, foreign=self._foreign)


def is_here(host: str) -> bool:
    """Whether a host is this one, so that nobody stands in between."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _parsed(url: str) -> Any:
    from websockets.exceptions import InvalidURI
    from websockets.uri import parse_uri

    try:
        return parse_uri(url)
    except (InvalidURI, ValueError) as error:
        raise Unreachable(
            f"{url[:200]!r} is no address of a WebSocket: expected ws://host:port or wss://host/path"
        ) from error


def _need_library() -> None:
    if find_spec("websockets") is None:  # it is loaded where a connection is made
        raise Misuse("the websocket netlayer needs the extra: pip install 'remit[websocket]'")

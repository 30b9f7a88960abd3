"""The driver `http`: a reverse proxy, at the provider's end of a tunnel, that lets through what an edge allows and adds the owner's credential.

Why at that end: the credential never leaves the machine of its owner, so no grantee can take it along, and what is allowed is checked where the
grantee cannot get at it.
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from remit.credentials._credential import TUNNEL, TUNNEL_HOST, TUNNEL_PORT, Credential
from remit.credentials._driver import Description, check_attenuation
from remit.credentials._granted import Granted
from remit.credentials._http_rules import METHODS, READING, normal_target
from remit.credentials._http_rules import Refusal as _Refusal
from remit.credentials._owner import Owner
from remit.credentials._place import Place
from remit.errors import BadArgument, Missing
from remit.lib import FREE, Attenuation, make_attenuation
from remit.net import End

__all__ = ["Http", "Server"]

_TEXT: Final = "methods are those of HTTP, prefix is of the path: /api/"
_DESCRIPTION: Final = Description(
    "http", "http", ("bytes", "connections", "methods", "prefix", "read_only", "until"), METHODS, _TEXT
)
_OPTIONS: Final = ("bearer", "user", "password", "header", "value", "host", "upgrade")
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")  # RFC 9110, section 5.6.2


class Server:
    """Where requests go, and what is added to each. Shows nothing of it."""

    __slots__ = ("base", "header", "host", "place", "tls", "upgrade", "value")

    def __init__(self, owner: Owner) -> None:
        text = owner.connection.text
        self.tls: ssl.SSLContext | None = None
        self.base, userinfo = "", ""
        if text.startswith(("unix:", "/")):
            self.place, self.host = Place(text), "localhost"
        else:
            try:
                parts = urlsplit(text)
                port = parts.port or {"http": 80, "https": 443}[parts.scheme]
                self.base = normal_target(parts.path or "/").rstrip("/")
            except (ValueError, KeyError, _Refusal):
                raise BadArgument(
                    "the connection of an HTTP service is http://host:port/path, https://…, or unix:/path"
                ) from None
            host = parts.hostname or ""
            self.place = Place(f"{f'[{host}]' if ':' in host else host}:{port}")
            self.host = parts.netloc.rpartition("@")[2]
            userinfo = parts.netloc.rpartition("@")[0]
            if parts.scheme == "https":
                self.tls = ssl.create_default_context()
        self.host = owner.option("host", str, self.host)
        self.upgrade: bool = owner.option("upgrade", bool, False)
        self.header, self.value = _credential(owner, userinfo)


def _credential(owner: Owner, userinfo: str) -> tuple[bytes, bytes]:
    """Name and value of the header that is added; empty where the service wants none."""
    given: dict[str, str] = {
        name: owner.option(name, str, "") for name in ("bearer", "user", "password", "header", "value")
    }
    if userinfo and not given["user"]:
        given["user"], _, given["password"] = (unquote(part) for part in userinfo.partition(":"))
    ways = [name for name in ("bearer", "user", "header") if given[name]]
    if len(ways) > 1:
        raise BadArgument("an HTTP service has one of bearer, user with password, and header with value")
    name, value = "authorization", ""
    if given["bearer"]:
        value = f"Bearer {given['bearer']}"
    elif given["user"]:
        value = _basic(given)
    elif given["header"]:
        name, value = given["header"].lower(), given["value"]
    if not (set(name) <= _TOKEN and value.isprintable() and value.isascii()):
        raise BadArgument("the header of an HTTP service's credential has characters that no header may have")
    return (name.encode(), value.encode()) if value else (b"", b"")


def _basic(given: dict[str, str]) -> str:
    pair = f"{given['user']}:{given['password']}".encode()
    return f"Basic {b64encode(pair).decode()}"


class Http(Granted):
    """The driver `http`. Options beside the connection: `bearer`; or `user` and `password`; or `header` and `value`; `host` (the Host that the
    server is told), `upgrade` (whether WebSockets and other changes of protocol are passed on; False).
    """

    kind = "http"

    def __init__(self, owner: Owner) -> None:
        owner.check_options(*_OPTIONS)
        self._owner = owner
        self._server: Server | None = None
        super().__init__()

    def describe(self) -> Description:
        """See `Driver.describe`."""
        return _DESCRIPTION

    @property
    def server(self) -> Server:
        """Where requests go. Raises `BadArgument` for what cannot be a server."""
        if self._server is None:
            self._server = Server(self._owner)
        return self._server

    async def check(self) -> None:
        """See `Driver.check`."""
        _h11()
        (await self.server.place.connect()).close()

    async def connect(self, edge: str, attenuation: Attenuation) -> End:
        """See `Led.connect`: not a connection to the server, but what makes one for each request."""
        _h11()
        from remit.credentials._http_end import HttpEnd

        return HttpEnd(self.server, narrowed(attenuation))

    async def grant(
        self, edge: str, attenuation: Attenuation, *, until: float | None = None, generation: int = 1
    ) -> Credential:
        """See `Driver.grant`."""
        narrowed(attenuation)
        self.note(edge, generation)
        entries = {"provider": "remit", "uri": f"http://{TUNNEL_HOST}:{TUNNEL_PORT}/", TUNNEL: "port"}
        return Credential("http", entries, {}, generation, until)


def narrowed(attenuation: Attenuation) -> Attenuation:
    """The attenuation with `read_only` as the methods that read. Raises `BadArgument` where it cannot be enforced."""
    checked = attenuation.checked()
    if checked.read_only:
        methods = [name for name in READING if checked.methods is None or name in checked.methods]
        fields: dict[str, Any] = {name: getattr(checked, name) for name in checked.kinds()}
        checked = make_attenuation(**{**fields, "read_only": False, "methods": methods}).checked()
    checked = check_attenuation(_DESCRIPTION, checked)
    if checked.prefix is not None and (not checked.prefix.startswith("/") or _changed(checked.prefix)):
        raise BadArgument(
            "a prefix of paths begins with / and is in its one form, without dots, double slashes and needless encoding"
        )
    return checked if checked.kinds() else FREE


def _changed(prefix: str) -> bool:
    try:
        return normal_target(prefix) != prefix
    except _Refusal:
        return True


def _h11() -> None:
    try:
        import h11  # noqa: F401  # whether it is there
    except ImportError:
        raise Missing("HTTP services need the package h11, which is not installed: pip install 'remit[http]'") from None

"""Transport addresses: where a peer is, as text for people and as the records of the protocol.

    tcp://host:port   <tcp "host" port>        tls://host:port   <tls "host" port> (ours)
    unix:///path      <unix "/path">           ws://… wss://…    <ws "url">
    stdio:            <stdio>

(Syndicate Protocol, Transports.)
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from remit.dataspace.syndicate._view import labelled, rec
from remit.errors import BadArgument
from remit.values import preserves

__all__ = ["Address"]

_FORMS = 'tcp://host:port, tls://host:port, unix:///path, ws://host:port, wss://host/path, stdio: or their records, such as <tcp "host" 9001>'


class Address(NamedTuple):
    """One transport address. `place`: host or path or URL; `port` where there is one."""

    kind: str
    place: str = ""
    port: int = 0

    @classmethod
    def of(cls, given: Any) -> Address:
        """The address that a text, a record or an address says. Raises `BadArgument`, naming the forms."""
        if isinstance(given, Address):
            return given
        if type(given) is str and given.lstrip().startswith("<"):
            given = preserves.parse(given)
        found = _of_text(given) if type(given) is str else _of_record(given)
        if found is None:
            raise BadArgument(f"no transport address: it is one of {_FORMS}")
        return found

    def value(self) -> Any:
        """As a record."""
        if self.kind == "stdio":
            return rec("stdio")
        return rec(self.kind, self.place, self.port) if self.kind in ("tcp", "tls") else rec(self.kind, self.place)

    def __str__(self) -> str:
        if self.kind in ("tcp", "tls"):
            host = f"[{self.place}]" if ":" in self.place else self.place
            return f"{self.kind}://{host}:{self.port}"
        return self.place if self.kind == "ws" else f"{self.kind}://{self.place}" if self.place else "stdio:"


def _of_text(text: str) -> Address | None:
    scheme, colon, rest = text.partition(":")
    if scheme in ("tcp", "tls", "unix") and colon and not rest.startswith("//"):
        text = f"{scheme}://{rest}"  # as the shell client writes them
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme in ("tcp", "tls"):
        return Address(parts.scheme, parts.hostname or "", port) if parts.hostname and port is not None else None
    if parts.scheme == "unix":
        path = unquote(parts.netloc + parts.path)
        return Address("unix", path) if path else None
    if parts.scheme in ("ws", "wss"):
        return Address("ws", text)
    return Address("stdio") if parts.scheme == "stdio" else None


def _of_record(value: Any) -> Address | None:
    found = labelled(value)
    if found is None:
        return None
    label, fields = found
    if (
        label in ("tcp", "tls")
        and len(fields) == 2
        and type(fields[0]) is str
        and type(fields[1]) is int
        and 0 <= fields[1] < 65536
    ):
        return Address(label, fields[0], fields[1])
    if label in ("unix", "ws") and len(fields) == 1 and type(fields[0]) is str:
        return Address(label, fields[0])
    return Address("stdio") if label == "stdio" and not fields else None

"""The owner's side of a service: how a driver reaches it, what its marks are, and where passwords come from.

Passwords are derived, not kept: an HMAC of tag, edge and generation under a key that only the owner's machine has. So a grant that was made, and
whose answer was lost, is made again with the same answer, and no list of passwords exists that could be stolen. Whoever has the key has the
owner's connection as well, which stands beside it.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from typing import Any, Final

from remit.errors import BadArgument
from remit.values import Secret

__all__ = ["Owner", "check_edge"]

_EDGE: Final = re.compile(r"[A-Za-z0-9-]{1,32}", re.ASCII)
_TAG: Final = re.compile(r"[a-z0-9]{1,12}", re.ASCII)


class Owner:
    """What a driver is given: `connection` (a secret text), `options` beside it, the `tag` of all that is made, and the key.

    `text` is a connection string of the service's own kind, or a TOML document with `connection = "…"` and the driver's options. `key` has
    at least 16 random bytes. Nothing of it is shown.
    """

    __slots__ = ("_key", "connection", "options", "tag")

    def __init__(self, text: Secret, tag: str, key: bytes) -> None:
        if not _TAG.fullmatch(tag):
            raise BadArgument("a tag has 1 to 12 lower-case letters and digits")
        if type(key) is not bytes or len(key) < 16:
            raise BadArgument("an owner's key has at least 16 bytes")
        self.tag = tag
        self._key = key
        self.connection, self.options = _parsed(text)

    def password(self, edge: str, generation: int) -> Secret:
        """The password of one generation of an edge: 256 bits as 52 lower-case letters and digits."""
        name = f"{self.tag}/{check_edge(edge)}/{generation}"
        return Secret(b32encode(hmac.digest(self._key, name.encode(), "sha256")).decode().rstrip("=").lower())

    def option(self, name: str, kind: type, default: Any = None) -> Any:
        """One option, of this type, or the default. `BadArgument` says only which is wrong."""
        value = self.options.get(name, default)
        if value is not default and type(value) is not kind:
            raise BadArgument(f"the option {name!r} of the owner's connection is of type {kind.__name__}")
        return value

    def check_options(self, *known: str) -> None:
        """Refuse options that the driver does not know, by their names."""
        unknown = sorted(self.options.keys() - set(known))
        if unknown:
            raise BadArgument(
                f"there is no option {', '.join(unknown)} beside the owner's connection; there are: {', '.join(known)}"
            )


def check_edge(edge: object) -> str:
    """The edge's id, if it can be part of a name at any service: it goes into identifiers, quoted or not."""
    if type(edge) is not str or not _EDGE.fullmatch(edge):
        raise BadArgument("an edge's id has 1 to 32 letters, digits and '-'")
    return edge


def _parsed(text: Secret) -> tuple[Secret, dict[str, Any]]:
    """Connection and options of what the owner has written down. What cannot be read is taken as the connection itself."""
    if type(text) is not Secret or type(text.text) is not str or not text.text.strip():
        raise BadArgument("the owner's connection is a Secret with a text in it")
    import tomllib  # an agent without such services starts without it

    try:
        read = tomllib.loads(text.text)
    except tomllib.TOMLDecodeError:
        read = {}
    if "connection" not in read:
        return Secret(text.text.strip()), {}
    connection = read.pop("connection")
    if type(connection) is not str:
        raise BadArgument("`connection` is a text: the connection string of the service's owner")
    return Secret(connection), read

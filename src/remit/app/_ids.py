"""Explicit ids of components: paths of names, that never change what they mean, and the names that they get where they run.

    app / "customer-server" / "db"        the id `shop/customer-server/db`

An id is what is compared from one version of a program to the next. The physical name is made from it once, kept (`_names.py`), and fits everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Container
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from remit.errors import BadArgument

if TYPE_CHECKING:
    from remit.app._app import App

__all__ = ["Id", "check_name", "physical_name"]

LONGEST: Final = 40
"""Characters of a physical name. The tightest limits of what it is used in: a DNS label has 63 (RFC 1035, section 2.3.4), a name of PostgreSQL 63 bytes,
a unit of systemd 255, and compose puts the project's name before a service's and a number behind it."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", re.ASCII)
_UNSAFE: Final = re.compile(r"[^a-z0-9]+")


def check_name(name: object, what: str = "id") -> str:
    """One name of an id. Raises `BadArgument` for anything else than 1 to 63 letters, digits, `-` and `_`, beginning with one of the first two."""
    if type(name) is not str or not _NAME.fullmatch(name):
        raise BadArgument(
            f"{str(name)[:80]!r} cannot be part of an {what}: take 1 to 63 letters, digits, '-' and '_', such as 'customer-server'"
        )
    return name


class Id:
    """The place of a component in its application, `app / "server" / "db"`. Immutable; equal ids are the same place."""

    __slots__ = ("app", "names")

    def __init__(self, app: App, names: tuple[str, ...]) -> None:
        self.app = app
        self.names = names

    def __truediv__(self, name: str) -> Id:
        return Id(self.app, (*self.names, check_name(name)))

    def __str__(self) -> str:
        return "/".join((self.app.name, *self.names))

    def __repr__(self) -> str:
        return f"<id {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Id) and other.app is self.app and other.names == self.names

    def __hash__(self) -> int:
        return hash(self.names)


def physical_name(id: str, taken: Container[str] = ()) -> str:
    """A name for this id that fits wherever components run: lower-case letters, digits and `-`, at most 40, beginning with a letter.

    It ends in digits of the id's hash, so that two ids do not get the same; where they would, in more digits.
    """
    digest = sha256(id.encode()).hexdigest()
    for digits in range(8, len(digest), 8):
        text = _UNSAFE.sub("-", id.lower()).strip("-") or "x"
        room = LONGEST - digits - 1
        if len(text) > room:  # the end of a path says more than its beginning
            text = text[-room:].lstrip("-")
        if not text[0].isalpha():
            text = f"x{text[1:] if len(text) == room else text}"
        name = f"{text}-{digest[:digits]}"
        if name not in taken:
            return name
    raise BadArgument(f"no name is left for {id}")

"""What servers are called: a name in a domain, written `name@/domain/sub`. Domains are a hierarchy whose root is `/`."""

from __future__ import annotations

import re
from typing import Any, Final

from remit.errors import BadArgument

__all__ = ["ROOT_DOMAIN", "ServerId", "check_role", "domain_of", "within"]

ROOT_DOMAIN: Final = "/"
LONGEST: Final = 64
"""Characters of a name, of a role, and of each part of a domain: they become names of files and sockets."""
DEEPEST: Final = 16
"""Parts of a domain."""
_WORD: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST - 1}}}")


class ServerId:
    """The id of one server: `name`, and its absolute `domain`. Equal ids are the same server."""

    __slots__ = ("domain", "name")

    name: str
    domain: str

    def __init__(self, name: str, domain: str = ROOT_DOMAIN) -> None:
        self.name = _word(name, "the name of a server")
        self.domain = domain_of(domain)

    @classmethod
    def parse(cls, text: str, domain: str = ROOT_DOMAIN) -> ServerId:
        """The id that is so written. A name alone is in `domain`, and so is what follows an @ without a slash: `db@eu` is `db@DOMAIN/eu`."""
        if type(text) is not str:
            raise BadArgument(f"the id of a server is text, such as web1 or web1@/shop, not {text!r:.80}")
        name, at, rest = text.partition("@")
        if at and not rest:
            raise BadArgument(f"{text[:80]!r} names no domain after its @: write web1@/shop, or web1 alone")
        return cls(name, domain_of(rest, domain) if at else domain)

    @property
    def text(self) -> str:
        """The whole id, `name@/domain`: what is signed, compared and kept."""
        return f"{self.name}@{self.domain}"

    def shown(self, domain: str = ROOT_DOMAIN) -> str:
        """The id as people of this domain write it."""
        return self.name if self.domain == domain_of(domain) else self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServerId) and (self.name, self.domain) == (other.name, other.domain)

    def __hash__(self) -> int:
        return hash((self.name, self.domain))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<server id {self.text}>"


def domain_of(text: str, base: str = ROOT_DOMAIN) -> str:
    """The absolute domain that is so written: one with a slash at its beginning stays, another is below `base`."""
    if type(text) is not str:
        raise BadArgument(f"a domain is text, such as /shop/eu, not {text!r:.80}")
    whole = text if text.startswith("/") else f"{base.rstrip('/')}/{text}"
    parts = [part for part in whole.split("/") if part]
    if len(parts) > DEEPEST:
        raise BadArgument(f"a domain has at most {DEEPEST} parts, and this one has {len(parts)}: {text[:80]!r}")
    return "/" + "/".join(_word(part, "a part of a domain") for part in parts)


def within(domain: str, base: str) -> bool:
    """Whether a domain is `base` or below it; both are absolute."""
    return base in (ROOT_DOMAIN, domain) or domain.startswith(base + "/")


def check_role(role: Any) -> str:
    """A role, if it is one."""
    return _word(role, "a role")


def _word(text: Any, what: str) -> str:
    if type(text) is not str or _WORD.fullmatch(text) is None:
        shown = repr(text)[:80]
        raise BadArgument(
            f"{shown} is not {what}: that is 1 to {LONGEST} letters, digits, '.', '_' or '-', the first a letter or digit"
        )
    return text

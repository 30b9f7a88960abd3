"""Keys, and the names of tables."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from remit.errors import BadArgument

__all__ = ["KEY_SIZE", "check_key", "check_prefix", "index_table", "next_text"]

KEY_SIZE: Final = 1024
"""Bytes of a key, of a store or of an index: one row of PostgreSQL's btree holds two of them, and 2,700 bytes at most."""

NAME_SIZE: Final = 63  # bytes of a name in PostgreSQL (NAMEDATALEN - 1)
_LAST: Final = "\U0010ffff"
_SURROGATES: Final = ("\ud7ff", "\ue000")  # the last before them, the first after


def check_key(key: object, what: str = "key") -> str:
    """The key, if every store can keep it; raises `BadArgument`."""
    if type(key) is not str:
        raise BadArgument(
            f"a {what} of a store is a str, not {type(key).__name__}: write str(…), or f'{{number:09}}' to keep numbers in order"
        )
    if "\0" in key:
        raise BadArgument(f"a {what} of a store has no NUL character")
    if not key.isascii() or len(key) > KEY_SIZE:
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise BadArgument(f"a {what} of a store is text that UTF-8 can carry: no lone surrogates") from None
        if size > KEY_SIZE:
            raise BadArgument(
                f"a {what} of {size} bytes is too long: at most {KEY_SIZE}; use a hash of it, and keep the whole in the value"
            )
    return key


def check_prefix(prefix: object) -> str:
    """The prefix, as keys are checked."""
    return check_key(prefix, "prefix")


def next_text(prefix: str) -> str | None:
    """The first text after all that begin with the prefix, in order of code points; None where there is none."""
    prefix = prefix.rstrip(_LAST)
    if not prefix:
        return None
    before, after = _SURROGATES
    return prefix[:-1] + (after if prefix[-1] == before else chr(ord(prefix[-1]) + 1))


def index_table(name: str, version: int) -> str:
    """The table of one version of an index: a safe name of at most 63 bytes, which differs from that of every other."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    mark = hashlib.sha256(f"{name}\0{version}".encode()).hexdigest()[:10]
    rest = f"_v{version}_{mark}"
    return f"kv_index_{plain[: NAME_SIZE - len('kv_index_') - len(rest)]}{rest}"

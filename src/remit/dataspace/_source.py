"""Who asserts. Not compiled: sources are held weakly, which mypyc's classes cannot be."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from remit.errors import BadArgument
from remit.vat import Ref

if TYPE_CHECKING:
    from remit.dataspace._index import Entry

__all__ = ["Source", "closed"]


class Source:
    """One who asserts: what stands by its handles. It lives while anything stands, or somebody can speak for it; it ends when it is closed."""

    __slots__ = ("__weakref__", "handles", "key", "name", "open", "party", "way", "why")

    def __init__(self, name: str) -> None:
        self.name = name
        self.key: str | bytes | None = None
        self.party: weakref.ref[Ref[Any]] | None = None
        self.way: Any = None  # what hears of its owner's loss
        self.why = ""  # it was closed by the space
        self.open = True
        self.handles: dict[int, Entry] = {}


def closed(source: Source) -> BadArgument:
    """Why a party does not do anything any more."""
    why = f" ({source.why})" if source.why else ""
    return BadArgument(f"party {source.name!r} is closed{why}: open another one at the dataspace")

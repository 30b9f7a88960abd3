"""What is too much for one message, a page at a time. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Final

from remit.errors import BadArgument

__all__ = ["Section", "page_of"]

ROOM: Final = 700_000
"""Bytes of a page, reckoned high: a message has at most 1 MiB (`Limits.frame`), and its receiver may have given it less room than we think."""
_ROW: Final = 500  # bytes of a row besides its texts
_CHARACTER: Final = 3  # bytes of a character of a text, which may be any language's


class Section:
    """Things of one kind, in the order of their keys. `key`: a text that nothing else of the kind has; `view`: how one is shown."""

    def __init__(
        self, name: str, things: Sequence[Any], key: Callable[[Any], str], view: Callable[[Any], dict[str, Any]]
    ) -> None:
        self.name = name
        self.things = things
        self.key = key
        self.view = view


def page_of(sections: Sequence[Section], start: str | None = None, room: int = ROOM) -> dict[str, Any]:
    """As many things as there is room for, {section: [...], ..., "next": where the next page starts, or None}; `start` is the `next` of the page before.

    Whatever comes or goes between two pages, what is there all the time is on exactly one of them. Raises `BadArgument` for another `start`.
    """
    names = [section.name for section in sections]
    at, _, key = (start if type(start) is str else f"{names[0]} " if start is None else "").partition(" ")
    if at not in names:
        raise BadArgument("a page starts where the one before it says that the next one does")
    page: dict[str, Any] = {name: [] for name in names} | {"next": None}
    left = room
    for section in sections[names.index(at) :]:
        first = bisect_left(section.things, key, key=section.key) if key else 0
        key = ""
        for thing in section.things[first:] if first else section.things:
            if left <= 0:
                page["next"] = f"{section.name} {section.key(thing)}"
                return page
            view = section.view(thing)
            page[section.name].append(view)
            left -= _ROW + _CHARACTER * sum(len(value) for value in view.values() if type(value) is str)
            left -= sum(len(str(value)) for value in view.values() if type(value) is dict and value)
    return page

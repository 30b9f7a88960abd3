"""What is too much for one message, a page at a time. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Final

from remit.errors import BadArgument

__all__ = ["ROOM", "Section", "page_of"]

ROOM: Final = 600_000
"""Bytes of a page, reckoned high: a message has at most 1 MiB (`Limits.frame`), and its receiver may have given it less room than we think."""
_CHARACTER: Final = 4  # bytes at most of a character that is not ASCII


class Section:
    """Things of one kind, in the order of their keys. `key`: a text that nothing else of the kind has; `view`: how one is shown, as data or as text;
    `row`: bytes that it takes on the wire at most, besides its texts.
    """

    def __init__(
        self,
        name: str,
        things: Sequence[Any],
        key: Callable[[Any], str],
        view: Callable[[Any], dict[str, Any] | bytes],
        row: int = 500,
    ) -> None:
        self.name = name
        self.things = things
        self.key = key
        self.view = view
        self.row = row


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
            left -= section.row + (
                len(view) if isinstance(view, bytes) else sum(_size(value) for value in view.values())
            )
    return page


def _size(value: object) -> int:
    """Bytes of a text, and of what else is not in `row`."""
    if type(value) is str:
        return len(value) if value.isascii() else _CHARACTER * len(value)
    return _size(str(value)) if type(value) in (dict, list) and value else 0

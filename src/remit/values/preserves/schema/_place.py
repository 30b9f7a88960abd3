"""Places in a text, and errors that name them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from remit.errors import DecodeError

__all__ = ["Place", "hint", "wrong"]


class Place:
    """A place in a text: `str()` says line and column, counted from 1."""

    __slots__ = ("offset", "text")

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset

    @property
    def line(self) -> int:
        """The number of the line."""
        return self.text.count("\n", 0, self.offset) + 1

    @property
    def column(self) -> int:
        """The number of the character in its line."""
        return self.offset - self.text.rfind("\n", 0, self.offset)

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


def wrong(place: Place, message: str) -> DecodeError:
    """The error for something at this place."""
    return DecodeError(message, place.offset, line=place.line, column=place.column)


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest name, as a question, if one is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""

"""Where in a TOML file something stands, for messages: the standard library's parser does not say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any

__all__ = ["line_of"]

_HEADER = re.compile(r"^\s*(\[\[?)([^\[\]#]+)\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'))*)\s*="""
)


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The line of the key at this path, or of the nearest table around it; counted from 1. None where nothing fits.

    The elements of an array of tables are named by their numbers. What stands inside of strings over several lines may mislead it.
    """
    best, found = 0, None
    table: list[str] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1] == "[[":
                counts[header[2]] = counts.get(header[2], -1) + 1
                table.append(str(counts[header[2]]))
            here = table
        elif key := _KEY.match(line):
            here = [*table, *_parts(key[1])]
        else:
            continue
        if len(here) > best and list(path[: len(here)]) == here:
            best, found = len(here), number
    return found


def _parts(dotted: str) -> list[str]:
    """The names of a dotted key."""
    try:
        inner: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return [dotted]
    parts: list[str] = []
    while isinstance(inner, dict):
        ((name, inner),) = inner.items()
        parts.append(name)
    return parts

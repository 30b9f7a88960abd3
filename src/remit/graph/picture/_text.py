"""A picture for a terminal: box by box, what it holds and what it offers to whom."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Callable, Iterator

from remit.graph.picture._model import Box, Hold, Picture, Service

__all__ = ["text", "width_of"]

Paint = Callable[[str, str], str]


def _plain(line: str, _: str) -> str:
    return line


def text(picture: Picture, width: int = 80, paint: Paint = _plain) -> str:
    """Lines of at most `width` columns, if names leave room for that. `paint(line, mark)` may colour a line that a plan changes."""
    names = max([width_of(hold.name) for hold in picture.holds], default=0)
    ends = max([width_of(hold.service) for hold in picture.holds], default=0)
    columns = (min(names, width // 4), min(ends, width // 3))
    held: dict[str, list[Hold]] = {}
    for hold in picture.holds:
        held.setdefault(hold.service, []).append(hold)
    blocks = [list(_box(box, held, columns, width, paint)) for box in picture.boxes]
    lines = [line for number, block in enumerate(blocks) for line in (*([""] if number else []), *block)]
    if picture.marked:
        lines += ["", "+ gained   - lost   ~ changed"]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def width_of(words: str) -> int:
    """How many columns a terminal takes for it."""
    return sum(_columns(letter) for letter in words)


def _columns(letter: str) -> int:
    return 0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _box(box: Box, held: dict[str, list[Hold]], columns: tuple[int, int], width: int, paint: Paint) -> Iterator[str]:
    yield paint(f"{box.mark or ' '} {box.id}  {box.note}", box.mark)
    rest: list[Hold | Service] = [*box.holds, *box.services]
    whole = held.get(box.id, [])
    if whole:
        yield from _holders(whole, "  │ " if rest else "    ", width)
    for number, row in enumerate(rest, 1):
        branch, below = ("└─", "  ") if number == len(rest) else ("├─", "│ ")
        if isinstance(row, Hold):
            yield from _held(row, branch, below, columns, width, paint)
        else:
            yield paint(f"{row.mark or ' '} {branch}● {row.name}  {row.note}", row.mark)
            yield from _holders(held.get(row.id, []), f"  {below}    ", width)


def _held(hold: Hold, branch: str, below: str, columns: tuple[int, int], width: int, paint: Paint) -> Iterator[str]:
    start = f"{hold.mark or ' '} {branch} {_padded(hold.name, columns[0])} ─▶ {_padded(hold.service, columns[1])}  "
    words = f"{hold.words}{f' [{hold.state}]' if hold.state else ''}"
    room = width - width_of(start)
    if room < 20:  # long names: what is held stands below them
        yield paint(start, hold.mark)
        start, room = f"  {below}     ", width - 9
        for line in _wrapped(words, room):
            yield paint(f"{start}{line}", hold.mark)
        return
    for number, line in enumerate(_wrapped(words, room)):
        yield paint(f"{start if not number else _padded(f'  {below}', width_of(start))}{line}", hold.mark)


def _holders(holds: list[Hold], start: str, width: int) -> Iterator[str]:
    if holds:
        for number, line in enumerate(_wrapped(", ".join(hold.id for hold in holds), max(20, width - len(start) - 3))):
            yield f"{start}{'◀─' if not number else '  '} {line}"


def _wrapped(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, max(8, width), break_long_words=True, break_on_hyphens=False) or [""]


def _padded(words: str, width: int) -> str:
    return words + " " * (width - width_of(words))

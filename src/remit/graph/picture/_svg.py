"""A picture as SVG 1.1: no script, no link, nothing loaded from elsewhere, the same bytes every time.

Written here and not by a library: those on PyPI draw shapes, and what takes thought is where to put them; Graphviz, which does that, is a program
that has to be installed (`--format dot` is for those who have it).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from remit.graph.picture._languages import COLOURS
from remit.graph.picture._layout import Placed, lay_out
from remit.graph.picture._model import CHANGED, GAINED, LOST, Box, Hold, Picture
from remit.graph.picture._text import width_of

__all__ = ["svg"]

_LETTER: Final = 6.7  # the width of a letter, in pixels, of a monospaced font of this size:
_SIZE: Final = 11
_ROW: Final = 17.0  # the height of a line
_HEAD: Final = 40.0  # of a box, with its name and what it is
_EDGE: Final = 10.0  # room inside a box
_MARGIN: Final = 24.0
_BETWEEN: Final = 96.0  # between columns
_LONGEST: Final = 56  # letters of one line; the whole of it is shown where the mouse points

# What XML 1.0 (section 2.2, Characters) does not allow, even escaped.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Port(NamedTuple):
    """Where an edge meets a box, and in which column that stands."""

    x: float
    y: float
    column: int


def svg(picture: Picture) -> str:
    """The picture as one SVG document."""
    sizes = {box.id: _size(box) for box in picture.boxes}
    inside = {row.id: box.id for box, row in picture.rows}
    pairs = {(hold.box, inside[hold.service]) for hold in picture.holds}
    placed = lay_out(sizes, pairs, _BETWEEN)
    back = [hold for hold in picture.holds if (hold.box, inside[hold.service]) not in placed.passing]
    width = 2 * _MARGIN + max((left + size for left, size in placed.columns), default=200.0) + (30 if back else 0)
    height = 2 * _MARGIN + placed.height + 26 + 12 * len(back) + (24 if picture.marked else 0)
    lines = [*_head(picture, width, height)]
    lines += _edges(picture, placed, inside, back)
    for box in picture.boxes:
        lines += _box(box, placed, sizes[box.id][1])
    if picture.marked:
        lines += _legend(height)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _size(box: Box) -> tuple[float, float]:
    texts = [_short(box.id), _short(box.note), *(_service_words(box, number) for number in range(len(box.services)))]
    texts += [_short(_hold_words(hold)) for hold in box.holds]
    rows = len(box.holds) + len(box.services)
    gap = 8.0 if box.holds and box.services else 0.0
    width = max(width_of(each) for each in texts) * _LETTER + 2 * _EDGE + 14
    return round(max(width, 110.0), 1), _HEAD + rows * _ROW + gap + (_EDGE if rows else 0.0)


def _head(picture: Picture, width: float, height: float) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{_SIZE}">'
    )
    yield f"<title>{_xml(picture.title)}</title>"
    yield "<defs>"
    for mark, colour in COLOURS.items():
        yield (
            f'<marker id="end{_NAMES[mark]}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
            f'<path d="M0,0.5 L8,4 L0,7.5 z" fill="{colour}"/></marker>'
        )
    yield "</defs>"
    yield f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>'
    yield f'<text x="{_MARGIN:.0f}" y="{_MARGIN:.0f}" font-size="13" font-weight="bold" fill="#1f2328">{_xml(picture.title)}</text>'


_NAMES: Final = {GAINED: "-gained", LOST: "-lost", CHANGED: "-changed", "": ""}
_TOP: Final = _MARGIN + 18


def _box(box: Box, placed: Placed, height: float) -> Iterator[str]:
    place = placed.boxes[box.id]
    x, y = place.x + _MARGIN, place.y + _TOP
    width = placed.columns[place.column][1]  # all of a column are as wide, so that no edge runs behind a box
    colour = COLOURS[box.mark] if box.mark else "#8c959f"
    dashed = ' stroke-dasharray="5 3"' if box.mark == LOST else ""
    yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6" fill="#f6f8fa" stroke="{colour}"{dashed}/>'
    ink = COLOURS[box.mark] if box.mark else "#1f2328"
    yield _line(x + _EDGE, y + 17, f"{box.mark} {box.id}" if box.mark else box.id, ink, ' font-weight="bold"')
    yield _line(x + _EDGE, y + 31, box.note, "#57606a")
    yield from _rows(box, x, y, width)


def _rows(box: Box, x: float, y: float, width: float) -> Iterator[str]:
    for number, hold in enumerate(box.holds):
        yield _line(
            x + _EDGE, _row_y(box, number, y) + 4, _hold_words(hold), COLOURS[hold.mark] if hold.mark else "#1f2328"
        )
    if box.holds and box.services:
        at = _row_y(box, len(box.holds), y) - _ROW / 2 - 4
        yield f'<line x1="{x:.1f}" y1="{at:.1f}" x2="{x + width:.1f}" y2="{at:.1f}" stroke="#d0d7de"/>'
    for number, service in enumerate(box.services):
        at = _row_y(box, len(box.holds) + number, y)
        colour = COLOURS[service.mark] if service.mark else "#0969da"
        yield f'<circle cx="{x + _EDGE + 3:.1f}" cy="{at:.1f}" r="3" fill="{colour}"/>'
        yield _line(
            x + _EDGE + 12, at + 4, _service_words(box, number), COLOURS[service.mark] if service.mark else "#1f2328"
        )


def _row_y(box: Box, number: int, top: float) -> float:
    """The middle of a row: what is held, then what is offered."""
    gap = 8.0 if box.holds and number >= len(box.holds) else 0.0
    return top + _HEAD + number * _ROW + _ROW / 2 + gap


def _edges(picture: Picture, placed: Placed, inside: dict[str, str], back: Sequence[Hold]) -> Iterator[str]:
    boxes = {box.id: box for box in picture.boxes}
    for box in picture.boxes:
        for number, hold in enumerate(box.holds):
            start = _port(box, placed, number, right=True)
            other = boxes[inside[hold.service]]
            ids = [service.id for service in other.services]
            end = _port(
                other, placed, len(other.holds) + ids.index(hold.service) if hold.service in ids else None, right=False
            )
            if hold in back:
                path = _around(start, end, placed.height + _TOP + 14 + 12 * back.index(hold), back.index(hold))
            else:
                path = _through(start, end, placed, placed.passing[hold.box, other.id])
            dashed = ' stroke-dasharray="5 3"' if hold.mark == LOST else ""
            wide = "1.8" if hold.mark else "1.2"
            yield (
                f'<path d="{path}" fill="none" stroke="{COLOURS[hold.mark]}" stroke-width="{wide}"{dashed} '
                f'marker-end="url(#end{_NAMES[hold.mark]})"><title>{_xml(f"{hold.id}: {hold.service}, {hold.words}")}</title></path>'
            )


def _port(box: Box, placed: Placed, row: int | None, *, right: bool) -> _Port:
    place = placed.boxes[box.id]
    x, y = place.x + _MARGIN, place.y + _TOP
    width = placed.columns[place.column][1]
    at = y + 13 if row is None else _row_y(box, row, y)
    return _Port(x + width if right else x - 1, at, place.column)


def _through(start: _Port, end: _Port, placed: Placed, heights: Sequence[float]) -> str:
    """To the right, level past the columns between."""
    path, x, y = f"M{start.x:.1f},{start.y:.1f}", start.x, start.y
    for number, height in enumerate(heights, start.column + 1):
        left, width = placed.columns[number]
        path += f" {_curve(x, y, left + _MARGIN, height + _TOP)} H{left + width + _MARGIN:.1f}"
        x, y = left + width + _MARGIN, height + _TOP
    return f"{path} {_curve(x, y, end.x, end.y)}"


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = max(24.0, (to_x - x) / 2)
    return f"C{x + bend:.1f},{y:.1f} {to_x - bend:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"


def _around(start: _Port, end: _Port, low: float, number: int) -> str:
    """To the left: round all boxes, below them."""
    right, left, r = start.x + 12 + 4 * (number % 4), max(6.0, end.x - 14 - 3 * (number % 3)), 6
    return (
        f"M{start.x:.1f},{start.y:.1f} H{right - r:.1f} Q{right:.1f},{start.y:.1f} {right:.1f},{start.y + r:.1f} V{low - r:.1f} "
        f"Q{right:.1f},{low:.1f} {right - r:.1f},{low:.1f} H{left + r:.1f} Q{left:.1f},{low:.1f} {left:.1f},{low - r:.1f} "
        f"V{end.y + r:.1f} Q{left:.1f},{end.y:.1f} {left + r:.1f},{end.y:.1f} H{end.x:.1f}"
    )


def _legend(height: float) -> Iterator[str]:
    x = _MARGIN
    for mark, words in ((GAINED, "+ gained"), (LOST, "- lost"), (CHANGED, "~ changed")):
        yield _line(x, height - 12, words, COLOURS[mark])
        x += (len(words) + 3) * _LETTER


def _line(x: float, y: float, words: str, colour: str, more: str = "") -> str:
    short = _short(words)
    title = "" if short == words else f"<title>{_xml(words)}</title>"
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{more} xml:space="preserve">{title}{_xml(short)}</text>'


def _hold_words(hold: Hold) -> str:
    return f"{f'{hold.mark} ' if hold.mark else ''}{hold.name}: {hold.words}{f' [{hold.state}]' if hold.state else ''}"


def _service_words(box: Box, number: int) -> str:
    service = box.services[number]
    return f"{f'{service.mark} ' if service.mark else ''}{service.name}  {service.note}"


def _short(words: str) -> str:
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _xml(words: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", words), {'"': "&quot;"})

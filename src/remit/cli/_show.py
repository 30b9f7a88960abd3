"""Printing: tables for eyes, JSON for scripts. Data goes to stdout, talk to stderr; colours only where a terminal wants them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TextIO

import click

from remit.values import printable

__all__ = ["as_json_option", "document", "json_text", "progress", "say", "show_json", "table", "tell"]

COLOURS: Final = {
    "active": "green",
    "up": "green",
    "ready": "green",
    "complete": "green",
    "started": "yellow",
    "waiting": "yellow",
    "failed": "red",
    "blocked": "red",
    "pending": "yellow",
    "wanted": "yellow",
    "granted": "yellow",
    "down": "red",
    "destroying": "red",
    "leaving": "yellow",
    "ALARM": "red",
}


def as_json_option(command: Any) -> Any:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def show_json(data: Any) -> None:
    """One JSON document, keys in a fixed order."""
    click.echo(json_text(data))


def json_text(data: Any) -> str:
    """The same as text."""
    return json.dumps(data, indent=2, sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return repr(value)  # references and errors, whose repr shows no secret


def tell(text: str, *, lines: bool = False) -> None:
    """A line of data for eyes, on stdout. What others said may be in it: it is shown, and tells the terminal nothing."""
    click.echo(printable(text, lines=lines))


def document(data: bytes | str) -> None:
    """A document for the next program, as it is: what it says was made here, and not by others."""
    click.echo(data, nl=False, color=True)


def say(text: str) -> None:
    """A line for the person, not for the next program."""
    click.echo(printable(text, lines=True), err=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], empty: str = "") -> None:
    """Columns as wide as they must be; `empty` is said instead of a table without rows."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if not cells:
        if empty:
            say(empty)
        return
    widths = [max(len(row[i]) for row in [list(headings), *cells]) for i in range(len(headings))]
    click.echo(_line(headings, widths))
    paint = _coloured if wants_colour(sys.stdout) else str
    for row in cells:
        click.echo(_line(row, widths, paint), color=True)


def _line(cells: Sequence[str], widths: Sequence[int], paint: Callable[[str], str] = str) -> str:
    last = max((i for i, cell in enumerate(cells) if cell), default=0)
    padded = (paint(cell) + " " * (width - len(cell)) for cell, width in zip(cells[:last], widths, strict=False))
    return "  ".join([*padded, paint(cells[last])])


def _coloured(cell: str) -> str:
    return click.style(cell, fg=COLOURS[cell]) if cell in COLOURS else cell


def wants_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours, and its user wants them (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line on stderr that says how far something is, and goes when it is done; nothing where stderr is no terminal."""
    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def write(text: str) -> None:
        if live:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True, color=True)

    try:
        yield write
    finally:
        write("")

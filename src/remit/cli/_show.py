"""Printing: tables for eyes, JSON for scripts. Data goes to stdout, talk to stderr."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

import click

__all__ = ["ago", "say", "show_json", "table"]


def show_json(data: Any) -> None:
    """One JSON document, keys in a fixed order."""
    click.echo(json.dumps(data, indent=2, sort_keys=True, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return repr(value)  # references and errors, whose repr shows no secret


def say(text: str) -> None:
    """A line for the person, not for the next program."""
    click.echo(text, err=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], empty: str = "") -> None:
    """Columns as wide as they must be; `empty` is said instead of a table without rows."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        if empty:
            say(empty)
        return
    widths = [max(len(row[i]) for row in [list(headings), *cells]) for i in range(len(headings))]
    for row in [list(headings), *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def ago(moment: float | None, now: float | None = None) -> str:
    """How long ago, in the one unit that says it best."""
    if not moment:
        return "never"
    seconds = max(0, (time.time() if now is None else now) - moment)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit} ago"
    return f"{seconds:.0f}s ago"

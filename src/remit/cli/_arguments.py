"""Arguments of calls, as they are written on a command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

__all__ = ["argument", "pairs"]

FOR_AGENT = ("classes", "path")  # options of a machine that may be given several times


def argument(text: str) -> Any:
    """JSON where it can be read as such, else text; `-` takes it from standard input, `@FILE` from a file."""
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        text = _read(text[1:])
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _read(path: str) -> str:
    try:
        return Path(path).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise click.BadParameter(f"cannot read {path}: {why}", param_hint="ARGUMENTS") from None


def pairs(given: tuple[str, ...]) -> dict[str, Any]:
    """`KEY=VALUE` as a table. What may be given several times becomes a list; paths become absolute, since agents stand elsewhere."""
    options: dict[str, Any] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--option")
        if key == "path":
            value = str(Path(value).expanduser().absolute())
        elif key not in FOR_AGENT and key in options:
            raise click.BadParameter(f"{key!r} is given twice", param_hint="--option")
        options[key] = [*options.get(key, []), value] if key in FOR_AGENT else value
    return options

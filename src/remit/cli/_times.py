"""Times and amounts as people write and read them."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Final

import click

__all__ = ["age", "ago", "at", "moment", "number_of_bytes", "rate", "rates", "size", "span"]

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_RATE: Final = re.compile(r"([1-9]\d{0,8})/(\d+(?:\.\d+)?)?([smhd])", re.ASCII)
_SIZE: Final = re.compile(r"([1-9]\d{0,17})([kMGT]?)", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)

_LAST: Final = 253_370_764_800.0  # the year 9999, the last that dates are written in


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """An option's moment, in seconds since the epoch: a span from now (`90s`, `10m`, `2h`, `7d`), a date and time, or that number."""
    if value is None:
        return None
    found = _moment(value)
    if found is None:
        forms = "write 90s, 10m, 2h or 7d from now, 2031-12-24T18:00, or seconds since the epoch"
        raise click.BadParameter(f"{value!r} is no time: {forms}", ctx, param)
    if not time.time() < found < _LAST:
        raise click.BadParameter(f"{value!r} is over, or too far away", ctx, param)
    return found


def span(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """An option's time span, in seconds: `90s`, `10m`, `2h`, `7d`, or that number."""
    if found := _SPAN.fullmatch(value):
        return float(found[1]) * _UNITS[found[2]]
    if _NUMBER.fullmatch(value):
        return float(value)
    raise click.BadParameter(f"{value!r} is no time: write 90s, 10m, 2h or a number of seconds", ctx, param)


def _moment(text: str) -> float | None:
    if span := _SPAN.fullmatch(text):
        return time.time() + float(span[1]) * _UNITS[span[2]]
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        return datetime.fromisoformat(text).timestamp()  # without a zone: the time of this place
    except (ValueError, OverflowError):
        return None


def rate(text: str) -> list[float] | None:
    """A rate as [calls, seconds], None if it is none: `10/s`, `100/m`, `5/10m`."""
    found = _RATE.fullmatch(text)
    seconds = float(found[2] or 1) * _UNITS[found[3]] if found else 0.0
    return [int(found[1]), seconds] if found is not None and seconds else None


def rates(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[list[float]] | None:
    """An option's rates, each as [calls, seconds]: `10/s`, `100/m`, `5/10m`."""
    return [_rate(value, ctx, param) for value in values] or None


def _rate(text: str, ctx: click.Context, param: click.Parameter) -> list[float]:
    found = rate(text)
    if found is None:
        raise click.BadParameter(
            f"{text!r} is no rate: write calls and a time, such as 10/s, 100/m or 5/10m", ctx, param
        )
    return found


def number_of_bytes(text: str) -> int | None:
    """A number of bytes, None if it is none: `500k`, `10M`, `2G`, in thousands, or that number."""
    found = _SIZE.fullmatch(text)
    factor: int = 1000 ** " kMGT".index(found[2] or " ") if found else 1
    return int(found[1]) * factor if found else None


def size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """An option's number of bytes: `500k`, `10M`, `2G`, in thousands, or that number."""
    if value is None:
        return None
    found = number_of_bytes(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no number of bytes: write 500k, 10M, 2G or the number", ctx, param)
    return found


def age(moment: float) -> float:
    """How many seconds ago that was."""
    return max(0.0, time.time() - moment)


def ago(moment: float | None, now: float | None = None) -> str:
    """How long ago, in the one unit that says it best."""
    if not moment:
        return "never"
    seconds = max(0, (time.time() if now is None else now) - moment)
    for unit in "dhm":
        if seconds >= _UNITS[unit]:
            return f"{seconds / _UNITS[unit]:.0f}{unit} ago"
    return f"{seconds:.0f}s ago"


def at(moment: float) -> str:
    """A moment as date and time of this place."""
    return datetime.fromtimestamp(moment).astimezone().isoformat(" ", "minutes")

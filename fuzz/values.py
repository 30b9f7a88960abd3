"""Random values and records off a tape: what codecs and sessions are fed with."""

from __future__ import annotations

import struct
from typing import Any, Final

from fuzz._tape import MOST, Tape
from remit.errors import Broken, Refused
from remit.values import NULL, Locator, Record, SturdyRef, Symbol, Tagged

__all__ = ["integer", "text", "value"]

WORDS: Final = (
    "",
    "a",
    "tls",
    "remit",
    "kwargs",
    "op:flush",
    "remit.address",
    "é",
    "\0",
    "\U0001f600",
    "\u202e",
    "_x",
    "x" * 80,
)
TAGS: Final = ("", "kwargs", "remit.attenuation", "remit.address", "remit.swiss", "remit.alarm", "void", "desc:tagged")


def text(tape: Tape) -> str:
    """A word, or what bytes say as text."""
    return tape.choose(WORDS) if tape.flag() else tape.some(30).decode("utf-8", "replace")


def integer(tape: Tape) -> int:
    """Small, around a power of two, or of many digits; negative at times."""
    kind = tape.number(4)
    if kind == 0:
        return tape.number(12)
    if kind == 1:
        return (1 << tape.number(130)) - 1 + tape.number(3)
    if kind == 2:
        return -tape.number(MOST)
    return int(10 ** tape.number(1001)) - tape.number(2)


def value(tape: Tape, depth: int = 4) -> Any:
    """Any value of the model without references."""
    kind = tape.number(16 if depth else 11)
    simple: tuple[Any, ...] = (None, NULL, True, False)
    if kind < 4:
        return simple[kind]
    return _atom(tape, kind) if kind < 11 else _container(tape, kind, depth - 1)


def _atom(tape: Tape, kind: int) -> Any:
    if kind == 4:
        return integer(tape)
    if kind == 5:
        return struct.unpack(">d", tape.some(8).ljust(8, b"\x7f"))[0]
    if kind == 6:
        return text(tape)
    if kind == 7:
        return tape.some(40)
    if kind == 8:
        return Symbol(text(tape))
    if kind == 9:
        return tape.choose((Broken, Refused))(text(tape), id=tape.choose(("", "-", "abc", "a b")))
    return _place(tape)


def _place(tape: Tape) -> Locator | SturdyRef:
    hints = None if tape.flag() else {text(tape): text(tape) for _ in range(tape.number(3))}
    locator = Locator(tape.choose(("remit", "tls", "é x")), text(tape) or "d", hints)
    return locator if tape.flag() else SturdyRef(locator, tape.some(33) or b"s")


def _container(tape: Tape, kind: int, depth: int) -> Any:
    count = tape.number(5)
    if kind == 11:
        return [value(tape, depth) for _ in range(count)]
    if kind == 12:
        return tuple(value(tape, depth) for _ in range(count))
    if kind == 13:
        return {text(tape): value(tape, depth) for _ in range(count)}
    if kind == 14:
        return Tagged(tape.choose(TAGS), value(tape, depth))
    inner: Any = [] if tape.flag() else 0
    for _ in range(tape.number(60)):
        inner = [inner]
    return inner


def record(tape: Tape) -> Record:
    """A raw record, as protocol layers have them."""
    return Record(Symbol(text(tape)), [value(tape, 2) for _ in range(tape.number(4))])

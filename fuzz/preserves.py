"""Preserves, bytes and text: what a Syndicate peer, a schema or a file of configuration says."""

from __future__ import annotations

from typing import Any, Final

from fuzz._tape import Tape
from fuzz._target import Target, expect
from fuzz.values import value
from remit.errors import NotPassable, ProtocolError
from remit.values import Limits, Tagged, passable, preserves, same

__all__ = ["TARGETS"]

SMALL: Final = Limits(frame=300, depth=8, integer_digits=20, items=40)


def check_bytes(tape: Tape) -> None:
    """Bytes are a value in its shortest form, or a `ProtocolError`; a value has one canonical form and one text."""
    limits = SMALL if tape.flag() else Limits()
    notes = tape.flag()
    data = tape.rest()
    try:
        found = preserves.decode(data, limits=limits, annotations=notes)
    except ProtocolError:
        return
    _one_form(found)
    if notes and not isinstance(found, preserves.Embedded):
        _same_length(found, data)


def _same_length(found: Any, data: bytes) -> None:
    try:
        again = preserves.encode(found)
    except NotPassable:
        return  # deeper than is written
    expect(len(again) == len(data), "what was read has no other form but for the order of members")


def _one_form(found: Any) -> None:
    """The ways of writing a value that was read all lead back to it."""
    try:
        form = preserves.canonical(found)
    except NotPassable as error:
        expect("deeper" in str(error) or "digits" in str(error), f"what was read can be written: {error}")
        return
    for back in (preserves.decode(form), preserves.decode(preserves.encode(found))):
        expect(preserves.canonical(back) == form, "a value has one canonical form")
        expect(preserves.compare(back, found) == 0, "and is equal to itself in the order")
    try:
        shown = preserves.text(found)
    except NotPassable:
        return
    expect(preserves.canonical(preserves.parse(shown)) == form, "its text says the same")
    expect(not any(c < " " or c in "\x7f\x9b\u202e" for c in shown), "and nothing to a terminal")


def check_text(tape: Tape) -> None:
    """Text is values, or a `ProtocolError` with a place."""
    limits = SMALL if tape.flag() else Limits()
    old, notes = tape.flag(), tape.flag()
    data = tape.rest().decode("utf-8", "surrogateescape" if tape.flag() else "replace")
    try:
        found = preserves.parse_all(data, limits=limits, annotations=notes, old_symbols=old)
    except ProtocolError as error:
        line = getattr(error, "line", 1)
        expect(line >= 1, "an error of syntax has a line")
        return
    for each in found:
        _one_form(each)


def check_reader(tape: Tape) -> None:
    """However a stream is cut, the same values come out of it before the end or the error, and what waits is bounded."""
    made = preserves.Embedded if tape.flag() else None
    cuts = [tape.number(64) for _ in range(tape.number(10))]
    data = tape.rest()
    whole = _read([data], made)
    parts, at = [], 0
    for size in cuts:
        parts.append(data[at : at + size])
        at += size
    expect(same(_read([*parts, data[at:]], made), whole), "where the stream is cut makes no difference")
    expect(same(_read([bytes([byte]) for byte in data], made), whole), "nor does byte by byte")


def _read(parts: list[bytes], made: Any) -> list[Any]:
    reader = preserves.Reader(SMALL, embedded=made)
    found: list[Any] = []
    try:
        for part in parts:
            found.extend(reader.read(part))
            expect(reader.pending <= SMALL.frame + len(part), "what waits is bounded")
        found.extend(reader.end())
    except ProtocolError:
        pass
    return found


def check_values(tape: Tape) -> None:
    """A value that passes between objects is written and read as the same value; sets and mappings keep kinds apart."""
    sent = _wide(tape, 3)
    try:
        passed = passable(sent)
        data = preserves.encode(passed)
    except NotPassable:
        return
    got = preserves.decode(data)
    expect(same(got, passed), "the same value comes back")
    expect(preserves.encode(got) == data, "and is written as the same bytes")
    expect(same(passable(got), got), "and may be passed on")
    _one_form(got)


def _wide(tape: Tape, depth: int) -> Any:
    kind = tape.number(6) if depth else 0
    if kind == 0:
        return value(tape, 2)
    parts = [_wide(tape, depth - 1) for _ in range(tape.number(4))]
    if kind == 1:
        return preserves.Set(parts)
    if kind == 2:
        return preserves.Map(zip(parts, reversed(parts), strict=True))
    if kind == 3:
        return preserves.Compound(_wide(tape, depth - 1), parts)
    if kind == 4:
        return Tagged(tape.choose(("void", "tagged", "broken", "preserves:set", "ocapn-peer", "x")), parts)
    return parts


def _byte_seeds() -> list[bytes]:
    some = [
        '[1 -129 #t "text" symbol #"bytes" 1.5 {"a": {}} {1: #t #t: 1} #{a 1 1.0}]',
        "[[0 <A <Observe <group <rec Says> {0: <bind <_>>}> #:[0 1]> 2>]]",
        '@note <ocapn-sturdyref <ocapn-peer remit "abc" {"tls": "x"}> #"swiss">',
        "<tagged void []>",
    ]
    return [b"\1\1" + preserves.encode(preserves.parse(each, annotations=True)) for each in some]


def _text_seeds() -> list[bytes]:
    return [
        b'\1\0\1\0# comment\n@a {b: <r "x\\u00e9\\n" #x"00ff" #[QUI=] #xd"7ff8000000000000">, #t: \'q q\'} #:[0 1 -2.5e3]',
        b"\1\1\1\0#!/bin/x\n|old| [1, 2,, 3] #{}",
    ]


def _reader_seeds() -> list[bytes]:
    mixed = b'[1 "a\\"b" #{x}]\n' + preserves.encode([1, "abc", preserves.Embedded([0, 1])]) + b"# c\n'q' 12 \x80"
    return [b"\0\0" + mixed, b"\1\2\5\7" + mixed]


TARGETS: Final = (
    Target("preserves-bytes", "decode, canonical, text: one form for each value", check_bytes, _byte_seeds, share=120),
    Target("preserves-text", "parse: values, or an error with its place", check_text, _text_seeds, share=60),
    Target("preserves-reader", "cuts make no difference", check_reader, _reader_seeds, share=30),
    Target("preserves-values", "near, far and Preserves the same", check_values, lambda: [b"\0" + bytes(9)], share=12),
)

"""Syrup, its framings, and the texts of locators and errors: what every byte of a peer goes through first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fuzz._tape import Tape
from fuzz._target import Target, expect
from fuzz.values import record, value
from remit.errors import Broken, Misuse, NotPassable, ProtocolError
from remit.values import (
    Framer,
    LengthFramer,
    Limits,
    Locator,
    SturdyRef,
    Symbol,
    decode,
    encode,
    framed,
    model_record,
    passable,
    raw_record,
    same,
)

__all__ = ["TARGETS"]

SMALL: Final = Limits(frame=300, depth=8, integer_digits=20, items=40)


def check_bytes(tape: Tape) -> None:
    """Bytes are a value in its one form, or a `ProtocolError`."""
    limits = SMALL if tape.flag() else Limits()
    data = tape.rest()
    try:
        raw = decode(data, limits=limits, record=raw_record)
    except ProtocolError:
        raw = None
    else:
        expect(encode(raw) == data, "what was decoded is encoded as the same bytes")
    try:
        found = decode(data, limits=limits, record=model_record)
    except ProtocolError:
        return
    expect(raw is not None or data == b"<4'void>", "what is a value is a raw value")
    again = encode(found)
    expect(same(decode(again), found), "a value survives the wire")
    expect(encode(decode(again)) == again, "a value has one form")
    _passes(found)


def _passes(found: Any) -> None:
    try:
        passed = passable(found)
    except NotPassable:
        return  # deeper than may be passed on
    expect(same(passed, found), "what passes within a process is what passes on the wire")


def check_values(tape: Tape) -> None:
    """A value that passes is the same after encoding and decoding; anything else is refused where it is sent."""
    raw = tape.flag()
    sent = record(tape) if raw else value(tape)
    try:
        passed = sent if raw else passable(sent)
        wire = encode(passed)
    except NotPassable:
        return
    try:
        got = decode(wire, record=raw_record if raw else model_record)
    except ProtocolError as error:
        expect(raw or "Limits" in str(error), f"what was encoded can be decoded: {error}")
        return
    expect(encode(got) == wire, "encoding again gives the same bytes")
    expect(raw or same(got, passed), "near and far get the same value")


def check_framing(tape: Tape) -> None:
    """However a stream is cut, the same messages come out of it, and then the same error."""
    prefixed = tape.flag()
    cuts = [tape.number(64) for _ in range(tape.number(10))]
    data = tape.rest()
    make: Callable[[], Any] = (lambda: LengthFramer(SMALL)) if prefixed else (lambda: Framer(SMALL))
    whole = _fed(make(), [data])
    expect(_fed(make(), _cut(data, cuts)) == whole, "where the stream is cut makes no difference")
    expect(_fed(make(), [bytes([byte]) for byte in data]) == whole, "nor does byte by byte")
    joined = b"".join(framed(message) if prefixed else message for message in whole[0])
    expect(data.startswith(joined), "messages are what stood in the stream")
    expect(all(len(message) <= SMALL.frame for message in whole[0]), "no message is above the limit")


def _cut(data: bytes, sizes: list[int]) -> list[bytes]:
    parts, at = [], 0
    for size in sizes:
        parts.append(data[at : at + size])
        at += size
    return [*parts, data[at:]]


def _fed(framer: Any, parts: list[bytes]) -> tuple[list[bytes], str]:
    found: list[bytes] = []
    for part in parts:
        try:
            found += framer.feed(part)
        except ProtocolError as error:
            # Messages of the same feed are lost with it: how many depends on the cut, so only byte by byte is compared.
            return (_one_by_one(framer, parts), type(error).__name__)
        expect(framer.pending <= SMALL.frame + len(part) + 20, "what waits is bounded")
    return found, ""


def _one_by_one(broken: Any, parts: list[bytes]) -> list[bytes]:
    """The messages before the first fault."""
    framer, found = type(broken)(SMALL), []
    for byte in b"".join(parts):
        try:
            found += framer.feed(bytes([byte]))
        except ProtocolError:
            break
    return found


def check_texts(tape: Tape) -> None:
    """URIs of locators and sturdyrefs are read or refused as our misuse; no text of an error breaks the reader."""
    kind = tape.number(3)
    data = tape.rest()
    given = data.decode("utf-8", "replace")
    if kind == 2:
        read = Broken.parse(given)
        expect(Broken.parse(read.text()) == read, "an error that was read is written and read again")
        return
    parse: Any = (Locator, SturdyRef)[kind].parse
    try:
        found = parse(given)
    except Misuse as error:
        secret = given.partition("/s/")[2].partition("?")[0]
        expect(kind == 0 or len(secret) < 16 or secret not in str(error), "a refused sturdyref is not repeated")
        return
    expect(same(parse(found.uri()), found), "what was read is written and read again")
    expect(same(decode(encode(found)), found), "and passes on the wire")


def _byte_seeds() -> list[bytes]:
    some = [
        [1, -5, 10**30, 1.5, "text", b"bytes", Symbol("s"), None, True, {"a": [], "bb": {}}],
        Locator("remit", "abc", {"tls": "127.0.0.1:1"}),
        SturdyRef(Locator("remit", "abc"), b"swiss"),
        Broken("why", id="x"),
    ]
    return [b"\1" + encode(each) for each in some]


def _framing_seeds() -> list[bytes]:
    values = b"".join(encode(each) for each in ([1, "a"], {"k": b"v"}, Symbol("x")))
    lengths = b"".join(framed(each) for each in (b"abc", b"", b"x" * 200))
    return [b"\0\0" + values, b"\1\2\5\7" + lengths]


def _text_seeds() -> list[bytes]:
    return [
        b"\0ocapn://abcdefgh.remit?tls=10.0.0.9:4439&unix=/a%20b",
        b"\1ocapn://abcdefgh.remit/s/U0VDUkVULVNFQ1JFVA?tls=10.0.0.9:4439",
        b"\2Refused: no [abc]",
    ]


TARGETS: Final = (
    Target("syrup-bytes", "decode, encode: one form for each value", check_bytes, _byte_seeds, share=180),
    Target("syrup-values", "encode, decode: near and far the same", check_values, lambda: [b"\0" + bytes(9)], share=12),
    Target("framing", "cuts make no difference", check_framing, _framing_seeds, share=12),
    Target("texts", "locators, sturdyrefs, errors", check_texts, _text_seeds, share=60),
)

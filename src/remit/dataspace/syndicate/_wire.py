"""The bytes of packets: the five shapes of events, written directly around their values.

    turn     [[oid event] …]
    event    <A value handle>   <R handle>   <M value>   <S #:ref>
    other    <error "message" detail>, #f (does nothing), and any other record, which is passed over

A packet is written in the syntax in which the peer's last one came. (Syndicate Protocol, Packets; Preserves, Binary and Text Syntax.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from remit.values import preserves

__all__ = ["BINARY", "TEXT", "Writer"]

BINARY: Final = "binary"
TEXT: Final = "text"

Embed = Callable[[Any], Any]


def _integer(number: int) -> bytes:
    if 0 <= number < 128:
        return _SMALL[number]
    size = number.bit_length() // 8 + 1
    return b"\xb0%c%b" % (size, number.to_bytes(size, "big"))  # 127 bytes are far more than any oid or handle has


_SMALL: Final = [b"\xb0\x00", *(b"\xb0\x01%c" % number for number in range(1, 128))]


class Writer:
    """Writes packets in one syntax; `embed` gives the wire form of a reference."""

    __slots__ = ("embed", "syntax")

    def __init__(self, embed: Embed) -> None:
        self.embed = embed
        self.syntax = BINARY

    def value(self, value: Any) -> bytes:
        """A value, with its references as this peer knows them. Raises `NotPassable`."""
        if self.syntax == BINARY:
            return preserves.encode(value, embedded=self.embed)
        return preserves.text(value, embedded=self.embed).encode()

    def asserted(self, oid: int, body: bytes, handle: int) -> bytes:
        """`[oid <A value handle>]`."""
        if self.syntax == BINARY:
            return b"\xb5%b\xb4\xb3\x01A%b%b\x84\x84" % (_integer(oid), body, _integer(handle))
        return b"[%d <A %b %d>]" % (oid, body, handle)

    def retracted(self, oid: int, handle: int) -> bytes:
        """`[oid <R handle>]`."""
        if self.syntax == BINARY:
            return b"\xb5%b\xb4\xb3\x01R%b\x84\x84" % (_integer(oid), _integer(handle))
        return b"[%d <R %d>]" % (oid, handle)

    def message(self, oid: int, body: bytes) -> bytes:
        """`[oid <M value>]`."""
        if self.syntax == BINARY:
            return b"\xb5%b\xb4\xb3\x01M%b\x84\x84" % (_integer(oid), body)
        return b"[%d <M %b>]" % (oid, body)

    def synced(self, oid: int, peer: int) -> bytes:
        """`[oid <S #:[0 peer]>]`."""
        if self.syntax == BINARY:
            return b"\xb5%b\xb4\xb3\x01S\x86\xb5\xb0\x00%b\x84\x84\x84" % (_integer(oid), _integer(peer))
        return b"[%d <S #:[0 %d]>]" % (oid, peer)

    def turn(self, events: list[bytes]) -> bytes:
        """One packet of these events."""
        if self.syntax == BINARY:
            return b"\xb5%b\x84" % b"".join(events)
        return b"[%b]\n" % b" ".join(events)

    def packet(self, value: Any) -> bytes:
        """A packet that is no turn."""
        body = self.value(value)
        return body if self.syntax == BINARY else body + b"\n"

"""Binary turns straight from their bytes: of `[[oid <A value handle>] …]` and the like only the values are built.

What is not of this form, or not all there, is left to the general reader, which also finds the faults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from remit.errors import ProtocolError
from remit.values import Limits
from remit.values.preserves import decode_at

__all__ = ["direct_turn"]

_HEADS: Final = {b"\xb4\xb3\x01A": "A", b"\xb4\xb3\x01M": "M", b"\xb4\xb3\x01R": "R", b"\xb4\xb3\x01S": "S"}
_LONGEST: Final = 8  # bytes of an oid or a handle that is read here


def direct_turn(
    data: bytes, text: str, at: int, limits: Limits, embedded: Callable[[Any], Any]
) -> tuple[list[tuple[int, str, Any, Any]], int] | None:
    """The events of the turn that begins here, as (oid, kind, value, handle), and the offset behind it; None to use the reader.

    `text` is the same bytes as Latin-1. Raises what `embedded` raises.
    """
    size = len(data)
    begin = at
    if at + 4 > size or data[at] != 0xB5:
        return None
    at += 1
    events: list[tuple[int, str, Any, Any]] = []
    try:
        while data[at] == 0xB5:
            oid = data[at + 3]
            if data[at + 2] == 1 and 0 < oid < 128 and data[at + 1] == 0xB0:  # most are small
                at += 4
            else:
                oid, at = _integer(data, at + 1)
            kind = _HEADS.get(data[at : at + 4])
            if kind is None or at == 0:
                return None
            at += 4
            value: Any = None
            handle: Any = None
            if kind == "R":
                handle, at = _integer(data, at)
            else:
                value, at = decode_at(data, text, at, limits, embedded, False)
                if kind == "A":
                    handle, at = _integer(data, at)
            if at == 0 or data[at] != 0x84 or data[at + 1] != 0x84:
                return None
            at += 2
            events.append((oid, kind, value, handle))
        if data[at] != 0x84 or at + 1 - begin > limits.frame:
            return None
    except (IndexError, ProtocolError):
        return None  # not all there, or a fault: the reader tells which
    return events, at + 1


def _integer(data: bytes, at: int) -> tuple[int, int]:
    """The integer that stands here, and the offset behind it, which is 0 where there is none of usual size."""
    size = data[at + 1]
    if data[at] != 0xB0 or not 0 < size <= _LONGEST or (size > 1 and data[at + 2] in (0, 255)):
        if data[at] == 0xB0 and size == 0:
            return 0, at + 2
        return 0, 0
    end = at + 2 + size
    if end > len(data):
        return 0, 0
    return int.from_bytes(data[at + 2 : end], "big", signed=True), end

"""Durable messages as bytes: how one is kept in the outbox and travels, and what is told of one that came to nothing.

[selector, arguments, keyword arguments]    canonical Syrup; a re-enlivening reference as <live sturdyref>
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from remit.errors import BadArgument, Broken, NotPassable, ProtocolError
from remit.net import Live
from remit.values import DEFAULT_LIMITS, Locator, Record, Reference, SturdyRef, Symbol, decode, encode, model_record
from remit.vat import PENDING, Promise, Ref, final

__all__ = ["INTAKE", "LARGEST", "Undelivered", "Waiting", "pack", "sturdyref_of", "unpack"]

INTAKE: Final = b"remit: durable messages, 1"
"""The swiss number of every node's intake. Known to all: what counts is the swiss number of the target, in each message."""
LARGEST: Final = DEFAULT_LIMITS.frame - 4096
"""Bytes in one message: what a peer takes in one frame, less its envelope."""


class Waiting(NamedTuple):
    """What waits in a vat's outbox for one target. `why`: what the last attempt came to, None while all is well."""

    node: Locator
    messages: int
    bytes: int
    why: Broken | None


class Undelivered(NamedTuple):
    """A message that will not be sent again: its target refused it, or raised, and then nothing of it was done."""

    node: Locator
    selector: str | None
    error: Broken


def sturdyref_of(ref: object) -> SturdyRef | None:
    """The sturdyref that a reference remembers, if it remembers one."""
    if isinstance(ref, Promise):
        value = final(ref)._value
        ref = value if value is not PENDING else None
    link = ref._link if isinstance(ref, Ref) else None
    return link.sturdyref if isinstance(link, Live) else None


def pack(selector: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """A message as it is kept. Raises `NotPassable` for what would not outlast a restart, and `Broken` where it is too large."""
    row = encode([selector, list(args), kwargs], _reference)
    if len(row) > LARGEST:
        text = f"a durable message of {len(row)} bytes is above the limit of {LARGEST}: send it in parts"
        raise Broken(text, kind="LimitExceeded")
    return row


def _reference(reference: Reference) -> bytes:
    sturdyref = sturdyref_of(reference)
    if sturdyref is None:
        raise NotPassable(
            f"a durable message may hold references that remember a sturdyref, and not {reference!r}: "
            "ask the device network for a sturdyref (sturdy), and send that"
        )
    return encode(Record(Symbol("live"), [sturdyref]))


def unpack(row: bytes, enliven: Callable[[SturdyRef], Ref[Any]]) -> tuple[str | None, tuple[Any, ...], dict[str, Any]]:
    """A message's selector and arguments. Raises `BadArgument` for what `pack` has not made."""

    def record(label: object, fields: list[Any]) -> object:
        if isinstance(label, Symbol) and label.name == "live" and len(fields) == 1 and isinstance(fields[0], SturdyRef):
            return enliven(fields[0])
        return model_record(label, fields)

    try:
        selector, args, kwargs = decode(row, record=record)
    except (ProtocolError, TypeError, ValueError) as error:
        raise BadArgument(f"a durable message cannot be read: {error}") from None
    if not (selector is None or isinstance(selector, str)) or type(args) is not list or type(kwargs) is not dict:
        raise BadArgument("a durable message is a selector, a list of arguments and a struct of named ones")
    return selector, tuple(args), kwargs

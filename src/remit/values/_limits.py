"""The bounds that are put on bytes of a peer before anything is built from them."""

from __future__ import annotations

from typing import Final

from remit.errors import Misuse
from remit.values._data import Frozen

__all__ = ["DEFAULT_LIMITS", "INTEGER_DIGITS", "PASSABLE_DEPTH", "Limits"]

INTEGER_DIGITS: Final = 1000
"""Decimal digits of the longest integer that may be passed: ample for RSA keys, and cheap to convert."""

PASSABLE_DEPTH: Final = 48
"""Nesting that `passable` allows. It is below `Limits.depth`, since on the wire an envelope and descriptors come on top."""

_PYTHON_DIGITS: Final = 4300  # what int() converts by default: CPython's own bound against quadratic work


class Limits(Frozen):
    """Bounds for one message from a peer; immutable, so one instance serves all sessions.

    `frame`: bytes of a whole message. `depth`: records, lists and structs inside each other.
    `integer_digits`: decimal digits of one integer, at most 4300. `items`: values in a message, containers included.
    Raise `frame` for peers that send large byte arrays; the others bound work that is out of proportion to the bytes.
    """

    __slots__ = ("depth", "frame", "integer_digits", "items")

    frame: int
    depth: int
    integer_digits: int
    items: int

    def __init__(
        self, frame: int = 1 << 20, depth: int = 64, integer_digits: int = INTEGER_DIGITS, items: int = 100_000
    ) -> None:
        for name, number in (("frame", frame), ("depth", depth), ("integer_digits", integer_digits), ("items", items)):
            if type(number) is not int or number < 1:
                raise Misuse(f"Limits({name}=…) takes an int above 0, not {number!r}")
            object.__setattr__(self, name, number)
        if integer_digits > _PYTHON_DIGITS:
            raise Misuse(
                f"Limits(integer_digits=…) is at most {_PYTHON_DIGITS}, which Python converts; got {integer_digits}"
            )

    def __repr__(self) -> str:
        fields = f"frame={self.frame}, depth={self.depth}, integer_digits={self.integer_digits}, items={self.items}"
        return f"Limits({fields})"


DEFAULT_LIMITS: Final = Limits()

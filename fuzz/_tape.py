"""An input as a row of choices, so that the same target runs on any engine's bytes and on hypothesis' own draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

__all__ = ["MOST", "Tape", "Writer"]

T = TypeVar("T")

MOST: Final = 1 << 16
"""One more than the largest number that a tape holds: two bytes."""


class Tape:
    """Reads choices off bytes; when they are over, every choice is the first one. Made for one run of one target."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def more(self) -> bool:
        """Whether there is another step; once it says no, the target asks no more."""
        return self._at < len(self._data)

    def number(self, below: int) -> int:
        """A number from 0, below this one (at most `MOST`)."""
        size = 1 if below <= 256 else 2
        part = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(part, "big") % below

    def flag(self) -> bool:
        """Yes or no."""
        return self.number(2) == 1

    def choose(self, options: Sequence[T]) -> T:
        """One of these."""
        return options[self.number(len(options))]

    def some(self, most: int) -> bytes:
        """At most so many bytes (below 256)."""
        count = self.number(most + 1)
        part = self._data[self._at : self._at + count]
        self._at += count
        return part

    def rest(self) -> bytes:
        """All bytes that are left; the target asks no more."""
        part = self._data[self._at :]
        self._at = len(self._data)
        return part


class Writer(Tape):
    """A tape whose choices come from elsewhere, and which writes down the bytes that mean the same to a `Tape`.

    `integer(low, high)` and `binary(most)` give the choices.
    """

    def __init__(self, integer: Callable[[int, int], int], binary: Callable[[int], bytes], steps: int) -> None:
        super().__init__(b"")
        self._integer = integer
        self._binary = binary
        self._steps = steps
        self.written = bytearray()

    def more(self) -> bool:
        self._steps -= 1
        return self._steps >= 0

    def number(self, below: int) -> int:
        number = self._integer(0, below - 1)
        self.written += number.to_bytes(1 if below <= 256 else 2, "big")
        return number

    def some(self, most: int) -> bytes:
        data = self._binary(most)
        self.written += bytes([len(data)]) + data
        return data

    def rest(self) -> bytes:
        data = self._binary(400)
        self.written += data
        return data

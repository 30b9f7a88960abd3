"""What all sessions of a node together may hold in memory: each has an equal share of it, and more only while there is more.

    sessions 1 … 128      each may have what one may have (`_account.py`)
    more                  each may have its part of the whole; `LEAST` of it in any case

So the sum is bounded however many there are, and nobody gets less because somebody else takes more. What an account gets in addition, where nothing of
its peer's work gets done, comes out of one store for all of them; when that is used up, the account goes without, and its session ends when nothing was
done for long.
"""

from __future__ import annotations

from typing import Final

__all__ = ["Pool"]

SESSIONS: Final = 128
"""Sessions that may each have everything that one may have."""
EXTRA: Final = 128
"""Rooms, each as large as what one may have at first, that all together may be given in addition."""
LEAST: Final = 1 / 64
"""What each session may have of that in any case: 31 messages, 64 KiB; and one message of any size."""


class Pool:
    """Owned by a node, or by whoever else has sessions; ends with it. Accounts join and leave it."""

    __slots__ = ("extra", "sessions", "share")

    def __init__(self) -> None:
        self.sessions = 0
        self.share = 1.0  # of what one may have, for each
        self.extra = 0  # rooms given in addition

    def join(self) -> None:
        """One more session."""
        self.sessions += 1
        self._divide()

    def leave(self, rooms: int) -> None:
        """One less; it had so many rooms besides its first."""
        self.sessions -= 1
        self.extra -= rooms
        self._divide()

    def grow(self, rooms: int) -> bool:
        """Whether so many rooms more may be had; then they are."""
        if (self.extra + rooms) * self.share > EXTRA:
            return False
        self.extra += rooms
        return True

    def shrink(self, rooms: int) -> None:
        """They are given back."""
        self.extra -= rooms

    def _divide(self) -> None:
        self.share = max(LEAST, min(1.0, SESSIONS / self.sessions)) if self.sessions > SESSIONS else 1.0

"""Where a commit is made: in the event loop's own thread while commits are quick, else in the writer's.

To hand a batch to a thread and to be told costs about as much as a fast disk takes to sync. So where nothing else is
being written and the disk has been fast, the loop waits for it itself: it has nothing to answer before then. On a slow
disk, and for large batches, the loop goes on meanwhile.
"""

from __future__ import annotations

from typing import Final

__all__ = ["QUICK", "Pace"]

QUICK: Final = 0.001
"""Seconds that the event loop may be held up by a commit, usually: as long as one batch of turns holds it up."""
ROWS: Final = 500
"""Rows that a batch of that kind may have: each takes a few microseconds."""
SHARE: Final = 0.125
"""How much the last commit counts in what is usual."""
MOST: Final = 2.0
"""Times `limit` that one commit counts at most: now and then one takes long, since the log is full or another process has the core."""
STUCK: Final = 20.0
"""Times `limit` from which on one commit is enough: the disk is busy, and the next few are the writer's."""


class Pace:
    """How long commits have taken. Owned by the vat's keeper; the writer's thread may tell, too.

    `limit` is in seconds; 0 makes every commit the writer's.
    """

    __slots__ = ("limit", "usual")

    def __init__(self, limit: float = QUICK) -> None:
        self.limit = limit
        self.usual: float | None = None  # nothing is known yet

    def quick(self, rows: int) -> bool:
        """Whether a batch of so many rows may be committed while the event loop waits."""
        return self.usual is not None and self.usual < self.limit and rows <= ROWS

    def took(self, seconds: float) -> None:
        """A commit was made, or failed, in that time."""
        usual, limit = self.usual, self.limit
        if usual is None or seconds > STUCK * limit:
            self.usual = min(seconds, STUCK * limit)
        else:
            self.usual = usual + (min(seconds, MOST * limit) - usual) * SHARE

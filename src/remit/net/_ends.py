"""Two ends joined into one way for bytes: a socket and a bulk stream, or two of either. What comes in at one goes out at the other.

    end ──bytes──► meter ──► other.write          other full ──► end.pause, until it has room
    end's peer says it has no more ──► other.finish (half-close); both have ──► closed
    either breaks, or is cut ──► the other is cut, at once

There is no task and no queue of our own: what waits is in the transports, which say when it is too much.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

__all__ = ["End", "Joint", "Meter"]

_log = logging.getLogger("remit.net")


class Meter:
    """Counts bytes, both ways together. `most`: how many there may be, None for any number. Owned by whoever limits; one for many joints."""

    __slots__ = ("most", "spent")

    def __init__(self, most: int | None = None, spent: int = 0) -> None:
        self.most = most
        self.spent = spent

    def take(self, count: int) -> bool:
        """Count these; whether they may pass."""
        self.spent += count
        return self.most is None or self.spent <= self.most


class End:
    """One end of a joint. It belongs to its joint, and is over with it; before it is joined nothing is read.

    Subclasses say how bytes are written (`write`, `finish`), how reading is stopped, and how it ends; they call `_ended`, `_lost` and `_congestion`,
    and hand what they read to `joint.meter` and `other`.
    """

    __slots__ = ("full", "gone", "joint", "other", "read_all", "wrote_all")

    joint: Joint | None
    """What it is part of, once it is."""
    other: End | None
    full: bool
    """Whether more waits to be written than is good."""

    def __init__(self) -> None:
        self.joint = self.other = None
        self.full = False
        self.gone = ""  # why it broke before it was joined
        self.read_all = False  # its peer has no more to say
        self.wrote_all = False  # we have said so

    # --- what an end does: overridden ---------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send these bytes, after all that was given before."""
        raise NotImplementedError

    def finish(self) -> None:
        """Say that no more will be written. Reading goes on."""
        raise NotImplementedError

    def pause(self) -> None:
        """Read no more, until `resume`."""
        raise NotImplementedError

    def resume(self) -> None:
        """Read; also for the first time."""
        raise NotImplementedError

    def joined(self) -> None:
        """It has a joint now: hand over what was read before, if it could not be helped."""

    def close(self) -> None:
        """Both ways are finished: let go once all is written."""
        raise NotImplementedError

    def cut(self, reason: str) -> None:
        """End now; the peer sees a broken connection, and the reason where it can be told."""
        raise NotImplementedError

    # --- what it has to tell ------------------------------------------------------------------------

    def _ended(self) -> None:
        """The peer has no more to say."""
        if self.read_all:
            return
        self.read_all = True
        joint, other = self.joint, self.other
        if joint is None or other is None or joint.over:
            return  # it is looked at when they are joined
        if not other.wrote_all:
            other.wrote_all = True
            other.finish()
        if other.read_all:
            joint.close(None)

    def _lost(self, why: str) -> None:
        """The connection is gone, other than by an orderly end of both ways."""
        if self.joint is not None:
            self.joint.close(why)
        elif not self.gone:
            self.gone = why

    def _congestion(self, yes: bool) -> None:
        self.full = yes
        if self.joint is None or self.other is None or self.joint.over:
            return
        if yes:
            self.other.pause()
        else:
            self.other.resume()

    def end(self, reason: str) -> None:
        """Cut it, with its joint if it has one."""
        if self.joint is None:
            self.cut(reason)
        else:
            self.joint.close(reason)


class Joint:
    """Two ends that are one way. Made by whoever owns the way; over when both have ended, one has broken, or by `close`.

    `ended(joint, why)` is called once; None is an orderly end.
    """

    __slots__ = ("_ended", "first", "meter", "over", "second")

    def __init__(self, first: End, second: End, meter: Meter, ended: Callable[[Joint, str | None], None]) -> None:
        self.first = first
        self.second = second
        self.meter = meter
        self.over = False
        self._ended = ended
        for end, other in ((first, second), (second, first)):
            end.joint, end.other = self, other
        for end, other in ((first, second), (second, first)):
            if end.gone:
                self.close(end.gone)
            if not self.over:
                end.joined()
            if end.read_all and not self.over:
                end.read_all = False
                end._ended()
            elif not other.full and not self.over:
                end.resume()

    def overdrawn(self) -> None:
        """The meter lets no more pass."""
        self.close(f"the limit of {self.meter.most} bytes is reached")

    def close(self, why: str | None) -> None:
        """End it: orderly (None), or now for this reason. May be called again."""
        if self.over:
            return
        self.over = True
        for end in (self.first, self.second):
            if why is None:
                end.close()
            else:
                end.cut(why)
        self._ended(self, why)

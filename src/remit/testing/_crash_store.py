"""A store that dies at a given write, to run a script once for every place where a process can die."""

from __future__ import annotations

from typing import Literal

from remit.durable import Batch, Snapshot, Store
from remit.errors import StoreFull

__all__ = ["Crash", "CrashStore"]


class Crash(BaseException):
    """The process has died, as far as the code under test can tell.

    Not an `Exception`: no handler for errors may go on after it, as none goes on after a real crash. It passes
    through asyncio and through `Writer` to the test.
    """


class CrashStore:
    """Passes on to `inner` until write number `at` (from 0; None = never), then raises `Crash` from everything.

    Writes are counted over all commits: each row operation of a batch is one, and so is the commit at its end.
    `writes` is how many have been made, so a first run with `at=None` tells the range; with a `Writer`, whose merging
    varies, go on until a run ends with `crashed` false.

    - mode "before": nothing of the commit in which the write falls is kept.
    - mode "after": as before for a row operation; if the write is the commit itself, it is kept, but the caller dies
      before it hears of it.
    - mode "full": no crash but a full disk: nothing of the commit is kept, and it and all later calls raise `StoreFull`.

    Owned by the test, as `inner` is, which afterwards holds what the disk would: open it again (`MemoryStore.reopen`,
    or close it and make a new `SqliteStore`). After the crash `close` does nothing, so that cleaning up does no harm.
    """

    __slots__ = ("at", "crashed", "inner", "mode", "writes")

    def __init__(
        self, inner: Store, at: int | None = None, mode: Literal["before", "after", "full"] = "before"
    ) -> None:
        self.inner = inner
        self.at = at
        self.mode = mode
        self.writes = 0
        self.crashed = False

    def __repr__(self) -> str:
        state = "crashed" if self.crashed else "running"
        return f"<CrashStore at={self.at} mode={self.mode!r} writes={self.writes} {state}>"

    def load(self) -> Snapshot:
        """See `Store.load`."""
        if self.crashed:
            raise self._end()
        return self.inner.load()

    def commit(self, batch: Batch) -> None:
        """See `Store.commit`; here is where it dies."""
        if self.crashed:
            raise self._end()
        first, last = self.writes, self.writes + len(batch)
        if self.at is None or not first <= self.at <= last:
            self.inner.commit(batch)
            self.writes = last + 1
            return
        self.crashed = True
        self.writes = self.at
        if self.mode == "after" and self.at == last:
            self.inner.commit(batch)
        raise self._end()

    def close(self) -> None:
        """See `Store.close`."""
        if not self.crashed:
            self.inner.close()

    def _end(self) -> BaseException:
        where = f"at write {self.at}, as the test asked for"
        return StoreFull(f"no room left {where}") if self.mode == "full" else Crash(where)

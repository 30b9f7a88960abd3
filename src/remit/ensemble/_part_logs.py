"""The part `logs`: the last lines of a server's log, and those that come."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from remit.errors import BadArgument, Broken
from remit.vat import Ref, actor, call, field, spawn, tell

if TYPE_CHECKING:
    from remit.ensemble._logbook import Logbook
    from remit.ensemble._server import Server

__all__ = ["Tails", "make_logs"]

MOST: Final = 10_000
"""Lines of one answer."""
WAITING: Final = 2000
"""Lines that wait for a follower that does not keep up; the oldest are left out, and counted."""
BATCH: Final = 200
"""Lines of one message to a follower."""


@actor(kind="remit.ensemble.logs", version=1, passing=True)
class Logs:
    """The log for one holder. When the holder's right ends, so does what he follows."""

    tails: Ref[Any]
    following: list[Ref[Following]] = field(list)

    def tail(self, lines: int = 100) -> Any:
        """The last so many lines, oldest first."""
        return self.tails.tail(_count(lines))

    async def follow(self, sink: Ref[Any], lines: int = 10) -> Ref[Following]:
        """From now on `sink([line, …])` is told of what is logged, beginning with the last so many lines, until `stop()` of what this gives.

        One message is under way at a time; of what waits for a slow sink the oldest is left out, and a line says so.
        """
        number: int = await self.tails.begin(sink, _count(lines))
        made = spawn(Following, self.tails, number)
        self.following.append(made)
        return made

    def ended(self, why: str) -> None:  # what is told does not matter here
        """The holder has no right to it any more."""
        for each in self.following:
            call(each).stop()


@actor(kind="remit.ensemble.following", version=1, passing=True)
class Following:
    """One who follows a log."""

    tails: Ref[Any]
    number: int

    def stop(self) -> None:
        """Tell no more."""
        tell(self.tails).end(self.number)


class Tails:
    """The device `logs`: what reads the log, and the tasks that tell followers."""

    def __init__(self, logbook: Logbook) -> None:
        self._logbook = logbook
        self._loop = asyncio.get_running_loop()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._last = 0

    def tail(self, lines: int) -> list[str]:
        """The last so many lines."""
        return self._logbook.tail(lines)

    def begin(self, sink: Ref[Any], lines: int) -> int:
        """Tell a sink of each line; a number to end it by."""
        self._last += 1
        task = self._tasks[self._last] = asyncio.ensure_future(self._pump(sink, lines))
        task.add_done_callback(lambda _, number=self._last: self._tasks.pop(number, None))  # type: ignore[misc]
        return self._last

    def end(self, number: int) -> None:
        """Tell it no more."""
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Tell nobody any more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, sink: Ref[Any], lines: int) -> None:
        waiting: deque[str] = deque()
        some, missed = asyncio.Event(), 0

        def took(line: str) -> None:
            nonlocal missed
            if len(waiting) >= WAITING:
                waiting.popleft()
                missed += 1
            waiting.append(line)
            some.set()

        def hop(line: str) -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(took, line)

        for line in self._logbook.follow(hop, lines):
            took(line)
        try:
            while True:
                await some.wait()
                some.clear()
                while waiting:
                    batch = [waiting.popleft() for _ in range(min(BATCH, len(waiting)))]
                    if missed:
                        batch.insert(0, f"[… {missed} lines left out: this follower did not keep up …]")
                        missed = 0
                    await sink(batch)
        except Broken:
            pass  # it is gone, or has no right any more
        finally:
            self._logbook.leave(hop)


def _count(lines: int) -> int:
    if type(lines) is not int or not 0 <= lines <= MOST:
        raise BadArgument(f"a number of lines is between 0 and {MOST}, not {lines!r:.40}")
    return lines


def make_logs(server: Server, who: str) -> Ref[Any]:  # the same for everybody
    """The part for one holder."""
    return server.vat.spawn(Logs, server.vat.devices["logs"])

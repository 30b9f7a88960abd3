"""One session: a namespace, the code that runs in it now, and whoever listens to its output.

attach(sink) ──► heard ──the sink's link is lost──► unheard ──GRACE──► closed
                   ▲────────attach(sink)──────────────┘
run, interrupt: heard or not.   closed by its user, by the end of the grant, or by the end of the server: what runs is interrupted then
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import Any, Final

from remit.ensemble.repl._capture import Capture, output_of_context
from remit.ensemble.repl._code import Code
from remit.ensemble.repl._lane import Lane, Stuck
from remit.ensemble.repl._names import complete, defined, fresh
from remit.ensemble.repl._output import Output
from remit.ensemble.repl._records import Attached, Evaluated
from remit.ensemble.repl._texts import Sources
from remit.errors import BadArgument, Broken, Conflict, Missing, Revoked
from remit.vat import Ref

__all__ = ["Session"]

GRACE: Final = 900.0
"""Seconds that a named session waits for its user to come back."""
SOURCE: Final = 256 * 1024
"""Characters of one piece of code."""
SOON: Final = 0.02
"""Seconds that output waits for more of it, before a listener is told."""
CHUNK: Final = 16 * 1024
QUICKLY: Final = 2.0
"""Seconds that completion may take: it looks at attributes, which may be anybody's code."""
PRESS: Final = 0.1
TRIES: Final = 20


class Session:
    """Owned by its desk, in the loop's thread. `closed` is called once when it has ended."""

    def __init__(
        self,
        name: str,
        names: Mapping[str, Any],
        capture: Capture,
        crowded: Callable[[], bool],
        closed: Callable[[Session], None],
    ) -> None:
        self.name = name
        self.names = fresh(names)
        self.ended: Broken | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = closed
        self._crowded = crowded
        self._capture = capture
        self._sources = Sources()
        self._output = Output(self._has_news, self._may_wait, self._has_waited)
        self._context = copy_context()
        self._context.run(output_of_context.set, self._output)
        self._lane: Lane | None = None
        self._code: Code | None = None
        self._flags = 0
        self._number = 0
        self._answer: asyncio.Future[Evaluated] | None = None
        self._sink: Ref[Any] | None = None
        self._attached = 0
        self._telling = asyncio.Lock()
        self._news = asyncio.Event()
        self._grace: asyncio.TimerHandle | None = None
        self._pump = self._loop.create_task(self._tell())
        capture.enter()

    # --- who listens ----------------------------------------------------------------------------------

    def attach(self, sink: Ref[Any] | None) -> tuple[int, Attached]:
        """From now on this listener (`write(text)`) is told what is printed; the number of the attachment, for `lost`."""
        self._live()
        self._sink = sink
        self._attached += 1
        self._output.listen(sink is not None)
        self._news.set()
        self._rest()
        return self._attached, Attached(self._number, self._busy)

    def lost(self, attachment: int, why: Broken) -> None:
        """The listener of this attachment cannot be reached any more."""
        if attachment != self._attached or self.ended is not None:
            return
        self._sink = None
        self._output.listen(False)
        if isinstance(why, Revoked) or not self.name:
            self.close(why)
        else:
            self._rest()

    def _rest(self) -> None:
        """Wait for somebody to come back, if nobody is there."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if self._sink is None and self.ended is None:
            self._grace = self._loop.call_later(GRACE, self._nobody)

    def _nobody(self) -> None:
        self.close(Missing(f"nobody came back to session {self.name!r} for {GRACE:g} s"))

    def _has_news(self) -> None:
        if self._lane is not None:
            self._lane.tell_loop(self._news.set)
        else:
            self._loop.call_soon_threadsafe(self._news.set)

    def _may_wait(self) -> bool:
        lane = self._lane
        if lane is None or not lane.mine:
            return False
        lane.wait_begins()
        return True

    def _has_waited(self) -> None:
        if self._lane is not None:
            self._lane.wait_ends()

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._output.waiting < CHUNK:
                await asyncio.sleep(SOON)
            while self._sink is not None and self._output.waiting:
                async with self._telling:
                    await self._say(self._sink, self._attached)

    async def _say(self, sink: Ref[Any], attachment: int) -> None:
        text = self._output.take(CHUNK)
        try:
            await sink.write(text)
        except Broken as error:
            self._output.put_back(text)
            self.lost(attachment, error)

    # --- what runs --------------------------------------------------------------------------------------

    @property
    def _busy(self) -> bool:
        return self._answer is not None and not self._answer.done()

    async def run(self, source: str, number: int = 0, seconds: float | None = None) -> Evaluated:
        """Evaluate one piece of code. A `number` (rising from 1) makes it safe to ask again after a lost link: it runs once."""
        self._live()
        if number and number == self._number and self._answer is not None:
            return await asyncio.shield(self._answer)
        if self._busy:
            raise Conflict("the session is busy with what it was given before; interrupt that first")
        if number and number < self._number:
            raise BadArgument(f"number {number} has run before; the last was {self._number}")
        if len(source) > SOURCE:
            raise BadArgument(f"a piece of code may have {SOURCE} characters, not {len(source)}: load a module")
        self._number = number or self._number + 1
        answer = self._answer = self._loop.create_future()
        self._output.begin()
        timer = None if seconds is None else self._loop.call_later(seconds, self._time_is_up, seconds)
        try:
            result = await self._evaluate(source)
        finally:
            if timer is not None:
                timer.cancel()
            self._code = None
            if not answer.done():
                answer.cancel()
            if self.ended is not None:
                self._end_lane()
        return result

    async def _evaluate(self, source: str) -> Evaluated:
        assert self._answer is not None
        code = self._code = Code(self._ready(), self.names, self._sources, source, self._flags)
        value, error = await code
        self._flags = code.flags
        async with self._telling:  # what was told before goes first
            result = Evaluated(value, self._output.take(1 << 30), error)
            if not self._answer.done():
                self._answer.set_result(result)
        if self._output.waiting:
            self._news.set()
        return result

    def _ready(self) -> Lane:
        if self._lane is not None and not self._lane.usable:
            self._lane, self._context = None, self._context.copy()  # code that was left behind has entered the other
        if self._lane is None:
            self._lane = Lane(self._context, f"remit-repl-{self.name}", self._crowded)
        return self._lane

    def interrupt(self, why: str = "", firmly: bool = False, tries: int = TRIES) -> bool:
        """Interrupt what runs; whether anything does. `firmly`: until it has ended."""
        code = self._code
        if code is None:
            return False
        if tries == 0:
            code.give_up()
        code.interrupt(why, firmly)
        if firmly and tries >= 0:
            self._loop.call_later(PRESS, self._insist, code, tries - 1)
        return True

    def _insist(self, code: Code, tries: int) -> None:
        if self._code is code:
            self.interrupt("", True, tries)

    def _time_is_up(self, seconds: float) -> None:
        self.interrupt(f"it was given {seconds:g} s", firmly=True)

    # --- looking ----------------------------------------------------------------------------------------

    async def complete(self, text: str) -> list[str]:
        """What the last word of the text can go on as; nothing while code runs."""
        return [] if self._busy else await self._look(lambda: complete(text[-1000:], self.names), [])

    async def defined(self, name: str) -> bool:
        """Whether this name, dotted or not, leads to something."""
        if self._busy:
            raise Conflict("the session is busy; interrupt that first")
        return bool(await self._look(lambda: defined(name, self.names), False))

    async def _look(self, look: Callable[[], Any], otherwise: Any) -> Any:
        self._live()
        lane = self._ready()
        answer = self._answer = self._loop.create_future()
        timer = self._loop.call_later(QUICKLY, lane.interrupt, True)
        try:
            return await Glance(lane, look)
        except (TimeoutError, Stuck):
            return otherwise
        finally:
            timer.cancel()
            answer.cancel()

    def _live(self) -> None:
        if self.ended is not None:
            raise self.ended.copy()

    def close(self, why: Broken) -> None:
        """End it: what runs is interrupted, what it has printed is forgotten."""
        if self.ended is not None:
            return
        self.ended = why
        self.interrupt("the session has ended", firmly=True)
        self._rest()
        self._pump.cancel()
        self._output.close()
        self._sources.close()
        self._capture.leave()
        if self._code is None:
            self._end_lane()
        self._closed(self)

    def _end_lane(self) -> None:
        if self._lane is not None:
            self._lane.end()


class Glance:
    """Something quick in a lane, awaited."""

    def __init__(self, lane: Lane, look: Callable[[], Any]) -> None:
        self._lane = lane
        self._look = look

    def __await__(self) -> Any:
        try:
            return (yield from self._lane.shift(self._look))
        except KeyboardInterrupt:
            raise TimeoutError from None

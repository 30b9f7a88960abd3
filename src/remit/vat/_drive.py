"""Driving a vat from asyncio: batches of turns between other callbacks, outside work as tasks, promises as futures.

The only module here that knows an event loop, imported when one is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Broken, Misuse
from remit.vat._outcome import Failed
from remit.vat._ref import Promise
from remit.vat._waiting import Prompt

if TYPE_CHECKING:
    from remit.vat._vat import Vat

BATCH: Final = 1000  # turns before other callbacks of the loop get their chance; about a millisecond


class Driver:
    """Runs one vat on the running loop; made by `async with vat`, ends with it."""

    __slots__ = ("_wanted", "after", "gathering", "loop", "tasks", "vat")

    def __init__(self, vat: Vat) -> None:
        self.vat = vat
        self.loop = asyncio.get_running_loop()
        self.tasks: set[asyncio.Task[None]] = set()
        self.after: Callable[[], None] = _nothing
        self.gathering = False
        self._wanted = False

    def wake(self) -> None:
        """There is work: run a batch at the loop's next turn, or at the end of what holds it."""
        if self.gathering:
            self._wanted = True
        else:
            self.loop.call_soon(self.batch)

    def gather(self, work: Callable[[], None]) -> None:
        """Do what brings messages for the vat, and then run them at once: a turn of the loop less, and one write for all."""
        if self.gathering or self.vat._awake:
            work()
            return
        self.gathering = True
        try:
            work()
        finally:
            self.gathering = False
            self._end_gathering()

    def _end_gathering(self) -> None:
        wanted, self._wanted = self._wanted, False
        try:
            if wanted:
                self.vat.run(BATCH)
            self.after()
        except Exception as error:  # noqa: BLE001  # told as the loop tells of a callback's, not to whoever gathered
            self.loop.call_exception_handler({"message": "a batch of a vat's turns failed", "exception": error})

    def batch(self) -> None:
        """Run some turns; the vat wakes us again if more are left. Then what they sent goes out in one write."""
        self.vat.run(BATCH)
        self.after()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a device's method as a task that the vat's end cancels."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def _nothing() -> None:
    """Nobody waits for the end of a batch."""


def attach(vat: Vat) -> None:
    """From now on the running loop drives the vat."""
    driver = Driver(vat)
    vat._wake, vat._start = driver.wake, driver.start
    waiting, vat.unstarted = vat.unstarted, []
    for work in waiting:
        driver.start(work)
    vat._driver = driver
    if vat._queue:
        vat._rouse()


async def detach(vat: Vat) -> None:
    """Stop the vat: devices' work under way is cancelled, what is queued breaks."""
    vat.stop()
    driver, vat._driver = vat._driver, None
    if driver is None:
        return
    for task in tuple(driver.tasks):
        task.cancel()
    await asyncio.gather(*driver.tasks, return_exceptions=True)


class Outside(Prompt):
    """An asyncio future that waits on a promise; the result leaves the vat, so it may be held."""

    __slots__ = ("future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self.future = future

    def settled(self, promise: Promise[Any]) -> None:
        """Tell the future, once the vat lets results out."""
        vat = promise._vat
        if vat._keeper is None:
            self.tell(promise)
        else:
            vat._leave(self.tell, promise)

    def tell(self, promise: Promise[Any]) -> None:
        """Resolve the future unless its waiter has given up."""
        if self.future.done():
            return
        value = promise._value
        if isinstance(value, Failed):
            self.future.set_exception(value.error.copy())
        else:
            self.future.set_result(value)

    def lost(self, why: Broken) -> None:
        """The vat stopped before it let the result out."""
        if not self.future.done():
            self.future.set_exception(why.copy())


def future(promise: Promise[Any]) -> asyncio.Future[Any]:
    """What ordinary asyncio code awaits in place of a promise."""
    vat = promise._vat
    made: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    promise._wait(Outside(made))
    if vat._driver is None and vat.stopped is None and not made.done():
        raise Misuse(f"nobody drives vat {vat.name}: enter it with 'async with', or call run() by hand")
    return made

"""Evaluated code runs in a thread of its own, in shifts with the server's event loop: it may block, and never end, and the server goes on.

    loop ──shift(work)──► thread runs, loop waits ──done within FIRST──► the outcome
                                    └──not done──► the loop goes on beside it ("let go") ──done──► the outcome
                                                     └──enters a vat, a session, asyncio──► waits for the loop to stand still, LATER

All vats of a process belong to one thread (`remit.vat`), and so does an event loop. So a thread may use them only while the loop stands still in
a callback of ours. Events of calls (`sys.setprofile`, of this thread only) are the gate: code that was let go stops at it before it enters one of the
`GUARDED` packages, and the loop never goes on while one of those is on the thread's stack.

Compiled functions of Remit have no frames. In a compiled build code is let go only while it is in a call into C of somebody else's; for the rest it and the loop
take turns, at its calls and lines; a loop on one line that calls nothing is interrupted after `FROZEN`.

An interruption is a `KeyboardInterrupt` in the thread, raised where no guarded package is on its stack. Code that catches it again and again, or
that is inside of a call into C that does not return, is left behind after a while: it never gets through the gate again.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import threading
import time
from asyncio import tasks
from collections.abc import Callable, Generator
from contextvars import Context
from queue import SimpleQueue
from types import CodeType, FrameType
from typing import Any, Final

from remit.errors import Misuse
from remit.values import compiled
from remit.vat import current

__all__ = ["Lane", "Stuck"]

FIRST: Final = 0.02
"""Seconds for which the loop stands still for a piece of code: most lines end within them, and have run as if they were a callback."""
LATER: Final = 0.002
"""Seconds for which it stands still each time after that."""
PATIENCE: Final = 0.05
POLL: Final = 0.0005
FROZEN: Final = 5.0
"""Seconds after which code is interrupted that holds the loop because it is inside of a guarded package."""
PRESS: Final = 0.05
"""Seconds between two attempts to interrupt."""
TRIES: Final = 40
"""Of these, before code is left behind."""
_HERE: Final = os.path.dirname(os.path.abspath(__file__))
GUARDED: Final = (os.path.dirname(os.path.dirname(_HERE)) + os.sep, os.path.dirname(asyncio.__file__) + os.sep)
"""Where code stands that may run only while the loop stands still: Remit itself, but for this package, and asyncio."""
_FREE: Final = _HERE + os.sep
_known: Final[dict[str, bool]] = {}  # by file name
_MOST: Final = 10_000
_NATIVE: Final = ("_asyncio", "uvloop", "remit")

HELD, WANTED, LOST, BEHIND = (
    "the thread's",
    "the thread's for a moment",
    "the loop's",
    "left behind",
)  # whose shift it is


class Stuck(Exception):  # never leaves this package
    """Code could not be interrupted, and was left behind."""


class Lane:
    """The thread of one session, made with its first piece of code, ended by `end()`. Used from the loop's thread.

    `context`: the context variables in which everything runs. `crowded`: whether much waits in the loop: code that was let go waits for that,
    for `PATIENCE` at most, or one that sends messages without end would be heard by nobody, an interruption included.
    """

    def __init__(self, context: Context, name: str, crowded: Callable[[], bool]) -> None:
        self._crowded = crowded
        self._loop = asyncio.get_running_loop()
        self._context = context
        self._jobs: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._mutex = threading.Lock()
        self._back = _locked()  # released by the thread when it gives the loop back
        self._go = _locked()  # released by the loop when it stands still
        self._shift = LOST
        self._inside = False  # whether there is code to interrupt
        self._open = False  # whether the gate is
        self._in_c = (
            False  # whether it is in a call into C that has to do with nothing guarded; known in a compiled build only
        )
        self._expelled = 0
        self._done = True
        self._value: Any = None
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._wish = False  # that it be interrupted at the gate
        self._injected = False  # whether one may be on its way
        self._blind = False  # it does not come there: interrupted anywhere
        self._press: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    # --- the loop's side ----------------------------------------------------------------------------

    def shift(self, work: Callable[[], Any]) -> Generator[Any, Any, Any]:
        """Run this in the thread; to be delegated to from an `__await__`. Its value, or what it raises.

        Raises `Stuck` if it was left behind.
        """
        self._done = False
        self._task = asyncio.current_task()
        self._shift = HELD
        self._jobs.put(work)
        self._lend(FIRST)
        try:
            while not self._done:
                self._waiter = self._loop.create_future()
                yield from self._waiter
        finally:
            self._waiter = None
            self._rest()
            if not self._done:
                self.end()
        value, error = self._value, self._error
        self._value = self._error = None
        if error is not None:
            raise error
        return value

    @property
    def running(self) -> bool:
        """Whether a piece of code is at work now, and not awaiting something."""
        return not self._done

    @property
    def usable(self) -> bool:
        """Whether it can take another piece of code."""
        return self._shift is not BEHIND

    @property
    def mine(self) -> bool:
        """Whether this is asked from the lane's own thread."""
        return threading.current_thread() is self._thread

    def interrupt(self, firmly: bool = False) -> None:
        """Have a `KeyboardInterrupt` raised in the code that runs; `firmly`: again until it ends, or is left behind.

        Without it, code that does not notice (it is in a call into C) is left behind all the same.
        """
        if not self._done and self._press is None:
            self._wish, self._blind = True, False
            self._press = self._loop.call_later(PRESS, self._insist, TRIES, firmly)

    def _insist(self, left: int, firmly: bool) -> None:
        self._press = None
        self._withdraw()
        if self._done or not (self._wish or self._blind or firmly):
            return
        if left == 0:
            self._abandon()
            return
        if self._wish or self._blind:  # no call has been made since then: whatever runs is not at the gate
            self._wish, self._blind = False, True
            self._inject()
        else:
            self._wish = True
        self._press = self._loop.call_later(PRESS, self._insist, left - 1, firmly)

    def _abandon(self) -> None:
        with self._mutex:
            if self._done:
                return
            self._shift = BEHIND
            self._inside = False
            self._done = True
            self._error = Stuck(f"the code could not be interrupted, and was left behind ({self._where()})")
        self._jobs.put(None)
        self._wake()

    def _where(self) -> str:
        frame = sys._current_frames().get(self._thread.ident or 0)
        return "its thread has ended" if frame is None else f"line {frame.f_lineno} of {frame.f_code.co_filename}"

    def _rest(self) -> None:
        self._wish = self._blind = False
        if self._press is not None:
            self._press.cancel()
            self._press = None

    def end(self) -> None:
        """The lane is not used any more; code that still runs is interrupted, and left behind if it does not heed that."""
        self._jobs.put(None)
        if not self._done:
            self.interrupt(firmly=True)

    def _lend(self, seconds: float) -> None:
        """Stand still while the thread works, for so long or until nothing guarded is on its stack."""
        if self._back.acquire(timeout=seconds):
            return
        with self._mutex:
            if self._shift is HELD:
                self._shift = WANTED
        until = time.monotonic() + FROZEN
        while not self._back.acquire(timeout=POLL):
            if self._steal():
                return
            if time.monotonic() > until:
                self._inject(anywhere=True)
                until += FROZEN

    def _lend_again(self, since: float) -> None:
        """What code that was let go asks for before it enters something guarded."""
        if self._shift is BEHIND:
            return
        if self._crowded() and time.monotonic() - since < PATIENCE:
            self._loop.call_soon(self._lend_again, since)
            return
        task = self._task if tasks.current_task(self._loop) is None else None
        if task is not None:
            tasks._enter_task(self._loop, task)
        try:
            self._shift = HELD
            self._go.release()
            self._lend(LATER)
        finally:
            if task is not None:
                tasks._leave_task(self._loop, task)
        self._wake()

    def _steal(self) -> bool:
        with self._mutex:
            if self._shift is not WANTED or self._guarded() or (compiled and not self._in_c):
                return False
            self._shift = LOST
            return True

    def _guarded(self) -> bool:
        """Whether the thread is inside of something that may not be left, or run beside the loop."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return _in_turn() or _protected(frame)

    def _inject(self, anywhere: bool = False) -> None:
        with self._mutex:
            if self._inside and (anywhere or not self._guarded()):
                self._injected = True
                _raise_in(self._thread.ident, KeyboardInterrupt)

    def _withdraw(self) -> None:
        """Take back what has not arrived: CPython 3.11 runs in a circle in every thread that has a profiler, as long as an exception waits for any."""
        with self._mutex:
            if self._inside and self._injected:
                self._injected = False
                _raise_in(self._thread.ident, None)
                _absorb()

    def _wake(self) -> None:
        if self._done and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- the thread's side ----------------------------------------------------------------------------

    def _live(self) -> None:
        asyncio._set_running_loop(self._loop)
        while True:
            try:
                job = self._jobs.get()
                if job is None:
                    return
                self._attend(job)
                del job
            except KeyboardInterrupt:  # it came late
                if not self._done:
                    self._finish(None, KeyboardInterrupt())
            except RuntimeError:  # the loop is closed
                return

    def _attend(self, job: Callable[[], Any]) -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            self._inside = True
            if compiled:
                sys.settrace(self._line)
            sys.setprofile(self._gate)
            value = self._context.run(job)
        except BaseException as raised:  # noqa: BLE001  # whatever code raises is its outcome
            error = raised
        sys.settrace(None)
        sys.setprofile(None)
        self._calm()
        self._finish(value, error)

    def _calm(self) -> None:
        """From now on nothing is interrupted; what was on its way has arrived."""
        while True:
            try:
                with self._mutex:
                    self._inside = False
                if self._injected:
                    self._injected = False
                    _absorb()
            except KeyboardInterrupt:
                continue
            return

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with self._mutex:
            if self._shift is BEHIND:
                return
            self._value, self._error, self._done = value, error, True
            held, self._shift = self._shift is not LOST, LOST
            if held:
                self._back.release()
        if not held:
            self._loop.call_soon_threadsafe(self._wake)

    def give_back(self) -> None:
        """From code in the thread that is going to wait: the loop goes on now."""
        with self._mutex:
            if self._shift is HELD or self._shift is WANTED:
                self._shift = LOST
                self._back.release()

    def wait_begins(self) -> None:
        """The same, for code of ours that waits; nothing is gated until `wait_ends`."""
        self._open = True
        self.give_back()

    def wait_ends(self) -> None:
        """It goes on; in a compiled build when the loop stands still again."""
        if compiled and self._shift is LOST:
            self._take()
        self._open = False

    def tell_loop(self, function: Callable[[], None]) -> None:
        """Have the loop call this soon; from any thread, and without waiting for the loop."""
        if self.mine:
            self._open = True
        try:
            self._loop.call_soon_threadsafe(function)
        finally:
            if self.mine:
                self._open = False

    def _gate(self, frame: FrameType, event: str, arg: Any) -> None:
        """Called with each call and return in the thread, while code runs."""
        if compiled and not self._open:
            self._in_c = event == "c_call" and not _is_native(arg)
        if self._shift is HELD or self._open or event == "return":
            return
        caller = frame.f_back if event == "call" else frame
        if self._shift is WANTED and not _protected(caller):
            self.give_back()
        if self._shift is WANTED:
            return
        if compiled and self._shift is LOST and not (self._in_c and event == "c_call"):
            self._take()
        if self._shift is BEHIND:
            self._expel(frame, event)
        elif self._wish and not _protected(caller):
            self._wish = False
            self._raise(frame, event)
        elif self._shift is LOST and (
            (event == "call" and _is_guarded(frame.f_code)) or (event == "c_call" and _is_native(arg))
        ):
            self._take()

    def _take(self) -> None:
        """Wait until the loop stands still."""
        if self._shift is not BEHIND:
            self._loop.call_soon_threadsafe(self._lend_again, time.monotonic())
            self._go.acquire()

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        """In a compiled build, what is guarded has no frames, so code is let go only inside of calls into C, and at its own lines."""
        if self._shift is not HELD and frame.f_code.co_filename.startswith("<input "):
            self._gate(frame, "line", None)
        return self._line if frame.f_code.co_filename.startswith("<input ") else None

    def _expel(self, frame: FrameType, event: str) -> None:
        """Code that was left behind ends, or waits for ever: it never enters anything guarded, nor uses up the processor."""
        self._expelled += 1
        if self._expelled > TRIES or _protected(frame):
            self._go.acquire()
        self._raise(frame, event)

    def _raise(self, frame: FrameType | None, event: str) -> None:
        """Have the interruption raised next in this frame, or in what it calls: the gate itself would be closed by raising."""
        if event == "line":
            raise KeyboardInterrupt
        sys.settrace(_interrupt)
        while frame is not None and frame.f_code is not _BASE:
            frame.f_trace = _interrupt
            frame = frame.f_back


def _raise_in(thread: int | None, what: type[BaseException] | None) -> None:
    """Have this raised in a thread when it next looks; None: nothing any more."""
    given = None if what is None else ctypes.py_object(what)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread or 0), given)


def _absorb() -> None:
    """Have the interpreter forget that an exception waits for a thread: it does when one is raised, so one is raised here."""
    try:
        _raise_in(threading.get_ident(), KeyboardInterrupt)
        for _ in range(1000):
            pass
    except KeyboardInterrupt:
        return


def _locked() -> threading.Lock:
    made = threading.Lock()
    made.acquire()
    return made


_BASE: Final = Lane._attend.__code__


def _interrupt(frame: FrameType, event: str, arg: Any) -> Any:
    raise KeyboardInterrupt


def _protected(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code is not _BASE:
        if _is_guarded(frame.f_code):
            return True
        frame = frame.f_back
    return False


def _is_guarded(code: CodeType) -> bool:
    name = code.co_filename
    known = _known.get(name)
    if known is None:
        if len(_known) > _MOST:
            _known.clear()
        known = _known[name] = name.startswith(GUARDED) and not name.startswith(_FREE)
    return known and code.co_name != "<module>"


def _is_native(function: Any) -> bool:
    """Whether a function of C is one of asyncio's."""
    owner = type(getattr(function, "__self__", None)).__module__
    return owner.startswith(_NATIVE) or str(getattr(function, "__module__", "")).startswith(_NATIVE)


def _in_turn() -> bool:
    try:
        current("this")
    except Misuse:
        return False
    return True

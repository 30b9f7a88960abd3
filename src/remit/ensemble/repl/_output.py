"""What a session's code has printed and nobody has been told yet: bounded, and slow where its listener is slow."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["Output"]

WAITING: Final = 64 * 1024
"""Characters that wait for the listener; code that prints more waits itself. Where nobody listens, the last of them are kept."""
MOST: Final = 4 * 1024 * 1024
"""Characters of one piece of code that are told; what is more is counted."""
STEP: Final = 0.2
"""Seconds between two looks of code that waits, so that it can be interrupted."""


class Output:
    """The output of one session. `write` is for its code, in any thread; the rest for the loop's thread.

    `notify` is called, in any thread, when there is something and was nothing. `pause` is called before code waits; it says whether this
    thread may, and then `resume` is called when it goes on.
    """

    def __init__(self, notify: Callable[[], None], pause: Callable[[], bool], resume: Callable[[], None]) -> None:
        self.heard = False  # whether somebody listens
        self.closed = False
        self._notify = notify
        self._pause = pause
        self._resume = resume
        self._parts: deque[str] = deque()
        self._size = 0
        self._told = 0  # characters of this piece of code
        self._cut = 0  # of these: not kept
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    def begin(self) -> None:
        """A new piece of code begins: it may print as much as any."""
        with self._changed:
            self._told = 0

    def write(self, text: str) -> None:
        """Add a text, of which as much is kept as fits."""
        if self._told >= MOST:  # without the lock, since this may be a gigabyte in small pieces
            self._cut += len(text)
            return
        for start in range(0, len(text), WAITING):
            if not self._add(text[start : start + WAITING]):
                with self._changed:
                    self._cut += max(0, len(text) - start - WAITING)
                return

    def _add(self, text: str) -> bool:
        """Whether more may follow."""
        with self._lock:  # what is usual, in few calls: code with a profiler pays for each
            left = MOST - self._told
            fits = self._size + len(text) <= WAITING and len(text) <= left and not self.closed
            first = not self._parts
            if fits:
                self._parts.append(text)
                self._size += len(text)
                self._told += len(text)
        if not fits:
            more, first = self._squeeze(text)
        if first:
            self._notify()
        return fits or more

    def _squeeze(self, text: str) -> tuple[bool, bool]:
        """Whether more may follow, and whether it is the first that waits."""
        patient = True
        while True:
            with self._lock:
                if self.closed or self._told >= MOST:
                    self._cut += len(text)
                    return False, False
                if not self._parts or self._size + len(text) <= WAITING or not self.heard or not patient:
                    left, first = MOST - self._told, not self._parts
                    self._told += len(text)
                    self._cut += max(0, len(text) - left)
                    self._keep(text[:left])
                    return True, first
            patient = self._pause()
            if patient:
                with self._changed:
                    self._changed.wait(STEP)
                self._resume()

    def _keep(self, text: str) -> None:
        self._parts.append(text)
        self._size += len(text)
        while self._size > WAITING and len(self._parts) > 1:
            first = self._parts.popleft()
            self._size -= len(first)
            self._cut += len(first)

    def take(self, most: int = WAITING) -> str:
        """What is to be told next, oldest first, with a line where some of it is missing."""
        with self._changed:
            taken: list[str] = []
            if self._told < MOST:
                self._mark(taken)
            size = 0
            while self._parts and size < most:
                part = self._parts.popleft()
                if size + len(part) > most:
                    self._parts.appendleft(part[most - size :])
                    part = part[: most - size]
                size += len(part)
                taken.append(part)
            self._size -= size
            if not self._parts:
                self._mark(taken)
            self._changed.notify_all()
            return "".join(taken)

    def _mark(self, taken: list[str]) -> None:
        if self._cut:
            taken.append(f"\n[{self._cut} characters of output are not shown]\n")
            self._cut = 0

    def put_back(self, text: str) -> None:
        """It was taken, and nobody has got it."""
        with self._changed:
            self._parts.appendleft(text)
            self._size += len(text)

    @property
    def waiting(self) -> int:
        """Characters that wait to be told."""
        return self._size

    def listen(self, heard: bool) -> None:
        """Whether somebody listens from now on; code that waits for a listener who is gone goes on."""
        with self._changed:
            self.heard = heard
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing is kept any more."""
        with self._changed:
            self.closed = True
            self._parts.clear()
            self._size = 0
            self._changed.notify_all()

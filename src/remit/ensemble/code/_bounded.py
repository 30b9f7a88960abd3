"""A bound for code that is executed in a server's loop: one that never ends would be the end of the server."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["LIMIT", "Endless", "bounded"]

LIMIT: Final = 30.0
"""Seconds for executing what is loaded; meanwhile the server does nothing else."""


class Endless(BaseException):
    """Code did not come to an end; as `KeyboardInterrupt`, no `Exception`, so that loops which go on after errors end."""

    def __init__(self) -> None:
        super().__init__("it did not come to an end in time")


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raise `Endless` in this thread where what is done inside takes longer. What is inside of a call into C hears of it when that returns."""
    ident = threading.get_ident()
    mutex = threading.Lock()
    done = threading.Event()
    late = threading.Event()

    def watch() -> None:
        if not done.wait(seconds):
            with mutex:
                if not done.is_set():
                    late.set()
                    _raise_in(ident, Endless)

    watcher = threading.Thread(target=watch, name="remit-load-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        with mutex:
            done.set()
        if late.is_set():
            _absorb(ident)
        watcher.join()


def _absorb(ident: int) -> None:
    """Have nothing on its way that has not arrived. CPython forgets that something waits for a thread only when that is raised, and 3.11 runs in a circle meanwhile where a thread has a profiler."""
    try:
        _raise_in(ident, Endless)
        for _ in range(1000):
            pass
    except Endless:
        return


def _raise_in(ident: int, kind: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind) if kind else None)

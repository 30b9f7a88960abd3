"""Group commit: one thread that commits batches in order while the event loop goes on."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from remit.durable._pace import Pace
from remit.durable._rows import Batch, Store
from remit.errors import Misuse, StoreError

__all__ = ["Writer"]

Done = Callable[[BaseException | None], None]

LINGER = 0.1
"""Seconds that the thread waits for more work before it ends; the next batch starts a new one (some 0.1 ms)."""


class Writer:
    """Commits batches to a store, in the order in which they are handed in, from one thread of its own.

    Owned by whoever made it, until `close`; the store stays its owner's. Batches handed in while one is being
    written are merged into the next transaction: all of them are kept, or none. After a failure nothing more is
    written, since a later batch builds on the earlier ones: each further `done` gets the same error.

    The thread is not a daemon, so nothing is cut off half way when the interpreter ends; it lives only while there is
    work, so it holds up no exit either. `pace` is told how long commits take.
    """

    __slots__ = ("_changed", "_closed", "_failure", "_pace", "_store", "_thread", "_waiting")

    def __init__(self, store: Store, pace: Pace | None = None) -> None:
        self._store = store
        self._pace = pace
        self._waiting: deque[tuple[Batch, Done]] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._closed = False

    def submit(self, batch: Batch, done: Done) -> None:
        """Hand a batch over (it is the writer's from now on) and return at once.

        `done(None)` is called when it is on disk, `done(error)` when it is not kept; in order, on the writer's
        thread, so a caller with an event loop goes there with `call_soon_threadsafe`. `done` must not block.
        """
        with self._changed:
            if self._closed:
                raise Misuse("the writer is closed: nothing more can be handed in")
            self._waiting.append((batch, done))
            if self._thread is not None:
                self._changed.notify()
                return
            self._thread = threading.Thread(target=self._run, name="remit-writer")
            try:
                self._thread.start()
            except RuntimeError as error:  # Python 3.12: the interpreter is ending
                self._thread = None
                self._waiting.pop()
                raise StoreError(f"nothing more can be written: {error}") from error

    def close(self) -> None:
        """Wait until all that was handed in is written and told, and the thread has ended; takes nothing more.

        Blocks; a second call does nothing. From within a `done` it only closes, since the thread can't await itself.
        """
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while group := self._next():
            try:
                self._commit([batch for batch, _ in group])
            except BaseException as error:  # noqa: BLE001  # a simulated crash included: the caller decides what it means
                self._failure = error
            for _, done in group:
                _tell(done, self._failure)

    def _next(self) -> list[tuple[Batch, Done]]:
        """All that waits; empty when the thread shall end."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait_for(lambda: self._waiting or self._closed, LINGER)
            group = list(self._waiting)
            self._waiting.clear()
            if not group:
                self._thread = None
            return group

    def _commit(self, batches: list[Batch]) -> None:
        if self._failure is not None:
            return
        first, *others = batches
        for batch in others:
            first.extend(batch)
        began = time.perf_counter()
        self._store.commit(first)
        if self._pace is not None:
            self._pace.took(time.perf_counter() - began)


def _tell(done: Done, failure: BaseException | None) -> None:
    try:
        done(failure)
    except BaseException:  # noqa: BLE001  # one caller's mistake must not keep the others from hearing
        threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

"""The heartbeat of a held lock: a thread, so that it goes on while the event loop is busy, and stops when the whole process does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from remit.errors import Conflict, StoreError
from remit.ledger._format import connect
from remit.ledger._lock import Lock, beat
from remit.ledger._writing import writing

__all__ = ["Heartbeat"]


class Heartbeat:
    """Renews `lock` four times in each of its expiries until `stop`, which whoever took the lock calls.

    What cannot be written is tried again the next time: a full disk for longer than the expiry loses the lock, as it should.
    """

    def __init__(self, path: Path, lock: Lock, clock: Callable[[], float]) -> None:
        self._path = path
        self._lock = lock
        self._clock = clock
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="remit ledger heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait for that."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        connection = connect(self._path)
        try:
            while not self._stopped.wait(self._lock.expiry / 4):
                try:
                    with writing(connection, self._path):
                        beat(connection, self._lock, self._clock())
                except Conflict:
                    return  # lost: the next write says so to whoever can do something about it
                except StoreError:
                    continue
        finally:
            connection.close()

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from remit.durable import Batch, MemoryStore, Snapshot, SqliteStore, Writer
from remit.errors import Misuse, StoreFull
from remit.testing import Crash, CrashStore
from tests.durable.stores import child, numbered, numbers

DEADLINE = 20


class SlowStore(MemoryStore):
    """Its commits wait for leave, and it remembers how many there were."""

    def __init__(self) -> None:
        super().__init__()
        self.leave = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)
        self.sizes: list[int] = []

    def commit(self, batch: Batch) -> None:
        self.begun.release()
        assert self.leave.acquire(timeout=DEADLINE)
        super().commit(batch)
        self.sizes.append(len(batch))


class Told:
    """Collects what `done` was called with, and on which thread."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.calls: list[tuple[int, BaseException | None, list[int]]] = []
        self.threads: set[threading.Thread] = set()
        self.came = threading.Semaphore(0)

    def done(self, number: int):
        def call(error: BaseException | None) -> None:
            self.calls.append((number, error, numbers(self.store)))
            self.threads.add(threading.current_thread())
            self.came.release()

        return call

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self.came.acquire(timeout=DEADLINE)


def test_batches_handed_in_during_a_commit_share_the_next_one() -> None:
    """Group commit: three that wait become one transaction, and each is told in order, after its data is kept."""
    store = SlowStore()
    told, writer = Told(store), Writer(store)
    writer.submit(numbered(0), told.done(0))
    assert store.begun.acquire(timeout=DEADLINE)
    for number in (1, 2, 3):
        writer.submit(numbered(number), told.done(number))
    assert told.calls == []
    store.leave.release(2)
    told.wait(4)
    writer.close()
    assert told.calls == [(0, None, [0]), *((number, None, [0, 1, 2, 3]) for number in (1, 2, 3))]
    assert len(store.sizes) == 2
    assert told.threads.isdisjoint({threading.current_thread()})
    assert len(told.threads) == 1


def test_merged_batches_count_in_the_order_handed_in() -> None:
    """A later write of a key wins, and a later clearing takes what came before it."""
    store = SlowStore()
    writer = Writer(store)
    writer.submit(Batch(), lambda _: None)
    assert store.begun.acquire(timeout=DEADLINE)
    for value in (b"1", b"2"):
        batch = Batch()
        batch.put_field(1, "a", b"", value)
        batch.put_field(1, value.decode(), b"", value)
        writer.submit(batch, lambda _: None)
    batch = Batch()
    batch.clear_field(1, "1")
    writer.submit(batch, lambda _: None)
    store.leave.release(2)
    writer.close()
    assert store.load().fields == [(1, "2", b"", b"2"), (1, "a", b"", b"2")]


def test_after_a_failure_nothing_more_is_written() -> None:
    """All that were merged and all later ones get the same error: a later batch builds on the earlier ones."""
    store = MemoryStore()
    failing = CrashStore(store, at=3, mode="full")
    told, writer = Told(store), Writer(failing)
    writer.submit(numbered(0), told.done(0))
    told.wait(1)
    failing.at = None  # the store would take it, but the writer must not
    writer.submit(numbered(1), told.done(1))
    told.wait(1)
    writer.close()
    assert [type(error) for _, error, _ in told.calls] == [StoreFull, StoreFull]
    assert told.calls[0][1] is told.calls[1][1]
    assert numbers(store) == []


def test_a_simulated_crash_reaches_the_caller() -> None:
    """Though no Exception, it does not end the thread in silence."""
    store = MemoryStore()
    told, writer = Told(store), Writer(CrashStore(store, at=0))
    writer.submit(numbered(0), told.done(0))
    told.wait(1)
    writer.close()
    assert isinstance(told.calls[0][1], Crash)


def test_a_done_that_raises_keeps_nobody_else_from_hearing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its error goes to threading.excepthook, and the writer goes on."""
    caught: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: caught.append(arguments.exc_type))
    store = MemoryStore()
    told, writer = Told(store), Writer(store)
    writer.submit(numbered(0), lambda _: 1 / 0)
    writer.submit(numbered(1), told.done(1))
    told.wait(1)
    writer.close()
    assert caught == [ZeroDivisionError]
    assert numbers(store) == [0, 1]


def test_close_waits_for_all_that_was_handed_in(path: Path) -> None:
    """On return everything is on disk and told, the thread has ended, and nothing more is taken."""
    store = SqliteStore(path)
    writer, told = Writer(store), []
    for number in range(200):
        writer.submit(numbered(number), told.append)
    writer.close()
    writer.close()
    assert told == [None] * 200
    assert numbers(store) == list(range(200))
    assert not [thread for thread in threading.enumerate() if thread.name == "remit-writer"]
    with pytest.raises(Misuse, match="closed"):
        writer.submit(numbered(200), told.append)
    store.close()


def test_close_from_within_done_does_not_wait_for_itself() -> None:
    """A caller that stops at its first error may close right there."""
    store = MemoryStore()
    writer, ended = Writer(store), threading.Event()

    def done(error: BaseException | None) -> None:
        writer.close()
        ended.set()

    writer.submit(numbered(0), done)
    assert ended.wait(DEADLINE)
    with pytest.raises(Misuse):
        writer.submit(numbered(1), done)
    writer.close()


def test_the_thread_ends_when_idle_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle vat keeps no thread; the next batch is written all the same."""
    monkeypatch.setattr("remit.durable._writer.LINGER", 0.001)
    store = MemoryStore()
    told, writer = Told(store), Writer(store)
    for number in range(3):
        writer.submit(numbered(number), told.done(number))
        told.wait(1)
        while thread := writer._thread:
            thread.join(DEADLINE)
    assert [number for number, _, _ in told.calls] == [0, 1, 2]
    assert len(told.threads) == 3
    writer.close()


def test_an_interpreter_that_ends_without_close_still_writes_everything(path: Path) -> None:
    """The thread is neither cut off half way nor does it hold up the exit."""
    script = """
import sys
from remit.durable import SqliteStore, Writer
from tests.durable.stores import numbered
writer = Writer(SqliteStore(sys.argv[1]))
for number in range(100):
    writer.submit(numbered(number), lambda _: None)
"""
    with child(script, str(path)) as process:
        assert process.wait(DEADLINE) == 0
    store = SqliteStore(path)
    assert numbers(store) == list(range(100))
    store.close()


def test_a_vat_that_has_nothing_to_say_still_gets_an_answer() -> None:
    """An empty batch is told like any other, after those before it."""
    store = MemoryStore()
    told, writer = Told(store), Writer(store)
    writer.submit(numbered(0), told.done(0))
    writer.submit(Batch(), told.done(1))
    told.wait(2)
    writer.close()
    assert [number for number, _, _ in told.calls] == [0, 1]
    assert isinstance(store.load(), Snapshot)

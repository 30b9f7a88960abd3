"""Where commits are made: in the loop's own thread while they are quick, else in the writer's."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from remit.durable import Batch, MemoryStore
from remit.durable._pace import QUICK, ROWS, Pace
from remit.errors import StoreFull, Uncertain
from tests.durable.vats import Spy, opened


class Where(Spy):
    """Remembers which thread each commit came from."""

    def __init__(self, inner: MemoryStore | None = None) -> None:
        super().__init__(inner)
        self.threads: list[str] = []
        self.error: BaseException | None = None

    def commit(self, batch: Batch) -> None:
        self.threads.append("loop" if threading.current_thread() is threading.main_thread() else "writer")
        if self.error is not None:
            raise self.error
        super().commit(batch)


def run(main: Any) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(bounded())


def test_nothing_is_quick_before_the_first_commit() -> None:
    """Of a disk that nobody has measured nothing is assumed."""
    assert not Pace().quick(1)


def test_a_fast_disk_is_waited_for_and_a_slow_one_is_not() -> None:
    """What commits usually take decides: a slow one now and then changes nothing, several do, and they come back."""
    pace = Pace()
    pace.took(QUICK / 10)
    assert pace.quick(1)
    pace.took(QUICK * 10)  # a checkpoint, say
    assert pace.quick(1)
    for _ in range(6):
        pace.took(QUICK * 3)
    assert not pace.quick(1)
    for _ in range(20):
        pace.took(QUICK / 10)
    assert pace.quick(1)
    assert not Pace(0.0).quick(1)


def test_a_disk_that_is_stuck_holds_the_loop_up_once() -> None:
    """One commit that takes very long is enough for the next ones to be the writer's."""
    pace = Pace()
    pace.took(0.0)
    pace.took(1.0)
    assert not pace.quick(1)
    for _ in range(40):
        pace.took(QUICK / 10)
    assert pace.quick(1)


def test_a_large_batch_is_the_writers() -> None:
    """Thousands of rows take longer than the disk does."""
    pace = Pace()
    pace.took(0.0)
    assert pace.quick(ROWS)
    assert not pace.quick(ROWS + 1)


def test_a_vat_commits_where_its_pace_says() -> None:
    """One at a time on a fast disk: no thread is woken. On a slow one the loop goes on."""

    async def main() -> None:
        store = Where()
        kept = opened(store)
        async with kept:
            pace = kept._keeper.pace
            box: Any = kept.root("main")
            pace.usual = 0.0
            await box.set(1)
            pace.usual = 1.0
            await box.set(2)
            assert pace.usual < 1.0, "the writer tells, too"
        assert store.threads == ["loop", "loop", "writer"]

    run(main)


def test_what_is_being_written_by_the_writer_is_not_overtaken() -> None:
    """While the writer has a batch the next one is its, too, however quick the disk has become."""

    async def main() -> None:
        store = Where()
        kept = opened(store)
        async with kept:
            pace = kept._keeper.pace
            box: Any = kept.root("main")
            pace.limit = 0.0
            first = box.set(1)
            kept.vat.run()
            pace.limit, pace.usual = 10.0, 0.0
            second = box.set(2)
            kept.vat.run()
            await first
            await second
        assert set(store.threads[1:]) == {"writer"}  # one commit for both, or two
        assert opened(store.reopen()).root("main")._at.value == 2

    run(main)


@pytest.mark.parametrize("error", [StoreFull("no room"), ValueError("a mistake")])
def test_a_quick_commit_that_fails_stops_the_vat(error: Exception) -> None:
    """As a failed commit of the writer's does: what was asked may be lost, and nothing of it left."""

    async def main() -> None:
        store = Where()
        heard: list[Exception] = []
        kept = opened(store, on_failure=heard.append)
        async with kept:
            kept._keeper.pace.usual = 0.0
            store.error = error
            with pytest.raises(Uncertain, match="could not keep its state"):
                await kept.root("main").set(1)
            assert store.threads == ["loop", "loop"]
            assert len(heard) == 1
        assert opened(store.reopen()).root("main")._at.value is None

    run(main)


def test_a_commit_that_is_broken_off_stops_the_vat_and_is_not_swallowed() -> None:
    """An interrupt while the loop waits for the disk: nobody knows what is kept, and the interrupt goes on."""
    store = Where()
    kept = opened(store)
    store.error = KeyboardInterrupt()
    kept.root("main").set(1)
    with pytest.raises(KeyboardInterrupt):
        kept.vat.run()
    assert isinstance(kept.vat.stopped, Uncertain)

from __future__ import annotations

from pathlib import Path

import pytest

from remit.durable import MemoryStore, SqliteStore, Store
from remit.errors import StoreFull
from remit.testing import Crash, CrashStore
from tests.durable.stores import ROWS, numbered, numbers

COMMITS = 3
WRITES = COMMITS * (ROWS + 2)  # each row, `last` in meta, and the commit itself


def script(store: Store) -> int:
    """Commits a few batches; how many were heard to be kept."""
    heard = 0
    try:
        for number in range(COMMITS):
            store.commit(numbered(number))
            heard += 1
    except Crash:
        pass
    return heard


def test_a_first_run_tells_the_number_of_writes() -> None:
    """Each row operation counts as one, and each commit."""
    crash = CrashStore(MemoryStore())
    assert script(crash) == COMMITS
    assert crash.writes == WRITES
    assert not crash.crashed


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_at_every_write_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path, kind: str, mode: str) -> None:
    """What was heard of is kept; one more is kept if, and only if, the crash came after that commit itself."""
    for at in range(WRITES):
        path = tmp_path / f"state{at}" / "vat.db"
        inner = MemoryStore() if kind == "memory" else SqliteStore(path)
        crash = CrashStore(inner, at, mode)
        heard = script(crash)
        assert crash.crashed
        crash.close()  # does nothing: the process is gone
        assert heard == at // (ROWS + 2)
        inner.close()
        kept = inner.reopen() if isinstance(inner, MemoryStore) else SqliteStore(path)
        unheard = mode == "after" and at % (ROWS + 2) == ROWS + 1
        assert numbers(kept) == list(range(heard + unheard))
        kept.close()


def test_a_write_past_the_end_never_comes() -> None:
    """A loop over `at` ends when a run was not crashed."""
    crash = CrashStore(MemoryStore(), WRITES)
    assert script(crash) == COMMITS
    assert not crash.crashed


def test_after_the_crash_everything_is_refused() -> None:
    """And no handler for errors goes on, since Crash is no Exception."""
    inner = MemoryStore()
    crash = CrashStore(inner, 0)
    for use in (lambda: crash.commit(numbered(0)), lambda: crash.commit(numbered(0)), crash.load):
        with pytest.raises(Crash, match="at write 0"):
            use()
    assert not issubclass(Crash, Exception)
    crash.close()
    assert numbers(inner) == []


def test_a_full_disk_is_told_and_not_a_crash() -> None:
    """Mode "full": StoreFull at the write and ever after, as from a real store; what was kept is in the inner one."""
    inner = MemoryStore()
    crash = CrashStore(inner, ROWS + 3, "full")
    crash.commit(numbered(0))
    for number in (1, 2):
        with pytest.raises(StoreFull):
            crash.commit(numbered(number))
    with pytest.raises(StoreFull):
        crash.load()
    crash.close()
    assert numbers(inner) == [0]

"""Bad files, exposed files and full disks: a clear error, and nothing lost or half loaded."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from remit.durable import Batch, SqliteStore
from remit.errors import StoreCorrupt, StoreError, StoreExposed, StoreFull
from tests.durable.stores import child, numbered, numbers


def filled(path: Path, count: int = 300) -> bytes:
    """Makes a store of several dozen pages and closes it; its bytes."""
    store = SqliteStore(path)
    batch = numbered(0)
    for number in range(1, count):
        batch.extend(numbered(number))
    store.commit(batch)
    store.close()
    return path.read_bytes()


# --- damaged ---


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda data: data[:50],
        lambda _: b"not a database at all\n" * 500,
        lambda data: data[:4096],
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data[:4096] + bytes(4096) + data[8192:],
        lambda data: data[:8192] + b"\xa5" * (len(data) - 8192),
        lambda data: data[:100] + b"\xff" * 400 + data[500:],
    ],
    ids=["empty", "stump", "text", "one-page", "half", "cut", "zero-page", "overwritten", "schema"],
)
def test_a_damaged_file_is_refused_with_a_remedy(path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Nothing is loaded from it, the file stays as it is for whoever repairs it, and the lock is let go."""
    data = damage(filled(path))
    path.write_bytes(data)
    for _ in range(2):
        with pytest.raises(StoreCorrupt, match=r"damaged .*nothing was loaded. Restore it from a copy"):
            SqliteStore(path)
    assert path.read_bytes() == data


def test_damage_anywhere_is_a_store_error_or_harmless(path: Path) -> None:
    """Random bytes changed at random places: opening and loading give the five tables or a StoreError, nothing else."""
    data = filled(path)
    chance = random.Random(20240607)
    outcomes = set()
    for _ in range(150):
        at, size = chance.randrange(len(data)), chance.choice((1, 4, 100))
        path.write_bytes(data[:at] + chance.randbytes(size) + data[at + size :])
        path.with_name("vat.db-wal").unlink(missing_ok=True)
        try:
            store = SqliteStore(path)
        except StoreError as error:
            outcomes.add(type(error))
            continue
        try:
            store.load()
            outcomes.add(None)
        except StoreError as error:
            outcomes.add(type(error))
        store.close()
    assert StoreCorrupt in outcomes
    assert None in outcomes  # a changed byte in a value can't be seen here


def test_damage_that_shows_only_later_stops_load_and_commit(path: Path) -> None:
    """A page lost under an open store: StoreCorrupt, no part of the rows, and no further commits."""
    filled(path)
    store = SqliteStore(path)
    store._connection.execute("PRAGMA cache_size=0")
    store._connection.execute("PRAGMA shrink_memory")
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    with pytest.raises(StoreCorrupt):
        store.load()
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            store.commit(numbered(999))
    store.close()


def test_a_missing_table_is_damage(path: Path) -> None:
    """A file that checks well but lacks a table is not loaded as an empty one."""
    filled(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE fields")
    connection.close()
    store = SqliteStore(path)
    with pytest.raises(StoreCorrupt, match="no such table"):
        store.load()
    store.close()


def test_a_log_without_its_store_is_refused(path: Path) -> None:
    """Beginning anew beside the log of a lost file would hide the loss, or mix the two."""
    store = SqliteStore(path)
    store.commit(numbered(1))
    shutil.copy(path.with_name("vat.db-wal"), path.with_name("copy"))
    store.close()
    path.unlink()
    path.with_name("copy").rename(path.with_name("vat.db-wal"))
    with pytest.raises(StoreCorrupt, match="put the file back, or delete the log"):
        SqliteStore(path)
    assert not path.exists()


def test_a_torn_log_loses_only_what_was_not_committed(path: Path, tmp_path: Path) -> None:
    """Cut at any place, as a power failure may cut it, the log gives whole batches, in order, without a gap."""
    store = SqliteStore(path)
    for number in range(12):
        store.commit(numbered(number))
    data, log = path.read_bytes(), path.with_name("vat.db-wal").read_bytes()
    store.close()
    chance = random.Random(5)
    copy = tmp_path / "copy" / "vat.db"
    copy.parent.mkdir(mode=0o700)
    seen = set()
    for cut in [0, 10, *(chance.randrange(len(log)) for _ in range(30)), len(log)]:
        for each, content in ((copy, data), (copy.with_name("vat.db-wal"), log[:cut])):
            each.touch(0o600)
            each.write_bytes(content)
        torn = SqliteStore(copy)
        kept = numbers(torn)
        torn.close()
        assert kept == list(range(len(kept)))
        seen.add(len(kept))
    assert {0, 12} < seen


def test_a_file_of_another_program_is_refused(path: Path) -> None:
    """It is named as such and left alone."""
    path.parent.mkdir(mode=0o700)
    path.touch(0o600)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        SqliteStore(path)
    assert path.read_bytes() == before


# --- exposed ---


@pytest.mark.parametrize("name", ["", "vat.db", "vat.db-wal", "vat.db.lock"])
@pytest.mark.parametrize("mode", [0o770, 0o604, 0o640, 0o601])
def test_what_others_may_use_is_refused(path: Path, name: str, mode: int) -> None:
    """The state directory and each file; mode and the mending command are named, and the command mends it."""
    SqliteStore(path).close()
    exposed = path.parent / name
    exposed.touch(0o600)
    exposed.chmod(mode | (0o100 if name == "" else 0))
    right = "700" if name == "" else "600"
    with pytest.raises(StoreExposed, match=f"has mode 0{exposed.stat().st_mode & 0o777:o}.*chmod {right} '{exposed}'"):
        SqliteStore(path)
    subprocess.run(["chmod", right, str(exposed)], check=True)
    SqliteStore(path).close()


@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["", "vat.db"])
def test_what_belongs_to_another_user_is_refused(path: Path, name: str) -> None:
    """Whoever owns it can read it whenever they like."""
    SqliteStore(path).close()
    os.chown(path.parent / name, 12345, -1)
    with pytest.raises(StoreExposed, match=r"belongs to user 12345.*chown 0"):
        SqliteStore(path)


# --- full ---


def large(number: int) -> Batch:
    batch = numbered(number)
    batch.put_field(number, "rows", b"0", os.urandom(600_000))
    return batch


def full(store: SqliteStore) -> list[int]:
    """Commits until there is no room; the numbers that were kept, after checking that the store takes no more."""
    kept: list[int] = []
    with pytest.raises(StoreFull, match="nothing of it was kept; free some room"):
        for number in range(1000):
            store.commit(large(number))
            kept.append(number)
    for use in (lambda: store.commit(numbered(1000)), store.load):
        with pytest.raises(StoreFull, match="refused, since an earlier commit failed"):
            use()
    return kept


def test_a_full_store_keeps_what_was_committed_and_takes_no_more(path: Path) -> None:
    """SQLite's own page limit stands in for the disk, so this runs for every user."""
    store = SqliteStore(path)
    store._connection.execute("PRAGMA max_page_count=500")
    kept = full(store)
    assert kept
    store.close()
    store = SqliteStore(path)
    assert numbers(store) == kept
    store.commit(large(len(kept)))
    assert numbers(store) == [*kept, len(kept)]
    store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a tmpfs")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_keeps_what_was_committed_and_takes_no_more(small_disk: Path) -> None:
    """The real thing: the store can still be opened and read on the full disk, and goes on once there is room."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2_000_000))
    path = small_disk / "state" / "vat.db"
    store = SqliteStore(path)
    kept = full(store)
    assert kept
    store.close()
    with open(ballast, "ab", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))
    store = SqliteStore(path)
    assert numbers(store) == kept
    store.close()
    ballast.unlink()
    store = SqliteStore(path)
    store.commit(large(len(kept)))
    assert numbers(store) == [*kept, len(kept)]
    store.close()


@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_store_that_cannot_even_be_made_for_want_of_room_says_so(small_disk: Path) -> None:
    """And it leaves nothing behind that would be in the way later."""
    path = small_disk / "state" / "vat.db"
    path.parent.mkdir(mode=0o700)
    ballast = small_disk / "ballast"
    with open(ballast, "wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))
    with pytest.raises(StoreFull):
        SqliteStore(path)
    ballast.unlink()
    SqliteStore(path).close()


def test_a_file_size_limit_counts_as_a_full_disk(path: Path) -> None:
    """So does a quota: SQLite tells only of a failed write, and why it failed is found out beside it."""
    script = """
import resource, sys
from pathlib import Path
from remit.durable import SqliteStore
from tests.durable.test_sqlite_faults import full
store = SqliteStore(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
print(full(store))
store.close()
"""
    with child(script, str(path)) as process:
        kept = process.stdout.read().decode().strip()
    store = SqliteStore(path)
    assert str(numbers(store)) == kept != "[]"
    store.close()

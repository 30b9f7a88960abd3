"""Copies of a boss: whole or refused, for whoever has the passphrase, and nothing in them that is a machine's."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.durable import SqliteStore
from remit.errors import BadArgument, Conflict, Refused, StoreCorrupt, StoreError
from remit.machines import mark_moved, pack_state, unpack_state, write_state
from remit.machines._backup import MAGIC, check_not_moved

FILES = {"key.pem": b"the key", "admin.ref": b"the reference", "machines-ssh/web-1/host.pub": b"pinned"}
LEFT = (
    *(
        "boss.sock",
        "lock",
        "state.db-wal",
        "copy-1.db",
        "trace.jsonl",
        "boss.log",
        ".draft",
        "moved",
        "parcels/abc/remit",
    ),
    *(
        "machines/db-1/key.pem",
        "machines/db-1/state.db",
        "machines-vm/a-1/user-data",
        "machines-vm/a-1/root/etc/passwd",
    ),
)


@pytest.fixture
def boss(tmp_path: Path) -> Path:
    """A state directory with all that may lie in one."""
    here = tmp_path / "state"
    here.mkdir(mode=0o700)
    for name, data in {**FILES, **dict.fromkeys(LEFT, b"left out")}.items():
        (here / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (here / name).write_bytes(data)
    (here / "machines-vm/a-1/disk.img").write_bytes(b"x" * 100_000)
    return here


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "copy.db"
    path.write_bytes(b"the store")
    return path


@pytest.mark.parametrize("passphrase", [None, "four words and more"])
def test_a_copy_holds_the_boss_and_nothing_of_its_machines(
    boss: Path, copy: Path, tmp_path: Path, passphrase: str | None
) -> None:
    """What it is made into is private, and the same."""
    data = pack_state(boss, copy, passphrase)
    files = unpack_state(data, passphrase)
    assert files == {**FILES, "state.db": b"the store"}
    assert (b"the key" in data) is False
    made = tmp_path / "made"
    write_state(made, files)
    assert {str(each.relative_to(made)): each.read_bytes() for each in made.rglob("*") if each.is_file()} == files
    assert {each.stat().st_mode & 0o777 for each in made.rglob("*")} == {0o600, 0o700}
    assert made.stat().st_mode & 0o777 == 0o700


def test_without_its_passphrase_a_copy_is_nothing(boss: Path, copy: Path) -> None:
    """Not the wrong one, and none at all."""
    data = pack_state(boss, copy, "right")
    with pytest.raises(Refused, match="not the passphrase"):
        unpack_state(data, "wrong")
    with pytest.raises(BadArgument, match="--passphrase"):
        unpack_state(data, None)
    assert pack_state(boss, copy, "right") != data  # no salt and no nonce twice


@settings(max_examples=25, deadline=None)  # each with a passphrase costs a tenth of a second, on purpose
@given(st.data())
def test_a_changed_copy_is_refused(data: st.DataObject) -> None:
    """Wherever a byte is another one, or some are missing: with the errors that say so, and nothing else."""
    passphrase = data.draw(st.sampled_from([None, "words"]))
    whole = COPIES[passphrase]
    if data.draw(st.booleans()):
        changed = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        at = data.draw(st.integers(0, len(whole) - 1))
        changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    try:
        files = unpack_state(changed, passphrase)
    except (StoreCorrupt, Refused, BadArgument):
        return
    assert passphrase is None and files == FILES | {"state.db": b"x"}  # a byte of gzip's head that means nothing


def _copies() -> dict[str | None, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        here.chmod(0o700)
        for name, each in FILES.items():
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / name).write_bytes(each)
        (here / "lock").write_bytes(b"x")
        return {passphrase: pack_state(here, here / "lock", passphrase) for passphrase in (None, "words")}


COPIES = _copies()


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_copy_writes_nowhere_else(name: str) -> None:
    """Whoever made it."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for each, data in {"manifest.json": json.dumps({"files": {}}).encode(), name: b"x"}.items():
            entry = tarfile.TarInfo(each)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    with pytest.raises(StoreCorrupt):
        unpack_state(MAGIC + b'{"cipher": "plain"}\n' + archive.getvalue(), None)


def test_a_directory_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """An empty one is taken."""
    (tmp_path / "empty").mkdir(mode=0o700)
    write_state(tmp_path / "empty", {"key.pem": b"k"})
    with pytest.raises(Conflict, match="not empty"):
        write_state(tmp_path / "empty", {"key.pem": b"other"})
    assert (tmp_path / "empty" / "key.pem").read_bytes() == b"k"
    assert [each.name for each in tmp_path.iterdir()] == ["empty"]


def test_a_boss_that_has_moved_does_not_run(boss: Path) -> None:
    """It says where it went, and what to do if that came to nothing."""
    (boss / "moved").unlink()
    check_not_moved(boss)
    mark_moved(boss, Path("/mnt/boss.copy"))
    with pytest.raises(Conflict, match=r"has moved .* into /mnt/boss.copy"):
        check_not_moved(boss)


def test_a_store_is_copied_between_two_commits(tmp_path: Path) -> None:
    """The copy is a store like any other, private, and the original goes on; a file that is there is not overwritten."""
    tmp_path.chmod(0o700)
    store = SqliteStore(tmp_path / "state.db")
    try:
        store.copy_to(tmp_path / "copy.db")
        assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
        with pytest.raises(StoreError, match="File exists"):
            store.copy_to(tmp_path / "copy.db")
        store.load()
        again = SqliteStore(tmp_path / "copy.db")
        assert again.load() == store.load()
        again.close()
    finally:
        store.close()

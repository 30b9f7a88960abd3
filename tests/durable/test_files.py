from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from remit.durable import _files, check_private, open_state_dir, read_secret_file, write_secret_file
from remit.errors import Conflict, Missing, StoreError, StoreExposed, StoreFull


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return open_state_dir(tmp_path / "state")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_missing_state_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """Mode 0700, whatever the umask; missing parents as well; an existing one is used as it is."""
    old = os.umask(0)
    try:
        made = open_state_dir(tmp_path / "a" / "b")
    finally:
        os.umask(old)
    assert made == tmp_path / "a" / "b"
    assert (mode(made), mode(made.parent)) == (0o700, 0o700)
    (made / "file").touch()
    assert open_state_dir(str(made)) == made
    assert (made / "file").exists()


@pytest.mark.parametrize("bits", [0o755, 0o710, 0o702, 0o1777])
def test_an_exposed_state_directory_is_refused(tmp_path: Path, bits: int) -> None:
    """The error names its mode and the command that mends it."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(bits)
    with pytest.raises(StoreExposed, match=rf"has mode {bits:04o}.*chmod 700 '{tmp_path / 'state'}'"):
        open_state_dir(tmp_path / "state")


def test_a_state_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    """A file, and a place below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is not a directory"):
        open_state_dir(tmp_path / "file")
    with pytest.raises(StoreError, match="cannot be used"):
        open_state_dir(tmp_path / "file" / "state")


@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_is_refused(state: Path) -> None:
    """Directory and file: their owner can read them at any time."""
    write_secret_file(state / "key", b"secret")
    os.chown(state / "key", 12345, -1)
    with pytest.raises(StoreExposed, match="belongs to user 12345"):
        read_secret_file(state / "key")
    os.chown(state, 12345, -1)
    with pytest.raises(StoreExposed, match="belongs to user 12345"):
        open_state_dir(state)


def test_a_secret_file_is_for_its_owner_alone(state: Path) -> None:
    """Mode 0600 under any umask, the bytes come back, and nothing else is left in the directory."""
    old = os.umask(0)
    try:
        write_secret_file(state / "key", b"\0secret\n")
    finally:
        os.umask(old)
    assert mode(state / "key") == 0o600
    assert read_secret_file(state / "key") == b"\0secret\n"
    assert os.listdir(state) == ["key"]


def test_a_secret_file_is_not_overwritten_unless_asked(state: Path) -> None:
    """A key made once is never lost to a second start."""
    write_secret_file(state / "key", b"first")
    with pytest.raises(Conflict, match="exists already"):
        write_secret_file(state / "key", b"second")
    assert read_secret_file(state / "key") == b"first"
    write_secret_file(state / "key", b"second", replace=True)
    assert read_secret_file(state / "key") == b"second"
    assert os.listdir(state) == ["key"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_failed_write_leaves_what_was_there(state: Path, monkeypatch: pytest.MonkeyPatch, replace: bool) -> None:
    """A disk that is full at the sync: StoreFull, the old file whole, no half file under any name."""
    if replace:
        write_secret_file(state / "key", b"old")

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreFull, match="cannot be written: No space left"):
        write_secret_file(state / "key", b"new", replace=replace)
    assert os.listdir(state) == (["key"] if replace else [])
    if replace:
        assert read_secret_file(state / "key") == b"old"


def test_file_and_directory_are_synced_in_the_right_order(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contents before the name is given, the directory after: at no moment is there a name for half a file."""
    events: list[str] = []
    sync, link = os.fsync, os.link

    def fsync(descriptor: int) -> None:
        events.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", lambda *names: (events.append("name"), link(*names)))
    write_secret_file(state / "key", b"secret")
    assert events == ["file", "name", "directory"]


@pytest.mark.parametrize("bits", [0o644, 0o640, 0o602, 0o610])
def test_an_exposed_secret_file_is_not_read(state: Path, bits: int) -> None:
    """The error names mode and remedy, and not the secret."""
    write_secret_file(state / "key", b"hunter2")
    (state / "key").chmod(bits)
    with pytest.raises(StoreExposed, match=rf"has mode {bits:04o}.*chmod 600") as caught:
        read_secret_file(state / "key")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(StoreExposed):
        check_private(state / "key")


def test_only_plain_files_are_read(state: Path) -> None:
    """A link may lead anywhere, a pipe may never end; a missing file is told apart."""
    write_secret_file(state / "key", b"secret")
    (state / "link").symlink_to(state / "key")
    os.mkfifo(state / "pipe", 0o600)
    for name in ("link", "pipe", "."):
        with pytest.raises(StoreError):
            read_secret_file(state / name)
    with pytest.raises(StoreError, match="not a plain file"):
        check_private(state / "link")
    with pytest.raises(Missing, match="there is no file"):
        read_secret_file(state / "none")
    check_private(state / "none")


def test_a_file_too_large_for_a_secret_is_refused(state: Path) -> None:
    """It would be read into memory whole."""
    write_secret_file(state / "key", bytes(11))
    with pytest.raises(StoreError, match="has 11 bytes, more than the 10"):
        read_secret_file(state / "key", limit=10)
    assert len(read_secret_file(state / "key", limit=11)) == 11


def test_a_quota_and_a_size_limit_count_as_a_full_disk() -> None:
    """To the user they are the same: free some room."""
    for number in (28, 122, 27):
        assert type(_files.store_error(OSError(number, "why"), "what")) is StoreFull
    assert type(_files.store_error(OSError(13, "why"), "what")) is StoreError

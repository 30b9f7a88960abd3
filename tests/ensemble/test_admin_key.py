"""The administrators' key, and where it is kept."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from remit.ensemble.admin import AdminKey, admin_public
from remit.errors import BadArgument, Conflict, Missing, Refused, StoreCorrupt, StoreExposed
from remit.net import proves

WORDS = "correct horse"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


def test_it_is_opened_by_its_passphrase(home: Path) -> None:
    """And it is the key that the servers know."""
    made = AdminKey.make(home, WORDS)
    key = AdminKey.open(home, WORDS)
    assert key.public == made.public == admin_public(home)
    assert proves(key.public, key.sign(b"x"), b"x")
    with pytest.raises(Refused, match="not the passphrase"):
        AdminKey.open(home, "other words")


def test_both_files_are_private_from_the_beginning(home: Path) -> None:
    """E12: whatever the umask says."""
    import os

    before = os.umask(0)
    try:
        AdminKey.make(home, WORDS)
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in home.iterdir()} == {
        "admin.key": 0o600,
        "admin.pub": 0o600,
    }


def test_a_key_is_not_overwritten(home: Path) -> None:
    """Unless that is asked for."""
    old = AdminKey.make(home, WORDS)
    with pytest.raises(Conflict, match="--force"):
        AdminKey.make(home, WORDS)
    assert admin_public(home) == old.public
    new = AdminKey.make(home, WORDS, force=True)
    assert admin_public(home) == new.public != old.public


def test_a_private_half_that_others_can_read_is_not_used(home: Path) -> None:
    """It may be known to them already."""
    AdminKey.make(home, WORDS)
    (home / "admin.key").chmod(0o640)
    with pytest.raises(StoreExposed, match="chmod 600"):
        AdminKey.open(home, WORDS)


def test_a_public_half_that_others_can_write_makes_nobody_an_administrator(home: Path) -> None:
    """One that they can read does no harm."""
    key = AdminKey.make(home, WORDS)
    (home / "admin.pub").chmod(0o644)
    assert admin_public(home) == key.public
    (home / "admin.pub").chmod(0o666)
    with pytest.raises(StoreExposed, match="themselves administrators"):
        admin_public(home)


def test_a_public_half_that_is_damaged_is_not_taken_for_none(home: Path) -> None:
    """Without a key the same Unix user may do everything; a broken file does not give that."""
    assert admin_public(home) is None
    (home / "admin.pub").write_text("x\n")
    (home / "admin.pub").chmod(0o600)
    with pytest.raises(StoreCorrupt, match="no public key"):
        admin_public(home)


def test_two_halves_of_different_keys_are_noticed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A copy that was half done."""
    other = tmp_path_factory.mktemp("other")
    other.chmod(0o700)
    AdminKey.make(home, WORDS)
    AdminKey.make(other, WORDS)
    (other / "admin.key").replace(home / "admin.key")
    with pytest.raises(StoreCorrupt, match="not the private half"):
        AdminKey.open(home, WORDS)


def test_where_there_is_no_key_that_is_said(home: Path) -> None:
    """With the command that makes one."""
    with pytest.raises(Missing, match="remit admin key"):
        AdminKey.open(home, WORDS)


def test_a_short_passphrase_is_refused(home: Path) -> None:
    """Before anything is written."""
    with pytest.raises(BadArgument, match="8 characters"):
        AdminKey.make(home, "short")
    assert list(home.iterdir()) == []


def test_it_shows_nothing_and_cannot_be_copied(home: Path) -> None:
    """Its `repr` is its public half."""
    key = AdminKey.make(home, WORDS)
    assert key.designator in repr(key)
    with pytest.raises(TypeError, match="cannot be copied"):
        pickle.dumps(key)

"""The node's key: its names, its file, and what it never shows."""

from __future__ import annotations

import os
import pickle
import stat
import threading

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import BadArgument, Conflict, StoreCorrupt, StoreExposed
from remit.net import NodeKey, designator_of, proves, public_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "node.key"


def test_designator_is_lower_case_unpadded_base32_of_the_raw_key():
    """The designator of a known key is a known text."""
    secret = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    assert NodeKey(secret).public.hex() == "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
    assert NodeKey(secret).designator == "rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn5oa"


@given(st.binary(min_size=32, max_size=32))
def test_designator_and_key_give_each_other(public):
    """public_of undoes designator_of for every 32 bytes."""
    assert public_of(designator_of(public)) == public


@pytest.mark.parametrize(
    "wrong", ["", "a", "A" * 52, "a" * 51, "a" * 56, "1" * 52, "a" * 51 + "b", "é" * 52, "a" * 51 + "="]
)
def test_only_the_one_form_of_a_designator_is_read(wrong):
    """Upper case, padding, other lengths, other letters and stray bits are refused, naming the form."""
    with pytest.raises(BadArgument, match="52 lower-case base32 letters"):
        public_of(wrong)


def test_a_signature_proves_key_and_data_together():
    """A signature holds for its own key and bytes, for no others, and never raises for nonsense."""
    key, other = NodeKey.generate(), NodeKey.generate()
    signature = key.sign(b"data")
    assert proves(key.public, signature, b"data")
    assert not proves(key.public, signature, b"datb")
    assert not proves(other.public, signature, b"data")
    assert not proves(key.public, b"", b"data")
    assert not proves(b"short", signature, b"data")


def test_a_created_key_is_loaded_again(path):
    """create writes what load reads, in a private file in a private directory, and leaves nothing else there."""
    made = NodeKey.create(path)
    assert NodeKey.load(path).public == made.public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["node.key"]


def test_create_never_replaces_a_key(path):
    """A second create is a Conflict and leaves the first key, and no draft, in place."""
    first = NodeKey.create(path)
    with pytest.raises(Conflict, match="holds a key already"):
        NodeKey.create(path)
    assert NodeKey.load(path).public == first.public
    assert os.listdir(path.parent) == ["node.key"]


def test_opening_at_once_gives_all_the_same_key(path):
    """Of several that open a missing key at the same moment, one creates it and all hold that one."""
    start = threading.Barrier(8)
    keys: list[bytes] = []

    def open_key() -> None:
        start.wait(10)
        keys.append(NodeKey.open(path).public)

    threads = [threading.Thread(target=open_key) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(keys) == 8 and len(set(keys)) == 1


def test_create_syncs_the_file_before_its_name_and_the_directory_after(path, monkeypatch):
    """The key's bytes are synced before it has its name, and the name is synced before create returns."""
    events = []
    real_sync, real_link = os.fsync, os.link
    monkeypatch.setattr(
        os, "fsync", lambda fd: (events.append("dir" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"), real_sync(fd))
    )
    monkeypatch.setattr(os, "link", lambda a, b: (events.append("link"), real_link(a, b)))
    NodeKey.create(path)
    assert events == ["file", "link", "dir"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_file_that_others_may_use_is_refused(path, mode):
    """Any right for group or others refuses the key file, with the command that mends it."""
    NodeKey.create(path)
    path.chmod(mode)
    with pytest.raises(StoreExposed, match="chmod 600"):
        NodeKey.load(path)


def test_a_directory_that_others_may_enter_is_refused(path):
    """Both load and create refuse a directory that others may enter."""
    NodeKey.create(path)
    path.parent.chmod(0o755)
    with pytest.raises(StoreExposed, match="chmod 700"):
        NodeKey.load(path)
    with pytest.raises(StoreExposed, match="chmod 700"):
        NodeKey.create(path.with_name("other.key"))


def test_a_linked_key_file_is_not_followed(path, tmp_path):
    """A symbolic link in place of the key file is refused: who could make it could choose the key."""
    NodeKey.create(path)
    (path.parent / "link.key").symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        NodeKey.load(path.parent / "link.key")


def test_what_is_no_ed25519_key_is_corrupt(path):
    """Garbage, a cut file and a key of another kind are StoreCorrupt, and the error quotes nothing of the file."""
    NodeKey.create(path)
    whole = path.read_bytes()
    other_kind = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (b"", b"swordfish", whole[:60], other_kind):
        path.write_bytes(content)
        with pytest.raises(StoreCorrupt) as caught:
            NodeKey.load(path)
        assert "swordfish" not in str(caught.value) and caught.value.__cause__ is None


def test_a_missing_key_is_told_apart(path):
    """load of a missing file is FileNotFoundError, so that the caller may create it."""
    with pytest.raises(FileNotFoundError):
        NodeKey.load(path)


def test_a_key_shows_only_its_designator_and_is_not_copied():
    """repr holds the designator and nothing of the secret; pickling is refused."""
    key = NodeKey(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
    assert repr(key) == f"<NodeKey {key.designator}>"
    with pytest.raises(TypeError, match="not copied"):
        pickle.dumps(key)

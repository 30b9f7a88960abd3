"""Files under a passphrase."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.durable import _sealed, seal, unseal
from remit.errors import Refused, StoreCorrupt

MAGIC = b"remit-test 1\n"
WHOLE = seal(MAGIC, b"what is kept", "right words")


def changed(**fields: object) -> bytes:
    """The file, with other words in its second line."""
    magic, line, rest = WHOLE.split(b"\n", 2)
    header = {name: value for name, value in (json.loads(line) | fields).items() if value is not None}
    return b"\n".join([magic, json.dumps(header, sort_keys=True).encode(), rest])


def test_only_its_passphrase_opens_it() -> None:
    """And nothing of it can be read without."""
    assert unseal(MAGIC, WHOLE, "right words", "x") == b"what is kept"
    assert b"what is kept" not in WHOLE
    with pytest.raises(Refused, match=r"not the passphrase of /a/file"):
        unseal(MAGIC, WHOLE, "wrong words", "/a/file")


def test_no_salt_and_no_nonce_twice() -> None:
    """Two files with one passphrase have nothing in common (E13: gerbil's salt is a constant)."""
    one, other = (json.loads(seal(MAGIC, b"x", "words").split(b"\n")[1]) for _ in range(2))
    assert one["salt"] != other["salt"]
    assert one["nonce"] != other["nonce"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"memory": 1 << 10}, "too little to keep guessers out"),
        ({"iterations": 1}, "too little to keep guessers out"),
        ({"lanes": 0}, "too little"),
        ({"memory": 1 << 30}, "more than any file of ours needs"),
        ({"iterations": 10**9}, "more than any file of ours needs"),
    ],
)
def test_what_a_file_asks_for_is_bounded(fields: dict[str, int], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any work is done for it."""
    monkeypatch.setattr(_sealed, "_key", lambda *_: pytest.fail("work was done"))
    with pytest.raises(StoreCorrupt, match=words):
        unseal(MAGIC, changed(**fields), "right words", "x")


@pytest.mark.parametrize(
    "fields",
    [
        {"salt": "00"},
        {"salt": None},
        {"nonce": 5},
        {"cipher": "none"},
        {"kdf": "scrypt"},
        {"memory": "65536"},
        {"memory": True},
        {"memory": 65536.0},
    ],
)
def test_a_line_that_does_not_say_how_it_was_made_is_damage(fields: dict[str, object]) -> None:
    """A field that is missing or of another type."""
    with pytest.raises(StoreCorrupt, match="damaged"):
        unseal(MAGIC, changed(**fields), "right words", "x")


@settings(max_examples=15, deadline=None)  # each costs a tenth of a second, on purpose
@given(st.data())
def test_a_changed_file_opens_nothing(data: st.DataObject) -> None:
    """Wherever a byte is another one, or some are missing."""
    if data.draw(st.booleans()):
        other = WHOLE[: data.draw(st.integers(0, len(WHOLE) - 1))]
    else:
        at = data.draw(st.integers(0, len(WHOLE) - 1))
        other = WHOLE[:at] + bytes([WHOLE[at] ^ data.draw(st.integers(1, 255))]) + WHOLE[at + 1 :]
    with pytest.raises((StoreCorrupt, Refused)):
        unseal(MAGIC, other, "right words", "x")

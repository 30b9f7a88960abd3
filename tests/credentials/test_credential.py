"""Credentials and secrets as values."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest

from remit.credentials import Credential, Owner, Secret, check_credential
from remit.errors import BadArgument
from remit.values import decode, encode

SESAME = "open sesame"


def test_a_secret_shows_itself_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Not in repr, str, formats, logs, nor in an error that has it as an argument; what travels is the text."""
    secret = Secret(SESAME)
    made = Credential("x", {"username": "u"}, {"password": secret})
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").error("%s %r %s", secret, secret, made)
    try:
        raise ValueError(secret, made)
    except ValueError as error:
        said = "".join(traceback.format_exception(error))
    shown = f"{secret} {secret!r} {secret:>20} {[secret]} {made} {made.shown()} {said} {caplog.text}"
    assert "sesame" not in shown
    assert decode(encode(made)) == made and decode(encode(made)).texts()["password"] == SESAME


@pytest.mark.parametrize(
    "wrong",
    [
        "text",
        Credential("x", {"../../etc/passwd": "x"}, {}),
        Credential("x", {".hidden": "x"}, {}),
        Credential("x", {"type": "y"}, {}),
        Credential("x", {"a": 1}, {}),  # type: ignore[dict-item]
        Credential("x", {}, {"password": "plain"}),  # type: ignore[dict-item]
        Credential("x", {"a": "x" * 70_000}, {}),
        Credential("x", {f"e{number}": "" for number in range(70)}, {}),
        Credential("x", {"a": ""}, {"a": Secret("")}),
    ],
)
def test_what_a_peer_sends_is_looked_at(wrong: Any) -> None:
    """What cannot be files, or is no credential, is refused without being shown."""
    with pytest.raises(BadArgument) as caught:
        check_credential(wrong)
    assert "passwd" not in str(caught.value)


def test_passwords_come_from_the_key() -> None:
    """The same edge and generation have the same password under one key and tag, and another under any other."""
    owner = Owner(Secret("c"), "a", b"k" * 32)
    one = owner.password("e", 1)
    assert one == Owner(Secret("d"), "a", b"k" * 32).password("e", 1) and len(one.text) == 52
    others = [owner.password("e", 2), owner.password("f", 1), Owner(Secret("c"), "b", b"k" * 32).password("e", 1)]
    others.append(Owner(Secret("c"), "a", b"l" * 32).password("e", 1))
    assert one not in others and len({each.text for each in others}) == 4

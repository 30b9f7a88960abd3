"""What `remit status` says of peers that owe."""

from __future__ import annotations

from typing import Any

import pytest

from remit.cli._status import BUSY, _show_debts

REST: dict[str, Any] = {
    "machine": "",
    "peer": "",
    "transport": "tls",
    "messages": 0,
    "bytes": 0,
    "unread": 0,
    "paused": False,
}


@pytest.mark.parametrize(
    ("debt", "words"),
    [
        ({"messages": BUSY}, ""),
        ({"messages": 2000, "machine": "web", "paused": True}, "DEBT of machine web over tls: 2000 messages"),
        ({"bytes": 70000, "peer": "abcdefghijk"}, "DEBT of peer abcdefgh over tls: 0 messages and 70000 bytes"),
        ({"unread": 5}, "DEBT of peer without a proved key over tls"),
    ],
)
def test_peers_that_owe_are_shown(debt: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is not read, or owes much, is in the status by the machine's name, or else its key; a peer at rest is not."""
    _show_debts([{**REST, **debt}])
    shown = "".join(capsys.readouterr())
    assert words in shown and bool(words) == bool(shown)
    assert ("not read for now" in shown) == bool(debt.get("paused"))

"""What `remit status` says of peers that owe."""

from __future__ import annotations

from typing import Any

import pytest

from remit.cli._status import BUSY, _show_burden

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
        (
            {"messages": 2000, "machine": "web", "paused": True},
            "DEBT of machine web at machine m over tls: 2000 messages",
        ),
        (
            {"bytes": 70000, "peer": "abcdefghijk"},
            "DEBT of peer abcdefgh at machine m over tls: 0 messages and 70000 bytes",
        ),
        ({"unread": 5}, "DEBT of peer without a proved key at machine m over tls"),
    ],
)
def test_peers_that_owe_are_shown(debt: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is not read, or owes much, is in the status by the machine's name, or else its key; a peer at rest is not."""
    _show_burden({"node": "m", "sessions": [{**REST, **debt}], "waiting": [], "error": ""})
    shown = "".join(capsys.readouterr())
    assert words in shown and bool(words) == bool(shown)
    assert ("not read for now" in shown) == bool(debt.get("paused"))


def test_what_waits_durably_and_who_does_not_answer_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages that wait for a node are told with the reason; of a machine that is away it is said that nothing is known."""
    waiting = {"machine": "boss", "peer": "x", "messages": 3, "bytes": 400, "why": "it cannot be reached"}
    _show_burden({"node": "m", "sessions": [], "waiting": [waiting], "error": ""})
    _show_burden({"node": "n", "sessions": [], "waiting": [], "error": "it has not answered within 3 s"})
    assert capsys.readouterr().out == (
        "WAITING at machine m for the boss: 3 durable messages of 400 bytes: it cannot be reached\n"
        "UNKNOWN is what waits at machine n: it has not answered within 3 s\n"
    )

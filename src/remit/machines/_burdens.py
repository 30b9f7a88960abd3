"""What waits at each node: who owes there, and what it has for others, put together. What a machine says of itself is believed of that machine only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from remit.net import Family
from remit.values import printable

__all__ = ["burden_families", "burden_view"]

_MOST: Final = 1000
"""Rows of one node."""
_WORDS: Final = 300
"""Characters of a text."""
_COUNTS: Final = ("messages", "bytes", "unread")


def burden_view(node: str, answer: Any, names: Mapping[str, str]) -> dict[str, Any]:
    """One node's (`Network.burden`), for people and programs: {"node", "sessions", "waiting", "error": ""}.

    `names`: machines by their designators. Each session and what waits has its `machine`, or "" where the peer is none.
    """
    said = answer if isinstance(answer, dict) else {}
    return {
        "node": node,
        "sessions": [
            _row(row, ("peer", "transport"), names) | {"paused": row.get("paused") is True}
            for row in _rows(said, "sessions")
        ],
        "waiting": [_row(row, ("peer", "why"), names) for row in _rows(said, "waiting")],
        "error": "" if said else "it gives no answer that makes sense",
    }


def _rows(said: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = said.get(name)
    return [row for row in (rows if isinstance(rows, list) else [])[:_MOST] if isinstance(row, dict)]


def _row(row: Mapping[str, Any], texts: tuple[str, ...], names: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in texts:
        text = row.get(name)
        made[name] = printable(text[:_WORDS]) if isinstance(text, str) else ""
    for name in _COUNTS:
        if name != "unread" or "transport" in texts:
            count = row.get(name)
            made[name] = count if type(count) is int and 0 <= count < 1 << 62 else 0
    return {"machine": names.get(made["peer"], "")} | made


def burden_families(burdens: list[dict[str, Any]]) -> list[Family]:
    """The same as metrics: what is summed up for each node and peer (a machine's name, or "other")."""
    families = {
        "messages": Family("remit_peer_messages", "gauge", "Messages under way that a peer has caused."),
        "bytes": Family("remit_peer_bytes", "gauge", "Bytes of large messages under way that a peer has caused."),
        "unread": Family("remit_peer_unread_bytes", "gauge", "Bytes written to a peer that it has not read."),
        "paused": Family("remit_peer_sessions_paused", "gauge", "Sessions that are not read for now."),
        "sessions": Family("remit_peer_sessions", "gauge", "Sessions with other nodes."),
    }
    outbox = {
        "messages": Family("remit_outbox_messages", "gauge", "Durable messages that are not acknowledged yet."),
        "bytes": Family("remit_outbox_bytes", "gauge", "Bytes of durable messages that are not acknowledged yet."),
    }
    up = Family("remit_node_answers", "gauge", "Whether a node has said what waits there.")
    for burden in burdens:
        node = burden["node"]
        up.add(0 if burden["error"] else 1, node=node)
        for name, family in families.items():
            _sum(family, node, burden["sessions"], name)
        for name, family in outbox.items():
            _sum(family, node, burden["waiting"], name)
    return [*families.values(), *outbox.values(), up]


def _sum(family: Family, node: str, rows: list[dict[str, Any]], name: str) -> None:
    sums: dict[str, int] = {}
    for row in rows:
        peer = row["machine"] or "other"
        sums[peer] = sums.get(peer, 0) + int(row.get(name, 1))
    for peer, count in sums.items():
        family.add(count, node=node, peer=peer)

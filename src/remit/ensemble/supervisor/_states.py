"""How a server is, in one word and a note, of what the services say of its daemon. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.ensemble.supervisor._effective import plain
from remit.ensemble.supervisor._roster import Row
from remit.services import Daemon, spelt

__all__ = ["state_of"]


def state_of(row: Row, listed: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One row for people. The state is ready, complete, failed, blocked, starting, stopping or stopped."""
    found = listed.get(spelt(Daemon(row.service)), {"states": [], "processes": [], "problem": "", "waits": []})
    pid = next((each["pid"] for each in found["processes"] if each["pid"]), 0)
    state = _word(row, set(found["states"]), found, pid)
    notes = (
        [found["problem"]] if found["problem"] else [f"waits for {', '.join(found['waits'])}"] if found["waits"] else []
    )
    notes += [each["text"] for each in found["processes"] if each["text"] not in ("runs", "")]
    return {
        "id": row.id,
        "role": row.role,
        "group": row.group,
        "state": state,
        "pid": pid,
        "note": "; ".join(notes),
        "restart": plain(row.settings).get("restart", "always"),
    }


def _word(row: Row, states: set[str], found: Mapping[str, Any], pid: int) -> str:
    if row.held:
        return "stopping" if pid else "stopped"
    for state in ("ready", "complete", "failed"):
        if state in states:
            return state
    if found["problem"]:
        return "blocked"
    return "starting"

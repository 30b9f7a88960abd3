"""What a boss counts, as families of metrics. Pure: made from what `Boss.status` answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from remit.net import Family

__all__ = ["boss_families"]

MACHINES: Final = ("pending", "active", "destroying", "leaving")
EDGES: Final = ("wanted", "granted", "active", "revoking")


def boss_families(status: dict[str, Any]) -> list[Family]:
    """All metrics of a boss; states in which there is nothing are 0, so that an alert on them has something to look at."""
    machines, edges, sessions = status["machines"], status["edges"], status["sessions"]
    seen = Family(
        "remit_machine_seen_timestamp_seconds", "gauge", "When a machine last said hello, in seconds since the epoch."
    )
    failed = Family("remit_machine_failed", "gauge", "Whether the last thing asked of a machine's provider has failed.")
    for machine in machines:
        if machine["seen"] is not None:
            seen.add(machine["seen"], machine=machine["name"])
        failed.add(1 if machine["error"] else 0, machine=machine["name"])
    return [
        _counted("remit_machines", "Machines, by state.", MACHINES, (machine["state"] for machine in machines)),
        seen,
        failed,
        _counted(
            "remit_edges", "Edges from services to their holders, by state.", EDGES, (edge["state"] for edge in edges)
        ),
        Family("remit_edges_failed", "gauge", "Edges that are not as far as they should be, for an error.").add(
            sum(1 for edge in edges if edge["error"])
        ),
        Family("remit_alarms", "gauge", "Open alarms.").add(len(status["alarms"])),
        Family("remit_sessions", "gauge", "Sessions of the boss with other nodes.").add(len(sessions)),
        *(_debts(name, help, sessions) for name, help in _DEBTS.items()),
    ]


def _counted(name: str, help: str, states: Iterable[str], found: Iterable[str]) -> Family:
    family, counted = Family(name, "gauge", help), Counter(found)
    for state in states:
        family.add(counted[state], state=state)
    return family


_DEBTS: Final = {
    "messages": "Messages under way that peers have caused.",
    "bytes": "Bytes of large messages under way that peers have caused.",
    "unread": "Bytes that peers leave unread.",
}


def _debts(what: str, help: str, sessions: list[dict[str, Any]]) -> Family:
    unit = {"messages": "messages", "bytes": "bytes", "unread": "unread_bytes"}[what]
    return Family(f"remit_debt_{unit}", "gauge", help).add(sum(one[what] for one in sessions))

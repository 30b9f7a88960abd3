"""What a machine's services are like, as families of metrics. Pure: made from what `ServiceRoom.ask("list", [])` answers."""

from __future__ import annotations

from typing import Any, Final

from remit.net import Family

__all__ = ["service_families"]

STATES: Final = ("started", "ready", "failed", "complete")


def service_families(listing: dict[str, Any]) -> list[Family]:
    """All metrics of a machine's services; each state that a service may be in is 0 or 1."""
    state = Family("remit_service_state", "gauge", "Whether a service is in a state; several at once.")
    wanted = Family("remit_service_wanted", "gauge", "Whether somebody wants a service.")
    held = Family("remit_service_held", "gauge", "Whether an operator keeps a service from running.")
    problem = Family("remit_service_problem", "gauge", "Whether a service cannot come up as things stand.")
    processes = Family("remit_service_processes", "gauge", "Processes of a service that run.")
    for row in listing["services"]:
        name = row["name"]
        for each in STATES:
            state.add(each in row["states"], service=name, state=each)
        wanted.add(row["wanted"], service=name)
        held.add(row["held"], service=name)
        problem.add(bool(row["problem"]), service=name)
        processes.add(sum(1 for each in row["processes"] if each["pid"]), service=name)
    faults = Family("remit_service_faults", "gauge", "Files of services that are not in force, for an error.")
    return [state, wanted, held, problem, processes, faults.add(len(listing["faults"]))]

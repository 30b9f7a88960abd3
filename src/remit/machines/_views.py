"""What people and programs see of machines, offers, edges and alarms: plain data for `--json`, without secrets.

The fields' names are kept; new ones may be added. Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import Any

from remit.graph import Edge
from remit.machines._laying import Laying
from remit.machines._records import Alarm, Machine, Offer
from remit.machines._release import Release
from remit.vat import call

__all__ = ["alarm_view", "edge_view", "machine_view", "offer_view"]


def machine_view(machine: Machine, alarmed: list[str]) -> dict[str, Any]:
    """One machine, with the ids of its alarms; `seen` is its last hello, None before the first. Called inside a turn of the boss."""
    _, version, seen = call(machine.hob).pulse()
    release = Release.parse(version)
    return {
        "name": machine.name,
        "id": machine.id,
        "provider": machine.provider,
        "state": machine.state,
        "created": machine.created,
        "since": machine.since,
        "seen": seen,
        "agent": release.protocol,
        "version": release.version,
        "parcel": release.parcel,
        "introduction": call(machine.introduction).story(),
        "error": machine.error,
        "alarms": alarmed,
        "remedy": _remedy(machine, alarmed),
    }


def _remedy(machine: Machine, alarmed: list[str]) -> str:
    name = machine.name
    if machine.state == "destroying":
        return f"remit machine destroy {name}  (asks the provider again)" if machine.error else ""
    if machine.state == "leaving":
        return f"remit machine leave {name}  (asks the provider again)" if machine.error else ""
    if machine.state == "pending" and machine.error:
        return f"remit machine start {name}  (asks the provider again), or: remit machine destroy {name}"
    if machine.state == "pending":
        return f"wait for it; else: remit machine start {name}, or: remit machine destroy {name}"
    if alarmed:
        return f"find out who has the other key; then: remit alarm clear {name}"
    return f"remit machine start {name}" if machine.error else ""


def offer_view(machine: str, offer: Offer) -> dict[str, Any]:
    """One offer of a machine."""
    return {
        "service": f"{machine}.{offer.name}",
        "interface": offer.interface,
        "description": offer.description,
        "kind": offer.kind,
        "supports": list(offer.supports),
        "methods": None if offer.methods is None else list(offer.methods),
        "up": offer.up,
    }


def edge_view(edge: Edge, laying: Laying | None = None, note: str = "") -> dict[str, Any]:
    """One edge: who holds what under which name, how much of it, and how far it is; how it is laid out, where that was chosen, and what the machine that
    holds it has to say of that.
    """
    return {
        "id": edge.id,
        "target": edge.target,
        "service": edge.service,
        "interface": edge.interface,
        "attenuation": edge.attenuation.describe(),
        "until": edge.attenuation.until,
        "state": edge.state,
        "created": edge.created,
        "since": edge.since,
        "awaiting": list(edge.awaiting),
        "error": edge.error,
        "via": edge.via,
        "laying": {} if laying is None else laying.told(),
        "note": note,
    }


def alarm_view(alarm: Alarm, told: bool = True) -> dict[str, Any]:
    """One open alarm; `known` and `other` are the designators of the two nodes, `told` is false while somebody is yet to be told."""
    return {
        "id": alarm.id,
        "at": alarm.at,
        "machine": alarm.machine,
        "what": alarm.what,
        "known": alarm.known,
        "other": alarm.other,
        "told": told,
    }

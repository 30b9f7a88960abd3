"""The way from the boss to a server: to itself, to a machine, or to a program that runs on one. In turns of the boss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.lib import membrane
from remit.machines._devices import device_now
from remit.vat import Ref, call

if TYPE_CHECKING:
    from remit.machines._fleet import Fleet

__all__ = ["part_of", "way_to"]


async def way_to(fleet: Ref[Fleet], id: str) -> Ref[Any]:
    """What leads to the server with this id: see `Ensembled`. Raises `Missing` for one that is not there, `Unreachable` where its machine is not.

    A server that says it runs on a machine is looked for there: if that is not so, the machine does not find it.
    """
    name, _, domain = id.partition("@")
    hobs = call(fleet).come()
    if domain in ("", "/") and name in hobs:
        found: Ref[Any] = await hobs[name].ensembled()
        return found
    entry = await device_now("ensemble").entry(id)
    machine = entry.info.get("machine")
    if isinstance(machine, str) and machine in hobs:
        return await hobs[machine].ensembled()
    return await device_now("ensemble").desk()  # type: ignore[no-any-return]  # a reference


async def part_of(fleet: Ref[Fleet], id: str, name: str) -> Ref[Any]:
    """A part of a server, relayed by the boss: who asks need not reach its machine, and has it no longer than what he asked by."""
    found = await (await way_to(fleet, id)).part(id, name)
    root: Ref[Any] = call(membrane(found)).root()
    return root

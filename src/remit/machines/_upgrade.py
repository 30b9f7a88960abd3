"""Putting another version of the agent on one machine: done, seen to be well, or taken back.

    running ──put──► restarting ──hello, of that version, with all that it offered──► upgraded
                          └──────────────── too late, or refused ─────────────────────► back ──hello──► as before

Called in turns of the boss: `providers` is its `ProviderDesk`.
"""

from __future__ import annotations

from typing import Any, Final

from remit.errors import BadArgument, Broken
from remit.machines._hob_server import HobServer
from remit.machines._outcome import outcome_of
from remit.machines._records import Machine
from remit.machines._release import Release
from remit.vat import Ref, call

__all__ = ["PATIENCE", "Upgrade"]

LOOK: Final = 0.2  # seconds between two looks at a machine that is to come back
PATIENCE: Final = 120.0  # the most that may be asked for is ten times this


class Upgrade:
    """One attempt on one machine. Lives as long as the turn that asked for it, and what that awaits."""

    def __init__(self, providers: Any, network: Any, machine: Machine, hob: Ref[HobServer], patience: float) -> None:
        if type(patience) not in (int, float) or not 0 < patience <= 10 * PATIENCE:
            raise BadArgument(f"an upgrade waits for a machine up to {10 * PATIENCE:g} seconds")
        self._providers = providers
        self._network = network
        self._machine = machine
        self._hob = hob
        self._patience = patience

    async def run(self, digest: str) -> dict[str, Any]:
        """Do it; what came of it: {"machine", "state": "upgraded", "unchanged", "restored" or "lost", "version", "parcel", "before", "error"}."""
        machine = self._machine
        to = await self._providers.stage(digest)
        before = Release.parse(call(self._hob).agent_version())
        told = {"machine": machine.name, "before": before.text(), "version": to["version"], "parcel": to["parcel"]}
        if before.parcel == to["parcel"] and await outcome_of(self._hob.bindings()) is None:
            return {**told, "state": "unchanged", "error": ""}
        offered = {offer.name for offer in call(self._hob).offers() if offer.up}
        since = call(self._hob).last_seen() or 0.0
        error = await outcome_of(self._providers.upgrade(machine.provider, machine.id, to["digest"]))
        why = error.message if error else await self._well(since, to["parcel"], offered)
        if not why:
            return {**told, "state": "upgraded", "error": ""}
        return {**told, **await self._restored(offered, why)}

    async def _restored(self, offered: set[str], why: str) -> dict[str, Any]:
        machine = self._machine
        since = call(self._hob).last_seen() or 0.0
        error = await outcome_of(self._providers.downgrade(machine.provider, machine.id))
        trouble = error.message if error else await self._well(since, None, offered)
        if trouble:
            return {"state": "lost", "error": f"{why}; and what ran before did not come back: {trouble}"}
        return {"state": "restored", "error": why}

    async def _well(self, since: float, parcel: str | None, offered: set[str]) -> str:
        """Wait until the machine has said hello again, of this version (None: any), answers, and offers what it did; what is wrong when that takes too long."""
        end = await self._network.now() + self._patience
        while True:
            why = await self._trouble(since, parcel, offered)
            if not why:
                return ""
            if await self._network.now() >= end:
                return f"{why} within {self._patience:g} s"
            await self._providers.pause(LOOK)

    async def _trouble(self, since: float, parcel: str | None, offered: set[str]) -> str:
        hob = self._hob
        if (call(hob).last_seen() or 0.0) <= since:
            return "its agent has not come back"
        said = Release.parse(call(hob).agent_version())
        if parcel is not None and said.parcel not in ("", parcel):  # those that say nothing are of an earlier version
            return f"its agent is still that of {said.parcel}"
        try:
            await hob.bindings()
        except Broken as error:
            return f"its agent has come back and does not answer ({error.message})"
        missing = offered - {offer.name for offer in call(hob).offers() if offer.up}
        return f"it does not offer {', '.join(sorted(missing))} again" if missing else ""

"""What an operator asks of a boss about what there really is: at providers, inside of machines, at services; and having it put right, one by one."""

from __future__ import annotations

from typing import Any

from remit.errors import Conflict, Missing
from remit.machines._hob_server import HobServer
from remit.machines._records import Machine
from remit.vat import Ref, actor, call

__all__ = ["Inspector"]


@actor(kind="remit.machines.inspector", version=1)
class Inspector:
    """Owned by the boss; whoever holds it can look everywhere, start machines, restore edges, and remove orphans. Nothing is put right unless it is named."""

    fleet: Ref[Any]
    wiring: Ref[Any]
    providers: Ref[Any]

    def machines(self) -> list[dict[str, str]]:
        """All machines: [{"name", "id", "provider", "state"}, ...]."""
        found: list[Machine] = call(self.fleet).every()
        return [{"name": each.name, "id": each.id, "provider": each.provider, "state": each.state} for each in found]

    async def observed(self, name: str) -> dict[str, str]:
        """What a machine's provider sees of it: {"state", "detail"}; the state is "absent", "made" (not running) or "running"."""
        machine: Machine = call(self.fleet).machine(name)
        seen = await self.providers.observe(machine.provider, machine.id)
        return {"state": str(seen.state), "detail": str(seen.detail)}

    async def inspect(self, name: str) -> dict[str, Any]:
        """What a machine finds inside: see `_inspection.py`. It has to be there; whoever asks bounds the time."""
        found: dict[str, Any] = await self._hob(name).inspect()
        return found

    async def restore(self, edge: str) -> None:
        """Have an edge be as it was granted: its account made again if it has one, its binding and files laid out anew."""
        await self.wiring.restore(edge)

    async def start(self, name: str) -> None:
        """Start a machine that its provider has, and that does not run."""
        await self.fleet.start(name)

    # --- what nobody accounts for -----------------------------------------------------------------------

    def provider_names(self) -> Any:
        """The providers that there are."""
        return self.providers.names()

    async def strangers(self, provider: str) -> list[dict[str, str]]:
        """What carries this boss's label at a provider, and is none of its machines: [{"id", "name", "state", "detail"}, ...]."""
        seen = await self.providers.list(provider)
        known = {machine.id for machine in call(self.fleet).every()}
        return [
            {"id": str(each.id), "name": str(each.name), "state": str(each.state), "detail": str(each.detail)}
            for each in seen
            if each.id not in known
        ]

    async def remove_stranger(self, provider: str, id: str) -> None:
        """Destroy one of these. What does not carry this boss's label, or is a machine of its own, is refused."""
        if id not in {each["id"] for each in await self.strangers(provider)}:
            raise Missing(
                f"provider {provider} has nothing called {id!r} that is ours and that nothing accounts for; look again"
            )
        if id in {machine.id for machine in call(self.fleet).every()}:
            raise Conflict(f"{id} is a machine: remit machine destroy")
        await self.providers.destroy(provider, id)

    async def remove_stray(self, machine: str, offer: str, edge: str) -> None:
        """Have a machine remove an account at a service of its that no edge accounts for."""
        await self._hob(machine).remove_stray(offer, edge)

    def _hob(self, name: str) -> Ref[HobServer]:
        hob: Ref[HobServer] = call(self.fleet).machine(name).hob
        return hob

"""What a planner asks of a boss: all that there is, with whom it belongs to, and steps that may be asked again.

A *label* says of a machine, an offer or an edge which project has declared it. It is noted before the thing is asked for, so that nothing that
was made for a project is ever taken for somebody else's.
"""

from __future__ import annotations

from typing import Any, Final

from remit.errors import BadArgument, Broken, LinkLost, Missing
from remit.graph import Edge
from remit.lib import Attenuation, Metered
from remit.machines._laying import Laying
from remit.machines._names import check_name, split_name
from remit.machines._records import Machine, Offer
from remit.vat import Ref, actor, call, field, this

__all__ = ["Planned"]

PAGE: Final = 400  # things in one answer, which has to fit into a message
SPARE: Final = 200  # labels of what is gone, before they are looked for


@actor(kind="remit.machines.planned", version=1)
class Planned:
    """The boss's side of all planners. Owned by the boss; whoever holds it can do what they can do: all that the boss can do to machines,
    offers and edges. `labels`: the project of each thing, by "machine ID", "offer ID.NAME" and "edge ID".
    """

    boss: Ref[Any]
    fleet: Ref[Any]
    wiring: Ref[Any]
    network: Ref[Any]
    labels: dict[str, str] = field(factory=dict)

    # --- looking --------------------------------------------------------------------------------------

    async def inventory(self, start: int = 0) -> dict[str, Any]:
        """All machines, offers and edges, a page at a time: {"things": [...], "next": where the next page starts, or None, "providers": names}.

        Each has `kind` ("machine", "offer", "edge"), its names, `label` (the project, "" for none), `state` and `error`; an edge has its `attenuation` as
        a record. There are no secrets in it.
        """
        if type(start) is not int or start < 0:
            raise BadArgument("a page starts at 0 or above")
        providers: list[str] = await self.fleet.provider_names()
        things = self._things()
        if start == 0 and len(self.labels) > len(things) + SPARE:
            self._prune()
        end = start + PAGE
        return {"things": things[start:end], "next": end if end < len(things) else None, "providers": providers}

    def _things(self) -> list[dict[str, Any]]:
        going = call(self.wiring).leaving()
        things: list[dict[str, Any]] = []
        for machine in call(self.fleet).every():
            things.append(self._machine(machine))
            offers: list[Offer] = call(machine.hob).offers() if call(machine.hob).state() == "active" else []
            things += [self._offer(machine, offer, f"{machine.name}.{offer.name}" in going) for offer in offers]
        return [*things, *(self._edge(edge) for edge in call(self.wiring).every())]

    def _machine(self, machine: Machine) -> dict[str, Any]:
        return {
            "kind": "machine",
            "id": machine.id,
            "name": machine.name,
            "provider": machine.provider,
            "options": dict(machine.options),
            "asked": machine.asked,
            "label": self.labels.get(f"machine {machine.id}", ""),
            "state": machine.state,
            "error": machine.error,
        }

    def _offer(self, machine: Machine, offer: Offer, going: bool) -> dict[str, Any]:
        return {
            "kind": "offer",
            "machine": machine.name,
            "name": offer.name,
            "class": offer.kind,
            "interface": offer.interface,
            "description": offer.description,
            "supports": list(offer.supports),
            "methods": None if offer.methods is None else list(offer.methods),
            "label": self.labels.get(f"offer {machine.id}.{offer.name}", ""),
            "state": "going" if going else "up" if offer.up else "down",
            "error": "",
        }

    def _edge(self, edge: Edge) -> dict[str, Any]:
        laying, note = call(self.wiring).dressed(edge)
        return {
            "kind": "edge",
            "id": edge.id,
            "target": edge.target,
            "service": edge.service,
            "interface": edge.interface,
            "attenuation": edge.attenuation,
            "label": self.labels.get(f"edge {edge.id}", ""),
            "laying": {} if laying is None else laying.told(),
            "state": edge.state,
            "error": edge.error or note,
        }

    def _prune(self) -> None:
        """Forget the labels of what is gone."""
        machines = {machine.id for machine in call(self.fleet).every()}
        edges = {edge.id for edge in call(self.wiring).every()}
        for thing in list(self.labels):
            kind, _, id = thing.partition(" ")
            if id not in edges if kind == "edge" else id.partition(".")[0] not in machines:
                del self.labels[thing]

    def state_of(self, machine: str) -> dict[str, Any]:
        """How far a machine is: {"state", "error"}; "gone" if there is none."""
        found = self._found(machine)
        return {"state": "gone", "error": ""} if found is None else {"state": found.state, "error": found.error}

    def edge_state(self, id: str) -> str:
        """How far an edge is; "gone" if there is none."""
        return next((edge.state for edge in call(self.wiring).every() if edge.id == id), "gone")

    def held(self, target: str, project: str) -> str:
        """The edge that a project holds as `machine.name`; "" if there is none."""
        edge: Edge | None = call(self.wiring).held(target)
        return edge.id if edge is not None and self.labels.get(f"edge {edge.id}") == project else ""

    def unfinished(self, edges: list[str], offers: list[str]) -> dict[str, str]:
        """Which of these edges are on their way in or out, and which of these offers to be taken back still; with why, for people."""
        going = call(self.wiring).leaving()
        away = "one of its machines cannot be reached; it goes on when that is there again"
        found = {
            edge.id: f"waits for {', '.join(edge.awaiting)}" if edge.state == "revoking" else edge.error or away
            for edge in call(self.wiring).every()
            if edge.id in edges and edge.state != "active"
        }
        return {**found, **{service: away for service in offers if service in going}}

    # --- whose it is ------------------------------------------------------------------------------------

    def label(self, kind: str, name: str, project: str) -> str:
        """Have a machine, an offer or an edge ("edge", by its binding) belong to a project, or to nobody (""); its permanent name."""
        thing, id = self._named(kind, name)
        self._put(thing, project)
        return id

    def _named(self, kind: str, name: str) -> tuple[str, str]:
        if kind == "edge":
            edge: Edge = call(self.wiring).named(name)
            return f"edge {edge.id}", edge.id
        machine: Machine = call(self.fleet).machine(name.partition(".")[0])
        if kind == "machine":
            return f"machine {machine.id}", machine.id
        id = f"{machine.id}.{split_name('service', name)[1]}"
        return f"offer {id}", id

    def _put(self, thing: str, project: str) -> None:
        if project:
            self.labels[thing] = project
        else:
            self.labels.pop(thing, None)

    def withdrawn(self, service: str) -> None:
        """An offer has been taken back: another one under its name is not the same."""
        machine = self._found(service.partition(".")[0])
        if machine is not None:
            self.labels.pop(f"offer {machine.id}.{service.partition('.')[2]}", None)

    def _found(self, name: str) -> Machine | None:
        return call(self.fleet).machine(name) if name in call(self.fleet).names() else None

    # --- steps --------------------------------------------------------------------------------------------

    async def create(self, name: str, provider: str, options: dict[str, Any], project: str) -> str:
        """Have a machine made for a project; its id. One that the project has under this name is asked for again, if it is half made."""
        check_name("machine", name)
        there = self._found(name)
        if (
            there is not None
            and self.labels.get(f"machine {there.id}") == project
            and there.state not in ("destroying", "leaving")
        ):
            if there.state == "pending" and not there.asked:
                await self.fleet.ask(name)
            return there.id
        id = f"{name}-{(await self.network.token())[:10]}"
        self.labels[f"machine {id}"] = project
        try:
            await self.fleet.create(name, provider, options, id)
        except Broken:
            if (there := self._found(name)) is None or there.id != id:
                self.labels.pop(f"machine {id}", None)
                await this()  # what is raised undoes the turn that it is raised in
            raise
        return id

    async def offer(
        self, service: str, kind: str, interface: str, description: str, arguments: list[Any], project: str
    ) -> str:
        """Have an object made and offered for a project; its permanent name. The same again changes its description at most."""
        thing, id = self._named("offer", service)
        had = self.labels.get(thing)
        self.labels[thing] = project
        try:
            await self.boss.offer(service, kind, interface, description, arguments)
        except LinkLost:
            raise  # it may have been made
        except Broken:
            self._put(thing, had or "")
            await this()
            raise
        return id

    async def bind(
        self,
        target: str,
        service: str,
        attenuation: Attenuation | Metered,
        interface: str,
        project: str,
        laying: Laying | None = None,
    ) -> str:
        """Bind for a project; the edge's id. What it holds there under other terms is taken back first; the same
        again changes nothing. What belongs to others is a `Conflict`.
        """
        split_name("binding", target)
        now: float = await self.network.now()
        there: Edge | None = call(self.wiring).held(target)
        if there is not None and self.labels.get(f"edge {there.id}") == project:
            if self._same(there, service, attenuation, interface, laying):
                if there.state != "active":
                    await self.wiring.advance(there.id)
                return there.id
            call(self.wiring).let_go(there.id, now)
        id: str = (await self.network.token())[:16]
        self.labels[f"edge {id}"] = project
        try:
            await self.boss.bind(target, service, attenuation, interface, id, laying)
        except Broken:
            self.labels.pop(f"edge {id}", None)
            await this()
            raise
        return id

    def _same(self, edge: Edge, service: str, attenuation: Attenuation, interface: str, laying: Laying | None) -> bool:
        laid, _ = call(self.wiring).dressed(edge)
        return (
            edge.service == service
            and edge.attenuation == attenuation.checked()
            and interface in ("", edge.interface)
            and (laid or Laying()) == (laying or Laying())
        )

    async def revoke(self, id: str) -> None:
        """Take an edge back; `unfinished` says who has not confirmed it yet. Nothing happens to one that is gone."""
        await self.wiring.retract([id])
        self.labels.pop(f"edge {id}", None)

    async def withdraw(self, service: str) -> None:
        """Take an offer back; `unfinished` says whether its machine has not done so yet. Nothing happens to one that is gone."""
        try:
            await self.boss.withdraw(service)
        except Missing:
            return

    async def destroy(self, name: str, id: str) -> str:
        """Destroy the machine with this name, if it has this id; why its provider has not done so yet, "" if it is gone."""
        there = self._found(name)
        if there is None or there.id != id:
            return ""
        try:
            await self.fleet.destroy(name)
        except Broken as error:
            return error.message
        for thing in list(self.labels):
            if thing == f"machine {id}" or thing.startswith(f"offer {id}."):
                del self.labels[thing]
        return ""

    async def rename(self, kind: str, old: str, new: str) -> str:
        """Give a machine, an offer or a binding ("edge") another name, and leave everything else as it is; its permanent name."""
        if kind == "machine":
            call(self.fleet).rename(old, new)
        elif kind == "edge":
            await self.wiring.rename_binding(old, new)
        else:
            before = self._named("offer", old)[0]
            await self.wiring.rename_offer(old, new)
            self._put(self._named("offer", new)[0], self.labels.pop(before, ""))
        return self._named(kind, new)[1]

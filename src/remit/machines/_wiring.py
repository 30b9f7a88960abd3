"""The boss's edges: which machine holds what of which, and the work that makes it so.

    wanted ──grant at the provider──► granted ──bind at the grantee──► active
       └───────────────── revoke ────────┴────────────────┴──► revoking ──both have confirmed──► gone

The wish is kept before anybody is asked, and every question carries the edge's id, so that each may be asked again: a step that could
not be done, or whose answer was lost, is done when the machine says hello.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.errors import BadArgument, Broken, Conflict, LinkLost, Missing, Refused, Revoked, Unreachable
from remit.graph import Edge, select
from remit.lib import FREE, membrane
from remit.machines._devices import device_now
from remit.machines._grant import Grant
from remit.machines._hob_server import HobServer
from remit.machines._laying import PLAIN, Laying
from remit.machines._names import missing
from remit.machines._outcome import outcome_of
from remit.machines._tunnel_relay import TunnelRelay
from remit.vat import Ref, actor, call, field, spawn, tell, this

__all__ = ["Wiring", "no_new_grants"]


@actor(kind="remit.machines.wiring", version=1)
class Wiring:
    """The edges by id, and the server presences of enrolled machines by name. Owned by the boss, which alone holds it."""

    network: Ref[Any]
    alarms: Ref[Any]
    edges: dict[str, Edge] = field(factory=dict)
    hobs: dict[str, Ref[HobServer]] = field(factory=dict)
    relays: dict[str, Ref[Grant]] = field(factory=dict)
    withdrawals: dict[str, bool] = field(factory=dict)
    layings: Any = None
    fleet: Any = None
    """How edges are laid out where they are held, by id, where somebody has chosen; None before the first."""
    notes: Any = None
    """What machines have to say of edges that they hold, by id: a reload that failed. None before the first."""

    # --- machines that come and go ------------------------------------------------------------------

    def join(self, name: str, hob: Ref[HobServer]) -> None:
        """The machine has enrolled."""
        self.hobs[name] = hob

    def leave(self, name: str) -> None:
        """The machine is being destroyed: its edges, both ways, are taken back at the machines that remain."""
        self.hobs.pop(name, None)
        for service in [each for each in self.withdrawals if each.startswith(f"{name}.")]:
            del self.withdrawals[service]
        for edge in list(self.edges.values()):
            if name in (edge.grantee, edge.provider):
                self._withdraw(edge)
                tell(this()).pull(edge.id)

    def under(self, fleet: Ref[Any]) -> None:
        """Who lets machines go."""
        self.fleet = fleet

    def stirred(self, name: str) -> None:
        """What a status shows of a machine has changed: see `Fleet.stirred`."""
        if self.fleet is not None:
            call(self.fleet).stirred(name)

    def departing(self, name: str, keep: bool) -> None:
        """An operator of the machine wants it to leave: begin with it. What comes of it is kept with the machine."""
        if self.fleet is None:
            raise Unreachable("this boss is only just starting: try again")
        tell(self.fleet).leave(name, keep)

    async def release(self, name: str) -> None:
        """A machine leaves, and what was made for its edges stays as it is: the other machines forget them. Raises where one of these cannot be reached."""
        edges = self._where(lambda edge: name in (edge.grantee, edge.provider))
        for edge in edges:
            for other in {edge.grantee, edge.provider} - {name}:
                if other in self.hobs:
                    await self.hobs[other].release(edge.name, edge.id)
        self.hobs.pop(name, None)
        for edge in edges:
            relay = self.relays.pop(edge.id, None)
            if relay is not None:
                call(relay).revoke()
            self.edges.pop(edge.id, None)

    def address_of(self, key: bytes) -> Any:
        """The last address that the enrolled machine with this key has signed."""
        for hob in self.hobs.values():
            address = call(hob).signed_address()
            if address.key == key:
                return address
        raise Refused("no machine of this boss has that key")

    # --- making edges -------------------------------------------------------------------------------

    async def connect(self, edge: Edge, laying: Laying | None = None) -> Edge:
        """Keep the wish for this edge and do what can be done of it now; gives it as it then is.

        Raises what a machine refuses; the edge is then taken back. A machine that cannot be reached leaves it as it is, with the
        error in it, to be finished when the machine says hello.
        """
        taken = self._held(edge.target)
        if taken is not None:
            raise Conflict(
                f"{edge.target} is bound already, to {taken.service}: unbind it first, or choose another name"
            )
        self.edges[edge.id] = edge
        if laying is not None and laying != PLAIN:
            if self.layings is None:
                self.layings = {}
            self.layings[edge.id] = laying
        error = await this().advance(edge.id)
        if error is not None and not isinstance(error, LinkLost):
            await this().retract([edge.id])
            raise error
        return self.edges.get(edge.id, edge.but(state="revoking"))

    async def advance(self, id: str) -> Broken | None:
        """Do what is left to do of an open edge, and note why it is not further on. Every step may be done again."""
        error: Broken | None = None
        try:
            await self._grant_and_bind(id)
        except Broken as broken:
            error = broken
        edge = self.edges.get(id)
        if edge is not None and edge.open:
            self.edges[id] = edge.but(error="" if error is None else error.message)
        return error

    async def _grant_and_bind(self, id: str) -> None:
        edge, provider, grantee = self._ends(id)
        if edge.state == "wanted" and call(self.alarms).of(edge.grantee):
            raise LinkLost(no_new_grants(edge.grantee))
        own = call(grantee).signed_address().key
        sturdy, ref, interface, *account = await provider.grant(edge, own)
        if account and (laying := (self.layings or {}).get(id)) is not None:
            account = [True, laying]
        elif id in (self.layings or {}):
            raise BadArgument(f"{edge.service} speaks CapTP: there is nothing to lay out, and no program to tell of it")
        if not self._reached(id, "granted", interface, edge.since):
            return
        via = ""
        if not await grantee.bind(edge.but(interface=interface), sturdy, ref, *account):
            sturdy, ref = await self._relayed(edge, provider, own, bool(account))
            via = "boss"
            if not await grantee.bind(edge.but(interface=interface), sturdy, ref, *account):
                raise Unreachable(f"{edge.grantee} reaches neither {edge.provider} nor the boss, which is to relay")
        if self._reached(id, "active", interface, await self.network.now()):
            self.edges[id] = self.edges[id].but(via=via)
        else:  # taken back while the machine was busy: it may have heard of that too early
            tell(grantee).unbind(edge.name, id)

    async def _relayed(self, edge: Edge, provider: Ref[HobServer], own: bytes, account: bool) -> list[Any]:
        """A way in through the boss, for two machines that cannot reach each other.

        A membrane around the boss's own way in, so that what comes out of it is relayed as well. It lasts as long as the edge.
        """
        here = await self.network.address()
        sturdy, _, interface, *_ = await provider.grant(edge, here.key)
        relay = self.relays.get(edge.id)
        if relay is None:
            way = await self.network.enliven(sturdy)
            border = membrane(spawn(TunnelRelay, way, edge.id) if account else way)
            self._ends(edge.id)  # raises if it was taken back meanwhile
            parts = (edge.id, edge.service, edge.grantee, interface, FREE, edge.created, border, self.network)
            relay = self.relays[edge.id] = spawn(Grant, *parts)
        found: list[Any] = await relay.way_in(own)
        return found[:2]

    async def rotate(self, id: str, overlap: float) -> bool:
        """Renew the credential of an edge, then lay it out anew where it is held; whether the latter is done. What is not, the machine does itself
        when it looks the next time.
        """
        edge, provider, grantee = self._ends(id)
        await provider.rotate(edge.id, overlap)
        return await outcome_of(grantee.renew(id)) is None

    async def restore(self, id: str) -> None:
        """Have both ends of an edge be as they were granted and bound. Raises what stands in the way."""
        _, provider, _ = self._ends(id)
        await provider.restore(id)
        error = await this().advance(id)
        if error is not None:
            raise error

    def _ends(self, id: str) -> tuple[Edge, Ref[HobServer], Ref[HobServer]]:
        edge = self.edges.get(id)
        if edge is None or not edge.open:
            raise Revoked(f"edge {id} has been taken back")
        for name in (edge.provider, edge.grantee):
            if name not in self.hobs:
                raise LinkLost(f"machine {name} has not enrolled yet")
        return edge, self.hobs[edge.provider], self.hobs[edge.grantee]

    def _reached(self, id: str, state: str, interface: str, at: float) -> bool:
        """Note how far an edge has come; whether it is open still. One that is active already stays so."""
        edge = self.edges.get(id)
        if edge is None or not edge.open:
            return False
        if edge.state != "active":
            self.edges[id] = edge.but(state=state, interface=interface, since=at)
        return True

    # --- taking back --------------------------------------------------------------------------------

    async def retract(self, ids: list[str]) -> list[Edge]:
        """Take edges back; gives those that are not wholly gone yet, since a machine could not be reached.

        The provider's side ends the authority; where only the grantee has not confirmed, nothing gets through any more.
        """
        at = await self.network.now()
        for id in ids:
            edge = self.edges.get(id)
            if edge is not None and edge.open:
                self._withdraw(edge.but(since=at))
        await this()
        works = [this().pull(id) for id in ids]
        for work in works:
            await work
        return [self.edges[id] for id in ids if id in self.edges]

    def let_go(self, id: str, at: float) -> None:
        """Take an edge back, and wait for nobody: what comes after this is asked of its machines after it."""
        edge = self.edges.get(id)
        if edge is not None and edge.open:
            self._withdraw(edge.but(since=at))
            tell(this()).pull(id)

    def _withdraw(self, edge: Edge) -> None:
        """Note who has to confirm that this edge is gone; an end that is no machine of ours (any more) need not."""
        relay = self.relays.pop(edge.id, None)
        if relay is not None:
            call(relay).revoke()
            tell(device_now("relays")).close(edge.id)
        asked = dict.fromkeys((edge.provider, edge.grantee)) if edge.open else edge.awaiting
        self.edges[edge.id] = edge.but(
            state="revoking", awaiting=[name for name in asked if name in self.hobs], error=""
        )

    async def pull(self, id: str) -> None:
        """Ask for the confirmations of a revoked edge that are still missing; without any left, it is gone."""
        edge = self.edges.get(id)
        if edge is None or edge.open:
            return
        works = [(name, self._removal(edge, name)) for name in edge.awaiting if name in self.hobs]
        for name, work in works:
            error = await outcome_of(work)
            now = self.edges.get(id)
            if now is not None and error is None:
                self.edges[id] = now.but(awaiting=[each for each in now.awaiting if each != name])
            elif now is not None:
                self.edges[id] = now.but(error=f"{name} has not confirmed: {error.message if error else ''}")
        now = self.edges.get(id)
        if now is not None and not now.awaiting:
            del self.edges[id]
            for each in (self.layings, self.notes):
                if each is not None:
                    each.pop(id, None)

    def _removal(self, edge: Edge, name: str) -> Any:
        hob = self.hobs[name]
        if name != edge.provider:
            return hob.unbind(edge.name, edge.id)
        if name == edge.grantee:
            tell(hob).unbind(edge.name, edge.id)
        return hob.revoke(edge.id)

    async def withdraw(self, service: str) -> dict[str, Any]:
        """Take an offer back, and every edge to it: {"ended": edges, "unfinished": whether its machine could not be reached, and does it when it says
        hello}. `Missing` where there is no such offer.
        """
        machine, _, name = service.partition(".")
        if machine not in self.hobs:
            raise LinkLost(f"machine {machine} has not enrolled yet")
        known = {offer.name for offer in call(self.hobs[machine]).offers()}
        if name not in known:
            known = {offer.name for offer in await self.hobs[machine].fresh_offers()}
        if name not in known:
            raise missing(f"offer on {machine}:", name, known)
        self.withdrawals[service] = True
        ended = [edge.id for edge in self.edges.values() if edge.open and edge.service == service]
        await this().retract(ended)
        return {"ended": ended, "unfinished": not await this().pull_offer(service)}

    async def pull_offer(self, service: str) -> bool:
        """Ask the machine to take back an offer that is to go; whether that is done."""
        machine, _, name = service.partition(".")
        if service not in self.withdrawals or machine not in self.hobs:
            return True
        error = await outcome_of(self.hobs[machine].withdraw(name))
        if isinstance(error, LinkLost):
            return False
        self.withdrawals.pop(service, None)
        if error is not None and not isinstance(error, Missing):
            await this()
            raise error
        return True

    def leaving(self) -> list[str]:
        """The offers that are to go, and whose machines have not confirmed it."""
        return sorted(self.withdrawals)

    # --- other names ----------------------------------------------------------------------------------

    def rename(self, old: str, new: str) -> None:
        """A machine has another name now. Its edges stay; both their ends are told."""
        self.hobs[new] = self.hobs.pop(old)
        for edge in list(self.edges.values()):
            if old in (edge.grantee, edge.provider, *edge.awaiting):
                ends = {end: new for end in ("grantee", "provider") if getattr(edge, end) == old}
                awaiting = [new if name == old else name for name in edge.awaiting]
                self.edges[edge.id] = edge.but(**ends, awaiting=awaiting)
                tell(this()).refresh(edge.id)
        for service in [each for each in self.withdrawals if each.startswith(f"{old}.")]:
            del self.withdrawals[service]
            self.withdrawals[f"{new}.{service.partition('.')[2]}"] = True

    async def rename_offer(self, old: str, new: str) -> None:
        """Give an offer another name (`machine.name` both): its machine is asked first, and has to be there. Done once, however often it is asked."""
        machine, name = old.partition(".")[0], new.partition(".")[2]
        if machine not in self.hobs:
            raise LinkLost(f"machine {machine} has not enrolled yet")
        await self.hobs[machine].rename_offer(old.partition(".")[2], name)
        for edge in list(self.edges.values()):
            if edge.service == old:
                self.edges[edge.id] = edge.but(offer=name)
                tell(this()).refresh(edge.id)

    async def rename_binding(self, old: str, new: str) -> None:
        """Hold an edge under another name (`machine.name` both) of the same machine. Done once, however often it is asked."""
        edge, taken = self._held(old), self._held(new)
        if edge is None and taken is not None:
            return
        if edge is None or taken is not None:
            raise missing("binding", old, []) if edge is None else Conflict(f"{new} is bound already")
        self.edges[edge.id] = edge.but(name=new.partition(".")[2])
        await this()
        if await outcome_of(this().refresh(edge.id)) is None and edge.grantee in self.hobs:
            await outcome_of(self.hobs[edge.grantee].unbind(edge.name, edge.id))

    async def refresh(self, id: str) -> None:
        """Names have changed: tell both ends of an open edge. What they do not hear now they hear with the next hello, as far as it matters."""
        if id in self.edges and self.edges[id].open:
            await outcome_of(this().advance(id))

    # --- reconciliation -------------------------------------------------------------------------------

    def reconcile(self, name: str, grants: list[str], bindings: dict[str, str]) -> None:
        """A machine has said what it holds: take back there what no edge accounts for, finish what was begun here."""
        hob = self.hobs.get(name)
        if hob is None:
            return
        for id in grants:
            if id not in self.edges:
                tell(hob).revoke(id)
        for binding, id in bindings.items():
            edge = self.edges.get(id)
            if edge is None or (edge.open and edge.name != binding):
                tell(hob).unbind(binding, id)
        for service in [each for each in self.withdrawals if each.startswith(f"{name}.")]:
            tell(this()).pull_offer(service)
        for edge in self._where(lambda edge: name in (edge.grantee, edge.provider)):
            if not edge.open:
                tell(this()).pull(edge.id)
            elif edge.state != "active" or edge.via or edge.error or self._lacks(edge, name, grants, bindings):
                tell(this()).advance(edge.id)

    def resume(self) -> None:
        """After a restart: go on with every edge that is on its way in or out."""
        for edge in self._where(lambda edge: edge.state != "active"):
            if edge.open:
                tell(this()).advance(edge.id)
            else:
                tell(this()).pull(edge.id)

    def _lacks(self, edge: Edge, name: str, grants: list[str], bindings: dict[str, str]) -> bool:
        """Whether the machine has lost its side of an active edge, as when its store was restored from a copy."""
        granted = edge.provider != name or edge.id in grants
        return not (granted and (edge.grantee != name or bindings.get(edge.name) == edge.id))

    def rekeyed(self) -> None:
        """The boss has another key: ways in to be relayed were for the former one, and are made anew when their machines say hello."""
        for id, relay in self.relays.items():
            call(relay).revoke()
            tell(device_now("relays")).close(id)
        self.relays.clear()

    def note(self, machine: str, id: str, text: str) -> None:
        """A machine has something to say of an edge that it holds, or ("") no longer has."""
        edge = self.edges.get(id)
        if edge is None or edge.grantee != machine:
            return
        if self.notes is None:
            self.notes = {}
        self.notes.pop(id, None)
        if text:
            self.notes[id] = text

    def dressed(self, edge: Edge) -> list[Any]:
        """How an edge is laid out, and what its machine has to say of it, for `edge_view`."""
        return [(self.layings or {}).get(edge.id), (self.notes or {}).get(edge.id, "")]

    def noted(self) -> list[str]:
        """The ids of the edges of which their machine has something to say."""
        return [id for id, note in (self.notes or {}).items() if note]

    # --- looking --------------------------------------------------------------------------------------

    def joined(self) -> list[Ref[HobServer]]:
        """The server presences of all enrolled machines."""
        return list(self.hobs.values())

    def every(self) -> list[Edge]:
        """All edges, oldest first, those that are being revoked included."""
        return self._where(lambda _: True)

    def held(self, target: str) -> Edge | None:
        """The open edge behind a binding `machine.name`, if there is one."""
        return self._held(target)

    def named(self, target: str) -> Edge:
        """The open edge behind a binding `machine.name`. `Missing` names the nearest ones."""
        edge = self._held(target)
        if edge is None:
            raise missing("binding", target, [edge.target for edge in self.edges.values() if edge.open])
        return edge

    def _held(self, target: str) -> Edge | None:
        return next((edge for edge in self.edges.values() if edge.open and edge.target == target), None)

    def _where(self, test: Callable[[Edge], bool]) -> list[Edge]:
        return select(self.edges.values(), test)


def no_new_grants(machine: str) -> str:
    """Why a machine with an open alarm gets nothing new, and the remedy."""
    return f"machine {machine} gets no new grants while it has an open alarm: see remit status, then settle it there"

"""The client presence of a hob: what a machine offers, what it has granted, what it was given."""

from __future__ import annotations

from typing import Any

from remit.credentials import TUNNEL
from remit.errors import BadArgument, Broken, Conflict, Missing, NoSuchMethod, Unreachable
from remit.graph import Edge
from remit.lib import Attenuation, membrane
from remit.machines._accounts import LedAccount, is_accounts
from remit.machines._desk import Desk, UserDesk
from remit.machines._devices import device, device_now
from remit.machines._grant import Binding, Grant, GrantView
from remit.machines._heir import followed
from remit.machines._inspection import inspected
from remit.machines._laying import PLAIN, Laying
from remit.machines._names import check_name, missing
from remit.machines._outlet import Outlet
from remit.machines._records import Offer, Report
from remit.machines._supports import check_offer, check_within, described
from remit.values import SturdyRef
from remit.vat import Promise, Ref, actor, call, field, on, spawn, tell, this

__all__ = ["HobClient"]


@actor(kind="remit.machines.hob_client", version=1)
class HobClient:
    """The root of a machine's durable vat. Held by the agent and, through its server presence, by the boss; by nobody else.

    Devices: `network`, `workshop` (makes objects of the classes that this agent knows), `programs` (what programs offer
    now), `summons` (rings for the agent).
    `server` is the server presence, None before the machine has enrolled.
    """

    network: Ref[Any] = device("network")
    workshop: Ref[Any] = device("workshop")
    programs: Ref[Any] = device("programs")
    summons: Ref[Any] = device("summons")
    version: str = ""
    name: str = ""
    server: Ref[Any] | None = None
    own: SturdyRef | None = None
    boss: Any = None
    counter: Ref[Any] | None = None
    offered: dict[str, Offer] = field(factory=dict)
    services: dict[str, Ref[Any]] = field(factory=dict)
    granted: dict[str, Ref[Grant]] = field(factory=dict)
    bound: dict[str, Binding] = field(factory=dict)
    layings: Any = None
    """How bindings are laid out, by name, where somebody has chosen; None before the first."""
    troubles: Any = None
    """What the boss was told went wrong with that, by edge; None before the first."""
    led: Any = None
    """The edges of bindings that are reached by tunnels, by name; None before the first."""
    doors: Any = None
    """For each user of whom programs are let in: a desk for them, and its sturdyref. None before the first."""

    # --- its own agent ------------------------------------------------------------------------------

    async def presence(self, boss: bytes) -> SturdyRef:
        """The sturdyref of this object for the boss with this key; the same each time."""
        if self.own is None:
            made = await self.network.sturdy(this(), holder="boss", only=boss)
            if self.own is None:
                self.own = made
        return self.own

    def desk(self) -> Ref[Any]:
        """The desk for programs of this machine; the same each time."""
        if self.counter is None:
            self.counter = spawn(Desk, this())
        return self.counter

    def enrolled(self, name: str, server: Ref[Any]) -> None:
        """The introduction is redeemed: this is our name, and our server presence."""
        self.name = name
        self.server = server

    async def hello(self) -> Any:
        """Tell the boss where we are and what we hold; the boss's signed address, learned and returned."""
        if self.server is None:
            raise Conflict("this machine has not enrolled yet")
        address = await self.network.address()
        answer = await self.server.hello(address, self.report())
        await self.network.learn(answer)
        self.boss = answer
        return answer

    def rename(self, name: str) -> str:
        """The boss calls this machine so from now on; the name."""
        self.name = check_name("machine", name)
        return name

    def known_as(self) -> str:
        """The machine's name, "" before it has enrolled."""
        return self.name

    def server_presence(self) -> Ref[Any] | None:
        """The server presence, None before the machine has enrolled."""
        return self.server

    def last_boss(self) -> Any:
        """The address at which the boss was last met, signed by it; None before that."""
        return self.boss

    def whereabouts(self, key: bytes) -> Any:
        """The signed address of another node, as the boss knows it."""
        if self.server is None:
            raise Unreachable("this machine has not enrolled yet, and knows nobody to ask")
        return self.server.whereabouts(key)

    def report(self) -> Report:
        """What the boss compares with what it knows."""
        bindings = {name: binding.id for name, binding in self.bound.items()}
        accounts = [call(each).edges() for each in self.services.values() if is_accounts(each)]
        return Report(sorted({*self.granted}.union(*accounts)), bindings, self.offers(), self.version)

    async def summon(self, address: Any) -> None:
        """The boss is back, at this address: say hello soon."""
        await self.network.learn(address)
        tell(self.summons).ring()

    async def follow(self, chain: list[Any]) -> bool:
        """The boss has another key, by these successions: see `followed`. For whoever shows them."""
        return await followed(self, chain)

    def wake(self, version: str) -> None:
        """After a start of the agent, which is of this version: no program offers anything yet."""
        self.version = version
        for name, offer in list(self.offered.items()):
            if not offer.kind and offer.up:
                self.offered[name] = offer.but(up=False)

    def watch(self, trace: str | None, seconds: float) -> Promise[Any]:
        """Follow a trace, or all calls that come in, on this machine: see `remit.net.Recall`. For the boss."""
        return self.network.watch(trace, seconds)

    def recall(self, what: str) -> Promise[Any]:
        """What this machine has recorded under an id: see `remit.net.Recall`. For the boss."""
        return self.network.recall(what)

    def burden(self) -> Promise[Any]:
        """What peers owe this machine's node, and what waits here for others: see `remit.net.Network.burden`. For the boss."""
        return self.network.burden()

    def leave(self, keep: bool) -> Promise[Any]:
        """Have the boss let this machine go: see `Fleet.leave`. For the machine's own operator."""
        if self.server is None:
            raise Unreachable("this machine has not enrolled yet: its provider takes it away")
        return self.server.leave(keep)

    def service(self, verb: str, arguments: list[Any]) -> Promise[Any]:
        """An operator's question or order about this machine's services: see `ServiceRoom.ask`. For the boss."""
        return device_now("services").ask(verb, arguments)

    def ensembled(self) -> Promise[Any]:
        """What leads to this machine as a server, and to those that run on it: see `Ensembled`. For the boss."""
        return device_now("ensemble").desk()

    # --- offers -------------------------------------------------------------------------------------

    def offers(self) -> list[Offer]:
        """What this machine offers, by name."""
        return [self.offered[name] for name in sorted(self.offered)]

    async def keep(self, offer: Offer, arguments: list[Any]) -> Offer:
        """Make an object of the class `offer.kind`, keep it with this machine's state, and offer it.

        Offering the same again changes its description at most; another kind under the same name is a `Conflict`.
        """
        check_offer(offer)
        if not self._kept_already(offer):
            kind = await self.workshop.describe(offer.kind)
            made = await self.workshop.make(offer.kind, arguments)
            if not self._kept_already(offer):
                self.services[offer.name] = made
                self._announce(described(offer, kind))
        there = self.offered[offer.name]
        if offer.description and offer.description != there.description:
            self._announce(there.but(description=offer.description))
        return self.offered[offer.name]

    def _kept_already(self, offer: Offer) -> bool:
        there = self.offered.get(offer.name)
        if there is None:
            return False
        if there.kind != offer.kind or there.interface != (offer.interface or there.interface):
            what = f"of kind {there.kind}" if there.kind else "by a program"
            raise Conflict(
                f"{offer.name!r} is offered already, {what}, as {there.interface or 'no interface'}: withdraw that first"
            )
        return True

    async def expose(self, offer: Offer, ref: Ref[Any]) -> Offer:
        """Offer the object of a running program, for as long as that runs; grants of it outlast the program."""
        check_offer(offer)
        if not isinstance(ref, Ref):
            raise BadArgument(f"what is offered as {offer.name!r} must be an object, not {type(ref).__name__} data")
        there = self.offered.get(offer.name)
        if there is not None and (there.kind or there.interface != offer.interface):
            raise Conflict(
                f"{offer.name!r} is offered already, as {there.interface or 'no interface'}: withdraw that first"
            )
        await self.programs.put(offer.name, ref)
        if offer.name not in self.services:
            self.services[offer.name] = spawn(Outlet, offer.name, self.programs)
        self._announce(offer.but(kind="", up=True))
        return offer

    async def fell_silent(self, name: str, ref: Ref[Any]) -> None:
        """The program that offered this object is gone."""
        if await self.programs.drop(name, ref) and name in self.offered:
            self._announce(self.offered[name].but(up=False))

    async def withdraw(self, name: str) -> list[str]:
        """Take an offer back, and end every grant of it; gives the ids of the ended edges. A kept object is forgotten."""
        if name not in self.offered:
            raise missing("offer", name, self.offered)
        ended = [id for id, grant in self.granted.items() if call(grant).view().offer == name]
        for id in ended:
            self._end(id)
        if is_accounts(self.services[name]):
            await self.services[name].end_all()
        self.offered.pop(name, None)
        self.services.pop(name, None)
        if self.server is not None:
            on(self.server.withdrawn(name), broken=self._unheard)
        await self.programs.drop(name)
        return ended

    def rename_offer(self, old: str, new: str) -> Offer:
        """Give an offer that this machine keeps another name; its object and its grants stay, and learn of it with `grant`. For the boss. Done once, however often it is asked."""
        check_name("offer", new)
        if old not in self.offered and new in self.offered:
            return self.offered[new]
        if old not in self.offered:
            raise missing("offer", old, self.offered)
        offer = self.offered[old]
        if new in self.offered or not offer.kind:
            why = f"{new!r} is offered as well" if offer.kind else "it is a program's, which gives it its name"
            raise Conflict(f"{old!r} cannot be renamed: {why}")
        del self.offered[old]
        self.offered[new] = offer.but(name=new)
        self.services[new] = self.services.pop(old)
        return self.offered[new]

    def _announce(self, offer: Offer) -> None:
        self.offered[offer.name] = offer
        if self.server is not None:
            on(self.server.offering(offer), broken=self._unheard)

    def _unheard(self, error: Broken) -> None:  # whatever the cause
        """The boss may not have heard of a change: the next hello, which tells everything, must not wait for its time."""
        tell(self.summons).ring()

    # --- grants -------------------------------------------------------------------------------------

    async def grant(self, edge: Edge, key: bytes) -> list[Any]:
        """Make the grant of one edge, for the node with this key; for the boss. Idempotent by the edge's id.

        Answers the sturdyref (which no other key can fetch), a live reference, and the interface; and True where what is granted is
        an account, whose credential the grantee lays out.
        """
        there = self.granted.get(edge.id)
        offer = self.offered.get(edge.offer)
        if there is not None:
            call(there).rename(edge.offer, edge.grantee)
        else:
            if offer is None:
                raise missing(f"offer on {self.name or 'this machine'}:", edge.offer, self.offered)
            checked = check_within(offer, edge.interface, edge.attenuation)
            target, border_for = self.services[offer.name], checked
            if is_accounts(target):  # it is the service that enforces what is left of the authority
                target, border_for = await target.lease(edge.id, checked), Attenuation(until=checked.until)
            there = self.granted.get(edge.id)
            if there is None:
                border = membrane(target, border_for, self.network, offer.rules)
                parts = (edge.id, offer.name, edge.grantee, offer.interface, checked, edge.created, border)
                there = self.granted[edge.id] = spawn(Grant, *parts, self.network)
        way: list[Any] = await there.way_in(key)
        return [*way, True] if is_accounts(self.services.get(edge.offer)) else way

    async def revoke(self, id: str) -> bool:
        """End the grant of an edge at once; whether there was one. An account is gone when this returns, or it breaks and is tried again."""
        found = self._end(id)
        for service in list(self.services.values()):
            if is_accounts(service) and call(service).has(id):
                found = await service.end(id) or found
        return found

    def _end(self, id: str) -> bool:
        grant = self.granted.pop(id, None)
        if grant is not None:
            call(grant).revoke()
        return grant is not None

    def rotate(self, id: str, overlap: float) -> Promise[Any]:
        """Renew the credential of an edge; the old one goes on for so many seconds. For the boss."""
        for service in self.services.values():
            if is_accounts(service) and call(service).has(id):
                return service.rotate(id, overlap)
        raise Missing(
            f"edge {id} has no credential here that could be renewed: its service speaks CapTP, or it was taken back"
        )

    def last_used(self) -> dict[str, float]:
        """When the account of each edge was last seen in use (seconds since the epoch), for those that ever were. For the boss."""
        services = [each for each in self.services.values() if is_accounts(each)]
        seen = {edge: call(each).used(edge) for each in services for edge in call(each).edges()}
        return {edge: at for edge, at in seen.items() if at is not None}

    async def inspect(self) -> dict[str, Any]:
        """What differs inside from what is granted and bound here: see `_inspection.py`. For the boss."""
        return await inspected(self.services, self.bound)

    async def restore(self, id: str) -> bool:
        """Make the account of an edge anew, as it was granted; whether it has one here. For the boss."""
        for service in self.services.values():
            if is_accounts(service) and call(service).has(id):
                await service.restore(id)
                return True
        return False

    def remove_stray(self, offer: str, edge: str) -> Promise[Any]:
        """Remove an account at an offered service that no edge accounts for. For the boss."""
        if not is_accounts(self.services.get(offer)):
            raise missing("service with accounts", offer, self.offered)
        return self.services[offer].remove_stray(edge)

    async def tend(self) -> float:
        """What is due at services with accounts, and in the credentials laid out here; seconds until something is due again. For the agent."""
        due = 60.0
        for service in list(self.services.values()):
            if is_accounts(service):
                due = min(due, await service.tend())
        await self._tidy()
        return due

    def grants(self) -> list[GrantView]:
        """The grants that are in force, oldest first."""
        return sorted((call(grant).view() for grant in self.granted.values()), key=lambda view: (view.created, view.id))

    # --- bindings -------------------------------------------------------------------------------------

    async def bind(
        self, edge: Edge, sturdy: SturdyRef, ref: Ref[Any], account: bool = False, laying: Laying = PLAIN
    ) -> bool:
        """Take a service into this machine's namespace; for the boss. Idempotent by the edge's id.

        `ref` is the live reference, handed over so that the two machines meet; what is kept is made from `sturdy` and finds
        the service again after any restart. False if they cannot meet: then nothing is bound, and the boss has to relay. The credential of
        an `account` is laid out for programs, as `laying` says.
        """
        try:
            await ref
        except Unreachable:
            return False
        name = check_name("binding", edge.name)
        if laying != PLAIN:
            await device_now("layout").check(laying)
        kept = await self.network.enliven(sturdy)
        self.bound[name] = Binding(name, edge.id, edge.interface, edge.service, edge.attenuation, kept)
        if account:
            self._note_laying(name, laying)
            await self._lay_out(name, edge.id, kept)
        return True

    async def _lay_out(self, name: str, id: str, kept: Ref[Any]) -> None:
        """Ask for the credential of an edge, lay it out under its name, and tell programs and boss."""
        laying = (self.layings or {}).get(name, PLAIN)
        try:
            credential = await kept.layout()
        except NoSuchMethod:  # a provider of an earlier version
            credential = await kept.credential()
        if TUNNEL in credential.entries:
            self.led = {**(self.led or {}), name: id}
        trouble = await device_now("layout").write(name, id, credential, kept, laying)
        if laying.user:
            await this().let_in(laying.user)
        if laying.acts and self.server is not None and trouble != (self.troubles or {}).get(id, ""):
            if self.troubles is None:
                self.troubles = {}
            self.troubles[id] = trouble
            on(self.server.trouble(id, trouble), broken=self._unheard)
        await self._tidy()  # it may have been taken back meanwhile

    def _note_laying(self, name: str, laying: Laying) -> None:
        if self.layings is None:
            self.layings = {}
        self.layings.pop(name, None)
        if laying != PLAIN:
            self.layings[name] = laying

    async def renew(self, id: str) -> bool:
        """Lay out the credential of this edge anew; whether it is laid out here. For the boss, after a rotation."""
        held = await device_now("layout").held()
        for name, binding in self.bound.items():
            if binding.id == id and (held.get(name) == id or name in (self.layings or {})):
                await self._lay_out(name, id, binding.ref)
                return True
        return False

    async def let_in(self, user: str) -> None:
        """Have programs of another user find this machine, as long as a binding is for them; they get those bindings only."""
        if self.doors is None:
            self.doors = {}
        if not any(laying.user == user for laying in (self.layings or {}).values()):
            there = self.doors.pop(user, None)
            if there is not None:
                tell(self.network).forget(there[1])
                await device_now("layout").door(user, "")
            return
        if user not in self.doors:
            desk = spawn(UserDesk, this(), user)
            made = await self.network.sturdy(desk, holder=f"programs of user {user}")
            if user not in self.doors:
                self.doors[user] = [desk, made]
        address = await self.network.address()
        kept = self.doors.get(user)
        if kept is not None:
            await device_now("layout").door(user, SturdyRef(address.locator(), kept[1].swiss).uri())

    def for_user(self, user: str) -> list[str]:
        """The names of the bindings that are for programs of this user."""
        return [name for name, laying in (self.layings or {}).items() if laying.user == user]

    async def refresh(self) -> None:
        """Look whether the credentials laid out here are the newest. For the agent: a rotation may have been missed."""
        for name, id in (await device_now("layout").held()).items():
            if name in self.bound and self.bound[name].id == id:
                await device_now("layout").reopen(name, id, self.bound[name].ref)
        for user in list(self.doors or {}):
            await this().let_in(user)
        held = set((await device_now("layout").held()).values())
        for id in sorted(held | {self.bound[name].id for name in self.layings or {} if name in self.bound}):
            try:
                await this().renew(id)
            except Broken:  # it cannot be reached; what is there stays
                continue

    async def _tidy(self) -> None:
        """Remove what is laid out for edges that are bound no longer."""
        for name, edge in (await device_now("layout").held()).items():
            if name not in self.bound or self.bound[name].id != edge:
                await device_now("layout").remove(name, edge)

    async def unbind(self, name: str, id: str) -> bool:
        """Drop a name, if it still means this edge; whether it did."""
        binding = self.bound.get(name)
        if binding is None or binding.id != id:
            return False
        del self.bound[name]
        laying: Laying = (self.layings or {}).pop(name, PLAIN)
        (self.troubles or {}).pop(id, None)
        (self.led or {}).pop(name, None)
        await self._tidy()
        if laying.user:
            await this().let_in(laying.user)
        return True

    async def release(self, name: str, id: str) -> None:
        """Forget an edge, and leave what was made for it: an account at a service, files laid out here. For the boss, when the other machine leaves."""
        self._end(id)
        for service in self.services.values():
            if is_accounts(service):
                call(service).release(id)
        if name in self.bound and self.bound[name].id == id:
            await device_now("layout").release(name, id)
            self.bound.pop(name, None)

    def bindings(self) -> list[dict[str, Any]]:
        """The names that this machine was given, for people and programs: no references."""
        return [
            {
                "name": binding.name,
                "interface": binding.interface,
                "service": binding.service,
                "attenuation": binding.attenuation.describe(),
                "edge": binding.id,
            }
            for binding in sorted(self.bound.values(), key=lambda binding: binding.name)
        ]

    def get(self, name: str, interface: str | None = None) -> Ref[Any]:
        """The service behind a name. A program that expects another interface is refused before it calls anything."""
        binding = self.bound.get(name)
        if binding is None:
            raise missing(f"binding on {self.name or 'this machine'}:", name, self.bound)
        if interface is not None and interface != binding.interface:
            raise Conflict(
                f"binding {name!r} leads to {binding.service}, which keeps interface {binding.interface or '(none named)'}, "
                f"and the program expects {interface}: bind another service, or mend the program"
            )
        if (self.led or {}).get(name) == binding.id:
            return spawn(LedAccount, binding.ref, name, binding.id)
        found: Ref[Any] = binding.ref
        return found

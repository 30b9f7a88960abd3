"""The boss: keeps track of machines and edges, and asks providers, machines and nobody else to make them so."""

from __future__ import annotations

from typing import Any

from remit.errors import BadArgument, Broken, Missing, Refused
from remit.graph import Attenuation, Edge, holders_of
from remit.lib import Metered, race
from remit.machines._alarms import Alarms
from remit.machines._burdens import burden_view
from remit.machines._devices import device, device_now
from remit.machines._fleet import Fleet
from remit.machines._glance import SILENT, edges_at_a_glance, machines_at_a_glance, status_page
from remit.machines._guests import Guests
from remit.machines._hob_server import HobServer, PendingHob
from remit.machines._inspector import Inspector
from remit.machines._laying import Laying, check_laying
from remit.machines._names import check_name, missing, split_name
from remit.machines._pages import Section, page_of
from remit.machines._planned import Planned
from remit.machines._records import Offer
from remit.machines._rekeying import Rekeying
from remit.machines._routes import part_of, way_to
from remit.machines._supports import check_offer, check_within
from remit.machines._traces import recalled, watched
from remit.machines._upgrade import PATIENCE, Upgrade
from remit.machines._views import alarm_view, edge_view, machine_view, offer_view
from remit.machines._wiring import Wiring, no_new_grants
from remit.net import designator_of
from remit.vat import Promise, Ref, actor, call, spawn, tell, this

__all__ = ["Boss"]


@actor(kind="remit.machines.boss", version=1)
class Boss:
    """Full authority over all machines; the root of the boss's durable vat. Whoever should do less gets an attenuated reference.

    Devices: `network` and `providers` (a `ProviderDesk`). Machines are named as `create_machine` was told, services and bindings
    `machine.name`. What is answered for people is plain data in the form of `status` and never holds a secret.
    """

    network: Ref[Any] = device("network")
    providers: Ref[Any] = device("providers")
    alarms: Ref[Alarms] | None = None
    wiring: Ref[Wiring] | None = None
    fleet: Ref[Fleet] | None = None
    planned: Ref[Planned] | None = None
    looking: Ref[Inspector] | None = None
    guests: Ref[Guests] | None = None
    keys: Ref[Rekeying] | None = None

    # --- machines -----------------------------------------------------------------------------------

    def create_machine(self, name: str, provider: str, options: dict[str, Any] | None = None) -> Promise[Any]:
        """Ask a provider for a machine; gives its server presence, through which the machine can be used once it is active.

        `options`: `classes` (modules whose `@actor` classes the machine may keep objects of) and `path` (where to find them) are
        for its agent, the rest for the provider. Raises `Conflict` for a name that is taken; when the provider fails, the machine
        stays pending, with the error, to be asked for again by `start_machine` or removed by `destroy_machine`.
        """
        return self._fleet().create(name, provider, options or {})

    async def make_machine(self, name: str, provider: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
        """The same for those who should not get its presence: gives the machine as `show` does."""
        await self.create_machine(name, provider, options)
        return await self.show(name)

    def start_machine(self, name: str) -> Promise[Any]:
        """Have the provider start a machine that is down, or ask again for a pending one. Nothing happens to a running one."""
        return self._fleet().start(name)

    def destroy_machine(self, name: str) -> Promise[Any]:
        """End a machine and all that it grants and was granted; works for half-made and unreachable ones."""
        return self._fleet().destroy(name)

    def leave_machine(self, name: str, keep: bool = False) -> Promise[Any]:
        """Let a machine go, with its services running; in words, what of Remit's was left there. See `Fleet.leave`."""
        return self._fleet().leave(name, keep)

    def look_at(self, provider: str, options: dict[str, Any], stay: bool = False) -> Promise[Any]:
        """What listens on a host that is no machine yet, and which key it shows: see `Adopting.look`."""
        return self.providers.look(provider, options, stay)

    async def upgrade_machine(self, name: str, digest: str = "", patience: float = PATIENCE) -> dict[str, Any]:
        """Put the boss's own version of the agent on a machine, or the parcel whose digest begins so, and see that it is well; else take it back.

        Gives {"machine", "state", "version", "parcel", "before", "error"}; the state is "upgraded", "unchanged", "restored" (what ran before runs again)
        or "lost". `patience`: seconds for the machine to come back. Its services go on meanwhile.
        """
        hob = self._active(name, name)
        machine = call(self._fleet()).machine(name)
        return await Upgrade(self.providers, self.network, machine, hob, patience).run(digest)

    def machine(self, name: str) -> Ref[PendingHob | HobServer]:
        """The server presence of a machine."""
        hob: Ref[PendingHob | HobServer] = call(self._fleet()).machine(name).hob
        return hob

    def list_machines(self, after: str | None = None) -> list[dict[str, Any]]:
        """All machines by name, each as in `status`. Thousands do not fit into one message: with a name (or "") as many as fit of those `after` it,
        and none if those were all.
        """
        names = call(self._fleet()).names()
        if after is None:
            return [self._seen_machine(name) for name in names]
        section = Section("", [name for name in names if name > after], str, self._seen_machine)
        return list(page_of([section])[""])

    def _seen_machine(self, name: str) -> dict[str, Any]:
        return machine_view(call(self._fleet()).machine(name), [each.id for each in call(self._alarms()).of(name)])

    async def show(self, name: str) -> dict[str, Any]:
        """One machine as in `status`, with its offers, edges and what its provider sees of it."""
        machine = call(self._fleet()).machine(name)
        view = self._seen_machine(name)
        view["options"] = dict(machine.options)
        view["offers"] = [offer_view(name, offer) for offer in self._offers(machine.hob)]
        edges = call(self._wiring()).every()
        view["holds"] = [self._seen_edge(edge) for edge in edges if edge.grantee == name]
        view["grants"] = [self._seen_edge(edge) for edge in edges if edge.provider == name]
        view["provider_sees"] = await self._seen(machine.provider, machine.id)
        return view

    async def _seen(self, provider: str, id: str) -> str:
        try:
            seen = await self.providers.observe(provider, id)
        except Exception as error:  # noqa: BLE001  # a provider that is down must not hide the machine
            return f"unknown: {error}"
        return f"{seen.state} ({seen.detail})" if seen.detail else str(seen.state)

    # --- services -----------------------------------------------------------------------------------

    async def offer(
        self, service: str, kind: str, interface: str = "", description: str = "", arguments: list[Any] | None = None
    ) -> dict[str, Any]:
        """Have a machine make an object of the class with this `kind`, keep it, and offer it as `machine.name`.

        The machine's agent must know the class. The same again changes nothing. Programs offer objects of their own to their hob.
        """
        name, offer = split_name("service", service)
        wish = Offer(offer, interface, description, kind=kind)
        check_offer(wish)
        if not kind:
            raise BadArgument(f"{service}: name the kind of object to make; a program offers its own to its hob")
        made = await self.machine(name).keep(wish, arguments or [])
        return offer_view(name, made)

    def service(self, machine: str, verb: str, arguments: list[Any] | None = None) -> Promise[Any]:
        """Ask a machine about the services that it runs, or order it: list, start, stop, restart, why, logs or check."""
        return self.machine(machine).service(verb, arguments or [])

    def services(self, machine: str) -> Promise[Any]:
        """The services that a machine runs, as `service` lists them."""
        return self.machine(machine).service("list", [])

    def why(self, machine: str, name: str) -> Promise[Any]:
        """Why a service of a machine is not up, as `service` says it."""
        return self.machine(machine).service("why", [name])

    def logs(self, machine: str, name: str, lines: int = 50) -> Promise[Any]:
        """The last lines of the log of a machine's service."""
        return self.machine(machine).service("logs", [name, lines])

    def withdraw(self, service: str) -> Promise[Any]:
        """Take an offer back and end its edges; an object that the machine kept for it is forgotten.

        Gives {"ended": edges, "unfinished": whether the machine could not be reached, and does it when it says hello}.
        """
        self._active(split_name("service", service)[0], service)
        tell(self.planner()).withdrawn(service)
        return self._wiring().withdraw(service)

    def offers(self) -> list[dict[str, Any]]:
        """What all machines offer, as they last said."""
        machines = call(self._fleet()).every()
        return [offer_view(each.name, offer) for each in machines for offer in self._offers(each.hob)]

    def _offers(self, hob: Ref[Any]) -> list[Offer]:
        return call(hob).offers() if call(hob).state() == "active" else []

    # --- servers ------------------------------------------------------------------------------------

    def servers(self, domain: str = "/", after: str = "") -> Promise[Any]:
        """The servers that are there now (the boss, its machines, what runs on them), by whole id, a page of those behind `after`: id, roles, addresses, key, since, info."""
        return device_now("ensemble").entries(domain, after)

    async def ping_server(self, id: str, actor: str | None = None) -> float:
        """Whether a server, or an actor in it, is alive: the time there."""
        return float(await (await way_to(self._fleet(), id)).ping(id, actor))

    async def describe_server(self, id: str) -> dict[str, Any]:
        """What a server says of itself, and the names of its parts."""
        way = await way_to(self._fleet(), id)
        return {**(await way.describe(id)), "parts": await way.parts(id)}

    async def server_part(self, id: str, part: str) -> Ref[Any]:
        """A part of a server's control object, by way of the boss. Parts that are not to change anything have methods of their own."""
        return await part_of(self._fleet(), id, part)

    async def inspect_server(self, id: str) -> Ref[Any]:
        """The part `inspect` of a server."""
        return await part_of(self._fleet(), id, "inspect")

    async def server_logs(self, id: str) -> Ref[Any]:
        """The part `logs` of a server."""
        return await part_of(self._fleet(), id, "logs")

    async def supervise(self, id: str) -> Ref[Any]:
        """The part `exec` of a machine: its servers, uploads and programs."""
        return await part_of(self._fleet(), id, "exec")

    # --- edges --------------------------------------------------------------------------------------

    async def bind(
        self,
        target: str,
        service: str,
        attenuation: Attenuation | Metered | None = None,
        interface: str = "",
        id: str = "",
        laying: Laying | None = None,
    ) -> dict[str, Any]:
        """Give machine `a` under the name `x` (target `a.x`) what machine `b` offers as `y` (service `b.y`); the edge, as in `status`.

        Refused are unknown names, another `interface` than the offer's, an attenuation that the service cannot enforce, and a
        machine with an open alarm. Where a machine cannot be reached the edge is kept, "wanted" or "granted" with the reason, and
        finished when the machine says hello. `id`: a fresh one for the edge, made by the caller. `laying` says how the credential of a service that does
        not speak CapTP is laid out on the machine.
        """
        if laying is not None:
            check_laying(laying)
        grantee, name = split_name("binding", target)
        provider, offered = split_name("service", service)
        self._active(grantee, target)
        offer = await self._find_offer(provider, offered)
        checked = check_within(offer, interface, attenuation or Attenuation())
        if call(self._alarms()).of(grantee):
            raise Refused(no_new_grants(grantee))
        id, now = id or (await self.network.token())[:16], await self.network.now()
        edge = Edge(id, grantee, name, provider, offered, interface or offer.interface, checked, "wanted", now, now)
        return self._seen_edge(await self._wiring().connect(edge, laying))

    def _seen_edge(self, edge: Edge) -> dict[str, Any]:
        laying, note = call(self._wiring()).dressed(edge)
        return edge_view(edge, laying, note)

    def _active(self, name: str, what: str) -> Ref[HobServer]:
        machine = call(self._fleet()).machine(name)
        if machine.state != "active":
            raise Missing(f"{what}: machine {name} is {machine.state}, and can be bound once it is active")
        hob: Ref[HobServer] = machine.hob
        return hob

    async def _find_offer(self, machine: str, name: str) -> Offer:
        hob = self._active(machine, f"{machine}.{name}")
        found = {offer.name: offer for offer in call(hob).offers()}
        if name not in found:
            found = {offer.name: offer for offer in await hob.fresh_offers()}
        if name not in found:
            raise missing(f"service on {machine}:", name, found)
        offer: Offer = found[name]
        return offer

    async def unbind(self, target: str) -> dict[str, Any]:
        """Take back what is bound as `machine.name`; answers as `revoke` does."""
        split_name("binding", target)
        return await self._retract([call(self._wiring()).named(target).id])

    async def revoke(self, what: str) -> dict[str, Any]:
        """Take back an edge by its id or binding, or all edges that a machine holds, by its name.

        Gives {"revoked": edges that are gone, "unfinished": edges whose machines could not all be reached, with who is missing}:
        those are finished when the machine says hello.
        """
        return await self._retract([edge.id for edge in self._meant(what)])

    async def rotate(self, what: str, overlap: float = 3600.0) -> dict[str, Any]:
        """Renew the credentials of an edge, a binding, or all that a machine holds; the old ones go on for `overlap` seconds.

        Gives {"rotated": edges, "unfinished": edges whose holder has not been reached: it takes the new one when it looks}.
        """
        if type(overlap) not in (int, float) or not 0 <= overlap <= 30 * 86400:
            raise BadArgument("an overlap is a time in seconds, from 0 to 30 days")
        done: list[str] = []
        late: list[str] = []
        meant = self._meant(what)
        for edge in meant:
            try:
                (done if await self._wiring().rotate(edge.id, float(overlap)) else late).append(edge.id)
            except Missing:
                if len(meant) == 1:
                    raise
                # of all that a machine holds, only some has credentials
        return {"rotated": [*done, *late], "unfinished": late}

    def _meant(self, what: str) -> list[Edge]:
        edges = call(self._wiring()).every()
        if "." in what:
            return [call(self._wiring()).named(what)]
        found = [edge for edge in edges if what in (edge.id, edge.grantee)]
        if not found and what not in call(self._fleet()).names():
            raise missing(
                "edge, binding or machine", what, [*(edge.id for edge in edges), *call(self._fleet()).names()]
            )
        return found

    async def _retract(self, ids: list[str]) -> dict[str, Any]:
        left = await self._wiring().retract(ids)
        unfinished = [self._seen_edge(edge) for edge in left]
        return {"revoked": [id for id in ids if id not in {edge.id for edge in left}], "unfinished": unfinished}

    def bindings(self, machine: str | None = None) -> list[dict[str, Any]]:
        """All edges, or those that one machine holds, as in `status`."""
        if machine is not None:
            call(self._fleet()).machine(machine)
        return [self._seen_edge(edge) for edge in call(self._wiring()).every() if machine in (None, edge.grantee)]

    async def who_can(self, service: str, used: bool = False) -> list[dict[str, Any]]:
        """Who can reach `machine.name` (or anything of `machine`): directly, or perhaps through others; `since` when, in seconds since the epoch.

        With `used` the machine is asked when the accounts of services that do not speak CapTP were last seen in use, to about a minute:
        seconds since the epoch, None where that is not known.
        """
        machine, _, offer = service.partition(".")
        check_name("machine", machine)
        call(self._fleet()).machine(machine)
        edges = call(self._wiring()).every()
        since = {edge.id: edge.created for edge in edges}
        found: list[dict[str, Any]] = [
            {
                "machine": each.machine,
                "edges": each.edges,
                "through": each.through,
                "attenuation": each.attenuation,
                "since": min(since[edge] for edge in each.edges),
            }
            for each in holders_of(edges, machine, offer or None)
        ]
        if used:
            seen = await self._active(machine, service).last_used()
            for each in found:
                each["used"] = max((seen[edge] for edge in each["edges"] if edge in seen), default=None)
        return found

    # --- invitations --------------------------------------------------------------------------------

    def invite(self, name: str, parts: list[str], until: float | None = None) -> Promise[Any]:
        """A way in to some parts of this authority (`remit.machines.PARTS`), for a person or a job, until a time in seconds since the epoch.

        Gives its sturdyref, a secret that is shown this once.
        """
        return self._guests().invite(this(), name, parts, until)

    def invitations(self) -> list[dict[str, Any]]:
        """Who has such a way in: [{"name", "parts", "created", "until"}, …]."""
        return call(self._guests()).every()

    def uninvite(self, name: str) -> None:
        """Take an invitation back, with all that was fetched through it."""
        call(self._guests()).uninvite(name)

    # --- the whole ----------------------------------------------------------------------------------

    async def status(self, start: str | None = None, text: bool = False) -> dict[str, Any]:
        """Everything at once: {"version": 1, "alarms": […], "machines": […], "edges": […], "sessions": […], "next"}; times in seconds since the epoch.

        What does not fit into one message comes in pages: `next` is the `start` of the next one, or None. The sessions are the boss's own, each with what
        its peer owes for now (`Network.debts`) and the machine that it is, or "". As `text`, which takes a tenth of the time, each list is its rows in JSON,
        on one line and with commas between; and "totals" says how many "machines" and "edges" there are.
        """
        return await status_page(self._fleet(), self._wiring(), self._alarms(), self.network, start, text)

    async def glance(self, silent: float = SILENT) -> dict[str, Any]:
        """Of a large fleet what a person should look at: {"version": 1, "machines": {"states", "noted", "first"}, "edges": the same, "alarms": as in `status`}.

        See `machines_at_a_glance`. A machine that has said no hello for `silent` seconds is noted.
        """
        if type(silent) not in (int, float) or not silent > 0:
            raise BadArgument("machines are silent after a time in seconds, above 0")
        since = await self.network.now() - silent
        return {
            "version": 1,
            "machines": machines_at_a_glance(self._fleet(), call(self._alarms()).by_machine(), since),
            "edges": edges_at_a_glance(call(self._wiring()).every(), self._wiring()),
            "alarms": call(self._alarms()).views(),
        }

    async def burdens(self, machine: str | None = None, seconds: float = 3.0) -> list[dict[str, Any]]:
        """What waits at every node, at one machine's, or with machine "" at the boss's, and there only of those who owe: who owes there, and what durable messages it has for others. The boss comes first.

        [{"node": "boss" or a machine's name, "sessions": [...], "waiting": [...], "error"}, ...], with `machine` in each row of the lists. A machine that does not
        answer within these seconds (at most 60) has an error that says so, and nothing else.
        """
        if type(seconds) not in (int, float) or not 0 < seconds <= 60:
            raise BadArgument(f"machines are asked for a time above 0 and up to 60 seconds, not {seconds!r}")
        if machine == "":
            return [burden_view("boss", await self.network.burden(True), call(self._fleet()).peers())]
        hobs, here = self._hobs(machine), designator_of((await self.network.address()).key)
        names = {**call(self._fleet()).peers(), here: "boss"}
        late = self.providers.pause(seconds)
        asked = {name: race(hob.burden(), late) for name, hob in hobs.items()}
        found = [] if machine else [burden_view("boss", await self.network.burden(), names)]
        for name, promise in asked.items():
            try:
                answer = await promise
            except Broken as error:
                found.append({**burden_view(name, {}, names), "error": str(error)})
                continue
            view = burden_view(name, answer, names)
            found.append(view if answer is not None else {**view, "error": f"it has not answered within {seconds:g} s"})
        return found

    async def watch(
        self, trace: str | None = None, seconds: float = 60.0, machine: str | None = None
    ) -> dict[str, Any]:
        """Follow the trace with this id, or without one every call that comes in, for so many seconds (0: no longer): on one machine, or on
        all and here.

        Gives {"watching": names, "missing": [{"machine", "error"}, ...]}. The traces are then found by `recall`.
        """
        return await watched(self._hobs(machine), None if machine else self.network, trace, seconds)

    async def recall(self, what: str) -> dict[str, Any]:
        """What was recorded on all machines under a trace's id (or the first letters of it), or an error's; "" only asks which there are.

        Gives {"steps": [...], "failures": [...], "recent": ids, "missing": [{"machine", "error"}, ...]}: see `remit.net.Recall`. Raises `Missing`,
        with the nearest id, where nothing was. Tracebacks stay where they are.
        """
        hobs = self._hobs(None)
        names = {designator_of(call(hob).public_key()): name for name, hob in hobs.items()}
        return await recalled(hobs, self.network, what, names)

    def _hobs(self, machine: str | None) -> dict[str, Ref[Any]]:
        """The presences of one machine, or of all that have come."""
        if machine is not None:
            return {machine: self._active(machine, machine)}
        return dict(call(self._fleet()).come())

    def clear_alarm(self, what: str) -> list[dict[str, Any]]:
        """Say that an alarm (by id) or all of a machine (by name) are settled: it may get new grants again."""
        return [alarm_view(alarm) for alarm in call(self._alarms()).clear(what)]

    def copy_state(self) -> Promise[Any]:
        """Have what is kept copied, for a backup: the path of the copy, in the state directory. Whoever asked removes it."""
        return device_now("copier").copy()

    async def resume(self, start: bool = False) -> None:
        """After a start of the boss's process: finish what was begun; with `start`, start every machine."""
        await self._fleet().prepare()
        await self.keyring().resume()
        call(self._wiring()).resume()
        call(self._alarms()).resume()
        await self._fleet().resume(start)

    def inspector(self) -> Ref[Inspector]:
        """What looks at what there really is, and puts right what is named: see `Inspector`."""
        if self.looking is None:
            self.looking = spawn(Inspector, self._fleet(), self._wiring(), self.providers)
        return self.looking

    def inventory(self, start: int = 0) -> Promise[Any]:
        """All that there is and whose it is, a page at a time: see `Planned.inventory`."""
        return self.planner().inventory(start)

    def planner(self) -> Ref[Planned]:
        """What planners need of this boss: see `Planned`."""
        if self.planned is None:
            self.planned = spawn(Planned, this(), self._fleet(), self._wiring(), self.network)
        return self.planned

    def keyring(self) -> Ref[Rekeying]:
        """What gives the boss another key, and says which machines have heard of it: see `Rekeying`."""
        if self.keys is None:
            self.keys = spawn(Rekeying, self.network, self.providers, self._fleet(), self._wiring(), self._guests())
        return self.keys

    def _alarms(self) -> Ref[Alarms]:
        if self.alarms is None:
            self.alarms = spawn(Alarms, self.network)
        return self.alarms

    def _wiring(self) -> Ref[Wiring]:
        if self.wiring is None:
            self.wiring = spawn(Wiring, self.network, self._alarms())
        return self.wiring

    def _fleet(self) -> Ref[Fleet]:
        if self.fleet is None:
            self.fleet = spawn(Fleet, self.network, self.providers, self._wiring(), self._alarms())
            call(self._wiring()).under(self.fleet)
        return self.fleet

    def _guests(self) -> Ref[Guests]:
        if self.guests is None:
            self.guests = spawn(Guests, self.network)
        return self.guests

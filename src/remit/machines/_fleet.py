"""The boss's machines: from the wish for one to its end.

    create ──► pending ──enrolled──► active
                  └──────destroy────────┼──► destroying ──provider has removed it──► gone
                                        └──leave──► leaving ──the agent is off, the rest runs──► gone

Each step is kept before the next one is asked for, and every question to a provider carries the machine's id, so that after a
crash `resume` asks again without making anything twice.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.errors import Conflict, Unreachable
from remit.machines._glance import noted_machines
from remit.machines._hob_server import HobServer, PendingHob
from remit.machines._introduction import LIFETIME, Introduction
from remit.machines._names import check_name, missing
from remit.machines._outcome import outcome_of
from remit.machines._records import Machine
from remit.machines._told import Tellings
from remit.values import SturdyRef, encode
from remit.vat import Ref, actor, call, field, spawn, tell, this

__all__ = ["Fleet"]

ANEW: Final = "remit machine destroy, then create it again"
FOR_AGENT: Final = frozenset(
    {"classes", "facing", "listen", "path", "published", "services", "tether"}
)  # options that the machine's agent gets, not the provider


@actor(kind="remit.machines.fleet", version=1)
class Fleet:
    """The machines by name. Owned by the boss, which alone holds it; times are in seconds since the epoch."""

    network: Ref[Any]
    providers: Ref[Any]
    wiring: Ref[Any]
    alarms: Ref[Any]
    machines: dict[str, Machine] = field(factory=dict)
    chain: Any = None
    """The successions of the boss's key, for machines that have not heard of them; None where it never had another."""

    if TYPE_CHECKING:  # not a field: what is not kept
        _told: ClassVar[Tellings]

    # --- making ---------------------------------------------------------------------------------------

    async def create(
        self, name: str, provider: str, options: dict[str, Any], id: str = ""
    ) -> Ref[PendingHob | HobServer]:
        """Record the wish for a machine and ask the provider for it; gives its server presence. `id`: a fresh one, made by the caller.

        What fails after the wish is recorded leaves the machine pending, with the error and what to do about it.
        """
        check_name("machine", name)
        providers = await self.providers.names()
        if provider not in providers:
            raise missing("provider", provider, providers)
        now = await self.network.now()
        id = id or f"{name}-{(await self.network.token())[:10]}"
        if name in self.machines:
            raise Conflict(f"there is a machine {name!r} already ({self.machines[name].state}); choose another name")
        hob: Ref[Any] = spawn(PendingHob, name, self.wiring, self.network)
        introduction = spawn(Introduction, name, hob, this(), self.alarms, self.network, now + LIFETIME)
        self.machines[name] = Machine(name, id, provider, options, "pending", now, now, hob, introduction)
        await self.ask(name)
        return hob

    async def ask(self, name: str) -> None:
        """Ask the provider for a pending machine, again if need be. Raises what the provider says, after keeping it."""
        machine = self.machines.get(name)
        if machine is None or machine.state != "pending":
            return
        error = await outcome_of(self._request(machine))
        self._change(machine, asked=error is None, error=error.message if error else "")
        if name not in self.machines or self.machines[name].id != machine.id:
            tell(self.providers).destroy(
                machine.provider, machine.id
            )  # destroyed meanwhile, and perhaps made after that
        await this()  # what was noted is kept, whatever is raised now
        if error is not None:
            raise error

    async def _request(self, machine: Machine) -> None:
        invitation = machine.invitation
        if invitation is None:
            what = f"introduction of machine {machine.name}"
            invitation = await self.network.sturdy(machine.introduction, holder=what, gate=True)
            self._change(machine, invitation=invitation)
        await self.providers.prepare(machine.provider)
        here = await self.network.address()
        current = SturdyRef(here.locator(), invitation.swiss)
        options = dict(machine.options)
        agent = {key: options.pop(key) for key in FOR_AGENT & options.keys()}
        user_data = {
            "version": 1,
            "machine": machine.name,
            "id": machine.id,
            "introduction": current.uri(),
            "agent": agent,
        }
        await self.providers.create(machine.provider, machine.id, machine.name, user_data, options)

    async def start(self, name: str) -> None:
        """Start a machine that is down; a pending one is asked for again, and has time again to come."""
        machine = self._find(name)
        if machine.state in ("destroying", "leaving"):
            raise Conflict(f"machine {name} is {'being destroyed' if machine.state == 'destroying' else 'leaving'}")
        if machine.state == "pending":
            tell(machine.introduction).renew(await self.network.now() + LIFETIME)
            await self.ask(name)
        error = await outcome_of(self._start(machine))
        self._change(machine, error=error.message if error else "")
        await this()
        if error is not None:
            raise error

    async def _start(self, machine: Machine) -> None:
        await self.providers.prepare(machine.provider)
        here = await self.network.address()
        await self.providers.start(machine.provider, machine.id, encode([here, *self.chain] if self.chain else here))

    def enrolled(self, name: str, hob: Ref[HobServer]) -> None:
        """The machine has redeemed its introduction; for that alone."""
        machine = self.machines.get(name)
        if machine is None or machine.hob is not hob or machine.state in ("destroying", "leaving"):
            raise Conflict(f"machine {name} is being destroyed, or is gone")
        call(self.wiring).join(name, hob)
        self._tellings().stirred(name)
        if machine.state == "pending":
            at = call(machine.introduction).story()["at"]
            self.machines[name] = machine.but(state="active", since=at, error="")

    def rename(self, old: str, new: str) -> None:
        """Give an active machine another name; its id, key, objects and edges stay. Nothing happens where that is done already."""
        check_name("machine", new)
        if old not in self.machines and new in self.machines:
            return
        machine = self._find(old)
        if new in self.machines:
            raise Conflict(f"there is a machine {new!r} already ({self.machines[new].state}); choose another name")
        if machine.state != "active":
            raise Conflict(f"machine {old} is {machine.state}; it can be renamed while it is active")
        del self.machines[old]
        self._tellings().gone(old)
        self.machines[new] = machine.but(name=new)
        for each in (machine.hob, machine.introduction):
            call(each).rename(new)
        call(self.alarms).rename(old, new)
        call(self.wiring).rename(old, new)

    # --- ending ---------------------------------------------------------------------------------------

    async def destroy(self, name: str) -> None:
        """End a machine: first every edge from it and to it, then what the provider made. Works for half-made and
        unreachable ones; what fails leaves it "destroying", to be asked for again.
        """
        self._find(name)
        now = await self.network.now()
        machine = self._find(name)
        self.machines[name] = machine.but(state="destroying", since=now)
        call(self.wiring).leave(name)
        error = await outcome_of(self.providers.destroy(machine.provider, machine.id))
        if error is not None:
            self._change(machine, error=error.message)
            await this()
            raise error
        if not self._is(machine, "destroying"):
            return
        self._forget(self.machines.pop(name))

    async def leave(self, name: str, keep: bool) -> str:
        """Let a machine go: end its edges (`keep`: leave the accounts and files that were made for them), then have the provider take the agent off and
        leave everything else running. In words, what was left there.

        Needs the machine, since only that can end the accounts that it has given. What fails is kept with the machine, which stays as it was,
        or "leaving", to be asked for again.
        """
        machine = self._find(name)
        error = await outcome_of(this().let_go(name, keep))
        if error is None:
            now = await self.network.now()
            self._change(machine, state="leaving", since=now)
            call(self.wiring).leave(name)
            leaving = self.providers.leave(machine.provider, machine.id)
            error = await outcome_of(leaving)
        if error is not None:
            self._change(machine, error=error.message)
            await this()
            raise error
        if self._is(machine, "leaving"):
            self._forget(self.machines.pop(name))
        left: str = await leaving
        return left

    async def let_go(self, name: str, keep: bool) -> None:
        """The part of `leave` that needs the machine."""
        machine = self._find(name)
        await self.providers.can_leave(machine.provider)
        if machine.state == "leaving":
            return
        if machine.state != "active":
            raise Conflict(f"machine {name} is {machine.state}: remove it with: remit machine destroy {name}")
        await machine.hob.bindings()
        if keep:
            await self.wiring.release(name)
            return
        mine = [edge.id for edge in call(self.wiring).every() if name in (edge.grantee, edge.provider)]
        late = [edge for edge in await self.wiring.retract(mine) if name in edge.awaiting or edge.provider != name]
        if late:
            raise Unreachable(
                f"edge {late[0].target} is not ended yet ({late[0].error}): ask again when its machines are there"
            )

    def _forget(self, machine: Machine) -> None:
        self._tellings().gone(machine.name)
        call(self.alarms).drop(machine.name)
        if machine.invitation is not None:
            tell(self.network).forget(machine.invitation)
        server = call(machine.introduction).server()
        if server is not None:
            tell(self.network).forget(server)

    def rekeyed(self, chain: list[Any], now: bool) -> None:
        """The boss has its key by these successions, the last of them `now` or before: machines that its providers start hear of it."""
        self.chain = chain
        for machine in list(self.machines.values()):
            if now and machine.state == "pending" and machine.asked:
                self._change(machine, error=f"it was told a former key of the boss: {ANEW}")

    # --- after a restart --------------------------------------------------------------------------------

    async def prepare(self) -> None:
        """Have the boss be where its machines reach it, as far as their providers answer: those that do not are asked again with each machine."""
        for provider in dict.fromkeys(machine.provider for machine in self.machines.values()):
            await outcome_of(self.providers.prepare(provider))

    async def resume(self, start: bool) -> None:
        """Finish what was begun before the boss's process ended; with `start`, start every machine as well.

        Errors are kept with the machine, for status.
        """
        call(self.wiring).under(this())
        works = [self._again(machine, start) for machine in self.machines.values()]
        for work in [work for work in works if work is not None]:
            await outcome_of(work)

    def _again(self, machine: Machine, start: bool) -> Any:
        if machine.state == "destroying":
            return this().destroy(machine.name)
        if machine.state == "leaving":
            return this().leave(machine.name, True)
        if (
            machine.state == "pending" and not machine.asked
        ):  # it may have been made by then, and look for us where we were
            return this().start(machine.name)
        return this().start(machine.name) if start else None

    # --- looking --------------------------------------------------------------------------------------

    def provider_names(self) -> Any:
        """The providers that there are."""
        return self.providers.names()

    def stirred(self, name: str) -> None:
        """What a status shows of a machine has changed, besides what is kept of it here."""
        self._tellings().stirred(name)

    def texts(self, alarmed: dict[str, list[str]], first: str) -> dict[str, bytes]:
        """The machines from this name on, each as in `status`, as text (`row_text`). `alarmed`: the ids of alarms by machine."""
        tellings = self._tellings()
        return {
            name: tellings.of(self.machines[name]).text(alarmed.get(name, []))
            for name in sorted(self.machines)
            if name >= first
        }

    def peers(self) -> dict[str, str]:
        """The machines that have come, by the designators of their nodes."""
        return self._tellings().peers(self.machines.values())

    def _tellings(self) -> Tellings:
        if not hasattr(self, "_told"):
            object.__setattr__(self, "_told", Tellings())
        return self._told

    def names(self) -> list[str]:
        """The machines that there are, in any state."""
        return sorted(self.machines)

    def machine(self, name: str) -> Machine:
        """What is kept of one machine. `Missing` names the nearest ones."""
        return self._find(name)

    def come(self) -> dict[str, Ref[HobServer]]:
        """The server presences of the machines that have come, by name."""
        return {
            name: machine.hob
            for name, machine in sorted(self.machines.items())
            if machine.state == "active" or call(machine.hob).state() == "active"
        }

    def glance(self, alarmed: list[str], quiet_since: float) -> dict[str, Any]:
        """How many are in which state, and the names of those that somebody should look at: see `noted_machines`."""
        tellings = self._tellings()
        names = noted_machines(map(tellings.of, self.machines.values()), frozenset(alarmed), quiet_since)
        return {"states": dict(Counter(machine.state for machine in self.machines.values())), "noted": names}

    def every(self) -> list[Machine]:
        """What is kept of all machines, by name."""
        return [self.machines[name] for name in sorted(self.machines)]

    def _find(self, name: str) -> Machine:
        machine = self.machines.get(name)
        if machine is None:
            raise missing("machine", name, self.machines)
        return machine

    def _is(self, machine: Machine, state: str) -> bool:
        """Whether this very machine is still there in this state, after an `await`."""
        now = self.machines.get(machine.name)
        return now is not None and now.id == machine.id and now.state == state

    def _change(self, machine: Machine, **changes: Any) -> None:
        now = self.machines.get(machine.name)
        if now is not None and now.id == machine.id:
            self.machines[machine.name] = now.but(**changes)

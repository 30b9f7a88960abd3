"""A service that does not speak CapTP, as a machine keeps it: its owner's connection, and an account there for each edge.

    made ──grant──► generation 1 ──rotate──► 1 and 2, until the overlap is over ──► 2 ──end──► ending ──the service has done it──► gone

What is wanted is kept before the service is asked, and every step may be asked again: what could not be done, or was cut short by a crash, is done by
`tend`, which the agent calls every now and then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from remit.credentials import Credential, Secret, check_credential
from remit.errors import BadArgument, Broken, LinkLost, Missing, Revoked
from remit.lib import Attenuation
from remit.machines._devices import device_now
from remit.net import SignedAddress
from remit.values import record
from remit.vat import Far, Promise, Ref, actor, field, spawn, this

__all__ = ["Account", "Accounts", "LedAccount", "is_accounts"]

KEY: Final = 32  # bytes of a node's public key
MISSING: Final = "missing"
STRAY: Final = "stray"
RHYTHM: Final = 60.0  # seconds between two looks at the service, while nothing is due


@record("remit.machines.lease")
class Lease:
    """What is wanted for one edge. `retire` has a pair for each overlap that goes on: generations below this one end then (seconds since the
    epoch). `ending`: it is to be taken back.

    `made` is the newest generation that the service has, 0 before the first. `used` is when it was last seen in use (0.0: never).
    """

    attenuation: Attenuation
    generation: int = 1
    made: int = 0
    retire: Sequence[Sequence[float]] = ()
    ending: bool = False
    used: float = 0.0
    error: str = ""

    def but(self, **changes: Any) -> Lease:
        """The same lease with these fields changed."""
        return self.__replace__(**changes)  # type: ignore[attr-defined,no-any-return]  # @record adds it


@actor(kind="remit.machines.accounts", version=1)
class Accounts:
    """One offered service. Owned by the offer's entry in the hob, which alone holds it; grantees hold an `Account` behind a membrane."""

    kind: str
    connection: Secret
    tag: str
    key: bytes
    leases: dict[str, Lease] = field(factory=dict)
    facing: dict[str, Ref[Account]] = field(factory=dict)
    spent: Any = None
    """Bytes that the tunnel of an edge has carried, by edge; None before the first."""
    odd: Any = None
    """What the service has otherwise than we do, by edge: ["missing" or "stray", since]; None before the first."""

    async def lease(self, edge: str, attenuation: Attenuation) -> Ref[Account]:
        """Make the account of an edge; the same again gives the same. Raises what the service says; then nothing is wanted any more."""
        if edge not in self.leases:
            self.leases[edge] = Lease(attenuation)
            self.facing[edge] = spawn(Account, this(), edge)
        if not self.leases[edge].ending and not self.leases[edge].made:
            try:
                await this().current(edge)
            except LinkLost:
                raise  # it is tried again, by whoever asked and by `tend`
            except Broken:
                await this().drop(edge)
                raise
        if self._ending(edge):
            raise Revoked(f"edge {edge} was taken back while its account was made")
        return self.facing[edge]

    async def current(self, edge: str) -> Credential:
        """The newest credential of an edge, as the service has it."""
        lease = self._lease(edge)
        step = "recall" if lease.made == lease.generation else "grant"
        made: Credential = await self._ask(step, edge, lease.attenuation, lease.attenuation.until, lease.generation)
        if self._ending(edge):
            await this().end(edge)
            raise Revoked(f"edge {edge} has been taken back")
        now = self.leases[edge]
        self.leases[edge] = now.but(made=max(now.made, made.generation), error="")
        return check_credential(made)

    async def led(self, edge: str) -> Credential:
        """The same for one who comes by a tunnel, where the service is reached by one."""
        made = await this().current(edge)
        return check_credential(await self._ask("through", made))

    async def open(self, edge: str, key: bytes) -> Any:
        """A ticket for one connection by the tunnel of an edge, for the node with this key, and where to come with it."""
        return await self._lead("open", edge, key)

    async def meet(self, edge: str, ticket: bytes, address: Any) -> None:
        """Go to where the grantee is, which expects us with this ticket: it cannot come to us."""
        await self._lead("meet", edge, ticket, address)

    def _lead(self, step: str, edge: str, *arguments: Any) -> Any:
        lease = self._lease(edge)
        return self._ask(step, edge, lease.attenuation, (self.spent or {}).get(edge, 0), *arguments)

    async def rotate(self, edge: str, overlap: float) -> Credential:
        """A new generation, made at once; the older ones go on for so many seconds."""
        lease = self._lease(edge)
        if lease.generation == lease.made:  # else the last rotation was cut short, and goes on
            lease = lease.but(generation=lease.generation + 1)
        now: float = await device_now("network").now()
        if not self._ending(edge):
            others = [list(pair) for pair in lease.retire if pair[0] != lease.generation]
            self.leases[edge] = lease.but(retire=[*others, [float(lease.generation), now + overlap]])
        made: Credential = await this().current(edge)
        if overlap <= 0:
            await this().tend_edge(edge)
        return made

    async def end(self, edge: str) -> bool:
        """Take an account back, and return once the service has; whether there was one. What it breaks with, `tend` tries again."""
        if edge not in self.leases:
            return False
        self.leases[edge] = self.leases[edge].but(ending=True)
        self.facing.pop(edge, None)
        await this()
        await this().tend_edge(edge)
        return True

    def drop(self, edge: str) -> None:
        """Nobody got this account: have it removed soon, if it came to be one."""
        if edge in self.leases:
            self.leases[edge] = self.leases[edge].but(ending=True)
            self.facing.pop(edge, None)

    def release(self, edge: str) -> None:
        """Forget an account, which stays at the service as it is."""
        self.leases.pop(edge, None)
        self.facing.pop(edge, None)

    async def end_all(self) -> None:
        """Take back all of them. Raises the first failure, with the others tried."""
        failure: Broken | None = None
        for edge in list(self.leases):
            try:
                await this().end(edge)
            except Broken as error:
                failure = failure or error
        if failure is not None:
            raise failure

    async def tend(self) -> float:
        """Do what is due, look at what there is; seconds until something is due again."""
        now: float = await device_now("network").now()
        for edge, lease in list(self.leases.items()):
            if lease.attenuation.until is not None and lease.attenuation.until <= now and not lease.ending:
                self.leases[edge] = lease.but(ending=True)
                self.facing.pop(edge, None)
        await this()
        try:
            await this().look()
        except Broken:
            return RHYTHM / 4  # it cannot be reached; whoever asks for something hears why
        for edge in list(self.leases):
            try:
                await this().tend_edge(edge)
            except Broken as error:
                if edge in self.leases:
                    self.leases[edge] = self.leases[edge].but(error=error.message)
        times = [float(pair[1]) for lease in self.leases.values() for pair in lease.retire]
        times += [lease.attenuation.until for lease in self.leases.values() if lease.attenuation.until is not None]
        return max(0.5, min([RHYTHM, *(time - now for time in times)]))

    async def tend_edge(self, edge: str) -> None:
        """Bring one edge to where it is wanted."""
        lease = self.leases.get(edge)
        if lease is None:
            return
        if lease.ending:
            await self._ask("revoke", edge)
            if self._ending(edge):
                self.leases.pop(edge, None)
                if self.spent is not None:
                    self.spent.pop(edge, None)
            return
        if lease.made < lease.generation:
            await this().current(edge)
        if not lease.retire:
            return
        at: float = await device_now("network").now()
        due = [pair for pair in lease.retire if pair[1] <= at]
        if due:
            await self._ask("retire", edge, int(max(pair[0] for pair in due)))
            now = self.leases.get(edge)
            if now is not None:
                self.leases[edge] = now.but(retire=[list(pair) for pair in now.retire if pair not in due])

    async def look(self) -> None:
        """Compare with the service: what it has lost and what nobody wants is noted, for an operator to decide; and when each was used.

        What the service itself forgets, as at its restart, is made again.
        """
        before = set(self.leases)
        odd: dict[str, str] = {}
        found = {held.edge: held for held in await self._ask("observe")}
        for edge, lease in list(self.leases.items()):
            held = found.get(edge)
            if held is not None and held.used is not None and held.used > lease.used + 1:
                self.leases[edge] = lease.but(used=held.used)
            if held is not None and held.spent is not None:
                self._note_spent(edge, held.spent)
            if (
                edge in before
                and not lease.ending
                and lease.made
                and (held is None or lease.made not in held.generations)
            ):
                if await self._ask("remembers", edge, lease.made):
                    odd[edge] = MISSING
                elif edge in self.leases:
                    self.leases[edge] = self.leases[edge].but(made=0)
        odd |= dict.fromkeys(found.keys() - self.leases.keys(), STRAY)
        await self._note_odd(odd)

    async def _note_odd(self, odd: dict[str, str]) -> None:
        known = self.odd or {}
        if odd or known:
            now: float = await device_now("network").now()
            had = {edge: since for edge, (what, since) in known.items() if odd.get(edge) == what}
            self.odd = {edge: [what, had.get(edge, now)] for edge, what in sorted(odd.items())}

    async def inspect(self) -> list[dict[str, Any]]:
        """What the service has otherwise than it was granted, asked now: [{"edge", "what", "since", "text"}, ...]. `what` is "missing" (an account
        that is gone), "changed" (one that can do more or less), or "stray" (one of ours that no edge accounts for). Nothing is changed.
        """
        await this().look()
        found = [
            {"edge": edge, "what": what, "since": float(since), "text": ""}
            for edge, (what, since) in (self.odd or {}).items()
        ]
        for edge, lease in list(self.leases.items()):
            if lease.made and not lease.ending and edge not in (self.odd or {}):
                text = await self._ask("compare", edge, lease.attenuation, lease.generation)
                if text:
                    found.append({"edge": edge, "what": "changed", "since": 0.0, "text": str(text)[:500]})
        return found

    async def restore(self, edge: str) -> None:
        """Make an account as it was granted, whatever the service has of it now; with the same credential.

        Granting it again is enough where it is gone. Where it still can do something else then, it is ended first, with its open sessions.
        """
        lease = self._lease(edge)
        self.leases[edge] = lease.but(made=0)
        await this().current(edge)
        if await self._ask("compare", edge, lease.attenuation, lease.generation):
            await self._ask("revoke", edge)
            self.leases[edge] = self._lease(edge).but(made=0)
            await this().current(edge)
        await this().look()

    async def remove_stray(self, edge: str) -> None:
        """Remove an account of ours that no edge accounts for. `Missing` where there is none (any more)."""
        found = {held.edge for held in await self._ask("observe")}
        if edge in self.leases or edge not in found:
            raise Missing(f"there is no account of edge {edge!r} that nothing accounts for; look again")
        await self._ask("revoke", edge)
        await this().look()

    def _note_spent(self, edge: str, count: int) -> None:
        if self.spent is None:
            self.spent = {}
        if self.spent.get(edge, 0) < count:
            self.spent[edge] = count

    def used(self, edge: str) -> float | None:
        """When this edge's account was last seen in use; None: never."""
        lease = self.leases.get(edge)
        return (lease.used or None) if lease is not None else None

    def edges(self) -> list[str]:
        """The edges of which there is anything."""
        return sorted(self.leases)

    def has(self, edge: str) -> bool:
        """Whether there is anything of this edge."""
        return edge in self.leases

    def _lease(self, edge: str) -> Lease:
        if self._ending(edge):
            raise Revoked(f"edge {edge} has been taken back")
        return self.leases[edge]

    def _ending(self, edge: str) -> bool:
        lease = self.leases.get(edge)
        return lease is None or lease.ending

    def _ask(self, step: str, *arguments: Any) -> Any:
        return device_now("accounts").ask([self.kind, self.connection, self.tag, self.key], step, list(arguments))


@actor(kind="remit.machines.account", version=1)
class Account:
    """What a grantee holds of an edge to such a service."""

    accounts: Ref[Accounts]
    edge: str

    async def credential(self) -> Credential:
        """The credential as it is now: after a rotation, the newest."""
        made: Credential = await self.accounts.current(self.edge)
        return made

    async def layout(self) -> Credential:
        """The same as the grantee's machine lays it out: with a tunnel where the service is reached by one."""
        made: Credential = await self.accounts.led(self.edge)
        return made

    async def open(self, key: bytes) -> list[Any]:
        """One connection by the edge's tunnel: a ticket, as a secret, that is good once, for the node with this key; and the address to dial."""
        if type(key) is not bytes or len(key) != KEY:
            raise BadArgument("a tunnel is opened for the raw Ed25519 public key of a node")
        way: list[Any] = await self.accounts.open(self.edge, key)
        return way

    async def meet(self, ticket: Secret, address: SignedAddress) -> None:
        """The same for a node that cannot dial us: we dial it, with a ticket of its own."""
        if type(ticket) is not Secret or type(address) is not SignedAddress:
            raise BadArgument("a node that is to be met says where it is, and by which ticket")
        try:
            raw = bytes.fromhex(ticket.text)
        except (ValueError, TypeError):
            raise BadArgument("a ticket is written in hexadecimal digits") from None
        await self.accounts.meet(self.edge, raw, address)


@actor(kind="remit.machines.led_account", version=1, passing=True)
class LedAccount:
    """What programs hold of such an edge that is reached by a tunnel of their machine's: the credential says where that is."""

    ref: Ref[Any]
    name: str
    edge: str

    async def credential(self) -> Credential:
        """See `Account.credential`."""
        made = await self.ref.layout()
        found: Credential = await device_now("layout").fill(self.name, self.edge, made)
        return found


def is_accounts(ref: Any) -> bool:
    """Whether this is a near service of this sort."""
    return (
        isinstance(ref, Ref) and not isinstance(ref, Far | Promise) and isinstance(getattr(ref, "_at", None), Accounts)
    )

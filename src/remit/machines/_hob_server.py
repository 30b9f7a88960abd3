"""The server presence of a hob: what stands beside the boss for one machine, before and after that has come."""

from __future__ import annotations

from typing import Any, Final

from remit.errors import BadArgument, Conflict, Missing, NoSuchMethod, Unreachable
from remit.graph import Edge
from remit.machines._devices import device_now
from remit.machines._inspection import check_inspection
from remit.machines._laying import Laying
from remit.machines._records import Offer, Report
from remit.machines._supports import check_offer, check_offers, check_report, check_room
from remit.net import HEIR
from remit.values import SturdyRef, printable
from remit.vat import Promise, Ref, actor, become, call, field, on, tell, this

__all__ = ["HobServer", "PendingHob"]

NOTE: Final = 400  # characters of what a machine says of an edge


@actor(kind="remit.machines.pending_hob", version=1)
class PendingHob:
    """The server presence of a machine that has not come yet: it can only be registered, and then becomes active."""

    name: str
    wiring: Ref[Any]
    network: Ref[Any]

    def register(self, client: Ref[Any], key: bytes, address: Any) -> None:
        """The machine is there: from now on calls go to its client presence. For its introduction only."""
        become(HobServer(self.name, self.wiring, self.network, client, key, address))

    def state(self) -> str:
        """Always "pending"."""
        return "pending"

    def pulse(self) -> tuple[str, str, float | None]:
        """As `HobServer.pulse`: there is nothing yet."""
        return "pending", "", None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Everything else has to wait for the machine."""
        raise Unreachable(f"machine {self.name} has not come yet; see: remit machine show {self.name}")


@actor(kind="remit.machines.hob_server", version=1)
class HobServer:
    """The server presence of a machine: passes calls to its client presence, and hears from it.

    The machine holds this object as well, under its key only: so nothing here does more than the machine could by itself.
    `client` re-enlivens itself. `seen` is when the machine last said hello, in seconds since the epoch.
    """

    name: str
    wiring: Ref[Any]
    network: Ref[Any]
    client: Ref[Any]
    key: bytes
    address: Any
    seen: float = 0.0
    version: str = ""
    renamed: bool = False
    known: dict[str, Offer] = field(factory=dict)
    met: Any = None
    """The key that the boss had when the machine last said hello; None before that."""

    def register(self, client: Ref[Any], key: bytes, address: Any) -> None:
        """The same machine redeems again, since its answer was lost: take its newest presence."""
        if key != self.key:
            raise Conflict(f"machine {self.name} is registered with another key")
        self.client = client
        self.address = address

    def state(self) -> str:
        """Always "active"."""
        return "active"

    # --- from the machine -------------------------------------------------------------------------

    async def hello(self, address: Any, report: Report) -> Any:
        """The machine has (re)connected: learn where it is, finish what was begun. Answers the boss's signed address."""
        if getattr(address, "key", None) != self.key:
            raise Conflict(f"this address is not signed by machine {self.name}")
        check_report(report)
        # Before anything is awaited: what the machine says of its offers meanwhile is newer than this report.
        self.version = report.version
        self.known = {offer.name: offer for offer in report.offers}
        await self.network.learn(address)
        self.address = address
        self.seen = await self.network.now()
        call(self.wiring).stirred(self.name)
        here = await self.network.address()
        if self.met not in (None, here.key):  # what was refused before the machine knew this key goes on
            self.client = await self.network.moved(self.client, self.key)
        self.met = here.key
        tell(self.wiring).reconcile(self.name, list(report.grants), report.bindings)
        if self.renamed:
            self.tell_name()
        return here

    def offering(self, offer: Offer) -> None:
        """The machine makes or changes an offer."""
        check_offer(offer)
        check_room(self.known, offer.name)
        self.known[offer.name] = offer

    def withdrawn(self, name: str) -> None:
        """The machine takes an offer back."""
        self.known.pop(name, None)

    def trouble(self, id: str, text: str) -> None:
        """The machine has something to say of an edge that it holds, such as a reload that failed; "" when that is over."""
        if type(id) is not str or type(text) is not str:
            raise BadArgument("a machine names an edge, and says what is wrong in words")
        tell(self.wiring).note(self.name, id, printable(text)[:NOTE])

    async def cookie(self) -> SturdyRef:
        """The way into the ensemble of the boss, in which the machine's id is its name."""
        await device_now("ensemble").claim(self.name, self.key)
        found: SturdyRef = await device_now("ensemble").cookie()
        return found

    def leave(self, keep: bool) -> None:
        """The machine wants to be no machine of this boss's any more: see `Fleet.leave`."""
        call(self.wiring).departing(self.name, bool(keep))

    def whereabouts(self, key: bytes) -> Any:
        """The last signed address of another machine with this key, so that a stale hint can be replaced."""
        return call(self.wiring).address_of(key)

    def public_key(self) -> bytes:
        """The machine's raw Ed25519 public key."""
        return self.key

    def signed_address(self) -> Any:
        """Where the machine last was, signed by its key."""
        return self.address

    def last_seen(self) -> float | None:
        """When the machine last said hello; None if it has not yet."""
        return self.seen or None

    def pulse(self) -> tuple[str, str, float | None]:
        """What a status shows: state, `agent_version` and `last_seen`. Where one of them changes, the fleet is told (`Fleet.stirred`)."""
        return "active", self.version, self.seen or None

    def met_as(self) -> Any:
        """The raw key that the boss had when the machine last said hello; None before that."""
        return self.met

    def agent_version(self) -> str:
        """What its agent says of its version: see `Release`."""
        return self.version

    # --- to the machine -----------------------------------------------------------------------------

    def rename(self, name: str) -> None:
        """The machine has another name now; it hears of that when it can be reached."""
        self.name, self.renamed = name, True
        self.tell_name()

    def tell_name(self) -> None:
        """Tell the machine its name."""
        on(self.client.rename(self.name), self._named, lambda _: None)

    def _named(self, name: str) -> None:
        if name == self.name:
            self.renamed = False

    async def rename_offer(self, old: str, new: str) -> None:
        """Have the machine give an offer another name."""
        made: Offer = await self.client.rename_offer(old, new)
        check_offer(made)
        self.known.pop(old, None)
        self.known[made.name] = made

    def offers(self) -> list[Offer]:
        """What the machine offers, as it last said."""
        return sorted(self.known.values(), key=lambda offer: offer.name)

    def follow(self, chain: list[Any]) -> Promise[Any]:
        """Tell the machine of the boss's next key, in the session with the present one."""
        return self.client.follow(chain)

    async def introduce(self, chain: list[Any]) -> None:
        """Tell the machine of the boss's key, which it may not know yet, and have it say hello."""
        way = await self.network.enliven(SturdyRef(self.address.locator(), HEIR))
        await way.follow(chain)
        self.client = await self.network.moved(self.client, self.key)
        tell(this()).summon(await self.network.address())

    def summon(self, address: Any) -> Promise[Any]:
        """Have the machine say hello, now that the boss is (back) at this address."""
        return self.client.summon(address)

    async def fresh_offers(self) -> list[Offer]:
        """What the machine offers, asked now."""
        offers = await self.client.offers()
        check_offers(offers)
        self.known = {offer.name: offer for offer in offers}
        return self.offers()

    async def keep(self, offer: Offer, arguments: list[Any]) -> Offer:
        """Have the machine make an object of `offer.kind`, keep it and offer it."""
        made: Offer = await self.client.keep(offer, arguments)
        check_offer(made)
        check_room(self.known, made.name)
        self.known[made.name] = made
        return made

    async def withdraw(self, name: str) -> list[str]:
        """Have the machine take an offer back; the ids of the edges that have ended with it."""
        ended: list[str] = await self.client.withdraw(name)
        self.known.pop(name, None)
        return ended

    async def ensembled(self) -> Ref[Any]:
        """What leads to the machine as a server, and to those that run on it: see `Ensembled`."""
        try:
            found: Ref[Any] = await self.client.ensembled()
        except NoSuchMethod:
            raise Missing(
                f"the agent of machine {self.name} is of an earlier version, and no server: remit machine upgrade {self.name}"
            ) from None
        return found

    def watch(self, trace: str | None, seconds: float) -> Promise[Any]:
        """Have the machine follow a trace, or all calls that come in."""
        return self.client.watch(trace, seconds)

    def recall(self, what: str) -> Promise[Any]:
        """What the machine has recorded under an id."""
        return self.client.recall(what)

    def burden(self) -> Promise[Any]:
        """What peers owe the machine's node, and what waits there for others."""
        return self.client.burden()

    def service(self, verb: str, arguments: list[Any]) -> Promise[Any]:
        """Ask the machine about its services, or order it: see `ServiceRoom.ask`."""
        return self.client.service(verb, arguments)

    def grant(self, edge: Edge, key: bytes) -> Promise[Any]:
        """Have the machine make the grant of an edge: see `HobClient.grant`."""
        return self.client.grant(edge, key)

    def revoke(self, id: str) -> Promise[Any]:
        """Have the machine end the grant of an edge."""
        return self.client.revoke(id)

    def bind(
        self, edge: Edge, sturdy: SturdyRef, ref: Ref[Any], account: bool = False, laying: Laying | None = None
    ) -> Promise[Any]:
        """Have the machine take a service into its namespace: see `HobClient.bind`."""
        return self.client.bind(edge, sturdy, ref, *([True] if account else []), *([laying] if laying else []))

    def rotate(self, id: str, overlap: float) -> Promise[Any]:
        """Have the machine renew the credential of an edge that it grants: see `HobClient.rotate`."""
        return self.client.rotate(id, overlap)

    def last_used(self) -> Promise[Any]:
        """When the accounts of edges that the machine grants were last seen in use, by edge."""
        return self.client.last_used()

    async def inspect(self) -> dict[str, Any]:
        """What the machine finds inside: see `_inspection.py`."""
        return check_inspection(await self.client.inspect())

    def restore(self, id: str) -> Promise[Any]:
        """Have the machine make the account of an edge anew that it grants."""
        return self.client.restore(id)

    def remove_stray(self, offer: str, edge: str) -> Promise[Any]:
        """Have the machine remove an account that no edge accounts for."""
        return self.client.remove_stray(offer, edge)

    def renew(self, id: str) -> Promise[Any]:
        """Have the machine lay out the credential of an edge anew that it holds."""
        return self.client.renew(id)

    def unbind(self, name: str, id: str) -> Promise[Any]:
        """Have the machine drop a name, if it still means this edge."""
        return self.client.unbind(name, id)

    def release(self, name: str, id: str) -> Promise[Any]:
        """Have the machine forget an edge, and leave what was made for it: see `HobClient.release`."""
        return self.client.release(name, id)

    def bindings(self) -> Promise[Any]:
        """The names that the machine has been given."""
        return self.client.bindings()

    def binding(self, name: str) -> Promise[Any]:
        """The service behind one of these names."""
        return self.client.get(name)

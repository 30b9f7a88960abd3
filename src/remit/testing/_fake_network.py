"""A network without wires: nodes in one process, each with its key and vat, whose `network` devices find each other."""

from __future__ import annotations

import itertools
from hashlib import sha256
from typing import Any

from remit.errors import Broken, Expired, LinkLost, Refused, Unreachable
from remit.lib import SwissEntry
from remit.net import NodeKey, Recall, SignedAddress, Tracer, designator_of, sign_address
from remit.values import Locator, SturdyRef
from remit.vat import Far, Message, Promise, Ref, Vat

__all__ = ["FakeNetwork", "FakeWorld"]


class FakeWorld:
    """Where fake nodes find each other; made and owned by a test. `time` (seconds since the epoch) moves only when told."""

    def __init__(self, time: float = 1_000_000.0) -> None:
        self.time = time
        self.nodes: dict[str, FakeNetwork] = {}
        self.down: set[str] = set()
        self._counter = itertools.count(1)

    def join(self, vat: Vat, key: NodeKey | None = None) -> FakeNetwork:
        """A node for this vat, as its device `network`."""
        network = FakeNetwork(self, vat, key or NodeKey.generate())
        self.nodes[network.designator] = network
        vat.device("network", network)
        return network

    def token(self) -> str:
        """A new text each time, the same in each run."""
        return sha256(b"%d" % next(self._counter)).hexdigest()[:32]

    def fetch(self, sturdyref: SturdyRef, peer: bytes | None) -> Ref[Any]:
        """What somebody with this proved key gets for a sturdyref. Raises `Unreachable`, `Refused`, `Expired`."""
        node = self.nodes.get(sturdyref.locator.designator)
        if node is None or node.designator in self.down:
            raise Unreachable(f"node {sturdyref.locator.designator[:12]} cannot be reached; nothing was sent")
        return node.fetch(sturdyref.swiss, peer)


class FakeNetwork(Recall):
    """The device `network` of one vat, as `remit.net` gives it, and its node. Ends with its test.

    A reference that it enlivens breaks each call as `Unreachable` while one of the two nodes is in `world.down`.
    """

    def __init__(self, world: FakeWorld, vat: Vat, key: NodeKey) -> None:
        self.world = world
        self.vat = vat
        self.key = key
        self.designator = designator_of(key.public)
        self.learned: dict[bytes, SignedAddress] = {}
        self._tracing = Tracer(self.designator, _nobody)
        self._entries: dict[bytes, SwissEntry] = {}
        self._objects: dict[bytes, Ref[Any]] = {}

    @property
    def tracing(self) -> Tracer:
        """No message is followed in a fake world."""
        return self._tracing

    def sturdy(
        self,
        ref: Ref[Any],
        *,
        holder: str = "",
        only: bytes | None = None,
        gate: bool = False,
        expires: float | None = None,
        uses: int | None = None,
    ) -> SturdyRef:
        """A sturdyref for an object of this vat."""
        swiss = sha256(self.world.token().encode()).digest()
        self._objects[swiss] = ref
        self._entries[swiss] = SwissEntry(holder, only, gate, expires, uses)
        return SturdyRef(Locator("remit", self.designator, {"fake": self.vat.name}), swiss)

    def forget(self, sturdyref: SturdyRef) -> bool:
        """Delete a swiss number."""
        self._entries.pop(sturdyref.swiss, None)
        return self._objects.pop(sturdyref.swiss, None) is not None

    def forget_holder(self, holder: str) -> None:
        """Delete every swiss number of this holder."""
        for swiss in [each for each, entry in self._entries.items() if entry.holder == holder]:
            del self._entries[swiss], self._objects[swiss]

    def fetch(self, swiss: bytes, peer: bytes | None) -> Ref[Any]:
        """The object for this swiss number and peer."""
        entry = self._entries.get(swiss)
        if entry is None or (entry.only is not None and entry.only != peer):
            raise Refused("no object here answers to this swiss number for this peer")
        if entry.expires is not None and self.world.time >= entry.expires:
            raise Expired("this sturdyref has expired")
        if entry.uses is not None:
            if entry.uses < 1:
                raise Expired("this sturdyref has been used as often as it may be")
            self._entries[swiss] = SwissEntry(entry.holder, entry.only, entry.gate, entry.expires, entry.uses - 1)
        ref = self._objects[swiss]
        return ref.admit(peer) if entry.gate else ref

    def holders(self) -> list[str]:
        """For whom swiss numbers are in force."""
        return sorted(entry.holder for entry in self._entries.values())

    def enliven(self, sturdyref: SturdyRef) -> Far[Any]:
        """A reference that finds the object at its first use, and keeps to it."""
        return Far(self.vat, None, FakeLink(self, sturdyref))

    def address(self) -> SignedAddress:
        """This node's address, signed."""
        return sign_address(self.key, {"fake": self.vat.name}, int(self.world.time))

    def learn(self, address: SignedAddress) -> None:
        """Keep an address. Raises `Refused` if its signature is wrong."""
        if not address.holds():
            raise Refused("an address whose signature is not its key's")
        self.learned[address.key] = address

    def debts(self) -> list[dict[str, Any]]:
        """Nobody owes anything here."""
        return []

    def debts_in_columns(self, first: int = 0) -> dict[str, list[Any]]:
        """The same by columns."""
        rows = self.debts()[first:]
        return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}

    def burden(self, owing: bool = False) -> dict[str, Any]:
        """Nor does anything wait."""
        sessions = [each for each in self.debts() if not owing or each["messages"] or each["unread"]]
        return {"sessions": sessions, "waiting": []}

    def now(self) -> float:
        """The world's time."""
        return self.world.time

    def token(self) -> str:
        """A text that is new in this world."""
        return self.world.token()


class FakeLink:
    """The link of one enlivened reference."""

    def __init__(self, network: FakeNetwork, sturdyref: SturdyRef) -> None:
        self.network = network
        self.sturdyref = sturdyref
        self._found: Ref[Any] | None = None

    def deliver(self, handle: Any, message: Message) -> None:  # a link of one object
        """Pass the message on, or break it."""
        down = self.network.world.down
        if down & {self.network.designator, self.sturdyref.locator.designator}:
            message.fail(Unreachable("the link is down; nothing was sent"), None)
            return
        try:
            if self._found is None:
                self._found = self.network.world.fetch(self.sturdyref, self.network.key.public)
        except Broken as error:
            message.fail(error, None)
        else:
            self._found._route(message, None)

    def listen(self, promise: Promise[Any]) -> None:
        """A link of one object exports no promises."""

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:  # a link of one object
        """Nothing is lost in a fake world, but what is down already is."""
        if self.sturdyref.locator.designator in self.network.world.down:
            handler(LinkLost("the link is down"))

    def off_sever(self, handle: Any, handler: Ref[Any]) -> None:
        """See `on_sever`."""

    def __repr__(self) -> str:
        return f"fake link to {self.sturdyref!r}"


def _nobody(on: bool) -> None:
    """Nobody has sessions that could follow anything."""

"""What objects see of their node: the device `network`."""

from __future__ import annotations

import asyncio
import secrets
import time
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Misuse, Unreachable
from remit.lib import SwissEntry
from remit.net._address_book import SignedAddress
from remit.net._identity import designator_of, public_of
from remit.net._live import PATIENCE, Live, live_ref
from remit.net._recall import Recall
from remit.values import Locator, SturdyRef
from remit.vat import Far, Ref, Vat, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.net._node import Node
    from remit.net._trace import Tracer

__all__ = ["Network"]

PARTING: Final = 0.2  # seconds between the answer to a node and the end of its sessions


class Network(Recall):
    """The device's methods. Made before its node where a durable vat must know its devices first: then `attach` it.

    `patience`: how many seconds a call on a re-enlivening reference waits for its link, where its maker has not said.
    """

    def __init__(self, node: Node | None = None) -> None:
        self._node = node
        self.patience = PATIENCE
        self.known: dict[bytes, Callable[[bytes | None], Ref[Any]]] = {}
        self.when_attached: list[Callable[[Node], None]] = []
        self.waiting: list[Callable[[], list[dict[str, Any]]]] = []  # each tells of what waits in some outbox

    def attach(self, node: Node) -> None:
        """The node that this device speaks for; it answers to the swiss numbers in `known`, too."""
        self._node = node
        node.known.update(self.known)
        for then in self.when_attached:
            then(node)

    @property
    def node(self) -> Node:
        """The node that this device speaks for."""
        if self._node is None:
            raise Misuse("this network device has no node yet")
        return self._node

    @property
    def tracing(self) -> Tracer:
        """Its node's traces."""
        return self.node.tracing

    @property
    def works(self) -> bool:
        """Whether there is a node, and it is not closed."""
        return self._node is not None and not self._node.closed

    async def sturdy(
        self,
        ref: Ref[Any],
        *,
        holder: str = "",
        only: bytes | None = None,
        gate: bool = False,
        expires: float | None = None,
        uses: int | None = None,
    ) -> SturdyRef:
        """A fresh sturdyref for a near object (see `remit.lib.SwissEntry` for what the arguments mean)."""
        swiss = secrets.token_bytes(32)
        await self.register(swiss, ref, SwissEntry(holder, only, gate, expires, uses))
        return SturdyRef(self.node.locator, swiss)

    async def register(self, swiss: bytes, ref: Ref[Any], entry: SwissEntry) -> None:
        """Let a swiss number chosen by the caller stand for a near object."""
        await send(self.node.swiss, "register", sha256(swiss).digest(), ref, entry)

    async def forget(self, sturdyref: SturdyRef) -> bool:
        """Delete the swiss number of a sturdyref of this node; whether it was there."""
        found: bool = await send(self.node.swiss, "forget", sha256(sturdyref.swiss).digest())
        return found

    async def forget_holder(self, holder: str) -> None:
        """Delete every swiss number that was made for this holder."""
        await send(self.node.swiss, "forget_holder", holder)

    def enliven(self, sturdyref: SturdyRef) -> Far[Any]:
        """A re-enlivening reference, at once, connected or not."""
        return self.live(sturdyref, self.node.vat)

    def live(self, sturdyref: SturdyRef, vat: Vat) -> Far[Any]:
        """The same for a vat that is being loaded, before its node is there."""

        async def find() -> Ref[Any]:
            return await self.node.fetch_from(sturdyref)

        return live_ref(Live(self, find, sturdyref), vat)

    def whose(self, ref: Ref[Any]) -> bytes:
        """The raw public key of the node to which a re-enlivening reference leads."""
        return public_of(_known(ref).locator.designator)

    def moved(self, ref: Ref[Any], key: bytes) -> Far[Any]:
        """A fresh re-enlivening reference like this one, to the same object of the node that has this key now."""
        old = _known(ref)
        there = Locator(old.locator.transport, designator_of(key), self.node.addresses.find(old.locator).hints)
        return self.enliven(SturdyRef(there, old.swiss))

    def abandon(self, ref: Ref[Any]) -> None:
        """Calls that wait for a re-enlivening reference end as `Unreachable`: another one has taken its place."""
        assert isinstance(ref._link, Live)
        ref._link.abandon(Unreachable("the other node has another key now; nothing was sent"))

    def part(self, key: bytes) -> None:
        """End the sessions with the node of this key, after a moment in which answers go out: what it has fetched breaks."""
        self.node.background(self._part(designator_of(key)))

    async def _part(self, designator: str) -> None:
        await asyncio.sleep(PARTING)
        for session in list(self.node._connections):
            if session.remote_location is not None and session.remote_location.designator == designator:
                session.abort("this node has another key")

    def address(self) -> SignedAddress:
        """This node's current address, signed."""
        return self.node.address()

    def learn(self, address: SignedAddress) -> None:
        """Keep a newer address of some node. Raises `Refused` if its signature is wrong."""
        self.node.addresses.learn(address)

    def debts(self, first: int = 0) -> list[dict[str, Any]]:
        """What each peer of the node's owes for now: messages under way that it has caused, bytes of the large ones, bytes that it leaves unread.

        Each is {"peer": designator or "", "transport", "messages", "bytes", "unread", "paused": whether it is not read for now}; so many `first` ones
        are left out.
        """
        return [connection.debt() for connection in islice(self.node._connections.values(), first, None)]

    def debts_in_columns(self, first: int = 0) -> dict[str, list[Any]]:
        """The same as {"peer": [...], "transport": [...], ...}: of thousands of sessions, that passes in less time."""
        rows = self.debts(first)
        return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}

    def burden(self, owing: bool = False) -> dict[str, Any]:
        """What peers owe here for now, and what waits here for others: {"sessions": as `debts`, or only those `owing` anything, "waiting": [...]}.

        What waits are durable messages that are not acknowledged yet, for each node: {"peer": designator, "messages", "bytes", "why": what the
        last attempt came to, "" while all is well}.
        """
        sessions = [each for each in self.debts() if not owing or _owes(each)]
        return {"sessions": sessions, "waiting": [row for rows in self.waiting for row in rows()]}

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def token(self) -> str:
        """128 random bits as text."""
        return secrets.token_hex(16)


def _owes(debt: dict[str, Any]) -> bool:
    return bool(debt["messages"] or debt["bytes"] or debt["unread"] or debt["paused"])


def _known(ref: Ref[Any]) -> SturdyRef:
    link = ref._link
    if not isinstance(link, Live) or link.sturdyref is None:
        raise Misuse("only a re-enlivening reference says where its object is")
    return link.sturdyref

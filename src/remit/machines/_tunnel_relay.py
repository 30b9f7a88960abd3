"""Tunnels between machines that do not reach each other: the boss stands in between, for bytes as for messages.

    grantee ──open──► boss: a ticket of its own ──the grantee comes──► open and dial at the provider ──► joined

The provider counts and cuts as for any tunnel; the boss passes bytes on, and cuts when the edge is taken back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Final

from remit.errors import RemitError, Unreachable
from remit.machines._devices import device_now
from remit.machines._entrances import lead
from remit.net import Bulk, Joint, Meter, Node, SignedAddress
from remit.values import Secret
from remit.vat import Promise, Ref, actor

__all__ = ["TunnelRelay", "TunnelRelays"]

_log = logging.getLogger("remit.tunnels")
PATIENCE: Final = 20.0  # seconds for the way on to the provider
TICKETS: Final = 256  # of one edge that are out; the oldest is worth nothing when there are more


@actor(kind="remit.machines.tunnel_relay", version=1)
class TunnelRelay:
    """What a grantee holds of an edge to a service of the credentials' kind, where the boss relays. Owned by the edge's relay, behind its membrane."""

    provider: Ref[Any]
    edge: str

    def credential(self) -> Promise[Any]:
        """See `Account.credential`."""
        return self.provider.credential()

    def layout(self) -> Promise[Any]:
        """See `Account.layout`."""
        return self.provider.layout()

    def open(self, key: bytes) -> Promise[Any]:
        """See `Account.open`: the address is the boss's."""
        return device_now("relays").open(self.edge, self.provider, key)

    def meet(self, ticket: Secret, address: SignedAddress) -> None:
        """See `Account.meet`."""
        raise Unreachable("the boss relays this tunnel, and does not dial machines: they dial it")


class TunnelRelays:
    """The device `relays` of the boss's vat: the joints of each edge, which end with the process."""

    def __init__(self) -> None:
        self._node: Node | None = None
        self._open: dict[str, set[Any]] = {}
        self._tickets: dict[str, deque[bytes]] = {}

    def attach(self, node: Node) -> None:
        """The boss's node."""
        self._node = node

    @property
    def node(self) -> Node:
        """The boss's node."""
        if self._node is None:
            raise Unreachable("the boss has no node yet")
        return self._node

    def open(self, edge: str, provider: Ref[Any], key: bytes) -> list[Any]:
        """A ticket for one connection of the grantee with this key, and where to come with it."""
        node = self.node

        def take(bulk: Bulk) -> None:
            work = asyncio.get_running_loop().create_task(self._lead(edge, provider, bulk))
            self._add(edge, work)
            work.add_done_callback(lambda _: self._drop(edge, work))

        ticket = node.bulks.expect(key, take)
        tickets = self._tickets.setdefault(edge, deque())
        tickets.append(ticket)
        if len(tickets) > TICKETS:
            node.bulks.forget(tickets.popleft())
        return [Secret(ticket.hex()), node.address()]

    async def _lead(self, edge: str, provider: Ref[Any], bulk: Bulk) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                onward = await lead(self.node, provider)
        except (RemitError, TimeoutError) as error:
            _log.info("tunnel of edge %s: a connection could not be relayed: %s", edge, error)
            bulk.end("the provider is not reached")
            return
        except asyncio.CancelledError:
            bulk.end("the edge was revoked")
            raise
        joint = Joint(bulk, onward, Meter(), lambda joint, _: self._drop(edge, joint))
        if not joint.over:
            self._add(edge, joint)

    def close(self, edge: str) -> None:
        """The edge is taken back: cut what is open."""
        for ticket in self._tickets.pop(edge, ()):
            self.node.bulks.forget(ticket)
        for each in self._open.pop(edge, ()):
            if isinstance(each, Joint):
                each.close("the edge was revoked")
            else:
                each.cancel()

    def close_all(self) -> None:
        """The boss ends."""
        for edge in {*self._open, *self._tickets}:
            self.close(edge)

    def _add(self, edge: str, what: Any) -> None:
        self._open.setdefault(edge, set()).add(what)

    def _drop(self, edge: str, what: Any) -> None:
        there = self._open.get(edge)
        if there is not None:
            there.discard(what)
            if not there:
                self._open.pop(edge, None)

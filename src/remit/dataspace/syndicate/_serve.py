"""Serving an object (a gatekeeper, most of the time) to whoever connects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from remit.dataspace.syndicate._address import Address
from remit.dataspace.syndicate._binds import Sturdy
from remit.dataspace.syndicate._connection import Connection
from remit.dataspace.syndicate._gatekeeper import Gatekeeper
from remit.dataspace.syndicate._hub import Clock, Hub
from remit.dataspace.syndicate._noise_step import NoiseKind
from remit.dataspace.syndicate._opening import nothing_here
from remit.dataspace.syndicate._ports import TcpPort, UnixPort
from remit.dataspace.syndicate._records import ACCEPTED
from remit.errors import BadArgument, Misuse
from remit.net import Admission
from remit.values import DEFAULT_LIMITS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

    from remit.dataspace.syndicate._opening import Answer, Request
    from remit.errors import Broken
    from remit.net import Channel
    from remit.values import Limits
    from remit.vat import Ref, Vat

__all__ = ["Debt", "Server", "gatekeeper", "listen"]


class Debt(NamedTuple):
    """What one peer causes now: turns under way, bytes of its large ones, bytes that it has left unread, and whether it is read."""

    name: str
    turns: int
    held: int
    unread: int
    read: bool


def gatekeeper(
    vat: Vat, bindspace: Ref[Any], *, dialect: str = ACCEPTED, limits: Limits = DEFAULT_LIMITS
) -> Gatekeeper:
    """A gatekeeper over the binds of a dataspace, for sturdyrefs and Noise, with this process's time and randomness.

    `dialect`: how peers are answered: "accepted", which syndicate-py needs, or "ok". Owned by the caller; ends by `close`.
    """
    hub = Hub.of(vat)
    return Gatekeeper(vat, bindspace, kinds={"ref": Sturdy(Clock()), "noise": NoiseKind(hub, limits)}, dialect=dialect)


def listen(
    where: Any,
    initial: Ref[Any],
    *,
    vat: Vat | None = None,
    tls: ssl.SSLContext | None = None,
    respond: Callable[[Request], Answer] = nothing_here,
    limits: Limits = DEFAULT_LIMITS,
    admission: Admission | None = None,
) -> Server:
    """Listen, as a server to be entered with `async with`: each peer gets `initial` for free, at oid 0.

    `where`: `tcp://host:port` (also WebSockets and HTTP, told apart by the first byte; port 0: any free one), `tls://host:port` with
    `tls`, or `unix:///path`. `respond` answers HTTP requests. `vat`: who waits for answers; that of `initial` by default. `admission` bounds
    how many connections there may be.
    """
    return Server(
        Address.of(where),
        initial,
        initial._vat if vat is None else vat,
        tls=tls,
        respond=respond,
        limits=limits,
        admission=Admission(connections=1000) if admission is None else admission,
    )


class Server:
    """One listener and its connections. Ends with its `async with`, or by `close`; then all that its peers asserted is withdrawn.

    `address`: where it listens, with the port that it got.
    """

    def __init__(
        self,
        address: Address,
        initial: Ref[Any],
        vat: Vat,
        *,
        tls: ssl.SSLContext | None,
        respond: Callable[[Request], Answer],
        limits: Limits,
        admission: Admission,
    ) -> None:
        if (address.kind == "tls") != (tls is not None):
            raise Misuse("tls://… needs tls=…, a server's ssl.SSLContext, and only it takes one")
        self.address = address
        self.connections: dict[Connection, None] = {}
        self._initial = initial
        self._vat = vat
        self._limits = limits
        self._port: TcpPort | UnixPort
        if address.kind in ("tcp", "tls"):
            self._port = TcpPort(
                address.place, address.port, tls=tls, respond=respond, limits=limits, admission=admission
            )
        elif address.kind == "unix":
            self._port = UnixPort(address.place, limits=limits, admission=admission)
        else:
            raise BadArgument(
                f"cannot listen on {address}: it is tcp://…, tls://… or unix://…; WebSockets come to the TCP port"
            )

    async def __aenter__(self) -> Server:
        Hub.of(self._vat)  # complains now if nobody drives it
        found = await self._port.listen(self._accept)
        self.address = Address.of(found[self._port.transport])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Take no more connections, and end those that there are."""
        for connection in list(self.connections):
            connection.close("the server is closing")
        await self._port.close()

    def debts(self) -> list[Debt]:
        """What each peer causes now; the heaviest first."""
        accounts = [(connection.session.name, connection.account) for connection in self.connections]
        found = [Debt(name, each.debt, each.held, each.unread, not each.paused) for name, each in accounts]
        return sorted(found, key=lambda debt: (debt.turns, debt.held + debt.unread), reverse=True)

    def _accept(self, channel: Channel) -> Connection:
        name = str(getattr(channel, "name", self.address))
        connection = Connection(
            Hub.of(self._vat), channel, self._initial, name=name, limits=self._limits, gone=self._gone
        )
        self.connections[connection] = None
        return connection

    def _gone(self, connection: Connection, cause: Broken) -> None:
        self.connections.pop(connection, None)

    def __repr__(self) -> str:
        return f"<Syndicate server at {self.address}, {len(self.connections)} connections>"

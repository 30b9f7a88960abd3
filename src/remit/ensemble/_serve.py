"""A program as a server: a vat and a node of its own, listening, registered for as long as this lasts."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from remit.durable import FileLock
from remit.ensemble._home import Home
from remit.ensemble._server import Server, place
from remit.ensemble._supervised import authorize_beforehand, told_to
from remit.errors import BadArgument, Conflict, StoreLocked
from remit.net import Admission, Network, Node, NodeKey, TlsNetlayer, TurnLog, UnixNetlayer, dialling
from remit.vat import Vat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from remit.ensemble._ids import ServerId

__all__ = ["listen_on", "serve"]


@asynccontextmanager
async def serve(
    id: str | ServerId,
    *,
    roles: Iterable[str] = (),
    listen: Iterable[str] = (),
    announce: Iterable[str] = (),
    home: Home | str | os.PathLike[str] | None = None,
    info: dict[str, Any] | None = None,
    log_file: str | None = None,
    patience: float = 5.0,
) -> AsyncIterator[Server]:
    """Be a server of the ensemble while this lasts, and again after each restart of the registry.

    It listens on a unix socket, and with TLS at each `host:port` of `listen`; `announce` are the addresses that others are told instead of
    those. `home` is a directory or `Home`, else the usual one. `info` is what it says of itself. `log_file`: a file in its directory
    in which its log is written, "-" for `server.log`. Raises `Conflict` while a server
    of this id runs from this home, and `Refused` where the id is another key's.
    """
    place_ = home if isinstance(home, Home) else Home.find(home)
    whole = place_.id_of(id)
    directory = place_.make_server(whole)
    told = told_to(place_, whole, os.environ)
    with _locked(directory, whole):
        key = NodeKey.open(directory / "key.pem")
        vat = Vat(whole.name, recorder=(log := TurnLog()), mark=f"{os.urandom(3).hex()}-")
        async with vat, Node(key, vat) as node:
            network = Network(node)
            network.log = log
            vat.device("network", network)
            await listen_on(node, place_, whole, list(listen) or told.listen, list(announce) or told.announce)
            server = Server(
                place_,
                whole,
                node,
                network,
                directory,
                roles=told.roles_with(roles),
                info=_info(place_, info),
                log_file=log_file,
            )
            granting: asyncio.Future[None] | None = None
            try:
                await server.start(patience=patience)
                if told.authorize:
                    granting = asyncio.ensure_future(authorize_beforehand(server, told.authorize))
                yield server
            finally:
                if granting is not None:
                    granting.cancel()
                    await asyncio.gather(granting, return_exceptions=True)
                await server.close()


async def listen_on(
    node: Node,
    home: Home,
    id: ServerId,
    listen: Iterable[str],
    announce: Iterable[str],
    room: Callable[[], Admission] = Admission,
) -> None:
    """Have a server's node listen on its socket, and with TLS where it is told; dial over all else. `room` says for how many, on each."""
    await node.listen(UnixNetlayer(node.key, home.socket(id), admission=room()))
    places, told = [place(each) for each in listen], list(announce)
    for each in told:
        place(each)
    if places:
        (host, port), *also = places
        published = place(told[0])[0] if told else None
        await node.listen(TlsNetlayer(node.key, host=host, port=port, published=published, also=also, admission=room()))
    elif told:
        raise BadArgument("what is announced is where somebody listens: give --listen HOST:PORT, too")
    if told:
        node.hints["tls"] = {"tls": ",".join(told)}
    for netlayer in dialling(node.key, but=node.netlayers):
        node.use(netlayer)


def _info(home: Home, info: dict[str, Any] | None) -> dict[str, Any]:
    """What a server says of itself, with the machine that it runs on: by way of that its boss reaches it."""
    machine = home.machine()
    return {**({"machine": machine} if machine else {}), **(info or {})}


def _locked(directory: Path, id: ServerId) -> FileLock:
    try:
        return FileLock(directory / "lock", f"the directory of server {id}, {directory}")
    except StoreLocked as error:
        raise Conflict(f"server {id} runs already: {error}") from None

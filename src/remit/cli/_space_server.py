"""The process behind `remit dataspace serve`: one dataspace, a gatekeeper before it, and the ways to both.

STATE/              0700, held by one process at a time (`lock`)
    keys            what sturdyrefs are checked by, 0600: `_space_keys.py`
    space.sock      where the gatekeeper listens, besides what it was told
    space.ref       a sturdyref that can do everything, 0600
    space.route     the same with the server's addresses
    space.trace     the route to what it says of its own turns, 0600
    tls.pem, tls-key.pem    a certificate of its own and its key, where it serves tls:// and was given none
    key.pem, captp.sock, space.captp    the node's key, its socket, and the CapTP sturdyref, where CapTP is served, too
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from remit.cli._space_glances import Glances, Peers
from remit.cli._space_keys import MAIN, TRACE, Keys
from remit.cli._space_values import without_references
from remit.dataspace import ANY, Dataspace, Trace, during, interest, message, this_facet
from remit.dataspace.syndicate import Address, Route, bind_step, gatekeeper, listen
from remit.durable import FileLock, open_state_dir, read_secret_file, write_secret_file
from remit.errors import BadArgument, Missing, Misuse, RemitError
from remit.lib import SwissEntry, Timer
from remit.net import Node, NodeKey, TlsNetlayer, UnixNetlayer, dialling, told_to_stop
from remit.values import SturdyRef, Symbol, Tagged, preserves
from remit.values.preserves import Map
from remit.vat import Ref, Vat, actor, send, tell, this

__all__ = ["Listeners", "serve_dataspace"]

LOOK: Final = 0.5  # seconds between two looks at the key file
SWISS_BYTES: Final = 32


class Listeners(NamedTuple):
    """Where a dataspace is served. `tls`: for the addresses that begin with it."""

    addresses: tuple[str, ...]
    published: str | None
    captp: str | None
    tls: Any
    dialect: str


async def serve_dataspace(
    state: Path, listeners: Listeners, say: Callable[[str], None], ready: Callable[[], None]
) -> None:
    """Serve until told to stop. `say` gets lines for people; `ready` is called when others can come."""
    directory = open_state_dir(state)
    with FileLock(directory / "lock", f"the state directory {directory}"):
        async with told_to_stop() as stop, AsyncExitStack() as stack:
            vat = await stack.enter_async_context(Vat("dataspace"))
            space = vat.spawn(Dataspace, vat.device("timer", Timer(time.time, asyncio.sleep)))
            peers = Peers()
            if listeners.captp is not None:
                say(f"CapTP: {await _captp(stack, vat, space, directory, listeners)}")
            listeners = _with_certificate(listeners, directory, say)
            door = Doorkeeper(Keys(directory), space, vat.spawn(Dataspace), await _told(vat, space, peers))
            keeper = gatekeeper(vat, door.binds, dialect=listeners.dialect)
            stack.callback(keeper.close)
            addresses = [
                await _listen(stack, each, keeper.entrance, listeners, peers)
                for each in (f"unix://{directory / 'space.sock'}", *listeners.addresses)
            ]
            door.changed = lambda: _write_refs(door.keys, directory, addresses)
            await door.follow()
            following = asyncio.ensure_future(door.keep_following(say))
            stack.callback(following.cancel)
            say(f"dataspace at {', '.join(map(str, addresses))}; its reference: {directory / 'space.route'}")
            ready()
            await stop.wait()
    say("the dataspace has stopped")


def _with_certificate(listeners: Listeners, directory: Path, say: Callable[[str], None]) -> Listeners:
    """With a certificate of the server's own, where one is needed and none was given."""
    hosts = [address.place for each in listeners.addresses if (address := Address.of(each)).kind == "tls"]
    if listeners.tls is not None or not hosts:
        return listeners
    from remit.cli._space_tls import CERTIFICATE, own_tls  # for these only

    names = [*hosts, *([listeners.published] if listeners.published is not None else [])]
    context, digest = own_tls(directory, names)
    say(f"tls:// with a certificate of its own: {directory / CERTIFICATE} (for --cafile), SHA-256 {digest}")
    return listeners._replace(tls=context)


async def _listen(stack: AsyncExitStack, where: str, entrance: Ref[Any], listeners: Listeners, peers: Peers) -> Address:
    address = Address.of(where)
    tls = listeners.tls if address.kind == "tls" else None
    server = await stack.enter_async_context(listen(address, entrance, tls=tls))
    peers.servers.append(server)
    found = server.address
    if listeners.published is not None and found.kind in ("tcp", "tls"):
        return found._replace(place=listeners.published)
    return found


async def _captp(stack: AsyncExitStack, vat: Vat, space: Ref[Any], directory: Path, listeners: Listeners) -> str:
    """Be a node, too; where its sturdyref is."""
    assert listeners.captp is not None
    address = Address.of(f"tcp://{listeners.captp}")
    key = NodeKey.open(directory / "key.pem")
    node = await stack.enter_async_context(Node(key, vat))
    await node.listen(UnixNetlayer(key, directory / "captp.sock"), private=True)
    await node.listen(TlsNetlayer(key, host=address.place, port=address.port, published=listeners.published))
    for netlayer in dialling(key, but=node.netlayers):
        node.use(netlayer)
    path = directory / "space.captp"
    try:
        swiss = SturdyRef.parse(read_secret_file(path).decode().strip()).swiss
    except (Missing, Misuse, UnicodeDecodeError):
        swiss = os.urandom(SWISS_BYTES)
    await send(node.swiss, "register", sha256(swiss).digest(), space, SwissEntry("space.captp"))
    write_secret_file(path, (SturdyRef(node.inner_locator, swiss).uri() + "\n").encode(), replace=True)
    return str(path)


@actor(kind="remit.cli.tracing", version=1)
class Tracing:
    """Has a dataspace tell of its turns for as long as somebody listens where it does."""

    space: Any
    told: Any

    def begin(self) -> None:
        """Wait for listeners."""
        during(self.told, interest(Trace(ANY, ANY, ANY)), self._listened)  # type: ignore[arg-type]

    def _listened(self, *_: Any) -> None:
        space, me = self.space, this()
        tell(space).trace(me)
        this_facet().on_stop(lambda: tell(space).untrace(me))

    def turn(self, events: list[Any]) -> None:
        """The dataspace tells of its turns: who listens sees what was said, and gets no references by it."""
        for event in events:
            if event[0] == "message":
                message(self.told, without_references(event[1]))


async def _told(vat: Vat, space: Ref[Any], peers: Peers) -> Ref[Any]:
    """Another dataspace, in which this one's turns are told, and how it is doing."""
    told: Ref[Any] = vat.spawn(Dataspace)
    await send(vat.spawn(Tracing, space, told), "begin")
    glances = vat.spawn(Glances, space, told, vat.devices["timer"], vat.device("peers", peers))
    await send(glances, "begin")
    return told


def _write_refs(keys: Keys, directory: Path, addresses: list[Address]) -> None:
    sturdy, traced = keys.mint(MAIN, []), keys.mint(TRACE, [])
    route = Route(tuple(addresses), (sturdy.value(),))
    trace = Route(tuple(addresses), (traced.value(),))
    texts = {
        "space.ref": sturdy.text(),
        "space.route": preserves.text(route.value()),
        "space.trace": preserves.text(trace.value()),
    }
    for name, text in texts.items():
        write_secret_file(directory / name, (text + "\n").encode(), replace=True)


class Doorkeeper:
    """Binds the dataspace under each key of the key file, as that changes. `binds`: the bindspace, a dataspace of its own.

    `changed` is called when what is bound has changed: a main key that was taken back has been replaced.
    """

    def __init__(self, keys: Keys, space: Ref[Any], binds: Ref[Any], told: Ref[Any]) -> None:
        self.keys = keys
        self.binds = binds
        self._space = space
        self._told = told
        self.changed: Callable[[], None] = lambda: None
        self._party: Ref[Any] | None = None
        self._bound: dict[str, tuple[bytes, int]] = {}
        self._handle = 0
        self._stamp: tuple[int, int] | None = None

    async def follow(self) -> None:
        """Have what is bound be what the file says. Raises `StoreError` where that is damaged."""
        self.keys.mint(MAIN, [])
        self.keys.mint(TRACE, [])
        stamp = self.keys.stamp()
        if stamp == self._stamp:
            return
        wanted = self.keys.read()
        events: list[list[Any]] = []
        for name, (key, handle) in list(self._bound.items()):
            if wanted.get(name) != key:
                events.append(["retract", handle])
                del self._bound[name]
        for name, key in wanted.items():
            if name not in self._bound:
                self._handle += 1
                self._bound[name] = (key, self._handle)
                events.append(
                    ["assert", self._handle, bind_step(_step(name, key), self._told if name == TRACE else self._space)]
                )
        if self._party is None:
            self._party = await self.binds.open(None, 0.0, "keys")
        self.changed()  # before anybody hears of it
        await send(self._party, "turn", events)
        self._stamp = stamp

    async def keep_following(self, say: Callable[[str], None]) -> None:
        """The same from now on, for as long as the task runs."""
        failed = ""
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self.follow()
                failed = ""
            except (RemitError, BadArgument) as error:
                if str(error) != failed:
                    say(f"the keys stay as they were: {error}")
                failed = str(error)


def _step(name: str, key: bytes) -> Any:
    return Tagged("ref", [Map([(Symbol("oid"), name), (Symbol("key"), key)])])

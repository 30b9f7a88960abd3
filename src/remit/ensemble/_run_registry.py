"""The registry's process: `remit registry`."""

from __future__ import annotations

import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from remit.dataspace import KINDS as DATASPACE_KINDS
from remit.durable import DurableVat, FileLock, SqliteStore, open_state_dir
from remit.ensemble._certified import open_certified_entrance
from remit.ensemble._cookie import open_entrance, renew_entrance
from remit.ensemble._home import REGISTRY
from remit.ensemble._ids import ServerId
from remit.ensemble._outcasts import OUTCASTS, Expelled, Outcasts
from remit.ensemble._registry import REGISTRY_CLASSES, Registry
from remit.ensemble._serve import listen_on
from remit.ensemble._server import Server
from remit.ensemble.ca import Checker
from remit.errors import Missing
from remit.lib import KINDS, SwissNumbers
from remit.net import Admission, Node, NodeKey, TurnLog, designator_of
from remit.vat import Ref, actor, call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from pathlib import Path

    from remit.ensemble._home import Home
    from remit.errors import StoreError

__all__ = ["REGISTRY_ROOTS", "OpenRegistry", "run_registry"]

REGISTRY_ROOTS: Final[dict[str, tuple[type]]] = {"registry": (Registry,), OUTCASTS: (Outcasts,)}
"""What a durable vat keeps of a registry."""
CONNECTIONS: Final = 10_000
"""Nodes that may be in session with a registry at once, servers and consoles, on each of its sockets; each takes a descriptor."""
MOST_WORDS: Final = 500
"""Characters of a reason."""
HEARTBEAT: Final = 5.0
"""Seconds of silence after which a server is probed, and after as many again is gone."""


@asynccontextmanager
async def run_registry(
    home: Home,
    *,
    listen: Iterable[str] = (),
    announce: Iterable[str] = (),
    heartbeat: float = HEARTBEAT,
    connections: int = CONNECTIONS,
    log_file: str | None = None,
) -> AsyncIterator[Server]:
    """Be the registry of an ensemble while this lasts. Raises `StoreLocked` while another process is.

    `heartbeat`: seconds of silence after which a server is probed; after as many again without an answer it is there no more. One that was
    killed is gone at once, since its connection is. `connections`: how many nodes there is room for. Whose an id is, is on disk before a registration is answered.
    """
    id = ServerId(REGISTRY, home.domain())
    state = open_state_dir(home.make().registry)
    with FileLock(state / "lock", f"the registry's directory {state}"):
        key = NodeKey.open(state / "key.pem")
        failures: list[StoreError] = []
        stopping: list[Server] = []

        def fail(error: StoreError) -> None:
            failures.append(error)
            for server in stopping:
                server.stopping.set()

        durable = _open(state, log := TurnLog(), fail)
        async with durable, Node(key, durable.vat, swiss=durable.root("swiss"), heartbeat=heartbeat) as node:
            durable.network.attach(node)
            durable.network.log = log
            await listen_on(node, home, id, listen, announce, lambda: _room(connections))
            opened = OpenRegistry(durable, node, home)
            await opened.begin()
            server = Server(home, id, node, durable.network, home.make_server(id), roles=[REGISTRY], log_file=log_file)
            stopping.append(server)
            opened.serve_with(server)
            try:
                await server.start()
                yield server
            finally:
                await server.close()
                if failures:
                    raise failures[0]


def _room(connections: int) -> Admission:
    """Servers come all at once when the registry does: there is room for each to wait, and for some to shake hands."""
    return Admission(connections=max(256, connections), handshakes=64, members=connections, seconds=60.0)


def _open(state: Path, log: TurnLog, fail: Any) -> DurableVat:
    store = SqliteStore(state / "state.db")
    return DurableVat.open(
        store,
        name="registry",
        recorder=log,
        mark=f"{os.urandom(3).hex()}-",
        classes=[*KINDS, *DATASPACE_KINDS, *REGISTRY_CLASSES],
        roots={"swiss": (SwissNumbers,), **REGISTRY_ROOTS},
        on_failure=fail,
    )


class OpenRegistry:
    """A registry on a node that is there, whose vat has the `REGISTRY_ROOTS`; of the registry's process, or a boss's, and ends with it."""

    def __init__(self, durable: DurableVat, node: Node, home: Home) -> None:
        self._vat = durable.vat
        self._node = node
        self._home = home
        self._outcasts = durable.root(OUTCASTS)
        self.registry: Ref[Any] = durable.root("registry")

    async def begin(self, former: Sequence[bytes] = ()) -> None:
        """Know what is there from now on, and let in who has the cookie. `former`: keys that this node had before, whose ids and cookie become its present key's."""
        await self.registry.begin()
        if former:
            await self.registry.succeed(list(former), self._node.key.public)
        self._checker = self._vat.device("certificate-checker", Checker(self._home.path, time.time))
        await self.registry.heed(self._outcasts, self._checker)
        self._entrance = await self.registry.entrance()
        await open_entrance(self._node, self._home, self._entrance, former)

    def serve_with(self, server: Server) -> None:
        """Let in by certificates, too, and have this server's control object give the part `registry`."""
        vat, registry = self._vat, self.registry
        keeper = vat.device("cookie", CookieKeeper(self._node, self._home, self._entrance))
        open_certified_entrance(self._node, registry, self._checker, vat.devices["server-timer"])
        network, audit = vat.devices["network"], vat.devices["audit"]
        server.part_for(
            "registry", lambda who: vat.spawn(RegistryDesk, registry, keeper, network, audit, who), sensitive=True
        )
        self._home.keep_registry(self._node.locator)


class CookieKeeper:
    """The device that makes new cookies."""

    def __init__(self, node: Node, home: Home, entrance: Ref[Any]) -> None:
        self._node = node
        self._home = home
        self._entrance = entrance

    async def renew(self) -> None:
        """Another cookie, in its file; the old one admits nobody any more. Members stay until their sessions end."""
        await renew_entrance(self._node, self._home, self._entrance)


@actor(kind="remit.ensemble.registry-desk", version=1, passing=True)
class RegistryDesk:
    """The part `registry` of the registry's control object: for its operators."""

    registry: Ref[Registry]
    keeper: Ref[Any]
    network: Ref[Any]
    audit: Ref[Any]
    who: str

    async def release(self, id: str) -> bool:
        """Let any key have an id from now on; a server that is there under it is no more."""
        whole = ServerId.parse(id).text
        await self.audit.note(self.who, "registry", f"release {whole}")
        found: bool = call(self.registry).release(whole)
        return found

    async def expel(self, id: str, why: str = "") -> list[str]:
        """Have the key that an id belongs to be in the ensemble no more, with its servers, whose ids this gives. Its ids stay its own until they are released."""
        whole = ServerId.parse(id).text
        key: bytes | None = call(self.registry).whose(whole)
        if key is None:
            raise Missing(f"nobody has registered {whole}: expel a server by an id that it has, or had")
        await self.audit.note(self.who, "registry", f"expel {whole} ({designator_of(key)}) {why}".rstrip())
        entry = Expelled(whole, self.who, why[:MOST_WORDS], await self.network.now())
        gone: list[str] = call(self.registry).expel(key, entry)
        return gone

    async def pardon(self, id: str) -> bool:
        """Let a key that was expelled come again; it is named by an id that it has, or by its designator. Whether it was out."""
        key = call(self.registry).whose(id) if "@" in id else None
        named = id if key is None else designator_of(key)
        await self.audit.note(self.who, "registry", f"pardon {named}")
        found: bool = call(self.registry).pardon(named)
        return found

    def expelled(self) -> dict[str, Expelled]:
        """Who is out, by designator."""
        return call(self.registry).expelled()

    def owners(self) -> dict[str, bytes]:
        """The key of each id that was ever registered."""
        return call(self.registry).known()

    async def renew_cookie(self) -> Any:
        """Another cookie, in the registry's home; the old one admits nobody any more."""
        await self.audit.note(self.who, "registry", "another cookie")
        return await self.keeper.renew()

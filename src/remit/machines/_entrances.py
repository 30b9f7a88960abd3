"""The grantee's end of tunnels: for each binding a unix socket or a loopback port, and joints that lead to the provider's machine.

    listening ──a program connects──► ticket, by the binding's own reference ──► stream to the provider ──► joined
        └──unbound──► closed, with all that is open

Each connection asks for a ticket of its own, so nothing passes that the reference does not let pass at that moment.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from remit.errors import BadArgument, Broken, Conflict, RemitError, Unreachable
from remit.machines._local_users import may_connect
from remit.net import Bulk, Joint, Meter, Node, SignedAddress, SocketEnd
from remit.values import Secret
from remit.vat import Ref

__all__ = ["Entrance", "Entrances", "lead"]

_log = logging.getLogger("remit.tunnels")

BACKLOG: Final = 128
PATIENCE: Final = 20.0
"""Seconds for a tunnel to be there once a program has connected; then the program sees its connection end."""
LONGEST_PATH: Final = 107
"""Bytes of a path that the kernel takes for a unix socket."""


class Entrance:
    """What listens for one binding. Owned by `Entrances`; ends by `close`."""

    def __init__(self, name: str, edge: str, ref: Ref[Any], node: Node, users: frozenset[int]) -> None:
        self.name = name
        self.edge = edge
        self.ref = ref
        self.node = node
        self.users = users
        self.path: Path | None = None
        self.port = 0
        self._server: asyncio.Server | None = None
        self._joints: set[Joint] = set()
        self._works: set[asyncio.Task[None]] = set()

    async def listen_at(self, path: Path) -> None:
        """On a unix socket, for the user whose file it is."""
        with suppress(FileNotFoundError):
            path.unlink()  # of a life that has ended; the directory is ours alone
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                short = f"/proc/self/fd/{descriptor}/{path.name}"
                listening.bind(short)
                Path(short).chmod(0o600)
            finally:
                os.close(descriptor)
            listening.listen(BACKLOG)
            self._server = await asyncio.get_running_loop().create_unix_server(self._program, sock=listening)
        except OSError as error:
            listening.close()
            raise Conflict(f"cannot listen on {path}: {error.strerror or error}") from None
        self.path = path

    async def listen_on(self, port: int) -> None:
        """On a port of the loopback address; any free one where that is taken, or 0."""
        loop = asyncio.get_running_loop()
        for wish in dict.fromkeys((port, 0)):
            with suppress(OSError):
                self._server = await loop.create_server(self._program, "127.0.0.1", wish, backlog=BACKLOG)
                break
        if self._server is None:
            raise Conflict("no port of the loopback address is free")
        self.port = int(self._server.sockets[0].getsockname()[1])

    def close(self, reason: str) -> None:
        """Listen no more, and cut what is open."""
        if self._server is not None:
            self._server.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
        for joint in list(self._joints):
            joint.close(reason)
        for work in list(self._works):
            work.cancel()

    # --- one connection -----------------------------------------------------------------------------

    def _program(self) -> SocketEnd:
        return SocketEnd(self._connected)

    def _connected(self, end: SocketEnd) -> None:
        if self.port and not may_connect(end.addresses, self.users):
            self._say("refused: it is not a program of a user that this binding is for")
            end.cut("")
            return
        work = asyncio.get_running_loop().create_task(self._lead(end))
        self._works.add(work)
        work.add_done_callback(self._works.discard)

    async def _lead(self, end: SocketEnd) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                bulk = await lead(self.node, self.ref)
        except (RemitError, TimeoutError) as error:
            self._say(f"could not be led: {error if isinstance(error, RemitError) else 'no answer in time'}")
            end.cut("")
            return
        except asyncio.CancelledError:
            end.cut("")
            raise
        joint = Joint(end, bulk, Meter(), self._ended)
        if not joint.over:
            self._joints.add(joint)

    def _ended(self, joint: Joint, why: str | None) -> None:
        self._joints.discard(joint)
        if why is not None:
            self._say(f"was ended: {why}")

    def _say(self, what: str) -> None:
        _log.info("tunnel of binding %s: a connection %s", self.name, what)


async def lead(node: Node, ref: Ref[Any]) -> Bulk:
    """A stream by the tunnel behind this reference: to the address that it says, or from there where we cannot dial.

    Raises `Unreachable` where neither works, and whatever the reference breaks with.
    """
    secret, address = await ref.open(node.key.public)
    if type(secret) is not Secret or type(address) is not SignedAddress or not address.holds():
        raise BadArgument("the provider answered no way into a tunnel")
    node.addresses.learn(address)
    try:
        return await node.bulks.dial(address.locator(), bytes.fromhex(secret.text))
    except Unreachable as error:
        return await _met(node, ref, address, error)


async def _met(node: Node, ref: Ref[Any], address: SignedAddress, error: Unreachable) -> Bulk:
    """The provider comes to us."""
    came: asyncio.Future[Bulk] = asyncio.get_running_loop().create_future()

    def take(bulk: Bulk) -> None:
        if came.done():
            bulk.end("nobody waits for it any more")
        else:
            came.set_result(bulk)

    ticket = node.bulks.expect(address.key, take)
    try:
        await ref.meet(Secret(ticket.hex()), node.address())
        return await node.within(PATIENCE, came)
    except Broken as further:
        raise Unreachable(f"{error.message}; nor can it come to us: {further.message}") from None
    finally:
        node.bulks.forget(ticket)
        came.cancel()


class Entrances:
    """The entrances of a machine, by binding. Owned by its agent, which attaches the node once there is one."""

    def __init__(self) -> None:
        self._node: Node | None = None
        self._open: dict[str, Entrance] = {}

    def attach(self, node: Node) -> None:
        """The node by which streams are dialled."""
        self._node = node

    def find(self, name: str, edge: str) -> Entrance | None:
        """What listens for a binding, if it is of this edge."""
        there = self._open.get(name)
        return there if there is not None and there.edge == edge else None

    async def open(
        self, name: str, edge: str, ref: Ref[Any], place: Path | int, users: frozenset[int] = frozenset()
    ) -> Entrance:
        """Listen for a binding at a path, or on a port. What listens for the same edge already goes on."""
        if self._node is None:
            raise Unreachable("this machine has no node yet")
        there = self.find(name, edge)
        if there is not None and (there.path == place or (there.port and type(place) is int)) and there.users == users:
            there.ref = ref
            return there
        self.close(name)
        made = Entrance(name, edge, ref, self._node, users)
        if isinstance(place, Path):
            await made.listen_at(place)
        else:
            await made.listen_on(place)
        self._open[name] = made
        return made

    def close(self, name: str, reason: str = "the binding is gone") -> None:
        """Listen no longer for a binding, and cut what is open."""
        there = self._open.pop(name, None)
        if there is not None:
            there.close(reason)

    def close_all(self) -> None:
        """The agent ends."""
        for name in list(self._open):
            self.close(name, "the machine's agent has ended")

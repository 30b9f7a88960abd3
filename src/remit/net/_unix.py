"""The `unix` netlayer: a socket in a directory that only its owner may enter, and a signed hello.

Not encrypted, since only the kernel is in between. Linux only: paths of any length are reached through /proc/self/fd.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from typing import TYPE_CHECKING, ClassVar

from remit.errors import Misuse, Unreachable
from remit.net._address import hint
from remit.net._binding import binding_of
from remit.net._identity import public_of
from remit.net._socketfile import SocketFile
from remit.net._streams import StreamNetlayer, fresh_hello
from remit.values import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.net._admission import Admission
    from remit.net._channel import Channel, Receiver
    from remit.net._handshake import Handshake
    from remit.net._hello import Hello
    from remit.net._identity import NodeKey
    from remit.values import Limits, Locator

__all__ = ["UnixNetlayer", "connect_unix", "process_of"]

_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid
_RETRY = 0.01  # seconds until a listener whose queue was full is tried again


class UnixNetlayer(StreamNetlayer):
    """Nodes on one machine. Made by the node; ends by `close`, which removes the socket's file.

    `path` is where `listen` listens; its directory is made with mode 0700 where it is missing, and refused
    (`StoreExposed`) where others may enter it. A node that only dials needs no path. Seconds: see `StreamNetlayer`.
    """

    transport: ClassVar[str] = "unix"

    def __init__(
        self,
        key: NodeKey,
        path: str | os.PathLike[str] | None = None,
        *,
        limits: Limits = DEFAULT_LIMITS,
        admission: Admission | None = None,
        dial_seconds: float = 10.0,
        close_seconds: float = 5.0,
    ) -> None:
        super().__init__(limits, admission=admission, dial_seconds=dial_seconds, close_seconds=close_seconds)
        self._key = key
        self._path = None if path is None else os.path.abspath(os.fspath(path))
        self._file: SocketFile | None = None
        self._binding = b""

    async def listen(self, accept: Callable[[Channel], Receiver]) -> dict[str, str]:
        self._may_listen()
        if self._path is None:
            raise Misuse("this unix netlayer was made without a path: it can dial, not listen")
        self._file = SocketFile(self._path)
        listening = self._file.listen()
        self._binding = binding_of(self._file.identity)
        self._start(listening, f"unix {self._path}", accept)
        return {"unix": self._path}

    async def dial(self, locator: Locator, receive: Callable[[Channel], Receiver]) -> Channel:
        expected = public_of(locator.designator)
        path = hint(locator, "unix")
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.setblocking(False)
        binding: list[bytes] = []

        async def connect(protocol: Callable[[], Handshake]) -> None:
            binding.append(await connect_unix(connected, path))
            await asyncio.get_running_loop().create_unix_connection(protocol, sock=connected)

        def begin(pipe: asyncio.Transport) -> Hello:
            return fresh_hello(self._key, binding[0], expected)

        try:
            return await self._dial(f"unix {path}", connect, begin, receive, lambda: self.uid_of(connected))
        except BaseException:
            connected.close()
            raise

    async def close(self) -> None:
        if self._file is not None:
            self._file.remove()
        await super().close()

    # --- what StreamNetlayer asks for --------------------------------------------------------

    def begins_well(self, first: bytes) -> bool:
        return first == b"r"  # of the hello

    def hello_to_dialler(self) -> Hello:
        return fresh_hello(self._key, self._binding)

    def uid_of(self, connected: socket.socket) -> int | None:
        return process_of(connected)[1]

    def source_of(self, accepted: socket.socket) -> int | None:
        return self.uid_of(accepted)

    def name_of(self, accepted: socket.socket) -> str:
        pid, uid = process_of(accepted)
        return f"process {pid} of user {uid}"


def process_of(connected: socket.socket) -> tuple[int, int]:
    """Process and user at the other end of a unix socket, as the kernel tells them."""
    pid, uid, _ = _CREDENTIALS.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(pid), int(uid)


async def connect_unix(connected: socket.socket, path: str) -> bytes:
    """Connect to the socket at `path`; the binding. What is looked at is what is connected to, and no path is too long."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise Unreachable(f"unix {path!r}: nothing listens there now: {error}") from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISSOCK(found.st_mode):
            raise Unreachable(f"unix {path} is not a socket")
        while True:
            try:
                connected.connect(f"/proc/self/fd/{descriptor}")
                return binding_of(found)
            except BlockingIOError:  # the listener's queue is full; a socket of this kind cannot be waited for
                await asyncio.sleep(_RETRY)
    finally:
        os.close(descriptor)

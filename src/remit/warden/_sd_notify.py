"""The notification socket of sd_notify(3): a service says that it is ready, how it is, and that it is still alive.

Each run has a socket of its own in the abstract namespace, so that any user and any directory can reach it. Only the service's user,
the warden's and root are heard (the kernel says who has sent a datagram: unix(7), SCM_CREDENTIALS).
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from typing import Final

__all__ = ["NotifySocket"]

_CREDENTIALS: Final = struct.Struct("iII")  # ucred of unix(7): pid, uid, gid
_LARGEST: Final = 4096  # bytes of a message that are read


class NotifySocket:
    """Owned by one run; ends with it."""

    def __init__(self, uid: int | None) -> None:
        self._heard = {0, os.getuid(), os.getuid() if uid is None else uid}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        name = f"remit-notify-{os.urandom(16).hex()}"
        self._socket.bind("\0" + name)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.address = "@" + name  # sd_notify(3): @ stands for the zero byte

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def receive(self) -> list[tuple[str, str]]:
        """What has come: NAME=value lines, in order."""
        said: list[tuple[str, str]] = []
        with suppress(BlockingIOError):
            while True:
                data, ancillary, _, _ = self._socket.recvmsg(_LARGEST, socket.CMSG_SPACE(_CREDENTIALS.size) + 256)
                _let_go(ancillary)
                uids = [_CREDENTIALS.unpack(more)[1] for _, kind, more in ancillary if kind == socket.SCM_CREDENTIALS]
                if uids and uids[0] in self._heard:
                    pairs = (line.partition("=") for line in data.decode(errors="replace").split("\n"))
                    said += [(name, value) for name, equals, value in pairs if equals]
        return said

    def close(self) -> None:
        """Nobody is heard any more."""
        self._socket.close()


def _let_go(ancillary: list[tuple[int, int, bytes]]) -> None:
    """Descriptors that came along (FDSTORE=1 of sd_notify(3)) are not kept."""
    for _, kind, data in ancillary:
        if kind == socket.SCM_RIGHTS:
            for (descriptor,) in struct.iter_unpack("i", data[: len(data) // 4 * 4]):
                os.close(descriptor)

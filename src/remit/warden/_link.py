"""What warden and supervisor have in common: JSON lines over a unix socket, with descriptors beside them."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from typing import Any, Final

__all__ = ["Line", "listen"]

_READ: Final = 64 * 1024
_MOST: Final = 16 << 20  # bytes that wait for a supervisor which does not read; then it is given up


class Line:
    """The warden's end of the connection. Writing never blocks: what the supervisor does not read waits, up to a bound."""

    def __init__(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        self._peer = peer
        self._in = b""
        self._descriptors: list[int] = []
        self._out = bytearray()
        self.over = False

    def fileno(self) -> int:
        """For a selector."""
        return self._peer.fileno()

    def receive(self) -> list[tuple[dict[str, Any], list[int]]]:
        """The messages that have come; a message that says `"with": n` takes that many of the descriptors."""
        try:
            data, descriptors, _, _ = socket.recv_fds(self._peer, _READ, 64)
        except BlockingIOError:
            return []
        except ConnectionError:
            self.over = True
            return []
        self._descriptors += descriptors
        self.over = not data
        *lines, self._in = (self._in + data).split(b"\n")
        found = []
        for line in lines:
            message = json.loads(line)
            taken = message.get("with", 0)
            mine, self._descriptors = self._descriptors[:taken], self._descriptors[taken:]
            for descriptor in mine:
                os.set_inheritable(descriptor, False)
            found.append((message, mine))
        return found

    def send(self, message: dict[str, Any]) -> None:
        """Say something, now or at the next `flush`."""
        self._out += json.dumps(message).encode() + b"\n"

    @property
    def pending(self) -> int:
        """Bytes that are not written yet."""
        return len(self._out)

    @property
    def waits(self) -> bool:
        """Whether something is not written yet."""
        return bool(self._out)

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it."""
        try:
            while self._out:
                del self._out[: self._peer.send(self._out)]
        except BlockingIOError:
            if len(self._out) > _MOST:
                self._give_up()
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        self._out.clear()
        with suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)  # the selector sees its end

    def close(self) -> None:
        """It is over."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._peer.close()


def listen(path: str) -> socket.socket:
    """Listen in a directory that only its owner can enter; the file of an earlier one is replaced."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.bind(path)
    os.chmod(path, 0o600)
    listener.listen(8)
    listener.setblocking(False)
    return listener

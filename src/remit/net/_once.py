"""One question over a unix socket, without an event loop: for a process that asks one thing and ends.

Loading asyncio, a vat and the engine takes most of the time of such a process. It proves its key and the peer's, as all do, and then
it speaks CapTP, as far as one question needs it (`remit.captp.Once`).
"""

from __future__ import annotations

import os
import socket
import stat
from typing import Any, Final

from remit.captp import Once
from remit.errors import Unreachable
from remit.net._address import hint
from remit.net._binding import binding_of
from remit.net._hello import NONCE_BYTES, Hello
from remit.net._identity import NodeKey, public_of
from remit.values import LengthFramer, Limits, Locator, SturdyRef, framed_together

__all__ = ["ask_once"]

_READ: Final = 1 << 16
_LIMITS: Final = Limits(frame=1 << 16)  # bytes of an answer that anybody asks for in this way


def ask_once(sturdyref: SturdyRef, selector: str, *args: Any, seconds: float = 5.0) -> Any:
    """Send one message to the object that a sturdyref stands for, over its node's unix socket; the answer, which has no references.

    Blocks, for at most so many seconds for each step. Raises `Unreachable` where nobody listens there, and what the object breaks with.
    """
    path, expected = hint(sturdyref.locator, "unix"), public_of(sturdyref.locator.designator)
    key = NodeKey.generate()
    question = Once(NodeKey.generate(), Locator("remit", key.designator, {}), sturdyref.swiss, selector, args)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            hello = Hello(key, nonce=os.urandom(NONCE_BYTES), binding=_connect(connection, path), expected=expected)
            rest = _prove(connection, hello, framed_together(question.messages))
            return _hear(connection, question, rest)
    except (OSError, ValueError) as error:
        raise Unreachable(f"unix {path}: {error}") from error


def _connect(connection: socket.socket, path: str) -> bytes:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISSOCK(found.st_mode):
            raise Unreachable(f"unix {path} is not a socket")
        connection.connect(f"/proc/self/fd/{descriptor}")
        return binding_of(found)
    finally:
        os.close(descriptor)


def _prove(connection: socket.socket, hello: Hello, behind: bytes) -> bytes:
    """Shake hands, and send what comes behind; what the peer has sent behind its own."""
    connection.sendall(hello.start())
    while not hello.done:
        reply = hello.feed(_read(connection))
        if reply:
            connection.sendall(reply + behind)
    return hello.rest


def _hear(connection: socket.socket, question: Once, data: bytes) -> Any:
    framer = LengthFramer(_LIMITS)
    while True:
        for message in framer.feed(data):
            question.received(message)
            if question.done:
                return question.value
        data = _read(connection)


def _read(connection: socket.socket) -> bytes:
    data = connection.recv(_READ)
    if not data:
        raise Unreachable("the other end has hung up")
    return data

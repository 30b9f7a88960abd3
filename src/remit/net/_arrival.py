"""One accepted connection, from the bare socket to the proved peer."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING

from remit.net._handshake import Handshake, Proof

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.net._admission import Guest
    from remit.net._streams import StreamNetlayer

__all__ = ["Arrival"]

_log = logging.getLogger("remit.net")


class Arrival:
    """Takes a bare socket through admission, TLS and hello; owned by its netlayer, over with `admitted` or the end.

    Until the first bytes come there is nothing but the socket. They are looked at, not taken: what cannot be our
    protocol never costs a TLS state. Only with a place for the handshake are transport and task made.
    """

    __slots__ = (
        "_admitted",
        "_ended",
        "_forget",
        "_guest",
        "_handshake",
        "_netlayer",
        "_socket",
        "_task",
        "name",
        "uid",
    )

    def __init__(
        self,
        netlayer: StreamNetlayer,
        accepted: socket.socket,
        admitted: Callable[[asyncio.Transport, Proof | None, Arrival], None],
        forget: Callable[[Arrival], None],
    ) -> None:
        self._netlayer = netlayer
        self._socket: socket.socket | None = accepted
        self._admitted = admitted
        self._forget = forget
        self._guest: Guest | None = None
        self._handshake: Handshake | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = False
        self.name = "a peer that hung up"
        self.uid: int | None = None

    def begin(self) -> None:
        """Ask for admission and wait for the first bytes. `forget` is called when this arrival is over."""
        accepted = self._socket
        assert accepted is not None
        try:
            self.name = self._netlayer.name_of(accepted)
            self.uid = self._netlayer.uid_of(accepted)
        except OSError as error:
            self._end(str(error))
            return
        self._guest = self._netlayer.admission.enter(self._end, self._netlayer.source_of(accepted))
        if self._guest is None:
            self._end("too many connections, and none of them could make room")
        else:
            asyncio.get_running_loop().add_reader(accepted.fileno(), self._spoke)

    def settle(self, end: Callable[[str], None], spare: Callable[[], bool] | None) -> None:
        """A channel has come of this arrival: how to end it, and whether nobody would miss it."""
        if self._guest is not None:
            self._guest.settle(end, spare)

    def over(self) -> None:
        """The channel that came of this arrival is gone."""
        if self._guest is not None:
            self._guest.leave()

    async def cancel(self) -> None:
        """End it, whatever it is doing."""
        self._end("the netlayer is closing")
        if self._task is not None:
            await asyncio.wait([self._task])

    def _spoke(self) -> None:
        accepted, guest = self._socket, self._guest
        assert accepted is not None and guest is not None
        asyncio.get_running_loop().remove_reader(accepted.fileno())
        try:
            first = accepted.recv(1, socket.MSG_PEEK)
        except OSError as error:
            self._end(str(error))
            return
        if not first:
            self._end("it hung up without a word")
        elif not self._netlayer.begins_well(first):
            self._end(f"it does not speak {self._netlayer.transport}: its first byte is {first!r}")
        else:
            guest.spoke(self._shake_hands)

    def _shake_hands(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        accepted, self._socket = self._socket, None
        if accepted is None:
            return
        self._handshake = Handshake(lambda _: self._netlayer.hello_to_dialler(), self._proved, self._failed)
        handshake, tls = self._handshake, self._netlayer.server_tls()
        limits = {} if tls is None else self._tls_limits()
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: handshake, accepted, ssl=tls, **limits)
        except OSError as error:  # TLS errors and time-outs are among them
            self._failed(error)

    def _tls_limits(self) -> dict[str, float]:
        # Longer than the guest's own time, which cancels this: the loop's own limit is only a second net.
        return {
            "ssl_handshake_timeout": self._netlayer.admission.handshake_seconds + 1,
            "ssl_shutdown_timeout": self._netlayer.close_seconds,
        }

    def _proved(self, pipe: asyncio.Transport, hello: Proof | None) -> None:
        assert self._guest is not None
        if hello is None or hello.peer is None:
            self._guest.stay()
        elif not self._guest.join():
            pipe.abort()
            self._end("too many nodes are connected")
            return
        self._ended = True
        self._forget(self)
        self._admitted(pipe, hello, self)

    def _failed(self, error: Exception) -> None:
        self._end(str(error))

    def _end(self, reason: str) -> None:
        """Hang up; nothing of it is left but a line in the log."""
        if self._ended:
            return
        self._ended = True
        accepted, self._socket = self._socket, None
        if accepted is not None:
            asyncio.get_running_loop().remove_reader(accepted.fileno())
            accepted.close()
        if self._task is not None:
            self._task.cancel()
        if self._handshake is not None:
            self._handshake.abort()
        self.over()
        self._forget(self)
        _log.info("%s: ended before it was let in: %s", self.name, reason)

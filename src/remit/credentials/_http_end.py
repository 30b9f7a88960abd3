"""The reverse proxy of one connection: h11 towards the grantee, and for each request h11 towards the server, on a connection of its own.

    bytes of the tunnel ──h11──► request ──checked, credential added──h11──► server
    bytes of the tunnel ◄──h11── response, without what is for one connection ◄──h11── server

What the server reads was written by our own h11 from the parts of a request, so that there are no two ways to read where it ends. A fresh connection for each
request leaves nothing over for the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import h11

from remit.credentials._http_rules import Refusal, check_request, onward_headers
from remit.errors import Unreachable
from remit.lib import Attenuation
from remit.net import End

if TYPE_CHECKING:
    from remit.credentials._http import Server

__all__ = ["HttpEnd"]

_log = logging.getLogger("remit.tunnels")

READ: Final = 1 << 16
HEADERS: Final = 1 << 16  # bytes of a request's or a response's headers
HIGH_WATER: Final = 256 * 1024  # bytes that wait for a server that does not take them
ANSWER: Final = 10.0  # seconds for the server to take a connection
IDLE: Final = 300.0  # seconds without a request
GOODBYE: Final = 5.0  # seconds for a client to end its side when we have ended ours
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class HttpEnd(End):
    """Made for one connection of a grantee's; its work begins when it is joined, and is over with the joint."""

    def __init__(self, server: Server, attenuation: Attenuation) -> None:
        super().__init__()
        self._server = server
        self._attenuation = attenuation
        self._down = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADERS)
        self._came: deque[bytes] = deque()
        self._waiting = 0  # bytes in it
        self._all_came = False
        self._more = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._work: asyncio.Task[None] | None = None

    # --- what the joint calls -----------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._came.append(data)
        self._waiting += len(data)
        self._more.set()
        if self._waiting > HIGH_WATER and not self.full:
            self._congestion(True)

    def finish(self) -> None:
        self._all_came = True
        self._more.set()

    def pause(self) -> None:
        self._may_write.clear()

    def resume(self) -> None:
        self._may_write.set()

    def joined(self) -> None:
        self._work = asyncio.get_running_loop().create_task(self._serve())
        self._work.add_done_callback(self._served)

    def close(self) -> None:
        self.cut("")

    def cut(self, reason: str) -> None:
        if self._work is not None and self._work is not asyncio.current_task():
            self._work.cancel()

    def _served(self, work: asyncio.Task[None]) -> None:
        error = None if work.cancelled() else work.exception()
        if error is not None:
            _log.error("a request could not be passed on: %r", type(error))
            self._lost("the proxy has failed")

    # --- bytes to and from the grantee --------------------------------------------------------------

    async def _take(self) -> bytes:
        """The next bytes; empty when there are no more."""
        while not self._came and not self._all_came:
            self._more.clear()
            await self._more.wait()
        if not self._came:
            return b""
        data = self._came.popleft()
        self._waiting -= len(data)
        if self.full and self._waiting < HIGH_WATER // 2:
            self._congestion(False)
        return data

    async def _give(self, data: bytes | None) -> None:
        """Send these to the grantee, when it has room for more."""
        if not data:
            return
        await self._may_write.wait()
        joint, other = self.joint, self.other
        if joint is None or other is None or joint.over:
            raise asyncio.CancelledError
        if not joint.meter.take(len(data)):
            joint.overdrawn()
            raise asyncio.CancelledError
        other.write(data)

    async def _event(self) -> Any:
        """The next event of the grantee's side."""
        while (event := self._down.next_event()) is h11.NEED_DATA:
            self._down.receive_data(await self._take())
        return event

    # --- requests -----------------------------------------------------------------------------------

    async def _serve(self) -> None:
        try:
            while await self._one():
                self._down.start_next_cycle()
        except h11.RemoteProtocolError as error:
            await self._refuse(error.error_status_hint, str(error))
        except TimeoutError:
            pass
        self._ended()
        if self.joint is None or self.joint.over:
            return
        await asyncio.sleep(GOODBYE)
        self._lost("the client has not ended its side of a connection that was over")

    async def _one(self) -> bool:
        """One request and its response; whether there may be another."""
        async with asyncio.timeout(IDLE):
            request = await self._event()
        if not isinstance(request, h11.Request):
            return False
        try:
            onward = self._onward(request)
        except Refusal as refusal:
            await self._refuse(refusal.status, str(refusal))
            return False
        try:
            reader, writer = await self._connect()
        except (Unreachable, TimeoutError):
            await self._refuse(502, "the server does not answer")
            return False
        up = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADERS)
        try:
            writer.write(up.send(onward) or b"")
            sending = asyncio.get_running_loop().create_task(self._body(up, writer))
            sending.add_done_callback(lambda work: _give_up(work, writer))
            try:
                return await self._response(up, reader, writer, sending)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        except (OSError, h11.RemoteProtocolError, asyncio.IncompleteReadError):
            await self._refuse(502, "the server has broken off")
            return False
        finally:
            writer.transport.abort()

    def _onward(self, request: h11.Request) -> h11.Request:
        """The request as the server gets it. Raises `Refusal`."""
        server, method = self._server, request.method.decode("ascii")
        target = request.target.decode("latin-1")
        headers = request.headers.raw_items()
        upgrade = server.upgrade and any(name.lower() == b"upgrade" for name, _ in headers)
        target = check_request(method, target, headers, self._attenuation, upgrade=server.upgrade)
        ours = [b"host", *([server.header] if server.header else []), b"authorization"]
        given = dict(request.headers)
        more: list[tuple[bytes, bytes]] = [(b"host", server.host.encode("ascii"))]
        more.append((b"connection", b"upgrade" if upgrade else b"close"))
        if upgrade:
            more.append((b"upgrade", given[b"upgrade"]))
        if server.header:
            more.append((server.header, server.value))
        if b"transfer-encoding" in given:
            more.append((b"transfer-encoding", b"chunked"))
        kept = onward_headers(headers, ours if server.header else ours[:1])
        if target != "*":
            target = server.base + target
        return h11.Request(method=request.method, target=target.encode("latin-1"), headers=[*more, *kept])

    async def _connect(self) -> Connection:
        place, server = self._server.place, self._server
        try:
            async with asyncio.timeout(ANSWER):
                if place.path:
                    return await asyncio.open_unix_connection(place.path)
                name = place.host if server.tls else None
                return await asyncio.open_connection(place.host, place.port, ssl=server.tls, server_hostname=name)
        except OSError:
            raise Unreachable("the server does not answer") from None

    async def _body(self, up: h11.Connection, writer: asyncio.StreamWriter) -> None:
        """The request's body to the server, as it comes; it waits where the grantee waits for a word of the server."""
        while True:
            event = await self._event()
            if not isinstance(event, h11.Data | h11.EndOfMessage):
                return
            writer.write(b"".join(bytes(part) for part in up.send_with_data_passthrough(event) or ()))
            try:
                await writer.drain()
            except OSError:
                return  # it has answered before the end, or is gone; its answer says
            if isinstance(event, h11.EndOfMessage):
                return

    async def _response(
        self,
        up: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        sending: asyncio.Task[None],
    ) -> bool:
        while True:
            event = up.next_event()
            if event is h11.NEED_DATA:
                up.receive_data(await reader.read(READ))
            elif isinstance(event, h11.InformationalResponse):
                headers = onward_headers(event.headers.raw_items())
                if event.status_code == 101:
                    await self._switched(event, up, reader, writer, sending)
                    return False
                await self._give(
                    self._down.send(h11.InformationalResponse(status_code=event.status_code, headers=headers))
                )
            elif isinstance(event, h11.Response):
                headers = onward_headers(event.headers.raw_items())
                if dict(event.headers).get(b"transfer-encoding") and self._down.their_http_version == b"1.1":
                    headers.append((b"transfer-encoding", b"chunked"))
                await self._give(
                    self._down.send(h11.Response(status_code=event.status_code, headers=headers, reason=event.reason))
                )
            elif isinstance(event, h11.Data):
                await self._give(self._down.send(h11.Data(data=event.data)))
            elif isinstance(event, h11.EndOfMessage):
                await self._give(self._down.send(h11.EndOfMessage(headers=onward_headers(event.headers.raw_items()))))
                return sending.done() and self._down.our_state is h11.DONE and self._down.their_state is h11.DONE
            else:
                raise h11.RemoteProtocolError("the server has broken off")

    async def _switched(
        self,
        event: h11.InformationalResponse,
        up: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        sending: asyncio.Task[None],
    ) -> None:
        """Another protocol from here on: bytes as they come, both ways."""
        with suppress(asyncio.CancelledError, h11.RemoteProtocolError, h11.LocalProtocolError):
            await sending
        headers = [*onward_headers(event.headers.raw_items()), (b"connection", b"upgrade")]
        headers += [(name, value) for name, value in event.headers if name == b"upgrade"]
        await self._give(self._down.send(h11.InformationalResponse(status_code=101, headers=headers)))
        writer.write(self._down.trailing_data[0])
        await self._give(up.trailing_data[0])

        async def onward() -> None:
            while data := await self._take():
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

        async def back() -> None:
            while data := await reader.read(READ):
                await self._give(data)

        going = asyncio.get_running_loop().create_task(onward())
        try:
            await back()
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)

    async def _refuse(self, status: int, why: str) -> None:
        """Answer in plain words, and take no further request of this connection; where an answer was begun, it stays broken off."""
        if self._down.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = f"{why}\n".encode()
        headers = [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", str(len(body))),
            ("connection", "close"),
        ]
        with suppress(h11.LocalProtocolError):
            head = self._down.send(h11.Response(status_code=status, headers=headers, reason=b""))
            whole = (
                (head or b"")
                + (self._down.send(h11.Data(data=body)) or b"")
                + (self._down.send(h11.EndOfMessage()) or b"")
            )
            await self._give(whole)


def _give_up(sending: asyncio.Task[None], writer: asyncio.StreamWriter) -> None:
    """A body that is none has been sent: the server waits for the rest in vain."""
    if not sending.cancelled() and sending.exception() is not None:
        writer.transport.abort()

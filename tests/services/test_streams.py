"""Streams and TCP as services: lines, packets and bytes at the pace of the receiver, both as client and as server."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from remit import Symbol, Tagged, Vat
from remit.dataspace import Dataspace, Observe, bind, during, pattern, publish
from remit.lib import Timer
from remit.services import Manager, RequireService, TcpLocal, TcpRemote, stream, tcp
from remit.services._modules import Module, services_of
from remit.services._stream_service import (
    BYTES,
    LF,
    UNBOUNDED,
    Credit,
    Data,
    Eof,
    Outflow,
    Sink,
    Source,
    StreamConnection,
    StreamError,
    StreamReady,
)
from remit.services._tcp_sockets import TcpSockets
from remit.values import as_record
from remit.vat import Ref, actor, field, tell, this
from tests.services.stage import DEADLINE


@given(st.lists(st.binary(max_size=8), max_size=8), st.lists(st.integers(1, 3), max_size=8))
def test_lines_come_whole_and_no_more_than_there_is_credit(pieces: list[bytes], credits: list[int]) -> None:
    """However bytes are cut, lines are those of the whole; each credit is one line; the end comes after the last."""
    said: list[Any] = []
    out = Outflow(said.append)
    whole = b"".join(pieces)
    for piece in pieces:
        out.feed(piece)
    out.end()
    for credit in credits:
        out.credit(credit, LF)
    lines = whole.decode(errors="replace").split("\n")
    if lines[-1] == "":
        lines.pop()
    got = [each.payload for each in said if isinstance(each, Data)]
    assert got == lines[: sum(credits)]
    if sum(credits) > len(lines):
        assert said[-1] == Eof()


def test_packets_and_bytes_are_cut_as_asked() -> None:
    """Packets have their size but the last; bytes come as they are; unbounded credit lasts."""
    said: list[Any] = []
    out = Outflow(said.append)
    packets = Tagged("packet", [3])
    out.feed(b"abcde")
    out.credit(1, packets)
    assert [each.payload for each in said] == [b"abc"]
    out.credit(UNBOUNDED, BYTES)
    out.feed(b"f")
    out.end()
    assert said[1:] == [Data(b"de", BYTES), Data(b"f", BYTES), Eof()]


@actor(kind="test.end")
class End:
    """Both ends of somebody: a sink that remembers, and a source that sends what it was told."""

    log: list[Any] = field(list)
    to: Any = None
    mode: Any = LF
    queue: list[Any] = field(list)
    credit: int = 0

    def turn(self, events: list[Any]) -> None:
        for event in events:
            value = as_record(
                event[2] if event[0] == "assert" else event[1], Source, Sink, StreamError, Data, Eof, Credit
            )
            if event[0] == "assert" and isinstance(value, Source):
                tell(value.controller).turn([["message", Credit(2, self.mode)]])
            elif event[0] == "assert" and isinstance(value, Sink):
                self.to = value.controller
            elif event[0] == "assert" and isinstance(value, StreamError):
                self.log.append(f"error: {value.message}")
            elif event[0] == "message" and isinstance(value, Data):
                self.log.append(value.payload)
            elif event[0] == "message" and isinstance(value, Eof):
                self.log.append("eof")
            elif event[0] == "message" and isinstance(value, Credit):
                self.credit += value.amount
        self._send()

    def send(self, *payloads: Any) -> None:
        self.queue.extend(payloads)
        self._send()

    def _send(self) -> None:
        while self.queue and self.credit > 0 and self.to is not None:
            self.credit -= 1
            payload = self.queue.pop(0)
            said = Eof() if payload is None else Data(payload, LF if isinstance(payload, str) else BYTES)
            tell(self.to).turn([["message", said]])

    def told(self) -> list[Any]:
        return list(self.log)


@actor(kind="test.echo_server")
class Echo:
    """Serves connections that come in: says back each line."""

    space: Ref[Any]
    spec: Any
    ends: list[Any] = field(list)

    def begin(self) -> None:
        during(self.space, StreamConnection(bind(), bind(), self.spec), self._come)

    def _come(self, source: Ref[Any], sink: Ref[Any]) -> None:
        publish(source, Sink(this()))
        publish(sink, Source(this()))
        self.ends.append(sink)

    def turn(self, events: list[Any]) -> None:
        for event in events:
            value = as_record(event[2] if event[0] == "assert" else event[1], Source, Data, Eof)
            if event[0] == "assert" and isinstance(value, Source):
                tell(value.controller).turn([["message", Credit(UNBOUNDED, LF)]])
            elif event[0] == "message" and isinstance(value, Data):
                tell(self.ends[-1]).turn([["message", Data(f"echo {value.payload}", LF)]])
            elif event[0] == "message" and isinstance(value, Eof):
                tell(self.ends[-1]).turn([["message", Eof()]])


@asynccontextmanager
async def place() -> AsyncIterator[tuple[Vat, Ref[Any]]]:
    async with Vat("streams") as vat:
        sockets = TcpSockets()
        timer = vat.device("timer", Timer(time.time, asyncio.sleep))
        vat.device("tcp", sockets)
        space = vat.spawn(Dataspace, timer)
        manager = vat.spawn(Manager, space, timer)
        await manager.begin()
        modules = []
        for function in services_of([stream, tcp]):
            module = vat.spawn(Module, space, timer)
            object.__setattr__(module._at, "_function", function)
            await module.begin()
            modules.append(module)
        party = await space.open()
        await party.turn([["assert", 1, RequireService(Symbol("tcp"))]])
        try:
            yield vat, space
        finally:
            await sockets.end()


async def until(end: Ref[Any], log: list[Any]) -> None:
    async with asyncio.timeout(DEADLINE):
        while await end.told() != log:
            await asyncio.sleep(0.01)


def test_a_client_gets_lines_at_its_own_pace_and_sends_its_own() -> None:
    """Connected by an assertion, line by line as it gives credit; the end of the assertion ends the connection."""

    async def main() -> None:
        ended = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"one\ntwo\nthr")
            assert await reader.readline() == b"hello\n"
            writer.write(b"ee\nfour\n")
            await reader.read()
            writer.close()
            ended.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, place() as (vat, space):
            end = vat.spawn(End)
            party = await space.open()
            await party.turn([["assert", 1, StreamConnection(end, end, TcpRemote("127.0.0.1", port))]])
            await until(end, ["one", "two"])
            await end.send("hello")
            await asyncio.sleep(0.05)
            assert await end.told() == ["one", "two"]
            await party.turn([["retract", 1]])
            async with asyncio.timeout(DEADLINE):
                await ended.wait()

    asyncio.run(main())


def test_a_connection_that_cannot_be_made_is_an_error_at_both_ends() -> None:
    """Asserted at source and sink, with the reason."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        async with place() as (vat, space):
            end = vat.spawn(End)
            party = await space.open()
            await party.turn([["assert", 1, StreamConnection(end, end, TcpRemote("127.0.0.1", port))]])
            async with asyncio.timeout(DEADLINE):
                while len(await end.told()) < 2:
                    await asyncio.sleep(0.01)
            assert all(f"cannot connect to 127.0.0.1:{port}" in text for text in await end.told())

    asyncio.run(main())


def test_interest_in_connections_listens_for_them() -> None:
    """A server is whoever observes connections of a local spec; each peer gets its own; without interest nobody listens."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        async with place() as (vat, space):
            spec = TcpLocal("127.0.0.1", port)
            echo = vat.spawn(Echo, space, spec)
            await echo.begin()
            async with asyncio.timeout(DEADLINE):
                while not await space.query(StreamReady(bind())):
                    await asyncio.sleep(0.01)
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"hello\nworld\n")
                assert await reader.readline() == b"echo hello\n"
                assert await reader.readline() == b"echo world\n"
                writer.write_eof()
                assert await reader.read() == b""
                writer.close()
                await writer.wait_closed()

    asyncio.run(main())


def test_whoever_serves_a_spec_is_announced() -> None:
    """`stream-listener-ready` stands while somebody observes connections of that spec."""

    async def main() -> None:
        async with place() as (vat, space):
            party, listener = await space.open(), vat.spawn(Dataspace)
            watch = Observe(pattern(StreamConnection(bind(), bind(), "here")), await listener.open())
            await party.turn([["assert", 1, watch]])
            async with asyncio.timeout(DEADLINE):
                while await space.query(StreamReady(bind())) != [["here"]]:
                    await asyncio.sleep(0.01)
                await party.turn([["retract", 1]])
                while await space.query(StreamReady(bind())):
                    await asyncio.sleep(0.01)

    asyncio.run(main())

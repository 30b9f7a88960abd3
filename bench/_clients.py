"""The near ends of the remote calls: each starts the server it talks to, and ends it.

`sequential(n)` and `windowed(n)` make n calls and answer the seconds they took; `pipelined(n)` and `awaited(n)`, where
a client has them, make n chains of ten calls, each call made on the answer of the one before.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, cast

from . import _servers
from ._peer import PeerError, Process

WINDOW = 64
CHAIN = 10


class Client:
    """A server in a folder of its own, and this process's connection to it."""

    kind: ClassVar[str]
    info: ClassVar[dict[str, Any]] = {"n": 2000}

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.path = str(self.folder / "s")
        self.server = Process(sys.executable, "-m", "bench._servers", self.kind, self.path)
        try:
            self.hint = self.server.line("ready", 30).strip()
            self.connect()
        except PeerError as error:
            self.close()
            raise PeerError(f"the server did not start: {error}") from error
        except BaseException:
            self.close()
            raise

    def connect(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.server.stop()
        shutil.rmtree(self.folder)


class AsyncClient(Client):
    uvloop: ClassVar[bool] = False

    def connect(self) -> None:
        self.runner = asyncio.Runner(loop_factory=_servers.loop_factory(self.uvloop))
        self.runner.run(self.open())

    async def open(self) -> None:
        raise NotImplementedError

    def call(self) -> Awaitable[Any]:
        raise NotImplementedError

    def timed(self, main: Callable[[int], Awaitable[None]], n: int) -> float:
        async def run() -> float:
            began = time.perf_counter()
            await main(n)
            return time.perf_counter() - began

        return self.runner.run(run())

    def sequential(self, n: int) -> float:
        return self.timed(self._sequential, n)

    def windowed(self, n: int) -> float:
        return self.timed(self._windowed, n)

    async def _sequential(self, n: int) -> None:
        for _ in range(n):
            await self.call()

    async def _windowed(self, n: int) -> None:
        for _ in range(n // WINDOW):
            for answer in [self.call() for _ in range(WINDOW)]:
                await answer


class Streams(AsyncClient):
    """Four bytes there and back without framing: the bound for asyncio's streams."""

    kind = "streams"
    info: ClassVar = {"n": 5000}

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_unix_connection(self.path)

    async def call(self) -> bytes:
        self.writer.write(b"incr")
        return await self.reader.readexactly(4)

    async def _windowed(self, n: int) -> None:
        for _ in range(n // WINDOW):
            for _ in range(WINDOW):
                self.writer.write(b"incr")
            for _ in range(WINDOW):
                await self.reader.readexactly(4)


class UvStreams(Streams):
    kind = "streams-uvloop"
    uvloop = True


class Msgpack(AsyncClient):
    """What a small hand-written RPC reaches: msgpack frames, futures, one write for each turn of the loop."""

    kind = "msgpack"
    info: ClassVar = {"n": 5000}

    async def open(self) -> None:
        import msgspec

        self.encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode
        self.loop = asyncio.get_running_loop()
        self.next, self.out = 0, list[bytes]()
        pending = self.pending = dict[int, asyncio.Future[Any]]()

        class Answers(_servers.Frames):
            def frame(self, data: bytes) -> None:
                number, value = decode(data)
                pending.pop(number).set_result(value)

        self.transport, _ = await self.loop.create_unix_connection(Answers, self.path)

    def flush(self) -> None:
        self.transport.write(b"".join(self.out))
        self.out.clear()

    def call(self) -> Awaitable[Any]:
        self.next += 1
        future = self.pending[self.next] = self.loop.create_future()
        data = self.encode((self.next, "increment", ()))
        if not self.out:
            self.loop.call_soon(self.flush)
        self.out += (_servers.LENGTH.pack(len(data)), data)
        return future


class UvMsgpack(Msgpack):
    kind = "msgpack-uvloop"
    uvloop = True


class Capnp(AsyncClient):
    kind = "capnp"
    info: ClassVar = {"n": 2000, "chains": ["pipelined", "awaited"]}

    async def open(self) -> None:
        self.capnp, self.schema = _servers.load_capnp(self.folder)

    def timed(self, main: Callable[[int], Awaitable[None]], n: int) -> float:
        async def run() -> float:
            stream = await self.capnp.AsyncIoStream.create_unix_connection(self.path)
            client = self.capnp.TwoPartyClient(stream)
            self.counter = client.bootstrap().cast_as(self.schema.Counter)
            await self.counter.increment()
            began = time.perf_counter()
            await main(n)
            took = time.perf_counter() - began
            client.close()
            stream.close()
            return took

        return cast(float, asyncio.run(self.capnp.run(run())))

    def call(self) -> Awaitable[Any]:
        return self.counter.increment()  # type: ignore[no-any-return]

    def pipelined(self, n: int) -> float:
        return self.timed(self._pipelined, n)

    def awaited(self, n: int) -> float:
        return self.timed(self._awaited, n)

    async def _pipelined(self, n: int) -> None:
        for _ in range(n):
            at = self.counter
            for _ in range(CHAIN - 1):
                at = at.next().counter
            await at.increment()

    async def _awaited(self, n: int) -> None:
        for _ in range(n):
            at = self.counter
            for _ in range(CHAIN - 1):
                at = (await at.next()).counter
            await at.increment()


class Pyro(Client):
    kind = "pyro"

    def connect(self) -> None:
        import Pyro5.api

        self.api = Pyro5.api
        self.proxy = Pyro5.api.Proxy(f"PYRO:counter@./u:{self.path}")
        self.proxy.increment()

    def sequential(self, n: int) -> float:
        began = time.perf_counter()
        for _ in range(n):
            self.proxy.increment()
        return time.perf_counter() - began

    def windowed(self, n: int) -> float:
        began = time.perf_counter()
        for _ in range(n // WINDOW):
            batch = self.api.BatchProxy(self.proxy)
            for _ in range(WINDOW):
                batch.increment()
            for _ in batch():
                pass
        return time.perf_counter() - began


class Rpyc(Client):
    kind = "rpyc"

    def connect(self) -> None:
        import rpyc

        self.connection = rpyc.utils.factory.unix_connect(self.path)
        self.increment = self.connection.root.increment
        self.later = rpyc.async_(self.increment)
        self.increment()

    def sequential(self, n: int) -> float:
        began = time.perf_counter()
        for _ in range(n):
            self.increment()
        return time.perf_counter() - began

    def windowed(self, n: int) -> float:
        began = time.perf_counter()
        for _ in range(n // WINDOW):
            for answer in [self.later() for _ in range(WINDOW)]:
                answer.wait()
        return time.perf_counter() - began

"""The far ends of the remote calls: `python -m bench._servers KIND PATH` serves a counter on a Unix socket there.

Prints `ready`, and ends when its input is closed. The echo answers the bytes it got and counts nothing.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from ._peer import end_with_parent
from ._queue import Counter

LENGTH = struct.Struct("<I")

CAPNP = """
@0xbf5147b1e21c8a7f;
interface Counter {
  increment @0 () -> (count :Int64);
  next @1 () -> (counter :Counter);
}
"""


def ready(more: str = "") -> None:
    print("ready", more, flush=True)


class Frames(asyncio.Protocol):
    """Length-prefixed frames; the replies to one read are written together."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass

    def frame(self, data: bytes) -> bytes | None:
        raise NotImplementedError

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer
        buffer += data
        at, end, out = 0, len(buffer), list[bytes]()
        while end - at >= 4:
            size = LENGTH.unpack_from(buffer, at)[0]
            if end - at - 4 < size:
                break
            reply = self.frame(bytes(buffer[at + 4 : at + 4 + size]))
            if reply is not None:
                out += (LENGTH.pack(len(reply)), reply)
            at += 4 + size
        del buffer[:at]
        if out:
            self.transport.write(b"".join(out))


def _msgpack() -> type[Frames]:
    import msgspec

    encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode

    class Server(Frames):
        def __init__(self) -> None:
            super().__init__()
            self.target = Counter()

        def frame(self, data: bytes) -> bytes:
            number, verb, args = decode(data)
            return encode((number, getattr(self.target, verb)(*args)))

    return Server


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def loop_factory(uvloop: bool) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the event loop: None is asyncio's own."""
    if not uvloop:
        return None
    import uvloop as module

    return cast(Callable[[], asyncio.AbstractEventLoop], module.new_event_loop)


def _run(start: Callable[[], Any], uvloop: bool) -> None:
    async def main() -> None:
        await start()
        ready()
        await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=loop_factory(uvloop)) as runner:
        runner.run(main())


def serve_streams(path: str, uvloop: bool = False) -> None:
    _run(lambda: asyncio.start_unix_server(_echo, path), uvloop)


def serve_msgpack(path: str, uvloop: bool = False) -> None:
    protocol = _msgpack()
    _run(lambda: asyncio.get_running_loop().create_unix_server(protocol, path), uvloop)


def load_capnp(folder: Path) -> tuple[Any, Any]:
    import capnp

    name = folder / "counter.capnp"
    name.write_text(CAPNP)
    return capnp, capnp.load(str(name))


def serve_capnp(path: str) -> None:
    capnp, schema = load_capnp(Path(path).parent)

    class Server(schema.Counter.Server):  # type: ignore[misc, name-defined]
        count = 0

        async def increment(self, **_: Any) -> int:
            self.count += 1
            return self.count

        async def next(self, **_: Any) -> Any:
            return self

    async def connected(stream: Any) -> None:
        await capnp.TwoPartyServer(stream, bootstrap=Server()).on_disconnect()

    async def main() -> None:
        server = await capnp.AsyncIoStream.create_unix_server(connected, path)
        ready()
        async with server:
            await server.serve_forever()

    asyncio.run(capnp.run(main()))


def serve_pyro(path: str) -> None:
    import Pyro5.api

    class Exposed(Counter):  # not slotted: the daemon writes on it
        increment = Pyro5.api.expose(Counter.increment)

    daemon = Pyro5.api.Daemon(unixsocket=path)
    daemon.register(Exposed(), "counter")
    ready()
    daemon.requestLoop()


def serve_rpyc(path: str) -> None:
    import rpyc
    from rpyc.utils.server import OneShotServer

    class Service(rpyc.Service):  # type: ignore[misc]
        def __init__(self) -> None:
            self.counter = Counter()

        def exposed_increment(self) -> int:
            return self.counter.increment()

    server = OneShotServer(Service, socket_path=path)
    ready()
    server.start()


def serve_remit(path: str, transport: str = "unix", uvloop: bool = False) -> None:
    from ._remit_far import serve

    serve(path, transport, uvloop, ready)


def serve_relay(path: str, uvloop: bool = False) -> None:
    from ._relay import serve

    serve(path, uvloop)


def serve_fan_out(path: str) -> None:
    from ._fanout import serve

    serve(path)


def serve_untraced(path: str) -> None:
    from . import _untraced

    _untraced.install()
    serve_remit(path)


def serve_traced(path: str) -> None:
    from ._remit_far import follow_all, serve

    serve(path, "unix", False, ready, follow_all)


SERVERS: dict[str, Callable[[str], None]] = {
    "streams": serve_streams,
    "streams-uvloop": lambda path: serve_streams(path, True),
    "msgpack": serve_msgpack,
    "msgpack-uvloop": lambda path: serve_msgpack(path, True),
    "capnp": serve_capnp,
    "pyro": serve_pyro,
    "rpyc": serve_rpyc,
    "remit-unix": serve_remit,
    "remit-unix-untraced": serve_untraced,
    "remit-unix-traced": serve_traced,
    "remit-unix-uvloop": lambda path: serve_remit(path, uvloop=True),
    "fan-out": serve_fan_out,
    "relay": serve_relay,
    "relay-uvloop": lambda path: serve_relay(path, True),
    "remit-tls": lambda path: serve_remit(path, "tls"),
}

if __name__ == "__main__":
    end_with_parent()
    SERVERS[sys.argv[1]](sys.argv[2])

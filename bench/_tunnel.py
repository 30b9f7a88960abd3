"""Two processes between a client and its server, joined by TLS 1.3: plain asyncio streams, or Remit's tunnel. `python -m bench._tunnel ROLE …` is one of them."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

from ._peer import Process, end_with_parent
from ._servers import loop_factory, ready

CHUNK = 1 << 16
BLOCK = bytes(CHUNK)
TURN = 64  # bytes of one round trip
PATIENCE = 60.0


def server(place: str) -> None:
    """Answers what it hears after a first byte `e`; after `d` it only counts, and says when it has heard the end; after `s` it sends MiB."""
    listening = socket.create_server(("127.0.0.1", 0))
    ready(str(listening.getsockname()[1]))
    while True:
        connected, _ = listening.accept()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connected,), daemon=True).start()


def _serve(connected: socket.socket) -> None:
    with connected:
        buffer = bytearray(CHUNK)
        mode = connected.recv(1)
        if mode == b"s":
            for _ in range(int.from_bytes(connected.recv(4, socket.MSG_WAITALL), "big") * 16):
                connected.sendall(BLOCK)
            return
        while size := connected.recv_into(buffer):
            if mode == b"e":
                connected.sendall(memoryview(buffer)[:size])
        connected.sendall(b"ok")


# --- plain asyncio ------------------------------------------------------------------------------------


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
        else:  # TLS: the end of both ways
            writer.close()
    except OSError:
        writer.close()


async def joined(reader: Any, writer: Any, other: Any) -> None:
    far_reader, far_writer = await other
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    writer.close()
    far_writer.close()


def plain_far(place: str, port: str, loop: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(Path(place) / "cert.pem", Path(place) / "key.pem")

    async def main() -> None:
        def serve(reader: Any, writer: Any) -> Any:
            return joined(reader, writer, asyncio.open_connection("127.0.0.1", int(port)))

        made = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        ready(str(made.sockets[0].getsockname()[1]))
        await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=loop_factory(loop == "uvloop")) as runner:
        runner.run(main())


def plain_near(place: str, port: str, loop: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    async def main() -> None:
        def serve(reader: Any, writer: Any) -> Any:
            return joined(reader, writer, asyncio.open_connection("127.0.0.1", int(port), ssl=context))

        await asyncio.start_unix_server(serve, Path(place) / "s")
        ready()
        await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=loop_factory(loop == "uvloop")) as runner:
        runner.run(main())


def certificate(place: Path) -> None:
    words = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=bench", "-days", "2"]
    files = ["-keyout", str(place / "key.pem"), "-out", str(place / "cert.pem")]
    subprocess.run([*words, *files], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# --- Remit --------------------------------------------------------------------------------------------


def far_object() -> Any:
    from remit.vat import actor

    @actor(kind="bench.tunnel")
    class Way:
        desk: Any

        def open(self, key: bytes) -> Any:
            return self.desk.open(key)

    return Way


class Desk:
    """The device behind it."""

    def __init__(self, exits: Any, exit: Any) -> None:
        self.exits, self.exit = exits, exit

    def open(self, key: bytes) -> Any:
        from remit.values import Secret

        return [Secret(self.exits.ticket(self.exit, key).hex()), self.exits.node.address()]


def remit_far(place: str, port: str, loop: str) -> None:
    from remit.credentials import Place
    from remit.lib import FREE
    from remit.machines import Exits
    from remit.net import Network, Node, NodeKey, TlsNetlayer
    from remit.vat import Vat

    async def main() -> None:
        key = NodeKey.generate()
        async with Vat("far") as vat, Node(key, vat) as node:
            await node.listen(TlsNetlayer(key))
            exits = Exits()
            exits.attach(node)
            exit = exits.open("bench", "bench", Place(f"127.0.0.1:{port}").connect, FREE, 0)
            way = vat.spawn(far_object(), vat.device("desk", Desk(exits, exit)))
            sturdy = await Network(node).sturdy(way)
            (Path(place) / "way").write_text(sturdy.uri())
            ready()
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=loop_factory(loop == "uvloop")) as runner:
        runner.run(main())


def remit_near(place: str, port: str, loop: str) -> None:
    from remit.machines import Entrances
    from remit.net import Node, NodeKey, TlsNetlayer
    from remit.values import SturdyRef
    from remit.vat import Vat

    async def main() -> None:
        key = NodeKey.generate()
        async with Vat("near") as vat, Node(key, vat) as node:
            node.use(TlsNetlayer(key))
            entrances = Entrances()
            entrances.attach(node)
            ref = node.enliven(SturdyRef.parse((Path(place) / "way").read_text()))
            await entrances.open("bench", "bench", ref, Path(place) / "s")
            ready()
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=loop_factory(loop == "uvloop")) as runner:
        runner.run(main())


# --- the client ---------------------------------------------------------------------------------------


class Chain:
    """A server, and this process as its client: through two processes, or straight (`roles` is None)."""

    roles: ClassVar[tuple[str, str] | None] = None
    loop: ClassVar[str] = "asyncio"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.started: list[Process] = []
        try:
            self.port = self._start("server").strip()
            if self.roles is not None:
                certificate(self.folder)
                port = self._start(self.roles[0], self.port, self.loop).strip()
                self._start(self.roles[1], port, self.loop)
            self.turns(20)
        except BaseException:
            self.close()
            raise

    def _start(self, *words: str) -> str:
        process = Process(sys.executable, "-m", "bench._tunnel", words[0], str(self.folder), *words[1:])
        self.started.append(process)
        return process.line("ready", 30)

    def connect(self) -> socket.socket:
        if self.roles is None:
            made = socket.create_connection(("127.0.0.1", int(self.port)))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            made = socket.socket(socket.AF_UNIX)
            made.connect(str(self.folder / "s"))
        made.settimeout(PATIENCE)
        return made

    def back(self, mebibytes: int) -> float:
        """MiB in a second, from the server."""
        with self.connect() as made:
            began = time.perf_counter()
            made.sendall(b"s" + mebibytes.to_bytes(4, "big"))
            _take(made, mebibytes << 20)
            return mebibytes / (time.perf_counter() - began)

    def turns(self, n: int) -> float:
        """Microseconds of one round trip of an open connection."""
        with self.connect() as made:
            made.sendall(b"e")
            said = b"x" * TURN
            made.sendall(said)
            _take(made, TURN)
            began = time.perf_counter()
            for _ in range(n):
                made.sendall(said)
                _take(made, TURN)
            return (time.perf_counter() - began) / n * 1e6

    def close(self) -> None:
        for process in reversed(self.started):
            process.kill()
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def _take(made: socket.socket, size: int) -> None:
    buffer = bytearray(1 << 18)
    while size > 0:
        got = made.recv_into(buffer, min(size, len(buffer)))
        if not got:
            raise RuntimeError("the connection was ended early")
        size -= got


class Plain(Chain):
    roles = ("plain_far", "plain_near")


class UvPlain(Plain):
    loop = "uvloop"


class Remit(Chain):
    roles = ("remit_far", "remit_near")


class UvRemit(Remit):
    loop = "uvloop"


if __name__ == "__main__":
    end_with_parent()
    globals()[sys.argv[1]](*sys.argv[2:])

"""One publisher and ten subscribers, each with a connection of its own to a server in another process.

`published(n)` sends n messages, no more than a window ahead of the slowest subscriber, and gives the seconds until all ten have all of
them. The clients share one process and its event loop, as subscribers of one program do.

Each publishes in its library's usual way: redis-py waits for the answer to each message, the others do not. NATS has no unix sockets.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

from ._clients import AsyncClient
from ._peer import PeerError
from ._servers import loop_factory, ready

CLIENTS = 10
WINDOW = 64
TEXT = "what is said in a message of usual size"


class Tally:
    """How far the subscribers are."""

    def __init__(self) -> None:
        self.got = [0] * CLIENTS
        self.moved = asyncio.Event()

    def note(self, who: int) -> None:
        self.got[who] += 1
        self.moved.set()

    async def reach(self, count: int) -> None:
        while min(self.got) < count:
            self.moved.clear()
            await self.moved.wait()


class Fan(AsyncClient):
    info: ClassVar = {"n": 640}
    tally: Tally

    async def publish(self, number: int) -> None:
        raise NotImplementedError

    def published(self, n: int) -> float:
        async def main(n: int) -> None:
            self.tally.got[:] = [0] * CLIENTS
            for number in range(n):
                await self.publish(number)
                if number % (WINDOW // 2) == 0:
                    await self.tally.reach(number - WINDOW // 2)
            await self.tally.reach(n)

        return self.timed(main, n)


class Server(Fan):
    """A server that is another program, in a folder of its own."""

    program: ClassVar[str]
    uvloop = False

    def __init__(self) -> None:
        found = shutil.which(self.program) or shutil.which(self.program, path="/usr/sbin:/sbin")
        if found is None:
            raise PeerError(f"there is no {self.program} on this machine")
        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.path = str(self.folder / "s")
        self.child = subprocess.Popen(
            [found, *self.arguments()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self.connect()
        except BaseException:
            self.close()
            raise

    def arguments(self) -> list[str]:
        raise NotImplementedError

    async def open(self) -> None:
        for _ in range(100):
            try:
                await self.begin()
            except OSError:  # it does not listen yet
                await asyncio.sleep(0.05)
            else:
                return
        raise PeerError(f"{self.program} does not answer")

    async def begin(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        shutil.rmtree(self.folder)


class Redis(Server):
    program = "redis-server"

    def arguments(self) -> list[str]:
        return ["--port", "0", "--unixsocket", self.path, "--save", "", "--appendonly", "no", "--dir", str(self.folder)]

    async def begin(self) -> None:
        import redis.asyncio as redis

        try:
            self.publisher = redis.Redis(unix_socket_path=self.path)
            await self.publisher.ping()
        except redis.ConnectionError as error:
            raise OSError(str(error)) from error
        self.tally = Tally()
        self.tasks = []
        for who in range(CLIENTS):
            client = redis.Redis(unix_socket_path=self.path).pubsub()
            await client.subscribe("room")
            self.tasks.append(asyncio.ensure_future(self.listen(client, who)))

    async def listen(self, client: Any, who: int) -> None:
        async for message in client.listen():
            if message["type"] == "message":
                self.tally.note(who)

    async def publish(self, number: int) -> None:
        await self.publisher.publish("room", f"{number} {TEXT}")


class Nats(Server):
    """Over TCP: it has no unix sockets."""

    program = "nats-server"

    def arguments(self) -> list[str]:
        import socket

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        return ["-a", "127.0.0.1", "-p", str(self.port)]

    async def begin(self) -> None:
        import nats

        async def none(error: Exception) -> None:
            pass

        try:
            self.publisher = await nats.connect(
                f"nats://127.0.0.1:{self.port}", allow_reconnect=False, error_cb=none, connect_timeout=1
            )
        except Exception as error:
            raise OSError(str(error)) from error
        self.tally = Tally()
        for who in range(CLIENTS):
            client = await nats.connect(f"nats://127.0.0.1:{self.port}")

            async def heard(message: Any, who: int = who) -> None:
                self.tally.note(who)

            await client.subscribe("room", cb=heard)
            await client.flush()

    async def publish(self, number: int) -> None:
        await self.publisher.publish("room", f"{number} {TEXT}".encode())


def serve(path: str, uvloop: bool = False) -> None:
    """A dataspace, which each peer gets for free."""
    from remit.dataspace import Dataspace as Space
    from remit.dataspace.syndicate import listen
    from remit.vat import Vat

    async def main() -> None:
        async with Vat("server") as vat, listen(f"unix://{path}", vat.spawn(Space)):
            ready()
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=loop_factory(uvloop)) as runner:
        runner.run(main())


def classes() -> tuple[Any, Any]:
    """A subscriber and a publisher, as programs write them."""
    from remit.dataspace import bind, message, on_message
    from remit.values import record
    from remit.vat import actor

    @record("bench.said")
    class Said:
        number: int
        text: str

    @actor(kind="bench.fan-subscriber")
    class Subscriber:
        space: Any
        who: int

        def begin(self, note: int) -> None:
            who = self.who
            on_message(self.space, Said(bind(), bind()), lambda *_: NOTE[note](who))

    @actor(kind="bench.fan-publisher")
    class Publisher:
        space: Any

        def say(self, number: int) -> None:
            message(self.space, Said(number, TEXT))

    return Subscriber, Publisher


NOTE: list[Any] = []


class Dataspace(Fan):
    kind = "fan-out"

    async def open(self) -> None:
        from contextlib import AsyncExitStack

        from remit.dataspace.syndicate import connect
        from remit.vat import Vat, tell

        subscriber, publisher = classes()
        self.tell, self.tally = tell, Tally()
        NOTE.append(self.tally.note)
        self.stack = AsyncExitStack()
        vat = await self.stack.enter_async_context(Vat("clients"))
        for who in range(CLIENTS):
            space = await self.stack.enter_async_context(connect(f"unix://{self.path}", vat=vat))
            await vat.spawn(subscriber, space, who).begin(len(NOTE) - 1)
        space = await self.stack.enter_async_context(connect(f"unix://{self.path}", vat=vat))
        self.publisher = vat.spawn(publisher, space)
        for _ in range(10):  # until all subscriptions have surely come
            self.tally.got[:] = [0] * CLIENTS
            await self.publish(0)
            await asyncio.sleep(0.2)
            if min(self.tally.got) == 1:
                return
        raise PeerError("subscriptions do not arrive")

    async def publish(self, number: int) -> None:
        self.tell(self.publisher).say(number)


def main() -> None:
    """For a look at one variant: `python -m bench._fanout NAME N`."""
    import sys

    made = {"remit": Dataspace, "redis": Redis, "nats": Nats}[sys.argv[1]]()
    n = int(sys.argv[2])
    for _ in range(3):
        began = time.process_time()
        took = made.published(n)
        print(
            f"{n * CLIENTS / took:.0f} deliveries/s, {(time.process_time() - began) / n / CLIENTS * 1e6:.1f} us of the clients' CPU each"
        )
    made.close()


if __name__ == "__main__":
    main()

"""Remit's variants of the remote calls: two nodes in two processes, and a counter that the one fetches from the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar

from remit.net import Netlayer, Network, Node, NodeKey, TlsNetlayer, UnixNetlayer, tracing_of
from remit.values import SturdyRef
from remit.vat import Ref, Vat, actor, this

from ._clients import CHAIN, WINDOW, AsyncClient
from ._servers import loop_factory

if TYPE_CHECKING:
    from contextlib import AsyncExitStack


@actor(kind="bench.far-counter")
class Counter:
    count: int = 0

    def increment(self) -> int:
        self.count += 1
        return self.count

    def note(self, data: bytes) -> None:
        self.count += 1

    def next(self) -> Ref[Any]:
        return this()


@actor(kind="bench.far-asker")
class Asker:
    """Calls a far counter from inside a vat, as objects do."""

    counter: Ref[Any]

    async def sequential(self, n: int) -> None:
        for _ in range(n):
            await self.counter.increment()

    async def windowed(self, n: int) -> None:
        for _ in range(n // WINDOW):
            for promise in [self.counter.increment() for _ in range(WINDOW)]:
                await promise

    async def pipelined(self, n: int) -> None:
        for _ in range(n):
            at = self.counter
            for _ in range(CHAIN - 1):
                at = at.next()
            await at.increment()

    async def awaited(self, n: int) -> None:
        for _ in range(n):
            at = self.counter
            for _ in range(CHAIN - 1):
                at = await at.next()
            await at.increment()


def _netlayer(transport: str, key: NodeKey, path: str | None) -> Netlayer:
    return UnixNetlayer(key, path) if transport == "unix" else TlsNetlayer(key)


def follow_all(node: Node) -> None:
    """Follow every call, without the bound that is there in use."""
    node.tracing.on(3600)
    node.tracing._allowance.take = lambda: True  # type: ignore[method-assign]


def nothing(node: Node) -> None:
    """Leave the node as it is."""


def serve(
    path: str,
    transport: str,
    uvloop: bool,
    ready: Callable[[str], None],
    prepare: Callable[[Node], None] = nothing,
) -> None:
    """A node with a counter; `ready` is told its sturdyref."""

    async def main() -> None:
        key = NodeKey.generate()
        async with Vat("server") as vat, Node(key, vat) as node:
            prepare(node)
            await node.listen(_netlayer(transport, key, path))
            sturdyref = await Network(node).sturdy(vat.spawn(Counter))
            ready(sturdyref.uri())
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=loop_factory(uvloop)) as runner:
        runner.run(main())


class Remit(AsyncClient):
    info: ClassVar = {"n": 2000, "chains": ["pipelined", "awaited"]}
    transport: ClassVar[str]
    asker: Ref[Asker]
    stack: AsyncExitStack

    async def open(self) -> None:
        from contextlib import AsyncExitStack

        self.stack = AsyncExitStack()
        key = NodeKey.generate()
        vat = await self.stack.enter_async_context(Vat("client"))
        node = await self.stack.enter_async_context(Node(key, vat))
        node.use(_netlayer(self.transport, key, None))
        counter = await node.fetch_from(SturdyRef.parse(self.hint))
        self.asker = vat.spawn(Asker, counter)

    def _asked(self, verb: str, n: int) -> float:
        def main(n: int) -> Awaitable[None]:
            return getattr(self.asker, verb)(n)  # type: ignore[no-any-return]

        return self.timed(main, n)

    def sequential(self, n: int) -> float:
        return self._asked("sequential", n)

    def windowed(self, n: int) -> float:
        return self._asked("windowed", n)

    def pipelined(self, n: int) -> float:
        return self._asked("pipelined", n)

    def awaited(self, n: int) -> float:
        return self._asked("awaited", n)

    def close(self) -> None:
        if hasattr(self, "stack"):
            self.runner.run(self.stack.aclose())
        super().close()


class Unix(Remit):
    kind = "remit-unix"
    transport = "unix"


class UvUnix(Unix):
    kind = "remit-unix-uvloop"
    uvloop = True


class Bare(Unix):
    kind = "remit-unix-untraced"


class Traced(Unix):
    """Both ends follow: the client's calls are named to the server."""

    kind = "remit-unix-traced"

    async def open(self) -> None:
        await super().open()
        self.tracer = tracing_of(self.asker._at.counter)
        self.tracer._allowance.take = lambda: True  # type: ignore[method-assign]

    def _asked(self, verb: str, n: int) -> float:
        def main(n: int) -> Awaitable[None]:
            return self.tracer.ask(self.tracer.fresh(), self.asker, verb, n)

        return self.timed(main, n)


class Tls(Remit):
    kind = "remit-tls"
    transport = "tls"

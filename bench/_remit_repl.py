"""Remit's end of a REPL: a server in another process, and a session of it. `python -m bench._remit_repl DIRECTORY` is that server."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from remit.ensemble.admin import AuditLog
from remit.ensemble.repl import Desk, Eval
from remit.lib import membrane
from remit.net import Network, Node, NodeKey, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Vat, actor, call

from ._peer import Process, end_with_parent


@actor(kind="bench.repl-counter")
class Counter:
    count: int = 0

    def increment(self) -> int:
        self.count += 1
        return self.count


@actor(kind="bench.repl-way")
class Way:
    """Gives the part through a membrane, as servers do, and without what a server does besides."""

    audited: Any
    alone: Any
    counter: Any

    def part(self) -> Any:
        return call(membrane(self.audited)).root()

    def bare(self) -> Any:
        return self.alone

    def count(self) -> Any:
        return self.counter


class Lines:
    """A server, and this process's way to it. Each measure gives seconds for `n` of its kind, one after the other."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-repl-"))
        self.server = Process(sys.executable, "-m", "bench._remit_repl", str(self.folder))
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        self.runner.run(self._open(self.server.line("ready ", 30).strip()))

    async def _open(self, uri: str) -> None:
        key = NodeKey.generate()
        vat = await self.stack.enter_async_context(Vat("console"))
        node = await self.stack.enter_async_context(Node(key, vat))
        node.use(UnixNetlayer(key))
        way = await node.fetch_from(SturdyRef.parse(uri))
        self.counter = await way.count()
        self.session = await (await way.part()).session("s")
        self.bare = await (await way.bare()).session("s")

    def calls(self, n: int) -> float:
        async def main() -> float:
            began = time.perf_counter()
            for _ in range(n):
                await self.counter.increment()
            return time.perf_counter() - began

        return self.runner.run(main())

    def lines(self, n: int) -> float:
        return self.runner.run(self._lines(self.session, n))

    def alone(self, n: int) -> float:
        return self.runner.run(self._lines(self.bare, n))

    @staticmethod
    async def _lines(session: Any, n: int) -> float:
        began = time.perf_counter()
        for _ in range(n):
            done = await session.run("1 + 1")
        took = time.perf_counter() - began
        assert done.text == "2"
        return took

    def close(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


async def serve(folder: Path) -> None:
    key = NodeKey.generate()
    async with Vat("server") as vat, Node(key, vat) as node:
        await node.listen(UnixNetlayer(key, folder / "s"))
        audited = Desk(dict, lambda: vat._awake, AuditLog(folder, time.time).note)
        desks = vat.device("audited", audited), vat.device("alone", Desk(dict, lambda: vat._awake))
        parts = [vat.spawn(Eval, desk, "bench", use) for use, desk in enumerate(desks)]
        sturdy = await Network(node).sturdy(vat.spawn(Way, *parts, vat.spawn(Counter)))
        print("ready", SturdyRef(node.inner_locator, sturdy.swiss).uri(), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(serve(Path(sys.argv[1])))

"""Talk to Endo's own OCapN implementation, from the user's own checkout of it, over each netlayer that both have.

    OCAPN_ENDO=directory make endo        needs Node.js 20, and `yarn install` in the checkout; VERBOSE=yes shows what Endo says

Values, errors, calls back, identity, dials in both directions, handoffs with Endo in each of the three roles, and at the end
tables that hold what is held and no more. The exit status is 0 only if all of it holds on all three.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from contextlib import AsyncExitStack
from typing import Any, Final

from remit.errors import Broken
from remit.lib import SwissEntry
from remit.net import Netlayer, Network, Node, NodeKey, TcpTestingNetlayer, WebSocketNetlayer
from remit.values import Locator, SturdyRef
from remit.vat import Ref, Vat, actor, spawn

PEER: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "endo_peer.mjs")
KINDS: Final = {"ws": "websocket", "syrup": "tcp-testing-only, with lengths", "none": "tcp-testing-only, raw"}
SECONDS: Final = 60.0
VALUES: Final[list[Any]] = ["text", 5, -(10**30), True, b"bytes", [1, [2]], {"k": "v"}, 1.5, None]


@actor(kind="endo.counter")
class Counter:
    """What Endo is given."""

    count: int = 0

    def increment(self, by: int = 1) -> int:
        """Count on."""
        self.count += by
        return self.count

    def child(self) -> Ref[Counter]:
        """Another one."""
        return spawn(Counter)


@actor(kind="endo.shelf")
class Shelf:
    """Holds what comes by a handoff."""

    value: Any = None

    def put(self, value: Any) -> None:
        """Hold it."""
        self.value = value

    def get(self) -> Any:
        """What is held."""
        return self.value


class Endo:
    """The process, and what it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def says(self, *beginnings: str) -> str:
        """The rest of its next line that begins with one of these words."""
        assert self.process.stdout is not None
        while line := (await self.process.stdout.readline()).decode():
            word, _, rest = line.strip().partition(" ")
            if word in beginnings:
                return rest if word == beginnings[0] else f"{word}: {rest}"
        raise EOFError("Endo's process has ended: is the checkout installed (yarn install)? VERBOSE=yes shows why")

    async def dial(self, there: Locator, swiss: str) -> str:
        """Have it dial a peer of ours."""
        location = {"type": "ocapn-peer", "transport": there.transport, "designator": there.designator}
        assert self.process.stdin is not None
        request = {"location": {**location, "hints": dict(there.hints)}, "swiss": swiss}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        return await self.says("dialled", "failed")


class Meeting:
    """Two nodes of ours, and Endo."""

    def __init__(self, kind: str, endo: Endo, a: Node, b: Node, endos: Locator) -> None:
        self.kind, self.endo, self.a, self.b, self.endos = kind, endo, a, b, endos
        self.mine: Any = a.vat.spawn(Counter)
        self.theirs = b.location("websocket" if kind == "ws" else "tcp-testing-only", kin=False)

    async def offered(self, node: Node, swiss: bytes, ref: Ref[Any]) -> None:
        """An object under a swiss number that can be typed."""
        await Network(node).register(swiss, ref, SwissEntry("endo"))

    async def run(self) -> None:
        """All of it, in order; an AssertionError or a Broken says what does not hold."""
        echo: Any = await self.a.fetch_from(SturdyRef(self.endos, b"Echo"))
        keep: Any = await self.a.fetch_from(SturdyRef(self.endos, b"Keep"))
        keep_b: Any = await self.b.fetch_from(SturdyRef(self.endos, b"Keep"))
        await self._calls(echo)
        await self.offered(self.b, b"counter", self.b.vat.spawn(Counter))
        dialled = await self.endo.dial(self.theirs, "counter")
        assert dialled == "7 3", f"Endo dials us: {dialled}"
        await self._handoffs(echo, keep, keep_b)
        await keep.put(0)
        del keep_b
        await self._tables()

    async def _calls(self, echo: Any) -> None:
        assert await echo.echo(VALUES) == VALUES
        assert await echo.call(self.mine) == 5
        (back,) = await echo.echo([self.mine])
        assert back is self.mine
        for broken in (echo.fail(), self.a.fetch_from(SturdyRef(self.endos, b"Nothing"))):
            try:
                await broken
            except Broken:
                continue
            raise AssertionError("an error of Endo's has not arrived")

    async def _handoffs(self, echo: Any, keep: Any, keep_b: Any) -> None:
        await keep.put(await self.a.fetch_from(SturdyRef(self.theirs, b"counter")))
        assert await keep.use(1) == 8, "Endo receives"
        await keep.put(self.mine)
        gift = await keep_b.get()
        assert await gift.increment(3) == 8, "Endo gives"
        shelf = self.b.vat.spawn(Shelf)
        await self.offered(self.b, b"shelf", shelf)
        far_shelf: Any = await self.a.fetch_from(SturdyRef(self.theirs, b"shelf"))
        await far_shelf.put([echo])
        (given,) = await shelf.get()
        assert await given.echo(1) == 1, "Endo exports"
        await shelf.put(None)

    async def _tables(self) -> None:
        """What is held at the end are Echo and Keep, and no question or answer is open."""
        for _ in range(100):
            gc.collect()
            await asyncio.sleep(0.05)
            if not self._open():
                return
        raise AssertionError(f"left in the tables: {self._open()}")

    def _open(self) -> list[str]:
        sessions = [s for node in (self.a, self.b) for s in node._connections]
        lines = [line for session in sessions for line in session.dump().splitlines()[1:-1]]
        return [line for line in lines if not line.strip().startswith("import")]


async def meet(checkout: str, kind: str) -> None:
    """One meeting over one netlayer."""
    command = ["node", "--expose-gc", PEER, os.path.abspath(checkout), kind]
    pipe = asyncio.subprocess.PIPE
    errors = None if os.environ.get("VERBOSE") else asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=errors)
    try:
        async with asyncio.timeout(SECONDS), AsyncExitStack() as stack:
            endo = Endo(process)
            where = json.loads(await endo.says("at"))
            endos = Locator(where["transport"], where["designator"], where["hints"])
            nodes = []
            for name in ("a", "b"):
                key = NodeKey.generate()
                vat = await stack.enter_async_context(Vat(name))
                node = await stack.enter_async_context(Node(key, vat, believe=kind != "ws"))
                await node.listen(_netlayer(kind, key))
                nodes.append(node)
            await Meeting(kind, endo, nodes[0], nodes[1], endos).run()
    finally:
        process.kill()
        await process.wait()


def _netlayer(kind: str, key: NodeKey) -> Netlayer:
    if kind == "ws":
        return WebSocketNetlayer(key)
    return TcpTestingNetlayer(framing="raw" if kind == "none" else "prefixed")


def main() -> int:
    """All netlayers; how many of them have passed."""
    checkout = os.environ.get("OCAPN_ENDO", "")
    if not os.path.isfile(os.path.join(checkout, "packages", "ocapn", "package.json")):
        print("set OCAPN_ENDO to a checkout of Endo in which its packages are installed")
        return 2
    failed = 0
    for kind, words in KINDS.items():
        try:
            asyncio.run(meet(checkout, kind))
        except (AssertionError, Broken, EOFError, TimeoutError) as error:
            failed += 1
            print(f"{words}: FAILED: {error!r}", flush=True)
        else:
            print(f"{words}: values, errors, dials, handoffs in three roles, tables: ok", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

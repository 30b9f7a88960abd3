"""A process with many servers: each has a key, a vat and a session of its own. They register all at once, and stay until stdin ends.

python -m tests.ensemble.crowd HOME PREFIX COUNT
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

from remit.ensemble import Home
from remit.ensemble._directory import Directory
from remit.errors import LinkLost
from remit.net import Network, Node, NodeKey, UnixNetlayer, sign_address
from remit.values import SturdyRef
from remit.vat import Ref, Vat, actor


@actor(kind="test.anchor")
class Anchor:
    """What the registry holds of a server."""


async def member(stack: AsyncExitStack, home: Home, id: str) -> Ref[Anchor]:
    """One server, with its own session."""
    key = NodeKey.generate()
    vat = await stack.enter_async_context(Vat(id))
    node = await stack.enter_async_context(Node(key, vat))
    node.use(UnixNetlayer(key))
    membership = await joined(Directory(Network(node), home.cookie, home.domain))
    address = sign_address(key, {"unix": f"/nowhere/{id}"}, 1)
    anchor: Ref[Anchor] = vat.spawn(Anchor)
    door = SturdyRef(address.locator(), b"x" * 32)
    await membership.register(f"{id}@/crowd", ["crowd"], address, door, anchor, {}, time.time())
    return anchor


async def joined(directory: Directory) -> Ref[Any]:
    """The membership; who does not get through tries again, as servers do."""
    while True:
        try:
            return await directory.membership()
        except LinkLost:
            await asyncio.sleep(0.2 + 0.2 * random.random())


async def main(home: Home, prefix: str, count: int) -> None:
    async with AsyncExitStack() as stack:
        anchors = await asyncio.gather(*(member(stack, home, f"{prefix}-{number}") for number in range(count)))
        print(len(anchors), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Home(sys.argv[1]), sys.argv[2], int(sys.argv[3])))

"""The chat's client over CapTP: chat_captp.py FILE NAME, where FILE holds the CapTP sturdyref of the room.

A node of its own, with a key of its own, fetches a reference to the dataspace. The guest is the same object as in chat.py.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from chat import chat

from remit import Vat
from remit.net import Node, NodeKey, dialling
from remit.values import SturdyRef


async def main(file: str, name: str) -> None:
    key = NodeKey.generate()
    async with Vat("chat") as vat, Node(key, vat) as node:
        for netlayer in dialling(key):
            node.use(netlayer)
        room = await node.fetch_from(SturdyRef.parse(Path(file).read_text().strip()))
        await chat(vat, room, name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))

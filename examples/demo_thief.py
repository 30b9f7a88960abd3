"""Presents a stolen introduction with a key of its own; prints what the boss says to that."""

from __future__ import annotations

import asyncio
import sys

from remit.durable import read_secret_file
from remit.errors import Broken
from remit.net import Node, NodeKey, TlsNetlayer
from remit.values import SturdyRef
from remit.vat import Vat


async def main() -> None:
    """Try it once."""
    stolen = SturdyRef.parse(read_secret_file(sys.argv[1]).decode().strip())
    here = read_address(stolen)
    key = NodeKey.generate()
    async with Vat("thief") as vat, Node(key, vat) as node:
        node.use(TlsNetlayer(key))
        try:
            print("got", await node.fetch_from(here))
        except Broken as error:
            print(f"{error.kind}: {error.message}")


def read_address(stolen: SturdyRef) -> SturdyRef:
    """The introduction's hints are old by now; the thief knows the boss's present address, which is no secret."""
    if len(sys.argv) < 3:
        return stolen
    present = SturdyRef.parse(read_secret_file(sys.argv[2]).decode().strip())
    return SturdyRef(present.locator, stolen.swiss)


asyncio.run(main())

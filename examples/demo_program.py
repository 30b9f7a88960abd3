"""The program that the demonstration runs on `app-machine`. It knows no address and no password.

It asks its machine's hob for `db` and `db-view`, keeps what it gets, and then does what it reads from its standard input, a command
a line, answering each with one line: "ok …" or the error.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import remit
from remit.errors import Broken


class Program:
    """What the program holds: two bindings, and a customer that came out of the first."""

    def __init__(self, machine: Any) -> None:
        self.machine = machine
        self.db: Any = None
        self.view: Any = None
        self.customer: Any = None

    async def start(self) -> str:
        """Ask the hob for the two names."""
        self.db = await self.machine.get("db", interface="customers")
        self.view = await self.machine.get("db-view")
        return "has db and db-view"

    async def write(self, name: str, email: str) -> str:
        """Write through the full binding."""
        await self.db.add(name, email)
        return f"wrote {name}"

    async def read(self, name: str) -> str:
        """Read through the full binding, and keep the customer's own reference."""
        self.customer = await self.db.customer(name)
        return str(await self.customer.details())

    async def look(self) -> str:
        """Read through the read-only binding."""
        return str(await self.view.names())

    async def overreach(self) -> str:
        """Write through the read-only binding: must be refused."""
        await self.view.add("mallory", "mallory@example.org")
        return "wrote through the read-only binding"

    async def held(self) -> str:
        """Use the customer's reference that was got through the full binding."""
        return str(await self.customer.details())


async def main() -> None:
    """Do what standard input says, until it ends."""
    loop = asyncio.get_running_loop()
    async with remit.machine() as machine:
        program = Program(machine)
        while line := (await loop.run_in_executor(None, sys.stdin.readline)).split():
            try:
                answer = "ok " + await getattr(program, line[0])(*line[1:])
            except Broken as error:
                answer = f"{error.kind}: {error.message}"
            print(answer.replace("\n", " "), flush=True)


asyncio.run(main())

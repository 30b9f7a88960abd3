"""A program of servers of tests: it has actors under names, logs a line, and waits."""

from __future__ import annotations

import asyncio
import logging

from remit import actor
from remit.ensemble import current_server


@actor(kind="test.greeter")
class Greeter:
    """Ends when it is told to."""

    def shutdown(self) -> None:
        logging.getLogger("greeter").info("the greeter ends")


@actor(kind="test.deaf")
class Deaf:
    """Knows no messages."""


async def main(*words: str) -> None:
    """Wait until the server is told to shut down."""
    server = current_server()
    server.name("greeter", server.vat.spawn(Greeter))
    server.name("deaf", server.vat.spawn(Deaf))
    logging.getLogger("town").info("main has %s", " ".join(words))
    await asyncio.Event().wait()

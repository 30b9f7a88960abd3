"""The chat's client in Python, over the Syndicate protocol: chat.py FILE NAME, where FILE holds the route to the room.

What is typed is said; the end of input leaves.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from remit import Vat, actor, tell
from remit.dataspace import bind, during, message, on_message, publish, sync, this_facet
from remit.dataspace.syndicate import connect
from remit.values import printable, record


@record("Present")
class Present:
    name: str


@record("Says")
class Says:
    who: str
    what: str


class Screen:
    """A device, since what is printed cannot be undone."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def show(self, *words: Any) -> None:
        print(printable("".join(map(str, words))), flush=True)  # what others say tells our terminal nothing

    def all_heard(self) -> None:
        self.heard.set()


@actor(kind="example.chat", version=1)
class Guest:
    """Somebody in the room. What the object has published there goes when it goes, however that happens."""

    room: Any
    name: str
    screen: Any

    def enter(self) -> None:
        publish(self.room, Present(self.name))
        during(self.room, Present(bind()), self._comes)
        on_message(self.room, Says(bind(), bind()), lambda who, what: tell(self.screen).show(who, ": ", what))

    def _comes(self, who: Any) -> None:
        screen = self.screen
        tell(screen).show("* ", who, " is here")
        this_facet().on_stop(lambda: tell(screen).show("* ", who, " is gone"))

    def say(self, what: str) -> None:
        message(self.room, Says(self.name, what))

    def finish(self) -> None:
        sync(self.room, lambda: tell(self.screen).all_heard())


async def chat(vat: Vat, room: Any, name: str) -> None:
    """Be in the room until the input ends. Where the room comes from does not matter here: it is a reference."""
    screen = Screen()
    guest = vat.spawn(Guest, room, name, vat.device("screen", screen))
    await guest.enter()
    typed = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(typed), sys.stdin)
    while line := await typed.readline():
        await guest.say(line.decode(errors="replace").rstrip("\n"))
    tell(guest).finish()
    async with asyncio.timeout(5):
        await screen.heard.wait()


async def main(file: str, name: str) -> None:
    async with Vat("chat") as vat, connect(Path(file).read_text(), vat=vat) as room:
        await chat(vat, room, name)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))

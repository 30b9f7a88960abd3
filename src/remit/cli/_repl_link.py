"""The connection of `remit server repl`: a thread with an event loop of its own, which makes it again when it is lost.

main thread: reads lines, waits ──ask──► loop: a console, the server's part `eval`, one session ──lost──► again, until it is given up
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TextIO

from remit.cli._main import Settings
from remit.cli._server_ask import ask_console
from remit.ensemble import Console
from remit.ensemble.admin import LEASE, AdminKey
from remit.ensemble.repl import Evaluated
from remit.errors import Expired, LinkLost, Missing, Refused, Revoked, Uncertain
from remit.values import SturdyRef, printable
from remit.vat import Ref, actor

__all__ = ["Link", "Terminal", "reach", "show"]

AGAIN: Final = (0.1, 0.3, 1.0, 2.0)
"""Seconds before each new attempt, the last of them again and again."""
LOST: Final = (LinkLost, Missing, Revoked, Expired)
"""What says that the session has to be found again: its link is gone, or the lease that it was reached by is over."""
PIECE: Final = 2000  # characters that are looked at at a time: `printable` shows a bound of them


def show(text: str, *, err: bool = False) -> None:
    """What the server has said: to a terminal with control characters spelled out, to other programs as it is."""
    stream = sys.stderr if err else sys.stdout
    Terminal(stream).write(text)


class Terminal:
    """A device that shows what it is told, as `show` does. Owned by the command."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Show it now."""
        if self._stream.isatty():
            text = "".join(printable(text[start : start + PIECE], lines=True) for start in range(0, len(text), PIECE))
        self._stream.write(text)
        self._stream.flush()


@actor(kind="remit.cli.screen", version=1, passing=True)
class Screen:
    """The session's sink: an object of the console's, so that the server hears when it is gone."""

    terminal: Ref[Any]

    async def write(self, text: str) -> None:
        """Show it, and answer when it is shown."""
        await self.terminal.write(text)


async def reach(
    console: Console,
    id: str | None,
    way: SturdyRef | None,
    parts: list[str],
    key: AdminKey | None = None,
    seconds: float | None = None,
) -> Any:
    """The control object of a server that is named by its id, or by the way to it; with `key` its parts are unlocked, where they need that, for so many seconds."""
    how: dict[str, Any] = {"unlock": key} if seconds is None else {"unlock": key, "seconds": seconds}
    if way is not None:
        return await console.by_reference(way, parts, **how)
    return await console.control(str(id), parts, **how)


class Link:
    """One session of one server, for the main thread. `way` leads to a server that has no id here, `key` unlocks one where that takes it.

    `say` tells the person of what happens to the connection.
    """

    def __init__(
        self,
        settings: Settings,
        home: str | None,
        id: str | None,
        way: SturdyRef | None,
        say: Callable[[str], None],
        key: AdminKey | None = None,
    ) -> None:
        self._settings = settings
        self._home = home
        self._id = id
        self._way = way
        self._key = key
        self._say = say
        self._ready: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._closing: asyncio.Event | None = None
        self._console: Console | None = None
        self._session: Any = None
        self._number = 0
        self._name = ""
        self.connected = False
        self._thread = threading.Thread(target=self._live, name="remit-repl-link", daemon=True)

    def open(self) -> None:
        """Connect; raises what keeps us from it."""
        self._thread.start()
        self._ready.result(self._settings.timeout)

    def close(self) -> None:
        """End the session, if the server can be reached, and the thread."""
        if self._closing is not None:
            self.ask(self._leave()).result(self._settings.timeout)
            self._thread.join(self._settings.timeout)

    def ask(self, work: Coroutine[Any, Any, Any]) -> concurrent.futures.Future[Any]:
        """Have the loop do this."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # --- in the loop's thread ---------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            ask_console(self._settings, self._home, self._hold, patient=True)
        except BaseException as error:  # noqa: BLE001  # the main thread raises it
            if not self._ready.done():
                self._ready.set_exception(error)

    async def _hold(self, console: Console) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        self._console = console
        terminal = console.node.vat.device("terminal", Terminal(sys.stdout))
        self._screen = console.node.vat.spawn(Screen, terminal)
        self._name = console.node.designator[:16]  # fresh for each command
        await self._connect()
        self._ready.set_result(None)
        renewing = asyncio.create_task(self._renew())
        await self._closing.wait()
        renewing.cancel()

    async def _renew(self) -> None:
        """Unlock again before the lease ends: a session goes on in the newer one."""
        while self._key is not None:
            await asyncio.sleep(LEASE * 0.5)
            with contextlib.suppress(LinkLost, Missing, Refused):  # whoever uses it next hears of that
                await self._connect()

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(2):
                await self._session.close()
        except (TimeoutError, LinkLost, Missing):
            pass
        assert self._closing is not None
        self._closing.set()

    async def part(self, name: str) -> Any:
        """A part of the server, unlocked where that takes it."""
        return await (await reach(self.console, self._id, self._way, [name], self._key)).part(name)

    @property
    def console(self) -> Console:
        """The console, while the link is open."""
        assert self._console is not None
        return self._console

    async def _connect(self) -> int:
        """A session, the one that we had where it is still there; the number of the last piece of code that it has got."""
        part = await self.part("eval")
        self._session = await part.session(self._name)
        attached = await self._session.attach(self._screen)
        self.connected = True
        return int(attached.number)

    async def _again(self) -> int:
        """As `_connect`, until it works."""
        self.connected = False
        self._say("the connection was lost; trying again (ctrl-C gives up)")
        attempt = 0
        while True:
            await asyncio.sleep(AGAIN[min(attempt, len(AGAIN) - 1)])
            attempt += 1
            try:
                number = await self._connect()
            except (LinkLost, Missing, OSError):
                continue
            self._say("connected again")
            return number

    async def run(self, source: str) -> Evaluated:
        """Evaluate, over as many connections as it takes; raises `Uncertain` where the session did not survive them."""
        self._number += 1
        mine = self._number
        while True:
            try:
                done: Evaluated = await self._session.run(source, mine)
            except LOST as error:
                last = await self._again()
                if last in (mine, mine - 1) and not isinstance(error, Missing):
                    continue  # it runs, has run, or has not come there
                self._number = last
                raise Uncertain(
                    "the server has ended the session meanwhile, and names are gone; what was asked last may have been done"
                ) from None
            return done

    async def call(self, method: str, *arguments: Any) -> Any:
        """Ask the session something that may be asked twice."""
        while True:
            try:
                return await getattr(self._session, method)(*arguments)
            except LOST:
                await self._again()

    async def quickly(self, method: str, *arguments: Any) -> Any:
        """Ask the session something now, or not at all."""
        async with asyncio.timeout(3):
            return await getattr(self._session, method)(*arguments)

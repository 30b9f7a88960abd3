"""Commands of a person, run in this process, beside an ensemble that runs in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from remit.cli._main import run
from remit.ensemble import Home, Server, run_registry, serve

PATIENCE = 20.0  # seconds


class Ensemble:
    """A registry and servers in a thread, and commands about them. `setup(server)` is called there for each server."""

    def __init__(self, home: Path, capsys: Any) -> None:
        self.home = Home(home)
        self.servers: dict[str, Server] = {}
        self._capsys = capsys
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event

    def command(self, *words: str, passphrase: str | None = None) -> tuple[int, str, str]:
        """A command's exit code, and what it wrote. `passphrase` comes by a descriptor."""
        given = list(words)
        if passphrase is not None:
            ours, theirs = os.pipe()
            os.write(theirs, passphrase.encode() + b"\n")
            os.close(theirs)
            given += ["--passphrase-fd", str(ours)]
        self._capsys.readouterr()
        try:
            code = run(["--timeout", f"{PATIENCE:g}", *given])
        finally:
            if passphrase is not None:
                os.close(ours)
        out, err = self._capsys.readouterr()
        return code, out, err

    def ask(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Something done in the servers' loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def main(self, ids: tuple[str, ...], setup: Callable[[Server], None], ready: threading.Event) -> None:
        """The thread's work."""
        from contextlib import AsyncExitStack

        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as stack:
            self.servers["registry"] = await stack.enter_async_context(run_registry(self.home))
            for id in ids:
                self.servers[id] = await stack.enter_async_context(serve(id, home=self.home))
                setup(self.servers[id])
            ready.set()
            await self._end.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)


@contextmanager
def ensemble(
    home: Path, capsys: Any, *ids: str, setup: Callable[[Server], None] = lambda _: None
) -> Iterator[Ensemble]:
    """An ensemble with these servers, while this lasts."""
    made, ready, failed = Ensemble(home, capsys), threading.Event(), []

    def work() -> None:
        try:
            asyncio.run(made.main(ids, setup, ready))
        except BaseException as error:  # the test's thread raises it
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        if not failed:
            yield made
    finally:
        if not failed:
            made.close()
        thread.join(PATIENCE)
    for error in failed:
        raise error

"""Commands of a person, run in this process, beside an ensemble that runs in a child of it: two vats' loops in two threads would share what is the process's."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

from remit.cli._main import run
from remit.ensemble import Home, Server, run_registry, serve
from remit.net import NodeKey, designator_of

PATIENCE = 20.0  # seconds


class Ensemble:
    """The home of a registry and servers, and commands about them."""

    def __init__(self, home: Path, capsys: Any) -> None:
        self.home = Home(home)
        self._capsys = capsys

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

    def key(self, id: str) -> str:
        """The designator of a server's key."""
        return designator_of(NodeKey.load(self.home.server(self.home.id_of(id)) / "key.pem").public)


@contextmanager
def ensemble(
    home: Path, capsys: Any, *ids: str, setup: Callable[[Server], None] = lambda _: None
) -> Iterator[Ensemble]:
    """An ensemble with these servers, while this lasts; `setup(server)` is called for each of them."""
    made = Ensemble(home, capsys)
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # threads of the runner's own, which the child does not need
        child = os.fork()
    if child == 0:
        try:
            os.close(ours)
            asyncio.run(serve_all(made.home, ids, setup, theirs))
        except BaseException:  # the child ends here, whatever it was
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(theirs)
    try:
        assert select.select([ours], [], [], PATIENCE)[0]
        assert os.read(ours, 1) == b"+"
        yield made
    finally:
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        os.close(ours)
    assert status == 0


async def serve_all(home: Home, ids: tuple[str, ...], setup: Callable[[Server], None], ready: int) -> None:
    """The child's work, until it is told to end."""
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(run_registry(home))
        for id in ids:
            setup(await stack.enter_async_context(serve(id, home=home)))
        os.write(ready, b"+")
        await end.wait()

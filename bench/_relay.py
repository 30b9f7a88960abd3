"""The relay of the Syndicate protocol: messages to an entity of another process and back, and one message to ten processes' clients."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, ClassVar

from . import _clients
from ._clients import WINDOW, AsyncClient
from ._harness import ROOT
from ._peer import PeerError, Process
from ._servers import loop_factory, ready

SYNDICATE_PY = "syndicate-py==0.19.3"
PLACE = ROOT / ".bench" / "syndicate-py"


def echo_entity() -> Any:
    from remit.vat import actor, tell

    @actor(kind="bench.relay-echo")
    class Echo:
        peer: Any = None

        def turn(self, events: list[Any]) -> None:
            for event in events:
                if event[0] == "assert":
                    self.peer = event[2].value[0]
                elif event[0] == "message":
                    tell(self.peer).turn([["message", event[1]]])

    return Echo


def asker_entity() -> Any:
    from remit.values import Tagged
    from remit.vat import actor, promise, tell, this

    payload = Tagged("says", ["somebody", 12345, "what is said in a message of usual size"])

    @actor(kind="bench.relay-asker")
    class Asker:
        far: Any
        left: int = 0
        unsent: int = 0
        done: Any = None

        def begin(self) -> None:
            tell(self.far).turn([["assert", 1, Tagged("me", [this()])]])

        def ask(self, n: int, window: int) -> Any:
            self.left, self.unsent = n, n - window
            made, self.done = promise()
            for _ in range(window):
                tell(self.far).turn([["message", payload]])
            return made

        def turn(self, events: list[Any]) -> None:
            for event in events:
                if event[0] != "message":
                    continue
                self.left -= 1
                if not self.left:
                    tell(self.done).fulfill(True)
                elif self.unsent:
                    self.unsent -= 1
                    tell(self.far).turn([["message", payload]])

    return Asker


def serve(path: str, uvloop: bool = False) -> None:
    from remit.dataspace.syndicate import listen
    from remit.vat import Vat

    async def main() -> None:
        async with Vat("server") as vat, listen(f"unix://{path}", vat.spawn(echo_entity())):
            ready()
            await asyncio.Event().wait()

    with asyncio.Runner(loop_factory=loop_factory(uvloop)) as runner:
        runner.run(main())


class Relay(AsyncClient):
    kind = "relay"
    info: ClassVar = {"n": 2000}

    async def open(self) -> None:
        from contextlib import AsyncExitStack

        from remit.dataspace.syndicate import connect
        from remit.vat import Vat

        self.stack = AsyncExitStack()
        vat = await self.stack.enter_async_context(Vat("client"))
        far = await self.stack.enter_async_context(connect(f"unix://{self.path}", vat=vat))
        self.asker = vat.spawn(asker_entity(), far)
        await self.asker.begin()

    async def _sequential(self, n: int) -> None:
        await self.asker.ask(n, 1)

    async def _windowed(self, n: int) -> None:
        await self.asker.ask(n, WINDOW)


class UvRelay(Relay):
    kind = "relay-uvloop"
    uvloop = True


def syndicate_py() -> Path:
    """The interpreter of an environment with syndicate-py, which is never that of the project. Raises PeerError."""
    python = PLACE / "bin" / "python"
    if not (PLACE / "installed").exists():
        venv.create(PLACE, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "-q", SYNDICATE_PY]
        if subprocess.run(pip, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            raise PeerError(f"{SYNDICATE_PY} could not be installed")
        (PLACE / "installed").touch()
    return python


class SyndicatePy(_clients.Client):
    """Both ends syndicate-py, each in a process of its own."""

    info: ClassVar = {"n": 500}

    def __init__(self) -> None:
        import tempfile

        self.folder = Path(tempfile.mkdtemp(prefix="bench-"))
        path, python = str(self.folder / "s"), str(syndicate_py())
        script = str(ROOT / "bench" / "_syndicate_py.py")
        self.asker: Process | None = None
        try:
            self.server = Process(python, "-P", script, "serve", path)  # this folder has a preserves.py of its own
            self.server.line("ready", 30)
            self.asker = Process(python, "-P", script, "ask", path)
            self.asker.line("ready", 30)
        except BaseException:
            self.close()
            raise

    def _ask(self, n: int, window: int) -> float:
        assert self.asker is not None
        self.asker.say(f"{n} {window}")
        return float(self.asker.line("took", 60))

    def sequential(self, n: int) -> float:
        return self._ask(n, 1)

    def windowed(self, n: int) -> float:
        return self._ask(n, WINDOW)

    def close(self) -> None:
        if self.asker is not None:
            self.asker.stop()
        self.server.kill()  # it waits for a connection, and does not look at its input
        super().close()


def main() -> None:
    """For a look at one variant: `python -m bench._relay NAME N`."""
    made = {"remit": Relay, "syndicate-py": SyndicatePy, "streams": _clients.Streams}[sys.argv[1]]()
    n = int(sys.argv[2])
    for how in ("sequential", "windowed", "sequential", "windowed"):
        took = getattr(made, how)(n)
        print(f"{how}: {took / n * 1e6:.1f} us each, {n / took:.0f}/s")
    made.close()


if __name__ == "__main__":
    main()

"""A variant in a process of its own, asked over a pipe to run its measurements.

`python -m bench._peer MODULE NAME` makes `MODULE.PEERS[NAME]()` and calls its methods as it is asked to; the object's
`close()`, where it has one, is called at the end. A peer whose parent is gone ends at the end of its input.
NAME may have the mark of the compiled build: the maker is the same, and what it imports is compiled.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from . import _compiled
from ._harness import ROOT, Options, reason


class PeerError(Exception):
    """What went wrong in the other process, in its own words."""


class Process:
    """A child that says things in lines; ended by its own id, after its input has been closed."""

    def __init__(self, *argv: str, env: Mapping[str, str] | None = None) -> None:
        out, none = subprocess.PIPE, subprocess.DEVNULL
        self._child = subprocess.Popen(argv, cwd=ROOT, env=env, stdin=out, stdout=out, stderr=none, bufsize=0)
        assert self._child.stdin and self._child.stdout
        self._stdin, self._stdout = self._child.stdin, self._child.stdout
        self._buffer = b""
        self.pid = self._child.pid

    def line(self, mark: str, timeout: float) -> str:
        """The next line that starts with the mark, without it; other lines are the child's chatter."""
        end = time.monotonic() + timeout
        while True:
            while b"\n" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\n")
                if line.startswith(mark.encode()):
                    return line.decode()[len(mark) :]
            if not select.select([self._stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                raise PeerError(f"no answer within {timeout:g} s")
            data = os.read(self._stdout.fileno(), 65536)
            if not data:
                raise PeerError("its process ended")
            self._buffer += data

    def say(self, line: str) -> None:
        self._stdin.write(line.encode() + b"\n")

    def kill(self) -> None:
        """End it at once; `stop` comes after."""
        self._child.kill()

    def stop(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._stdout.close()


class Peer(Process):
    """A variant in a child process. Raises PeerError where it cannot be made there."""

    def __init__(self, module: str, name: str, timeout: float = 60.0) -> None:
        try:
            env = _compiled.environment(name)
        except RuntimeError as error:
            raise PeerError(str(error)) from None
        super().__init__(sys.executable, "-m", "bench._peer", module, name, env=env)
        self._timeout = timeout
        try:
            self.info: dict[str, Any] = self._answer()
        except PeerError:
            self.stop()
            raise

    def ask(self, method: str, *args: Any) -> Any:
        self.say(json.dumps([method, *args]))
        return self._answer()

    def _answer(self) -> Any:
        answer = json.loads(self.line("@", self._timeout))
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer["value"]


def once(module: str, name: str, method: str, *args: Any) -> Any:
    """One measurement by a process that makes nothing else."""
    peer = Peer(module, name)
    try:
        return peer.ask(method, *args)
    finally:
        peer.stop()


@contextlib.contextmanager
def peers(module: str, names: Sequence[str], timeout: float = 60.0) -> Iterator[tuple[dict[str, Peer], dict[str, str]]]:
    """The peers that could be started, and why the others could not; all are stopped at the end."""
    started: dict[str, Peer] = {}
    skipped: dict[str, str] = {}
    for name in names:  # build what has to be built first: a node gives up a peer that does nothing for so long
        with contextlib.suppress(RuntimeError):
            _compiled.environment(name)
    try:
        for name in names:
            try:
                started[name] = Peer(module, name, timeout)
            except PeerError as error:
                skipped[name] = str(error)
        yield started, skipped
    finally:
        for peer in started.values():
            peer.stop()


def wanted(names: Sequence[str], keys: Sequence[str], baseline: str, options: Options) -> list[str]:
    """The names worth starting a process for."""
    if any(options.wants(key) for key in keys):
        return list(names)
    found = [name for name in names if options.wants(name)]
    return [name for name in names if name in found or name == baseline] if found else []


def end_with_parent() -> None:
    """End this process when its input is closed, whatever its event loop or threads are doing."""

    def wait() -> None:
        while os.read(0, 65536):  # not sys.stdin, whose lock would be held when the interpreter ends
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def _reply(make: Callable[[], Any]) -> None:
    try:
        answer = {"value": make()}
    except Exception as error:  # noqa: BLE001 - told to the other side
        answer = {"error": reason(error)}
    print("@" + json.dumps(answer), flush=True)


def serve(module: str, name: str) -> None:
    subject: Any = None

    def make() -> dict[str, Any]:
        nonlocal subject
        subject = importlib.import_module(f"bench.{module}").PEERS[_compiled.pure(name)]()
        _compiled.check(name)
        return dict(getattr(subject, "info", {}))

    _reply(make)
    for line in sys.stdin:
        method, *args = json.loads(line)
        _reply(lambda method=method, args=args: getattr(subject, method)(*args))  # type: ignore[misc]
    if hasattr(subject, "close"):
        subject.close()
    os._exit(0)  # a peer's threads and loops have nothing left to say


if __name__ == "__main__":
    serve(*sys.argv[1:3])

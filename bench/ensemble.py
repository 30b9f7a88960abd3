"""Ensembles: a whole command, look-ups among 1,000 servers, and 1,000 servers that register at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers
from .startup import BASELINE, process

COMMAND = Table("server_ping", "A whole command to a server that runs", "ms", "lower")
LOOKUP = Table("lookup", "A look-up among 1,000 servers", "us of processor time", "lower")
REGISTER = Table("register", "1,000 registrations in flight, in ten sessions", "ms", "lower")
BARE = "a bare call"
MANY = "1,000 bare calls in flight"
CALLS = 1000
REMIT = str(Path(sys.executable).parent / "remit")
MAIN = "import asyncio\nasync def main():\n    await asyncio.Event().wait()\n"


@contextmanager
def ensemble() -> Iterator[None]:
    """A registry and a server as processes, in the environment's home for as long as this lasts."""
    before = dict(os.environ)
    with TemporaryDirectory() as directory:
        place = Path(directory)
        (place / "waiting.py").write_text(MAIN)
        os.environ["REMIT_ENSEMBLE"] = str(place / "home")
        processes: list[subprocess.Popen[bytes]] = []
        try:
            processes.append(_started(place, ["registry"]))
            processes.append(_started(place, ["server", "run", "web1", "waiting"]))
            yield
        finally:
            for each in reversed(processes):
                each.terminate()
                each.wait()
            os.environ.clear()
            os.environ.update(before)


def _started(place: Path, words: list[str]) -> subprocess.Popen[bytes]:
    ours, theirs = os.pipe()
    option = ["--ready-fd", str(theirs)]
    argv = [REMIT, *words[:2], *option, *words[2:]]
    none = subprocess.DEVNULL
    made = subprocess.Popen(argv, cwd=place, stdin=none, stdout=none, stderr=none, pass_fds=[theirs])
    os.close(theirs)
    with open(ours, "rb") as ready:
        if ready.read(1) != b"\n":
            raise RuntimeError(f"remit {' '.join(words)} did not start")
    return made


def _measure(peer: Peer, method: str, *arguments: int) -> Measure:
    return lambda: [peer.ask(method, *arguments)]


def experiments(options: Options) -> Iterator[Experiment]:
    ping = "remit server ping"
    if options.wants(COMMAND.key) or options.wants(ping):
        with ensemble():
            variants = {
                BASELINE: process(sys.executable, "-c", "pass"),
                ping: process(REMIT, "server", "ping", "web1"),
                "remit server lookup": process(REMIT, "server", "lookup", "web1"),
            }
            yield Experiment((COMMAND,), BASELINE, variants, ("remit", "click"))
    if not options.wants(LOOKUP.key) and not options.wants(REGISTER.key):
        return
    calls = max(1, int(CALLS * options.scale))
    with peers("_remit_ensemble", ["an ensemble"]) as (started, skipped):
        for peer in started.values():
            variants = {
                BARE: _measure(peer, "call", calls),
                "by role, 1 of 1,000": _measure(peer, "role", calls),
                "by id, 1 of 1,000": _measure(peer, "id", calls),
            }
            yield Experiment((LOOKUP,), BARE, variants, ("remit",), skipped)
            variants = {
                MANY: _measure(peer, "calls_at_once"),
                "registered before": _measure(peer, "again"),
                "never seen before": _measure(peer, "anew"),
            }
            yield Experiment((REGISTER,), MANY, variants, ("remit",), skipped)

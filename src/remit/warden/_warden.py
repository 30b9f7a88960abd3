"""The warden: the parent of all processes of a machine's services, and the reader of their logs. `python -m remit.warden`.

One small process beside the supervisor (the machine's agent), which asks it for everything over a unix socket. It outlives the supervisor:
services, their logs and their readiness go on while that is started again, and the next one takes over what runs. Where none comes
within `--linger` seconds (or those that the last one has asked for), it ends everything, and itself. A service's first process dies with the warden (prctl(2), PR_SET_PDEATHSIG), the
rest of what an earlier warden left is ended by the next one.

Messages are JSON, one a line. To the warden: start, stop, signal, claim, settled, forget, linger, end. From it: hello, then the events of `Run`.
"""

from __future__ import annotations

import argparse
import fcntl
import heapq
import itertools
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from remit.warden._leftovers import children, owner_of, send, sweep
from remit.warden._link import Line, listen
from remit.warden._rotate import Log, stamped
from remit.warden._run import Run
from remit.warden._spawn import subreaper

__all__ = ["Warden", "main"]

_NAMELESS: Final = 0.5  # seconds after which a child without a mark is nobody's
_ECHO: Final = 1 << 20  # bytes that the supervisor has not read, past which lines are not told to it
_LAST: Final = 2.0  # seconds for what is unknown to end, at the very end


class Warden:
    """One process for one state directory; ends when it was told to, or was left alone."""

    def __init__(self, mark: str, listener: socket.socket, linger: float) -> None:
        self.mark = mark
        self.linger = linger
        self.patience: float | None = linger  # seconds to wait for the next supervisor; None: as long as anything runs
        self.runs: dict[str, Run] = {}
        self.leaders: dict[int, Run] = {}
        self.logs: dict[str, Log] = {}
        self.ending = False
        self._nameless: dict[int, float] = {}  # children without a mark at the last look, and since when
        self._line: Line | None = None
        self._echo = False  # whether the supervisor wants to know what processes write
        self._alone = 0  # how often the supervisor has gone
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._children, self._child = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._listener = listener
        self.watch(listener.fileno(), self._accept)
        self.watch(self._children, self._reap)

    # --- what runs need -----------------------------------------------------------------------------

    def watch(self, descriptor: int, ready: Callable[[], Any]) -> None:
        """Call when this can be read."""
        self._selector.register(descriptor, selectors.EVENT_READ, ready)

    def forget(self, descriptor: int) -> None:
        """Watch it no longer."""
        with suppress(KeyError):
            self._selector.unregister(descriptor)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Call after this time."""
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), work))

    def log(self, spec: dict[str, Any]) -> Log:
        """The open log of this path; a changed size or number of files counts from now on."""
        log = self.logs.get(spec["path"])
        if log is None:
            log = self.logs[spec["path"]] = Log(spec["path"])
        log.size, log.files = spec.get("size", log.size), spec.get("files", log.files)
        return log

    def left(self, run: Run) -> list[int]:
        """Our children that belong to this run, its first process left out."""
        now, seen = time.monotonic(), self._nameless
        owners = {pid: owner_of(pid, (run.pid,)) for pid in children(os.getpid()) if pid not in self.leaders}
        self._nameless = {pid: seen.get(pid, now) for pid, owner in owners.items() if owner == ""}
        return [pid for pid, owner in owners.items() if owner in (run.pid, run.id)]

    def unsure(self) -> bool:
        """Whether `left` has just seen a child that had no mark: in the midst of an exec, no process has its environment."""
        now = time.monotonic()
        return any(now - first < _NAMELESS for first in self._nameless.values())

    def event(self, kind: str, run: Run, **more: Any) -> None:
        """Tell the supervisor, if one is there; one that comes later is told how things stand."""
        if self._line is not None:
            self._line.send({"event": kind, "id": run.id, **more})

    def wrote(self, run: Run, stream: str, lines: list[bytes]) -> None:
        """Tell the supervisor what a process has written, if it wants to know, and keeps up: it is in the log in any case."""
        if self._echo and lines and self._line is not None and self._line.pending < _ECHO:
            said = [line.decode(errors="replace") for line in lines]
            self.event("wrote", run, stream=stream, time=stamped(), lines=said)

    # --- the loop -----------------------------------------------------------------------------------

    def run(self) -> None:
        """Until everything has ended."""
        signal.set_wakeup_fd(self._child, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: self.end())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._lonely()
        while not (self._may_go() and all(run.state == "gone" for run in self.runs.values())):
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            if self._line is not None and self._line.waits:
                wait = min(wait or 0.05, 0.05)
            for key, _ in self._selector.select(wait):
                if key.fd in self._selector.get_map():
                    key.data()
            while self._due and self._due[0][0] <= time.monotonic():
                heapq.heappop(self._due)[2]()
            if self._line is not None:
                self._line.flush()
        self._last_of_all()

    def _may_go(self) -> bool:
        """Whether nothing that is to come keeps us here."""
        return self.ending or (self._line is None and self.patience is None)

    def _last_of_all(self) -> None:
        """Who has left group, session and mark behind is a child of ours nevertheless."""
        deadline = time.monotonic() + _LAST
        while (left := children(os.getpid())) and time.monotonic() < deadline:
            send(left, signal.SIGKILL)
            self._reap()
            time.sleep(0.01)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._children, 4096):
                pass
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                run = self.leaders.pop(pid, None)
                if run is not None:
                    run.exited(status)
        for run in [run for run in self.runs.values() if run.state == "ending"]:
            run.look()

    # --- the supervisor -----------------------------------------------------------------------------

    def _accept(self) -> None:
        """The newest supervisor counts; the state directory's lock sees to it that there is one."""
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return
        if self._line is not None:
            self._hang_up()
        self._alone += 1
        self.patience = self.linger
        self._line = line = Line(peer)
        self.watch(line.fileno(), lambda: self._receive(line))
        for run in self.runs.values():
            run.claimed = False
        line.send(
            {
                "event": "hello",
                "pid": os.getpid(),
                "ending": self.ending,
                "runs": [run.view() for run in self.runs.values()],
            }
        )

    def _receive(self, line: Line) -> None:
        try:
            for message, descriptors in line.receive():
                self._do(message, descriptors)
            over = line.over
        except (ValueError, KeyError, TypeError, OSError) as error:
            print(f"the supervisor said what is no request: {error!r}", file=sys.stderr, flush=True)
            over = True
        if over and line is self._line:
            self._hang_up()
            self._lonely()

    def _hang_up(self) -> None:
        assert self._line is not None
        self.forget(self._line.fileno())
        self._line.close()
        self._line = None
        self._echo = False

    def _lonely(self) -> None:
        """No supervisor: wait for one, and end if none comes."""
        self._alone += 1
        alone = self._alone

        def over() -> None:
            if alone == self._alone and self._line is None:
                self.end()

        if self.patience is not None:
            self.later(self.patience, over)

    def _do(self, message: dict[str, Any], descriptors: list[int]) -> None:
        what, id = message["do"], message.get("id", "")
        if what == "start":
            self._start(id, message, descriptors)
        elif what == "end":
            self.end()
        elif what == "linger":
            self.patience = message["seconds"]
        elif what == "settled":
            for run in [run for run in self.runs.values() if not run.claimed]:
                run.stop()
        elif what == "echo":
            self._echo = bool(message["on"])
        elif what == "forget":
            if id in self.runs and self.runs[id].state == "gone":
                del self.runs[id]
        elif id in self.runs:
            run = self.runs[id]
            if what == "claim":
                run.claimed = True
            elif what == "stop":
                run.stop(message.get("signal"), message.get("timeout"))
            elif what == "signal":
                run.signal(message["signal"])

    def _start(self, id: str, message: dict[str, Any], stdio: list[int]) -> None:
        if id in self.runs or self.ending:
            for descriptor in stdio:
                os.close(descriptor)
            return
        run = self.runs[id] = Run(self, id, message["key"], message["spec"])
        run.start(stdio)
        if run.pid:
            self.leaders[run.pid] = run

    def end(self) -> None:
        """Stop everything, each with its own time-out, and then be gone."""
        if not self.ending:
            self.ending = True
            for run in list(self.runs.values()):
                run.stop()


def main() -> int:
    """The process: one for each state directory."""
    parser = argparse.ArgumentParser(prog="python -m remit.warden")
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--linger", type=float, default=10.0)
    given = parser.parse_args()
    os.chdir(given.state)
    lock = os.open("warden.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0  # one is there already
    mark = _mark()
    sweep(mark)
    subreaper()
    Warden(mark, listen("warden.sock"), given.linger).run()
    with suppress(FileNotFoundError):
        os.unlink("warden.sock")
    return 0


def _mark() -> str:
    """What our processes carry in their environment; the same for each warden of this directory."""
    path = Path("warden.mark")
    with suppress(FileNotFoundError):
        if len(mark := path.read_text().strip()) == 32:
            return mark
    path.write_text(os.urandom(16).hex())
    return path.read_text()

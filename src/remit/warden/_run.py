"""One run of one process in the warden: from fork to the end of the last process that it has left.

    starting ──exec──▶ running ──first process ends──▶ ending ──nobody is left──▶ gone
       └──────────── could not be started ───────────────────────────────────────▶ gone

What happens is told as events: started, ready, status, exited, gone. `stop` may come at any time: the signal goes to the whole
process group; after the time-out SIGKILL goes to all that is left, again and again until nobody is.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

from remit.warden._leftovers import group_alive, send
from remit.warden._rotate import Lines, Log
from remit.warden._sd_notify import NotifySocket
from remit.warden._spawn import MARK, environment, fork_exec, identity

__all__ = ["Host", "Run"]

_READ: Final = 64 * 1024  # bytes at a time from a service's output
_LOOK: Final = 0.05  # seconds between looks at processes that should end


class Host(Protocol):
    """What a run needs of its warden."""

    mark: str

    def watch(self, descriptor: int, ready: Callable[[], Any]) -> None:
        """Call when this can be read."""

    def forget(self, descriptor: int) -> None:
        """Watch it no longer; it is not closed."""

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Call after this time."""

    def log(self, spec: dict[str, Any]) -> Log:
        """The open log of this spec, shared by all runs that write there."""

    def left(self, run: Run) -> list[int]:
        """The processes of a run among the warden's children, its first one left out."""

    def unsure(self) -> bool:
        """Whether the last look at who is left has met processes of which it cannot be said yet whose they are."""

    def event(self, kind: str, run: Run, **more: Any) -> None:
        """Tell the supervisor."""

    def wrote(self, run: Run, stream: str, lines: list[bytes]) -> None:
        """Tell the supervisor what a process has written, if it wants to know."""


class Run:
    """Owned by the warden under its id; kept after its end until the supervisor has heard of that."""

    def __init__(self, host: Host, id: str, key: str, spec: dict[str, Any]) -> None:
        self.host = host
        self.id = id
        self.key = key
        self.spec = spec
        self.state = "starting"
        self.pid = 0
        self.since = time.time()
        self.ready = False
        self.status = ""
        self.end: dict[str, Any] = {}
        self.claimed = True
        self.stopping = False
        self._killing = 0.0  # when SIGKILL is due, on the monotonic clock; 0 for not yet
        self._alive = 0.0  # when the watchdog was last fed
        self._pipes: dict[int, tuple[str, Lines]] = {}
        self._log: Log | None = None
        self._sd: NotifySocket | None = None
        self._notify = -1
        self._told = -1
        self._looking = False

    def view(self) -> dict[str, Any]:
        """What a supervisor that comes back is told."""
        names = ("id", "key", "state", "pid", "since", "ready", "status", "end", "stopping")
        return {name: getattr(self, name) for name in names} | {"digest": self.spec.get("digest", "")}

    # --- the beginning ------------------------------------------------------------------------------

    def start(self, stdio: list[int]) -> None:
        """Fork and exec; how that went is told by an event. `stdio`, for input and output, is ours to close."""
        given = list(stdio)
        try:
            ids = identity(self.spec)
            more, descriptors = self._open(ids[0], stdio, given)
            env = environment(self.spec, ids[3], more)
            self.pid, self._told = fork_exec(self.spec, env, descriptors, ids)
        except (OSError, LookupError) as error:
            self._failed(str(error))
            return
        finally:
            for descriptor in given:
                os.close(descriptor)
        self.host.watch(self._told, self._begun)

    def _open(self, uid: int | None, stdio: list[int], given: list[int]) -> tuple[dict[str, str], dict[int, int]]:
        """The environment's part that is ours, and the descriptors of the child; what is opened for it alone goes to `given`."""
        more = {MARK: f"{self.host.mark}/{self.id}"}
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        given.append(null)
        descriptors = {0: null, 1: null, 2: null}
        if self.spec.get("log"):
            self._log = self.host.log(self.spec["log"])
            for number, stream in ((1, "out"), (2, "err")):
                descriptors[number] = self._pipe(stream, given)
        if stdio:
            descriptors[0], descriptors[1] = stdio
        if self.spec.get("notify_fd"):
            self._notify, descriptors[self.spec["notify_fd"]] = os.pipe2(os.O_CLOEXEC)
            given.append(descriptors[self.spec["notify_fd"]])
            self.host.watch(self._notify, self._notified)
        if self.spec.get("sd_notify"):
            self._sd = NotifySocket(uid)
            more["NOTIFY_SOCKET"] = self._sd.address
            self.host.watch(self._sd.fileno(), self._said)
            if self.spec.get("watchdog"):
                more["WATCHDOG_USEC"] = str(int(self.spec["watchdog"] * 1e6))
        return more, descriptors

    def _pipe(self, stream: str, given: list[int]) -> int:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ours, False)
        given.append(theirs)
        self._pipes[ours] = (stream, Lines())
        self.host.watch(ours, lambda: self._written(ours))
        return theirs

    def _begun(self) -> None:
        try:
            why = os.read(self._told, 2048)
        except BlockingIOError:
            return
        self.host.forget(self._told)
        os.close(self._told)
        self._told = -1
        if why:
            self._failed(why.decode(errors="replace"))
            return
        if self.state == "starting":
            self.state = "running"
            self.host.event("started", self, pid=self.pid)
        self._feed()

    def _failed(self, why: str) -> None:
        self.end = {"error": why}
        if self.state == "starting":
            self.host.event("failed", self, error=why)
            self.state = "ending"
            self.look()

    # --- while it runs ------------------------------------------------------------------------------

    def _written(self, descriptor: int) -> bool:
        """Log what there is to read; whether there was anything."""
        stream, lines = self._pipes[descriptor]
        try:
            data = os.read(descriptor, _READ)
        except BlockingIOError:
            return False
        if data:
            assert self._log is not None
            whole = lines.feed(data)
            self._log.write(stream, whole)
            self.host.wrote(self, stream, whole)
        else:
            self._close_pipe(descriptor)
        return bool(data)

    def _close_pipe(self, descriptor: int) -> None:
        stream, lines = self._pipes.pop(descriptor)
        if self._log is not None:
            rest = lines.rest()
            self._log.write(stream, rest)
            self.host.wrote(self, stream, rest)
        self.host.forget(descriptor)
        os.close(descriptor)

    def _notified(self) -> None:
        """A newline on the notification descriptor is readiness (s6: "Service startup notifications")."""
        data = os.read(self._notify, _READ)
        if b"\n" in data:
            self._is_ready()
        if not data or self.ready:
            self._close_notify()

    def _close_notify(self) -> None:
        if self._notify >= 0:
            self.host.forget(self._notify)
            os.close(self._notify)
            self._notify = -1

    def _said(self) -> None:
        assert self._sd is not None
        for name, value in self._sd.receive():
            if name == "READY" and value == "1":
                self._is_ready()
            elif name == "STATUS":
                self.status = value[:500]
                self.host.event("status", self, text=self.status)
            elif name == "WATCHDOG" and value == "1":
                self._alive = time.monotonic()
            elif name in ("STOPPING", "RELOADING") and value == "1":
                self.host.event(name.lower(), self)

    def _is_ready(self) -> None:
        if self._told >= 0:  # a quick program: that it runs is told first
            self._begun()
        if not self.ready and self.state in ("starting", "running"):
            self.ready = True
            self.host.event("ready", self)

    def _feed(self) -> None:
        """The watchdog's clock starts when the program runs (sd_watchdog_enabled(3))."""
        if self.spec.get("watchdog") and self.spec.get("sd_notify"):
            self._alive = time.monotonic()
            self.host.later(self.spec["watchdog"], self._watchdog)

    def _watchdog(self) -> None:
        if self.state != "running" or self.stopping:
            return
        left = self._alive + self.spec["watchdog"] - time.monotonic()
        if left > 0:
            self.host.later(left, self._watchdog)
        else:
            self.end["watchdog"] = self.spec["watchdog"]
            self.stop(signal.SIGABRT)

    # --- the end ------------------------------------------------------------------------------------

    def stop(self, number: int | None = None, timeout: float | None = None) -> None:
        """Ask all of it to end; a second time with a shorter time-out hurries it."""
        if self.state == "gone":
            return
        self.stopping = True
        due = time.monotonic() + (self.spec.get("stop_timeout", 10.0) if timeout is None else timeout)
        self._killing = min(self._killing or due, due)
        self.signal(number or self.spec.get("stop_signal") or signal.SIGTERM)
        self.look()

    def signal(self, number: int) -> None:
        """Send a signal to its process group, as long as there is one."""
        if self.pid and self.state != "gone":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
            if self.state == "starting":  # its group is not made yet
                send([self.pid], number)

    def exited(self, status: int) -> None:
        """Its first process has ended, with this wait status."""
        if self._told >= 0:  # the program was very quick, or could not be started
            self._begun()
        code = os.waitstatus_to_exitcode(status)
        self.end |= {"code": code} if code >= 0 else {"signal": -code}
        if self.state == "running":
            self.state = "ending"
            if "error" not in self.end:
                self.host.event("exited", self, end=self.end)
            grace = self.spec.get("stop_timeout", 10.0)
            self._killing = self._killing or time.monotonic() + grace
            if self._left():  # also where it was asked already: who was just being started may have missed that
                self.signal(self.spec.get("stop_signal") or signal.SIGTERM)
                send(self.host.left(self), signal.SIGTERM)
        self.look()

    def _left(self) -> bool:
        return bool(self.host.left(self)) or (self.pid != 0 and group_alive(self.pid))

    def look(self) -> None:
        """Whether anybody is left; whoever is, past the time-out, is ended."""
        if self.state == "gone":
            return
        if self.state == "ending" and not self._left() and not self.host.unsure():
            self._gone()
            return
        if self._killing and time.monotonic() >= self._killing:
            self.signal(signal.SIGKILL)
            send(self.host.left(self), signal.SIGKILL)
        if not self._looking:
            self._looking = True
            self.host.later(_LOOK, self._look_again)

    def _look_again(self) -> None:
        self._looking = False
        self.look()

    def _gone(self) -> None:
        self.state = "gone"
        for descriptor in tuple(self._pipes):
            while self._written(descriptor):
                pass
            if descriptor in self._pipes:
                self._close_pipe(descriptor)
        self._close_notify()
        if self._sd is not None:
            self.host.forget(self._sd.fileno())
            self._sd.close()
        self.host.event("gone", self, end=self.end)

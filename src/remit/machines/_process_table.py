"""Processes of this host, told apart by id *and* start time, so that a reused id is never mistaken for ours."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from remit.errors import ProviderError

__all__ = ["Process", "children", "reap", "tethered"]

_POLL: Final = 0.01  # seconds between looks at a process that is ending


class Process(NamedTuple):
    """One process, for as long as it lives: its id, and when it started in clock ticks since the host's boot.

    The boot id keeps a file written before a reboot from naming a process of today.
    """

    pid: int
    started: int
    boot: str

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The living process that has this id now."""
        started = _started(pid)
        return None if started is None else cls(pid, started, _boot())

    @classmethod
    def parse(cls, text: str) -> Process | None:
        """What `text()` wrote; None if it is not that (a half-written file names nobody)."""
        parts = text.split()
        if len(parts) != 3 or not (parts[0].isdigit() and parts[1].isdigit()):
            return None
        return cls(int(parts[0]), int(parts[1]), parts[2])

    def text(self) -> str:
        """The process as a line of a file."""
        return f"{self.pid} {self.started} {self.boot}\n"

    @property
    def alive(self) -> bool:
        """Whether it still runs; one that has ended and only waits to be reaped does not."""
        return self.boot == _boot() and _started(self.pid) == self.started

    def send(self, number: int) -> None:
        """Send a signal, if it still runs. The process file descriptor keeps a reused id from being hit."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive:
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            pass
        except PermissionError:
            raise ProviderError(f"may not signal process {self.pid}: it belongs to another user") from None
        finally:
            os.close(descriptor)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within this time; reaps it if it is our child. Blocks: call it from a thread."""
        deadline = time.monotonic() + seconds
        while True:
            reap(self.pid)
            if not self.alive:
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)

    def end(self, grace: float) -> None:
        """Ask it to end, then make it; it is gone on return. Blocks: call it from a thread."""
        self.send(signal.SIGTERM)
        if self.wait(grace):
            return
        self.send(signal.SIGKILL)
        if not self.wait(grace):
            raise ProviderError(f"process {self.pid} does not end, even by SIGKILL: look at it with ps")


def reap(pid: int) -> None:
    """Take the exit status of a child that has ended, so that it does not stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # not a child of ours: its parent reaps it


def children(pid: int) -> list[Process]:
    """The children of a process that live now; none if it does not."""
    found: list[Process] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += [child for each in file.read().split() if (child := Process.of(int(each))) is not None]
    except (FileNotFoundError, ProcessLookupError):
        pass  # it ends just now
    return found


def _started(pid: int) -> int | None:
    """proc_pid_stat(5): field 22 is the start time, field 3 the state; the name in field 2 may hold anything."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


@contextmanager
def tethered(text: str, ended: Callable[[], None]) -> Iterator[None]:
    """Call `ended` when the process that this text names is over, or at once if it is; "" names none. Needs a running loop."""
    process = Process.parse(text)
    if process is None:
        yield
        return
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        loop.call_soon(ended)
        yield
        return
    try:
        loop.add_reader(descriptor, ended)
        if not process.alive:  # another process has this id by now
            loop.call_soon(ended)
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)

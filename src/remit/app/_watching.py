"""Watching a start-up: I/O, clocks and randomness in a program's own code are refused, with the call, and the line that made it.

Start-up runs in every process of an application and has to give the same components in each, so it may not count on anything that differs. What libraries do while they are
imported is their own affair: only what the program's own code calls, by itself or by way of a library, is refused. What gets by is found by computing the graph twice.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from remit.errors import Misuse

__all__ = ["watched"]

# Audit events (Python documentation, "Audit events table") that mean I/O or a look at the world.
_EVENTS: Final = (
    "open",
    "os.",
    "socket.",
    "subprocess.",
    "shutil.",
    "sqlite3.",
    "urllib.",
    "http.",
    "ftplib.",
    "smtplib.",
    "glob.",
    "pathlib.",
    "tempfile.",
    "fcntl.",
    "pty.",
    "signal.",
)
_HARMLESS: Final = ("os.fspath",)
# Built-in functions that no audit event tells of, by module and name; methods by the class of what they belong to.
_CLOCKS: Final = {
    "time",
    "time_ns",
    "monotonic",
    "monotonic_ns",
    "perf_counter",
    "perf_counter_ns",
    "process_time",
    "process_time_ns",
    "localtime",
    "gmtime",
    "ctime",
    "strftime",
    "sleep",
    "clock_gettime",
    "thread_time",
}
_FUNCTIONS: Final = {
    **{("time", name): "the clock" for name in _CLOCKS},
    **{("posix", name): "randomness" for name in ("urandom", "getrandom")},
    **{
        ("posix", name): "the process"
        for name in ("getpid", "getppid", "uname", "getcwd", "stat", "lstat", "cpu_count", "getlogin", "times")
    },
    ("_socket", "gethostname"): "the host",
    ("_uuid", "generate_time_safe"): "randomness",
    ("builtins", "input"): "input",
}
_DATES: Final = {"now", "utcnow", "today"}

_TRUSTED: Final = ("<frozen importlib", os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep)

_watching: list[_Watch] = []
_hooked: list[bool] = []


class _Watch:
    """One start-up: the directory that the program's own code is in, and the first call of it that was refused."""

    def __init__(self, directory: str) -> None:
        self.directory = os.path.realpath(directory) + os.sep
        self.known: dict[str, bool] = {}

    def is_own(self, frame: FrameType) -> bool:
        """Whether a frame runs the program's own code."""
        name = frame.f_code.co_filename
        if name not in self.known:
            self.known[name] = (
                name.startswith(self.directory) and "site-packages" not in name and f"{os.sep}.venv{os.sep}" not in name
            )
        return self.known[name]

    def check(self, what: str, kind: str, frame: FrameType | None) -> None:
        """Refuse a call, unless an import has made it."""
        while frame is not None:
            if self.is_own(frame):
                name = frame.f_code.co_filename
                raise Misuse(
                    f"{what} was called at start-up, at {name}:{frame.f_lineno}: it asks for {kind}, and start-up has to give the same components in every process; "
                    "call it in a method that runs later, such as run() of a Worker, or in on_build"
                )
            if frame.f_code.co_filename.startswith(
                _TRUSTED
            ):  # such as the fingerprints of functions, which are of their source
                return
            frame = frame.f_back


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _watching or not event.startswith(_EVENTS) or event in _HARMLESS:
        return
    detail = f"({args[0]!r})" if event == "open" and args and isinstance(args[0], str) else ""
    _watching[-1].check(f"{event}{detail}", "the outside", sys._getframe(1))


def _profile(frame: FrameType, event: str, arg: Any) -> None:
    if not _watching:
        return
    if event == "c_call":
        name = arg.__name__
        kind = _FUNCTIONS.get((arg.__module__ or "", name)) or _bound(arg, name)
        if kind:
            _watching[-1].check(_title(arg, name), kind, frame)
    elif event == "call" and frame.f_code in _ENVIRONMENT:
        _watching[-1].check("os.environ", "the environment", frame.f_back)


def _title(function: Any, name: str) -> str:
    it = getattr(function, "__self__", None)
    module = function.__module__ or (
        type(it).__module__ if it is not None and not isinstance(it, type) else getattr(it, "__module__", "")
    )
    owner = f"{it.__name__}." if isinstance(it, type) else ""
    return f"{module.replace('posix', 'os').removeprefix('_')}.{owner}{name}()"


def _bound(function: Any, name: str) -> str:
    """Methods of what the world comes in by: the shared generator of `random`, and dates of today."""
    if name in _DATES and getattr(function.__self__, "__module__", "") == "datetime":
        return "the clock"
    random = sys.modules.get("random")
    if random is not None and name in ("random", "getrandbits") and function.__self__ is random._inst:
        return "randomness that has no seed of your own (take random.Random(seed))"
    return ""


_ENVIRONMENT: Final = {
    os._Environ.__getitem__.__code__,
    os._Environ.__setitem__.__code__,
    os._Environ.__iter__.__code__,
}


@contextmanager
def watched(directory: str) -> Iterator[None]:
    """Refuse what a start-up may not do, in code below this directory."""
    if not _hooked:
        sys.addaudithook(_hook)  # for good; it does nothing while nobody watches
        _hooked.append(True)
    before = sys.getprofile()
    _watching.append(_Watch(directory))
    sys.setprofile(_profile)
    try:
        yield
    finally:
        sys.setprofile(before)
        _watching.pop()

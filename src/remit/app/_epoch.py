"""When code runs: at start-up, in the build, or at run time; and the assertions by which code says when it may.

Start-up makes components, the same ones in every process; so it does nothing whose outcome could differ (`_watching.py` sees to that).
Run time is inside of a persona. What is neither is the build, where files are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from remit.errors import Misuse

__all__ = [
    "BUILD",
    "RUNTIME",
    "STARTUP",
    "assert_build",
    "assert_not_startup",
    "assert_runtime",
    "assert_startup",
    "current_persona",
    "epoch",
    "in_epoch",
]

STARTUP: Final = "start-up"
BUILD: Final = "the build"
RUNTIME: Final = "run time"

_now: ContextVar[tuple[str, str]] = ContextVar("remit.app.epoch", default=(STARTUP, ""))


def epoch() -> str:
    """Where we are: `STARTUP`, `BUILD` or `RUNTIME`. Code outside of any of them is at start-up: it makes components."""
    return _now.get()[0]


def current_persona() -> str:
    """The id of the component that runs here, "" outside of run time."""
    return _now.get()[1]


@contextmanager
def in_epoch(which: str, persona: str = "") -> Iterator[None]:
    """Be in this epoch, as this persona; it holds for tasks that are started inside, too."""
    token = _now.set((which, persona))
    try:
        yield
    finally:
        _now.reset(token)


def assert_startup(what: str = "this") -> None:
    """Say that the code below makes components. Raises `Misuse` at run time and in the build."""
    if epoch() != STARTUP:
        raise Misuse(
            f"{what} belongs to start-up, and it is {_where()}: components are made when the program is read, and never later"
        )


def assert_not_startup(what: str = "this") -> None:
    """Say that the code below runs in the build or at run time. Raises `Misuse` at start-up."""
    if epoch() == STARTUP:
        raise Misuse(
            f"{what} does not belong to start-up: call it in a method that is run later, such as run() of a Worker"
        )


def assert_runtime(what: str = "this") -> None:
    """Say that the code below runs in a component. Raises `Misuse` at start-up and in the build."""
    if epoch() != RUNTIME:
        raise Misuse(
            f"{what} belongs to run time, and it is {_where()}: call it in a method of a component, such as run() of a Worker"
        )


def assert_build(what: str = "this") -> None:
    """Say that the code below runs in the build. Raises `Misuse` elsewhere."""
    if epoch() != BUILD:
        raise Misuse(f"{what} belongs to the build, and it is {_where()}: call it in a function given to on_build")


def _where() -> str:
    now, persona = _now.get()
    return f"{now}, in {persona}" if persona else now

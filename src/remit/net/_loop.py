"""A process that lives for its nodes: its event loop, uvloop's where that is installed, and when it is told to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

__all__ = ["run", "told_to_stop"]

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, on uvloop where that is installed: `pip install 'remit[uvloop]'` is all that it takes.

    For processes that serve for long, as bosses and agents do; a command that asks one question starts faster on asyncio's own loop.
    """
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(main)


@asynccontextmanager
async def told_to_stop() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT (ctrl-C) set, for as long as this lasts."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, event.set)
    try:
        yield event
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes the loop; None is asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made

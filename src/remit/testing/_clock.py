"""An event loop whose time is virtual: when everything waits, the clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

__all__ = ["VirtualLoop", "run_virtual"]

T = TypeVar("T")
STUCK: Final = 10.0  # real seconds without a timer, a callback or an event, after which the test is stuck


class JumpingSelector(selectors.BaseSelector):
    """Looks at real file descriptors without waiting, and lets the clock jump instead."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.jump: Callable[[float], None] = _stay

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; else time passes at once. With no timer at all, another thread may still wake the loop."""
        found = self._real.select(0)
        if found or timeout == 0:
            return found
        if timeout is None:
            found = self._real.select(STUCK)
            if not found:
                raise RuntimeError(
                    f"nothing is left that could happen, after {STUCK:g} real seconds: the test is stuck"
                )
            return found
        self.jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As the real one; so are the others."""
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Forget a file descriptor."""
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Change what is looked for."""
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        """Let go of the real one."""
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """What is registered."""
        found = self._real.get_map()
        assert found is not None
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time stands still while anything can run. For tests whose parties are all in this process (the `memory` netlayer).

    `now` is in seconds from the loop's making; `advance` moves it by hand.
    """

    def __init__(self) -> None:
        self.now = 0.0
        selector = JumpingSelector()
        selector.jump = self.advance
        super().__init__(selector)

    def time(self) -> float:
        """The virtual time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def run_virtual(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a test's coroutine function on a loop of its own with virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def _stay(seconds: float) -> None:
    """No loop has taken this selector yet."""

"""Which turn is running now.

All vats of a process run on one thread, one turn at a time, so one slot is enough; a thread-local or context
variable here would cost more than the rest of a send.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.vat._ref import Promise
    from remit.vat._turn import Turn


class Active:
    """The process's current turn; None between turns and in ordinary code.

    `future` makes an asyncio future of a promise, once asyncio has been asked for.
    """

    __slots__ = ("future", "turn")

    def __init__(self) -> None:
        self.turn: Turn | None = None
        self.future: Callable[[Promise[Any]], Any] | None = None


active: Final = Active()


def current(what: str) -> Turn:
    """The running turn, for functions that only make sense inside one."""
    turn = active.turn
    if turn is None:
        raise Misuse(f"{what} works only inside a turn, that is, in a method that an object's vat is running")
    return turn


COMPILED: Final = not isinstance(current, FunctionType)
"""Whether this runs compiled. Where the two builds need different means to one end, it chooses them."""

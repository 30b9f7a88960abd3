"""The states of a promise that are not values."""

from __future__ import annotations

from typing import Any, Final

from remit.errors import Broken
from remit.values import Symbol


class Failed:
    """The state of a broken promise; a `Broken` by itself is a value like others.

    `error` is what awaiting it raises; `reason` is what the promise was broken with, any passable value.
    """

    __slots__ = ("error", "reason")

    def __init__(self, error: Broken, reason: Any = None) -> None:
        self.error = error
        self.reason = error if reason is None else reason


def failed(reason: Any) -> Failed:
    """The state of a promise that was broken with any value."""
    if isinstance(reason, Broken):
        return Failed(reason)
    text = reason.name if isinstance(reason, Symbol) else "no reason given" if reason is None else str(reason)
    return Failed(Broken(text), reason)


class Pending:
    """The state of a promise without a result."""

    __slots__ = ()


PENDING: Final = Pending()

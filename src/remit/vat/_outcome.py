"""The states of a promise that are not values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from remit.errors import Broken


class Failed:
    """The state of a broken promise; a `Broken` by itself is a value like others."""

    __slots__ = ("error",)

    def __init__(self, error: Broken) -> None:
        self.error = error


class Pending:
    """The state of a promise without a result."""

    __slots__ = ()


PENDING: Final = Pending()
